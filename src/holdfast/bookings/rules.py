"""Orders and bookings: the table of transitions, refunds by notice, and which free units to choose. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from holdfast.money import share

# The one table of transitions. schema.sql's order_transitions, the diagram in docs/reference/states.md and the exhaustive
# tests derive from it.
TRANSITIONS: Mapping[str, frozenset[str]] = {
    "pending": frozenset({"confirmed", "requested", "expired", "cancelled", "stuck"}),
    "requested": frozenset({"confirmed", "declined", "cancelled", "expired", "stuck"}),
    "confirmed": frozenset({"in_progress", "completed", "no_show", "cancelled", "stuck"}),
    "in_progress": frozenset({"completed", "cancelled", "stuck"}),
    "completed": frozenset({"stuck"}),
    "no_show": frozenset({"stuck"}),
    "declined": frozenset({"stuck"}),
    "cancelled": frozenset({"stuck"}),
    "expired": frozenset({"confirmed", "stuck", "cancelled"}),
    "stuck": frozenset({"confirmed", "cancelled", "expired"}),
}
BY_PROVIDER = "It was cancelled by the one who was booked, so all of it goes back."
CALLED_OFF = "It does not take place, so all of it goes back."
MOVED = "It was moved at short notice of its time before: {percent}% goes back, as it would have then."
LIVE = frozenset({"pending", "requested", "confirmed", "in_progress", "completed"})


@dataclass(frozen=True)
class RefundPreview:
    """What a cancellation would give back now, in minor units."""

    amount: int
    currency: str
    percent: int
    why: str


def refund_percent(
    tiers: Sequence[Mapping[str, Any]], starts_at: datetime | None, now: datetime
) -> tuple[int, str]:
    """The share that goes back, and the sentence that says why. A notice of exactly a tier's hours keeps that tier."""
    if starts_at is None:
        return 100, "It has no fixed time, so all of it goes back."
    for tier in sorted(tiers, key=lambda tier: -int(tier["notice_hours"])):
        hours, percent = int(tier["notice_hours"]), int(tier["percent"])
        if starts_at - now >= timedelta(hours=hours):
            return percent, f"Cancelled {hours} hours or more before the start: {percent}% goes back."
    return 0, "Too close to the start: nothing goes back."


def refund_preview(
    tiers: Sequence[Mapping[str, Any]],
    starts_at: datetime | None,
    now: datetime,
    *,
    captured: int,
    refunded: int,
    currency: str,
    called_off: bool = False,
    by_provider: bool = False,
    at_most: int = 100,
) -> RefundPreview:
    """The tier's share of what has not gone back already: half of a booking that was given back is not cancelled again.
    `at_most`, percent: what a cancellation would have given back when the customer moved the booking to another time. Moving
    it does not buy notice."""
    in_full = CALLED_OFF if called_off else BY_PROVIDER if by_provider else None
    percent, why = (100, in_full) if in_full else refund_percent(tiers, starts_at, now)
    if at_most < percent and not in_full:
        percent, why = at_most, MOVED.format(percent=at_most)
    left = max(captured - refunded, 0)
    amount = min(share(left, percent, currency), left)
    if captured and not left:
        why = "All of it went back already."
    return RefundPreview(amount, currency, percent, why if captured else "Nothing was paid.")


@dataclass(frozen=True)
class FreeUnit:
    unit_id: int
    label: str
    capacity: int
    free: int
    pricing: str


def choose_units(free: Sequence[FreeUnit], seats: int) -> list[tuple[FreeUnit, int]] | None:
    """Seats for a party that named no table: the smallest single unit that has room (whole tables first), else as few as
    possible, largest first. None when there is no room. A unit that is sold whole must be wholly free."""
    usable = [u for u in free if u.free > 0 and (u.pricing == "per_seat" or u.free == u.capacity)]
    fitting = [u for u in usable if u.free >= seats]
    if fitting:
        best = min(fitting, key=lambda u: (u.free != u.capacity, u.capacity, u.unit_id))
        return [(best, seats)]
    chosen: list[tuple[FreeUnit, int]] = []
    left = seats
    for unit in sorted(usable, key=lambda u: (-u.free, u.unit_id)):
        take = min(left, unit.free)
        chosen.append((unit, take))
        left -= take
        if left == 0:
            return chosen
    return None
