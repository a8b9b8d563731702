"""What the page for choosing a time shows, put together from the free slots. Reads only."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from typing import Any

from holdfast.bookings import appointment_words, words
from holdfast.database.connection import Connection
from holdfast.errors import ValidationFailed
from holdfast.providers import free_times, store
from holdfast.providers.free_times import Clocks, FreeTime, Month
from holdfast.providers.rules import read_slot_id, slot_id
from holdfast.requests.rules import in_words
from holdfast.web.rendering import short_moment
from holdfast.web.time_zones import known_zones

Row = dict[str, Any]

TAKEN: Row = {
    "kind": "warn",
    "title": "Somebody was quicker",
    "text": "This time has just been taken. Nothing was charged, and everything you typed is still here. These are the nearest "
    "times that are free:",
}
TIMING_WORDS = {
    "slot": "You choose a free time",
    "proposed": "You propose a time",
    "none": "Needs no appointment",
}


@dataclass(frozen=True)
class Choice:
    """A service with the month that is looked at, and the free times of its chosen day. `near`: the free times nearest to one
    that was taken. Month and day are None where no time is chosen from a calendar."""

    service: Row
    tenant: Row
    clocks: Clocks
    month: Month | None = None
    day: date | None = None
    times: Sequence[FreeTime] = ()
    near: Sequence[FreeTime] = field(default=())


async def choice(
    conn: Connection,
    service: Row,
    tenant: Row,
    now: datetime,
    zone: str,
    day: str = "",
    slot: str = "",
    near: Sequence[Row] | None = None,
    but_booking: str | None = None,
) -> Choice:
    """`day` as ISO text; what is no day opens the calendar at the chosen slot, else where the first one is free. `zone`: the
    visitor's clock. `slot` is the chosen one. `but_booking`: one that is about to be moved, whose own time does not count."""
    clocks = Clocks(zone, service["time_zone"], tenant["locale"])
    if service["timing"] != "slot" or not_on_sale(service, now):
        return Choice(service, tenant, clocks)
    horizon = service["horizon_days"]
    looked_at = free_times.shown_day(day or _day_of_slot(slot, clocks), now, clocks, horizon)
    if looked_at is None:
        looked_at = await _first_day(conn, service, now, clocks, near)
    from_, until = free_times.month_range(looked_at, clocks)
    found = await store.free_slots(conn, [service["offering_id"]], max(from_, now), until, now, but_booking)
    slots = [{**one, "slot_id": slot_id(one["offering_id"], one["starts_at"])} for one in found]
    return Choice(
        service,
        tenant,
        clocks,
        free_times.month_of(slots, looked_at, now, clocks, horizon),
        looked_at,
        free_times.times_of(slots, looked_at, clocks, slot),
        free_times.free_times(_moments(near or []), clocks, slot, "EEE d MMM, HH:mm"),
    )


def _day_of_slot(slot: str, clocks: Clocks) -> str:
    try:
        _, starts_at = read_slot_id(slot)
    except ValidationFailed:
        return ""
    return clocks.day_of(starts_at).isoformat()


async def _first_day(
    conn: Connection, service: Row, now: datetime, clocks: Clocks, near: Sequence[Row] | None
) -> date:
    """Of the nearest free slot, else of the first one there is; today when there is none."""
    if near:
        return clocks.day_of(_moments(near)[0]["starts_at"])
    soon = now + timedelta(minutes=service["lead_minutes"])
    first = await store.nearest_free(conn, service["offering_id"], soon, now, limit=1)
    return clocks.day_of(first[0]["starts_at"] if first else now)


def _moments(slots: Sequence[Row]) -> list[Row]:
    """As rows of the database have them, also where times came as text."""
    return [
        {**slot, "starts_at": datetime.fromisoformat(slot["starts_at"])}
        if isinstance(slot["starts_at"], str)
        else slot
        for slot in slots
    ]


def not_on_sale(service: Row, now: datetime) -> words.NotOnSale | None:
    """Why nobody can ask now; None when everybody can."""
    who = service["provider_name"]
    if service["on_sale_from"] and now < service["on_sale_from"]:
        return words.NotOnSale("Not on sale yet", "Please look in again soon.")
    over = service["on_sale_until"] and service["on_sale_until"] <= now
    if not service["active"] or service["status"] != "on_sale" or over:
        return words.NotOnSale("This is not on sale just now", f"Have a look at what else {who} offers.")
    return None


def service_words(service: Row) -> Row:
    """A service with what a list says of it."""
    timing = TIMING_WORDS[service["timing"]]
    length = "" if service["timing"] == "none" else in_words(service["duration_minutes"])
    return {**service, "timing_words": timing, "length": length}


def page_context(chosen: Choice, now: datetime) -> Row:
    """What choose.html names, except what was typed and said."""
    service, clocks = chosen.service, chosen.clocks
    answer_by = now + timedelta(minutes=service["respond_minutes"])
    timed = service["timing"] != "none"
    first, last = free_times.bounds(now, clocks, service["horizon_days"])
    return {
        "tenant": chosen.tenant,
        "service": service_words(service),
        "month": chosen.month,
        "day": chosen.day,
        "times": chosen.times,
        "near": chosen.near,
        "zone": clocks.visitor,
        "zone_words": free_times.zone_words(clocks.visitor, now, clocks.locale),
        "their_zone_words": free_times.zone_words(clocks.provider, now, clocks.locale),
        "clocks_differ": clocks.differ(now),
        "zones": known_zones() if timed else (),
        "first_day": first.isoformat(),
        "last_day": last.isoformat(),
        "not_on_sale": not_on_sale(service, now),
        "answer_within": in_words(service["respond_minutes"]),
        "answer_by": short_moment(answer_by, clocks.visitor, clocks.locale),
        "kept_for": in_words(service["hold_minutes"]),
        "notice": in_words(service["lead_minutes"]) if service["lead_minutes"] else "",
        "refund_rule": appointment_words.refund_terms(service["refund_tiers"], timed),
    }
