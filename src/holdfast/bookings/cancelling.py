"""Cancelling: what would go back, and doing it. A confirmed booking ends at once; a hold goes through the expiry fence."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from holdfast.bookings import rules, store
from holdfast.bookings.rules import RefundPreview
from holdfast.database.connection import Connection
from holdfast.errors import Conflict, HoldfastError, NotFound
from holdfast.messages import store as messages
from holdfast.payments import store as payments
from holdfast.payments.settle import let_lapse, look_at
from holdfast.refunds import store as refunds
from holdfast.requests import telling
from holdfast.requests.answers import end_request
from holdfast.requests.rules import clean_details
from holdfast.system import System

ENDED = frozenset({"cancelled", "declined", "expired"})
# Stripe has taken the money for the bank; giving it back beside that would lose it twice (F49).
NOT_CHARGED = "Your card was not charged."
DISPUTED = "The payment is disputed, so the bank decides about the money and nothing goes back from here."

Row = dict[str, Any]


@dataclass(frozen=True)
class CancelResult:
    """`status` is the booking's; still `pending` when Stripe could not be asked yet whether somebody is paying."""

    status: str
    refund_amount: int
    currency: str
    why: str


async def refund_preview(system: System, booking_id: str) -> RefundPreview:
    """What a cancellation would give back now."""

    async def work(conn: Connection) -> RefundPreview:
        booking = await store.booking(conn, booking_id)
        order = await payments.lock_order(conn, booking["order_id"]) if booking else None
        if order is None:
            raise NotFound("There is no such booking.")
        return await _preview(conn, order, system.clock.now())

    return await system.database.run(work)


async def request_cancel(system: System, booking_id: str, actor: str) -> CancelResult:
    """Cancels: a confirmed booking at once, with the refund that its tiers give; a hold through the expiry fence, because a
    payment may be under way at this moment (F16): whoever has paid gets all of it back. Cancelling twice is cancelling once.
    Raises Conflict for what cannot be cancelled any more. Locks the order."""
    result, order = await system.database.run(lambda conn: _cancel(system, conn, booking_id, actor))
    if result.status == "pending":
        return await _cancel_hold(system, booking_id, result)
    system.signals.tell("work:refunds", *telling.subjects(order))
    return result


async def cancel_by_provider(
    system: System, booking_id: str, actor: str, provider_id: int | None, reason: str = ""
) -> CancelResult:
    """Whoever was booked cannot come after all: all of the money goes back, whatever the notice, and the customer reads the
    reason. With a `provider_id`, only that provider's. Cancelling twice is cancelling once. Raises Conflict for what was not
    accepted yet (decline it) or has begun, NotFound. Locks the order."""
    reason = clean_details(reason)

    async def work(conn: Connection) -> tuple[CancelResult, Row]:
        booking = await store.booking(conn, booking_id)
        order = await payments.lock_order(conn, booking["order_id"]) if booking else None
        if order is None or order["provider_id"] is None or provider_id not in {None, order["provider_id"]}:
            raise NotFound("There is no such request.")
        if order["status"] in {"pending", "requested"}:
            raise Conflict("It is not confirmed yet; decline it instead, or wait until it is charged.")
        return await _cancel_locked(system, conn, order, actor, by_provider=True, reason=reason), order

    result, order = await system.database.run(work)
    system.signals.tell("work:refunds", *telling.subjects(order))
    return result


async def _cancel(system: System, conn: Connection, booking_id: str, actor: str) -> tuple[CancelResult, Row]:
    """What came of it, and the order."""
    booking = await store.booking(conn, booking_id)
    order = await payments.lock_order(conn, booking["order_id"]) if booking else None
    if order is None:
        raise NotFound("There is no such booking.")
    return await _cancel_locked(system, conn, order, actor), order


async def _cancel_locked(
    system: System, conn: Connection, order: Row, actor: str, *, by_provider: bool = False, reason: str = ""
) -> CancelResult:
    now = system.clock.now()
    if order["status"] in ENDED:
        # Who asks again because the first answer was lost must not read that nothing goes back.
        back = await _going_back(conn, order["order_id"])
        return CancelResult(order["status"], back, order["currency"], "It was over already.")
    if order["status"] == "pending":
        await store.mark_cancel_requested(conn, order["order_id"], now)
        return CancelResult("pending", 0, order["currency"], "Nothing was paid.")
    if order["status"] == "requested":
        return await _withdraw(system, conn, order, actor)
    if order["status"] != "confirmed":
        raise Conflict(f"A booking that is {order['status']} cannot be cancelled here; please write to us.")
    started = order["starts_at"] is not None and order["starts_at"] <= now and not order["called_off"]
    if started and not actor.startswith("staff"):
        raise Conflict("It has started already, so it cannot be cancelled any more.")
    preview = await _preview(conn, order, now, by_provider=by_provider)
    await _end_confirmed(system, conn, order, preview, actor, now, reason)
    return CancelResult("cancelled", preview.amount, preview.currency, preview.why)


async def _withdraw(system: System, conn: Connection, order: Row, actor: str) -> CancelResult:
    """A request that nobody has answered yet: it ends, and the authorisation goes back to the card."""
    if order["accepted_at"] is not None:
        raise Conflict("It has just been accepted and is being charged; cancel it again in a moment.")
    await end_request(system, conn, order, actor, "cancelled", reason="", why="cancelled")
    return CancelResult("cancelled", 0, order["currency"], NOT_CHARGED)


async def _end_confirmed(
    system: System,
    conn: Connection,
    order: Row,
    preview: RefundPreview,
    actor: str,
    now: datetime,
    reason: str = "",
) -> None:
    await store.release_claims(conn, order["booking_id"], now)
    await store.mark_ended(conn, order["booking_id"], now)
    await store.move_order(conn, order["order_id"], "cancelled")
    payment = await _kept_payment(conn, order["order_id"])
    if payment is not None and preview.amount:
        refund_id = system.ids.new("ref")
        await refunds.owe(conn, refund_id, payment["payment_id"], preview.amount, "cancelled", actor, now)
    why = f"{preview.why} {reason}".strip()
    params = {"refund_amount": preview.amount, "currency": preview.currency, "why": why}
    await messages.enqueue(
        conn, system.ids, now, booking=order, kind="booking_cancelled", cause=actor, params=params
    )
    await telling.provider(system, conn, order, "provider_booking_cancelled", actor)
    detail = {"refund": preview.amount, "currency": preview.currency, "why": why}
    await store.tell(conn, order["tenant_id"], order["order_id"], now, actor, "cancelled", **detail)


async def _going_back(conn: Connection, order_id: str) -> int:
    rows = await refunds.refunds_of_order(conn, order_id)
    return sum(one["amount"] for one in rows if one["status"] != "failed")


async def _cancel_hold(system: System, booking_id: str, result: CancelResult) -> CancelResult:
    """The fence: close what can still be paid, then let go. When Stripe is away, or something is wrong with it, the worker goes
    on with it: that it is to be cancelled is written down."""
    booking = await system.database.read(lambda conn: store.booking(conn, booking_id))
    assert booking is not None
    attempts = await system.database.read(lambda conn: payments.attempts_of_order(conn, booking["order_id"]))
    try:
        for attempt in attempts:
            if attempt["status"] in {"planned", "open"}:
                await look_at(system, attempt["attempt_id"], "page")
        settled = await let_lapse(system, booking["order_id"])
    except HoldfastError:
        return CancelResult(
            "pending",
            0,
            result.currency,
            "We are making sure that nothing was paid, then the seats are let go.",
        )
    back = await system.database.read(lambda conn: _going_back(conn, booking["order_id"]))
    why = "It was paid at this very moment: all of it goes back." if back else result.why
    return CancelResult(settled.status, back, result.currency, why)


async def _preview(
    conn: Connection, order: Row, now: datetime, *, by_provider: bool = False
) -> RefundPreview:
    payment = await _kept_payment(conn, order["order_id"])
    if payment is not None and await refunds.open_disputes(conn, payment["payment_id"]):
        return RefundPreview(0, order["currency"], 0, DISPUTED)
    rows = await refunds.refunds_of_order(conn, order["order_id"])
    mine = [
        one
        for one in rows
        if payment and one["payment_id"] == payment["payment_id"] and one["status"] != "failed"
    ]
    return rules.refund_preview(
        order["refund_tiers"],
        order["starts_at"],
        now,
        captured=payment["captured"] if payment else 0,
        refunded=sum(one["amount"] for one in mine),
        currency=order["currency"],
        called_off=order["called_off"],
        by_provider=by_provider,
        at_most=order["refund_at_most"],
    )


async def _kept_payment(conn: Connection, order_id: str) -> Row | None:
    return next(
        (p for p in await payments.payments_of_order(conn, order_id) if p["purpose"] == "order"), None
    )
