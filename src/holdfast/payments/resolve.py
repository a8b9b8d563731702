"""What a person decides about an order that is stuck: accept what was paid, or give it all back. Nothing else moves it on."""

from __future__ import annotations

from typing import Any, Literal

from holdfast.bookings import store as bookings
from holdfast.database.connection import Connection
from holdfast.errors import Conflict, NotFound, SoldOut
from holdfast.messages import store as messages
from holdfast.payments import store
from holdfast.refunds import store as refunds
from holdfast.requests import store as requests
from holdfast.requests import telling
from holdfast.system import System
from holdfast.tasks.actions import close_task_about

Decision = Literal["accept", "refund"]
Row = dict[str, Any]

# As in bookings/cancelling.py: beside a dispute the money would be lost twice (F49).
DISPUTED = "The payment is disputed, so the bank decides about the money and nothing goes back from here."


async def resolve_stuck(system: System, booking_id: str, decision: Decision, actor: str) -> str:
    """Says the status afterwards: confirmed or cancelled. `accept` makes the sum paid the sum agreed, by a line that says so, and
    confirms with the booking's seats; `refund` cancels and owes all of the money back. Raises Conflict when the order is not
    stuck or cannot be accepted, SoldOut when its seats, or its provider's time, are not free. Locks the order, the provider of an
    appointment, and its units; closes the task."""
    subjects: list[str] = []

    async def work(conn: Connection) -> str:
        booking = await bookings.booking(conn, booking_id)
        order = await store.lock_order(conn, booking["order_id"]) if booking else None
        if order is None:
            raise NotFound("There is no such booking.")
        if order["status"] != "stuck":
            raise Conflict(f"Nothing has to be decided: the booking is {order['status']}.")
        paid = await store.payments_of_order(conn, order["order_id"])
        payment = next((one for one in paid if one["purpose"] == "order"), None)
        subjects[:] = [
            "work:messages",
            "work:refunds",
            f"booking:{booking_id}",
            f"availability:{order['offering_id']}",
        ]
        act = _accept if decision == "accept" else _give_back
        status = await act(system, conn, order, payment, actor)
        await close_task_about(conn, system.clock.now(), "stuck", order["order_id"], actor)
        return status

    status = await system.database.run(work)
    system.signals.tell(*subjects)
    return status


async def _accept(system: System, conn: Connection, order: Row, payment: Row | None, actor: str) -> str:
    now = system.clock.now()
    if payment is None:
        raise Conflict("No payment is recorded for it: settle it again first, or cancel it.")
    if payment["currency"] != order["currency"]:
        raise Conflict(f"It was paid in {payment['currency']} and agreed in {order['currency']}: refund it.")
    claims = await bookings.claims_of_booking(conn, order["booking_id"])
    lost = not any(claim["released_at"] is None for claim in claims)
    if lost and not await bookings.retake_claims(conn, order["booking_id"]):
        raise SoldOut(
            "Its seats are not free: refund it, or free them first."
            if order["provider_id"] is None
            else "Its provider has something else at that time: refund it, or move the other one first."
        )
    difference = payment["captured"] - order["amount"]
    if difference:
        await store.adjust_amount(conn, order["order_id"], payment["captured"], difference)
    await bookings.mark_confirmed(conn, order["booking_id"], now)
    await bookings.move_order(conn, order["order_id"], "confirmed")
    await messages.enqueue(conn, system.ids, now, booking=order, kind="booking_confirmed", cause=actor)
    if order["provider_id"] is not None:
        await requests.mark_accepted(conn, order["order_id"], now)
        await telling.provider(system, conn, order, "provider_booking_confirmed", actor)
    await bookings.tell(
        conn,
        order["tenant_id"],
        order["order_id"],
        now,
        actor,
        "confirmed",
        why="accepted as it was paid",
        difference=difference,
    )
    return "confirmed"


async def _give_back(system: System, conn: Connection, order: Row, payment: Row | None, actor: str) -> str:
    now = system.clock.now()
    await bookings.release_claims(conn, order["booking_id"], now)
    await bookings.mark_ended(conn, order["booking_id"], now)
    await bookings.move_order(conn, order["order_id"], "cancelled")
    disputed = payment is not None and bool(await refunds.open_disputes(conn, payment["payment_id"]))
    amount = 0 if disputed else await _owe_all(system, conn, payment, actor)
    params = {
        "refund_amount": amount,
        "currency": order["currency"],
        "why": DISPUTED if disputed else "We could not make this booking work.",
    }
    await messages.enqueue(
        conn, system.ids, now, booking=order, kind="booking_cancelled", cause=actor, params=params
    )
    if order["accepted_at"] is not None:
        await telling.provider(system, conn, order, "provider_booking_cancelled", actor)
    await bookings.tell(
        conn,
        order["tenant_id"],
        order["order_id"],
        now,
        actor,
        "cancelled",
        refund=amount,
        why="decided by a person",
    )
    return "cancelled"


async def _owe_all(system: System, conn: Connection, payment: Row | None, actor: str) -> int:
    left = await refunds.left_of(conn, payment["payment_id"]) if payment else 0
    if payment and left:
        now = system.clock.now()
        await refunds.owe(conn, system.ids.new("ref"), payment["payment_id"], left, "staff", actor, now)
    return left
