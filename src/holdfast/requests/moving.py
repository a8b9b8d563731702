"""Rescheduling: another time of the same service, within its rules. The old slot is let go and the new one taken in one
transaction, so that the booking never has both and never neither."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from holdfast.bookings import store as bookings
from holdfast.database.connection import Connection
from holdfast.errors import Conflict, NotFound, SlotTaken, ValidationFailed
from holdfast.payments import store as payments
from holdfast.requests import rules, store, telling
from holdfast.requests.actions import nearest_slots
from holdfast.system import System

Row = dict[str, Any]


@dataclass(frozen=True)
class Moved:
    """`moves_left`: how often it may be moved after this."""

    booking_id: str
    starts_at: datetime
    ends_at: datetime
    moves_left: int


async def reschedule(
    system: System, booking_id: str, starts_at: datetime, actor: str, *, preview: bool = False
) -> Moved:
    """Moves a requested or confirmed booking to `starts_at`; with `preview` only says whether it may. Raises Conflict by the
    service's rules, SlotTaken with the nearest free slots, ValidationFailed for a time that is not offered. Locks the order,
    then the provider, then the slots."""
    booking = await system.database.read(lambda conn: bookings.booking(conn, booking_id))
    if booking is None:
        raise NotFound("There is no such booking.")
    try:
        order, moved = await system.database.run(
            lambda conn: _move(system, conn, booking["order_id"], starts_at, actor, preview)
        )
    except SlotTaken as taken:
        free = await nearest_slots(system, booking["offering_id"], starts_at, booking_id)
        raise SlotTaken(taken.detail, free=free) from taken
    if not preview:
        system.signals.tell(*telling.subjects(order))
    return moved


async def _move(
    system: System, conn: Connection, order_id: str, starts_at: datetime, actor: str, preview: bool
) -> tuple[Row, Moved]:
    now = system.clock.now()
    order = await payments.lock_order(conn, order_id)
    if order is None:
        raise NotFound("There is no such booking.")
    rules.refuse_moving(order, now)
    if starts_at == order["starts_at"]:
        raise ValidationFailed("It is at that time already.")
    if starts_at <= now:
        raise ValidationFailed("That time is past.")
    service = await store.service(conn, order["offering_id"])
    assert service is not None
    await store.lock_provider(conn, order["provider_id"])
    await _refuse_not_offered(conn, order, service, starts_at, now)
    ends_at = starts_at + timedelta(minutes=service["duration_minutes"])
    moved = Moved(
        order["booking_id"], starts_at, ends_at, order["most_reschedules"] - order["times_rescheduled"] - 1
    )
    if not preview:
        await _carry_out(system, conn, order, moved, actor, now)
    return order, moved


async def _refuse_not_offered(
    conn: Connection, order: Row, service: Row, starts_at: datetime, now: datetime
) -> None:
    if order["timing"] == "slot":
        if await store.offers_slot(conn, order["offering_id"], starts_at, now, order["booking_id"]):
            return
        if await store.is_taken(conn, order["offering_id"], starts_at, order["booking_id"]):
            raise SlotTaken("That time is taken.")
        raise ValidationFailed("That time is not offered; choose one of the free ones.")
    lead = timedelta(minutes=service["lead_minutes"])
    if starts_at < now + lead or starts_at >= now + timedelta(days=service["horizon_days"]):
        raise ValidationFailed(
            f"Choose a time at least {rules.in_words(service['lead_minutes'])} and at most "
            f"{service['horizon_days']} days from now."
        )


async def _carry_out(
    system: System, conn: Connection, order: Row, moved: Moved, actor: str, now: datetime
) -> None:
    # A proposed time that nobody has accepted yet has no slot: only the proposal changes.
    if order["timing"] == "slot":
        await bookings.release_claims(conn, order["booking_id"], now)
        if not await store.take_slot(conn, order["booking_id"], order["offering_id"], moved.starts_at):
            raise SlotTaken("That time is taken.")
    respond_by = None
    if order["status"] == "requested":
        respond_by = min(order["respond_by"], moved.starts_at)
        if respond_by <= now:
            raise Conflict("There is no time left for an answer before that.")
    at_most = rules.refund_after_moving(order, actor, now)
    await store.mark_moved(conn, order["order_id"], moved.starts_at, moved.ends_at, respond_by, at_most)
    times = order["times_rescheduled"] + 1
    was = order["starts_at"].isoformat()
    await telling.customer(
        system, conn, order, "booking_rescheduled", actor, f"booking_rescheduled:{times}", was=was
    )
    await telling.provider(
        system,
        conn,
        order,
        "provider_booking_rescheduled",
        actor,
        f"provider_booking_rescheduled:{times}",
        was=was,
    )
    await bookings.tell(
        conn,
        order["tenant_id"],
        order["order_id"],
        now,
        actor,
        "rescheduled",
        before=was,
        after=moved.starts_at.isoformat(),
    )
