"""Money that is on record but was never answered: the repair of three laws.

In ordinary life a payment is recorded in the transaction that answers it, so `settle` finds an answered payment
and does nothing. Here is the other case: a restore, a change by hand or a bug has parted the two. The order is
first settled with Stripe, so that what Stripe knows (a refund in its dashboard, a dispute) is known here; then,
under the order's lock, the recorded money is answered by the same ladder as late money (rule 10): seats, if it
can have them; else one refund; else a person.
"""

from __future__ import annotations

from datetime import datetime
from typing import Any

from holdfast.bookings import store as bookings
from holdfast.database.connection import Connection
from holdfast.errors import NotFound
from holdfast.laws.law import Violation
from holdfast.laws.repairs import make_stuck, settle_order
from holdfast.messages.store import enqueue
from holdfast.payments import store as payments
from holdfast.refunds import store as refunds
from holdfast.requests import store as requests
from holdfast.requests import telling
from holdfast.system import System
from holdfast.tasks.actions import open_task

ENDED_BY_SOMEBODY = frozenset({"cancelled", "declined"})
SERVED = frozenset({"confirmed", "in_progress", "completed", "no_show"})

Row = dict[str, Any]


async def answer_recorded_money(system: System, violation: Violation, actor: str) -> str:
    """For violations whose subject is a payment. Raises StripeUnavailable: then it stays as it is. Locks the order, then its
    units."""
    if violation.detail.get("status") != "stuck":
        await settle_order(system, violation, actor)
    sentence = await system.database.run(lambda conn: _answer(system, conn, violation, actor))
    system.signals.tell("work:messages", "work:refunds")
    return sentence


async def _answer(system: System, conn: Connection, violation: Violation, actor: str) -> str:
    now = system.clock.now()
    order = await payments.lock_order(conn, violation.order_id or "")
    if order is None:
        raise NotFound("Its order has no booking: see order_has_booking.")
    paid = await payments.payments_of_order(conn, order["order_id"])
    payment = next(one for one in paid if one["payment_id"] == violation.subject)
    left = await refunds.left_of(conn, payment["payment_id"])
    if left <= 0:
        return "Its money is going back already."
    if payment["purpose"] == "returned":
        return await _return(system, conn, now, order, payment, left, actor)
    if order["status"] == "stuck":
        await _open_stuck_task(system, conn, now, order)
        return "A person was told."
    if order["status"] in SERVED:
        return "It has its booking by now."
    if order["status"] in ENDED_BY_SOMEBODY:
        return await _return(system, conn, now, order, payment, left, actor)
    return await _seat(system, conn, now, order, payment, left, actor)


async def _seat(
    system: System, conn: Connection, now: datetime, order: Row, payment: Row, left: int, actor: str
) -> str:
    if (payment["captured"], payment["currency"]) != (order["amount"], order["currency"]):
        await make_stuck(system, conn, now, order, "amount", "What was paid is not what was agreed.", actor)
        return "What was paid is not what was agreed: a person decides."
    if await _has_its_place(conn, order):
        await bookings.mark_confirmed(conn, order["booking_id"], now)
        await bookings.move_order(conn, order["order_id"], "confirmed")
        await enqueue(conn, system.ids, now, booking=order, kind="booking_confirmed", cause=actor)
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
            why="its payment was on record",
        )
        system.signals.tell(f"booking:{order['booking_id']}", f"availability:{order['offering_id']}")
        return "Its seats were free: confirmed."
    if payment["charged_at"] is not None and payment["charged_at"] <= order["expires_at"]:
        await make_stuck(
            system, conn, now, order, "seats_gone", "Paid in time, but its seats are gone.", actor
        )
        return "Paid in time, but its seats are gone: a person decides."
    return await _return(system, conn, now, order, payment, left, actor)


async def _has_its_place(conn: Connection, order: Row) -> bool:
    """Whether it has what was ordered, its own still or taken again just now: its seats, or the agreed time of its provider."""
    claims = await bookings.claims_of_booking(conn, order["booking_id"])
    if order["offering_kind"] != "appointment" or any(claim["released_at"] is None for claim in claims):
        return await bookings.retake_claims(conn, order["booking_id"])
    if order["timing"] in {None, "none"} or order["starts_at"] is None:
        return True
    return await requests.take_slot(conn, order["booking_id"], order["offering_id"], order["starts_at"])


async def _return(
    system: System, conn: Connection, now: datetime, order: Row, payment: Row, amount: int, actor: str
) -> str:
    """Owes it back, with a message; the worker asks Stripe. A partial refund that is on its way counts."""
    if await refunds.open_disputes(conn, payment["payment_id"]):
        return "Its payment is disputed: a refund would lose the money twice. A person decides."
    reason = {"expired": "late", "cancelled": "cancelled", "declined": "cancelled"}.get(
        order["status"], "surplus"
    )
    await refunds.owe(conn, system.ids.new("ref"), payment["payment_id"], amount, reason, actor, now)
    told = {"amount": amount, "currency": payment["currency"], "why": reason}
    await enqueue(
        conn,
        system.ids,
        now,
        booking=order,
        kind="money_returned",
        cause=actor,
        params=told,
        unique_key=f"money_returned:{payment['payment_id']}",
    )
    await bookings.tell(conn, order["tenant_id"], order["order_id"], now, actor, "money_goes_back", **told)
    return "Its money goes back."


async def _open_stuck_task(system: System, conn: Connection, now: datetime, order: Row) -> None:
    await open_task(
        conn,
        system.ids,
        now,
        kind="stuck",
        subject=order["order_id"],
        sentence="Paid, and stopped: seat the guest, or refund the money.",
        tenant_id=order["tenant_id"],
        order_id=order["order_id"],
    )
