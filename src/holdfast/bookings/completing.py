"""Completing a booking that an SMS began: the guest chooses places and dishes, says a name, and pays or confirms."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

from holdfast.bookings import store
from holdfast.bookings.actions import (
    MenuQuantity,
    Placed,
    UnitSeats,
    continue_booking,
    refusal,
)
from holdfast.bookings.rules import FreeUnit, choose_units
from holdfast.customers.merging import join_by_contact
from holdfast.database.connection import Connection
from holdfast.errors import Conflict, Expired, NotFound, SoldOut
from holdfast.messages import store as messages
from holdfast.payments import store as payments
from holdfast.payments.settle import close, settle
from holdfast.system import System

OPEN = frozenset({"planned", "open"})
OVER = "The time to complete it is over; the seats were let go."

Row = dict[str, Any]


@dataclass(frozen=True)
class Completion:
    """What the guest chose. Without `units`, places for `seats` guests are chosen."""

    name: str
    email: str | None
    units: Sequence[UnitSeats] = ()
    seats: int | None = None
    menu: Sequence[MenuQuantity] = ()


async def complete(system: System, booking_id: str, wanted: Completion) -> Placed:
    """Changes the hold to what was chosen, whole or not at all, then confirms what costs nothing, or has Stripe make the page to
    pay at. May be done again until it is paid: a page that is open is closed first. Raises Expired, Conflict for what is not
    waiting any more, SoldOut with what is free, ValidationFailed, StripeUnavailable (the booking is kept). Locks the order, then
    the units in id order."""
    await _close_page(system, booking_id)
    told = await system.database.run(lambda conn: _complete(system, conn, booking_id, wanted))
    system.signals.tell(*told)
    placed = await continue_booking(system, booking_id)
    assert placed is not None
    return placed


async def _close_page(system: System, booking_id: str) -> None:
    """Nobody may pay for what is about to be changed (rule 8)."""
    booking = await system.database.read(lambda conn: store.booking(conn, booking_id))
    if booking is None:
        raise NotFound("There is no such booking.")
    for attempt in await system.database.read(
        lambda conn: payments.attempts_of_order(conn, booking["order_id"])
    ):
        if attempt["status"] in OPEN:
            evidence = await close(system, attempt["attempt_id"])
            await settle(system, attempt["attempt_id"], evidence=evidence, found_by="page")


async def _complete(system: System, conn: Connection, booking_id: str, wanted: Completion) -> tuple[str, ...]:
    now = system.clock.now()
    booking = await store.booking(conn, booking_id)
    order = await payments.lock_order(conn, booking["order_id"]) if booking else None
    if order is None or order["offering_kind"] != "event":
        raise NotFound("There is no such booking.")
    if order["status"] == "expired" or (order["status"] == "pending" and order["expires_at"] <= now):
        raise Expired(OVER)
    if order["status"] != "pending" or order["cancel_requested_at"] is not None:
        raise Conflict(f"There is nothing to complete: the booking is {order['status']}.")
    if order["called_off"]:
        raise Conflict("There is nothing to complete: the event does not take place.")
    attempts = await payments.attempts_of_order(conn, order["order_id"])
    if any(one["ask_at"] is not None for one in attempts):
        raise Conflict("A payment for this booking is under way; wait for its outcome.")
    answer = await store.change_hold(conn, await _wish(system, conn, order, wanted), now)
    if "refused" in answer:
        raise refusal(answer, await store.free_units(conn, order["offering_id"]))
    if wanted.email:
        await _join(system, conn, order)
    if answer["amount"] == 0:
        await _confirm(system, conn, order["order_id"])
    return ("work:messages", f"booking:{booking_id}", f"availability:{order['offering_id']}")


async def _join(system: System, conn: Connection, order: Row) -> None:
    """Whoever was known by the number alone is the person with this address from now on."""
    changed = await payments.lock_order(conn, order["order_id"])
    assert changed is not None
    await join_by_contact(
        conn,
        system.ids,
        system.clock.now(),
        tenant_id=order["tenant_id"],
        customer_id=changed["customer_id"],
        phone=order["contact_phone"],
    )


async def _confirm(system: System, conn: Connection, order_id: str) -> None:
    now = system.clock.now()
    order = await payments.lock_order(conn, order_id)
    assert order is not None
    await store.mark_confirmed(conn, order["booking_id"], now)
    await store.move_order(conn, order_id, "confirmed")
    await messages.enqueue(
        conn, system.ids, now, booking=order, kind="booking_confirmed", cause="free booking"
    )
    await store.tell(conn, order["tenant_id"], order_id, now, "customer", "confirmed", why="it is free")


async def _wish(system: System, conn: Connection, order: Row, wanted: Completion) -> Row:
    units = wanted.units or await _places(conn, order, wanted.seats or order["seats"])
    return {
        "booking_id": order["booking_id"],
        "customer_id": system.ids.new("cus"),
        "units": [asdict(unit) for unit in units],
        "menu": [asdict(item) for item in wanted.menu],
        "name": wanted.name,
        "email": wanted.email,
        "phone": order["contact_phone"],
    }


async def _places(conn: Connection, order: Row, seats: int) -> list[UnitSeats]:
    """For so many guests: those that are held when they fit, else the smallest place that has room."""
    claims = await store.claims_of_booking(conn, order["booking_id"])
    held = {claim["unit_id"]: claim["seats"] for claim in claims if claim["released_at"] is None}
    if seats == order["seats"] and held:
        guests = {claim["unit_id"]: claim["guests"] for claim in claims if claim["released_at"] is None}
        return [UnitSeats(unit_id, count) for unit_id, count in guests.items()]
    rows = await store.lock_free_units(conn, order["offering_id"], buffer=False)
    free = [
        FreeUnit(
            row["unit_id"],
            row["label"],
            row["capacity"],
            row["free"] + held.get(row["unit_id"], 0),
            row["pricing"],
        )
        for row in rows
    ]
    chosen = choose_units(free, seats)
    if chosen is None:
        raise SoldOut(
            f"There are no {seats} seats left.", free=await store.free_units(conn, order["offering_id"])
        )
    return [UnitSeats(unit.unit_id, count) for unit, count in chosen]
