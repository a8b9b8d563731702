"""Who comes in is marked, once, and taken back when it was a slip.

An arrival is a row of its own (`arrivals`); the order's status stays `confirmed`. Two reasons. A slip of the thumb must be
undone, and the table of transitions has no way back from `in_progress`, nor should it: statuses say what was agreed and paid,
and a step back there is one that every rule about money would have to know. And whether a guest who has come in may still cancel
is for the organiser's rules to say, not for a scanner. The timeline keeps both, the arrival and its taking back.

It is idempotent: a scan that a device sends again (`scan_id`) gets the first answer again; another scan of the same booking hears
that it was used, and since when.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from holdfast.bookings import view_store
from holdfast.bookings.store import tell
from holdfast.database.connection import Connection
from holdfast.door import rules, store
from holdfast.door.rules import Verdict
from holdfast.errors import Conflict, NotFound
from holdfast.payments.settle import settle_booking
from holdfast.payments.store import lock_order
from holdfast.system import System

Row = dict[str, Any]


@dataclass(frozen=True)
class Door:
    """The door of one evening, and who stands at it."""

    tenant_id: int
    event_id: int
    actor: str


@dataclass(frozen=True)
class Seen:
    """What the door hears of a code. `booking` is None when it is unknown; of another evening's it says only which."""

    result: Verdict
    title: str
    text: str
    kind: str
    booking: Row | None = None
    arrived_at: datetime | None = None
    may_undo: bool = False


@dataclass(frozen=True)
class Guests:
    """Bookings with their guests, by name; the sums are of guests, not of bookings."""

    expected: int
    arrived: int
    waiting: list[Row]
    inside: list[Row]


async def arrive(
    system: System,
    door: Door,
    code: str,
    *,
    scan_id: str | None = None,
    scanned_at: datetime | None = None,
) -> Seen:
    """Marks the arrival when the code is valid here, and says what it is. Whoever says "I have just paid" is believed when
    Stripe says so: an unpaid booking is settled first. Locks the order."""
    wanted = rules.read_code(code)
    booking = await system.database.read(lambda conn: store.booking_of_code(conn, door.tenant_id, wanted))
    heard = True
    if booking and booking["offering_id"] == door.event_id and booking["status"] in rules.ASK_STRIPE:
        heard = await settle_booking(system, booking["booking_id"], "page") != "unknown"
    at = rules.arrived_at(system.clock.now(), scanned_at)

    async def mark(conn: Connection) -> Seen:
        if booking is None:
            return _seen(Verdict.UNKNOWN)
        return await _mark(system, conn, door, booking, scan_id or None, at, heard)

    seen = await system.database.run(mark)
    if booking and seen.result is Verdict.VALID:
        system.signals.tell(f"door:{door.event_id}", f"booking:{booking['booking_id']}")
    return seen


async def _mark(
    system: System,
    conn: Connection,
    door: Door,
    known: Row,
    scan_id: str | None,
    at: datetime,
    heard: bool,
) -> Seen:
    order = await lock_order(conn, known["order_id"])
    assert order is not None  # orders are never deleted
    booking = {**known, "status": order["status"]}
    arrival = await store.arrival(conn, booking["booking_id"])
    found = rules.verdict(booking, door.event_id, arrival, scan_id)
    now = system.clock.now()
    if found is Verdict.VALID and arrival is None:
        arrival = {"at": at, "recorded_at": now, "actor": door.actor, "scan_id": scan_id}
        identity = {"booking_id": booking["booking_id"], "tenant_id": booking["tenant_id"]}
        await store.insert_arrival(conn, {**arrival, **identity})
        await tell(
            conn,
            booking["tenant_id"],
            booking["order_id"],
            at,
            door.actor,
            "arrived",
            seats=booking["seats"],
        )
    party = await _party(conn, booking) if booking["offering_id"] == door.event_id else _evening(booking)
    since = arrival if found in {Verdict.VALID, Verdict.ALREADY_USED} else None
    return _seen(
        found,
        status=booking["status"],
        heard=heard,
        booking=party,
        arrived_at=since["at"] if since else None,
        may_undo=bool(since and rules.may_undo(now, since["recorded_at"])),
    )


async def undo(system: System, door: Door, booking_id: str) -> None:
    """They have not come after all. Doing it twice is doing it once. NotFound: no booking of this evening. Conflict after ten
    minutes: by then somebody sits there."""
    now = system.clock.now()

    async def take_back(conn: Connection) -> None:
        order_id = await store.order_of_booking(conn, door.tenant_id, door.event_id, booking_id)
        if order_id is None:
            raise NotFound("There is no such booking for this evening.")
        await lock_order(conn, order_id)
        arrival = await store.arrival(conn, booking_id)
        if arrival is None:
            return
        if not rules.may_undo(now, arrival["recorded_at"]):
            raise Conflict("An arrival can be taken back for ten minutes only.")
        await store.delete_arrival(conn, booking_id)
        await tell(conn, door.tenant_id, order_id, now, door.actor, "arrival_undone")

    await system.database.run(take_back)
    system.signals.tell(f"door:{door.event_id}", f"booking:{booking_id}")


async def guests(conn: Connection, door: Door) -> Guests:
    rows = await store.guests(conn, door.tenant_id, door.event_id)
    waiting = [row for row in rows if row["arrived_at"] is None]
    inside = [row for row in rows if row["arrived_at"] is not None]
    return Guests(
        expected=sum(row["guests"] for row in rows),
        arrived=sum(row["guests"] for row in inside),
        waiting=waiting,
        inside=sorted(inside, key=lambda row: row["arrived_at"], reverse=True),
    )


def _seen(found: Verdict, *, status: str | None = None, heard: bool = True, **more: Any) -> Seen:
    words = rules.WORDS[found]
    return Seen(found, words.title, rules.text_of(found, status, heard=heard), words.kind, **more)


async def _party(conn: Connection, booking: Row) -> Row:
    units = await view_store.units(conn, booking["booking_id"])
    lines = await view_store.lines(conn, booking["order_id"])
    return {
        **_evening(booking),
        "booking_id": booking["booking_id"],
        "reference": booking["reference"],
        "name": booking["contact_name"],
        "guests": booking["seats"],
        "tables": [{"label": unit["label"], "guests": unit["seats"]} for unit in units],
        "lines": [
            {"name": line["name"], "category": line["category"], "quantity": line["quantity"]}
            for line in lines
            if line["kind"] == "menu"
        ],
    }


def _evening(booking: Row) -> Row:
    """All that this door needs to know of another evening's booking."""
    return {name: booking[name] for name in ("title", "starts_at", "time_zone")}
