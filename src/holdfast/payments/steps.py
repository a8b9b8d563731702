"""Writing down what `decide` said, inside settle's transaction and under the order's lock."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any, assert_never

from holdfast.bookings import store as bookings
from holdfast.bookings.rules import FreeUnit, choose_units
from holdfast.database.connection import Connection
from holdfast.messages import store as messages
from holdfast.payments import authorised, store
from holdfast.payments.rules import Funds, Money, Step, Units
from holdfast.refunds import store as refunds
from holdfast.system import System
from holdfast.tasks.actions import open_task

PAGE_PAUSE = timedelta(seconds=2)
# A page that is left open asks four times a minute, and a provider may take days to answer (F72).
PAGE_PAUSE_AUTHORISED = timedelta(hours=1)
TIME_IS_GONE = "Its time was gone when your card was authorised. Your card was not charged."
ACTOR_OF_LAYER = {"webhook": "stripe", "page": "customer", "sweep": "worker", "operator": "operator"}

Row = dict[str, Any]


@dataclass(frozen=True)
class Case:
    """An order under its lock, with everything that a step needs."""

    system: System
    conn: Connection
    now: datetime
    order: Row
    attempt: Row | None
    money: Money
    payments: list[Row]
    found_by: str
    subjects: list[str] = field(default_factory=list)  # to be told after the commit

    @property
    def actor(self) -> str:
        return ACTOR_OF_LAYER.get(self.found_by, self.found_by)


async def perform(case: Case, step: Step) -> str:
    """Does it; says the order's status afterwards."""
    match step:
        case Step.NOTHING | Step.ASK:
            await _tell_failed_funds(case)
            return str(case.order["status"])
        case Step.CONFIRM:
            return await _confirm(case, "its seats were held")
        case Step.CONFIRM_RETAKEN:
            await _retake(case)
            return await _confirm(case, "late, and its seats were still free")
        case Step.CONFIRM_FROM_BUFFER:
            await _take_buffer(case)
            return await _confirm(case, "late, seated from the organiser's buffer")
        case Step.CANCEL_AND_RETURN:
            await _release(case)
            await _return(case, "cancelled")
            return await _end(case, "cancelled")
        case Step.RETURN_SURPLUS:
            await _return(case, "surplus")
            return str(case.order["status"])
        case Step.RETURN_LATE:
            await _return(case, "late")
            return str(case.order["status"])
        case Step.RETURN_CANCELLED:
            await _return(case, "cancelled")
            return str(case.order["status"])
        case Step.STUCK_AMOUNT | Step.STUCK_SEATS_GONE | Step.STUCK_AUTHORISED:
            return await _stick(case, step)
        case Step.RECORD:
            await _record(case, "order")
            return str(case.order["status"])
        case Step.LAPSE:
            await _release(case)
            await _tell_failed_funds(case)
            return await _end(case, "expired")
        case Step.CANCEL:
            await _release(case)
            return await _end(case, "cancelled")
        case Step.REQUEST:
            return await authorised.ask_provider(case, retake=not await _has_live_claims(case))
        case Step.LET_GO:
            await authorised.let_go(case)
            return str(case.order["status"])
        case Step.CANCEL_AND_LET_GO:
            await _release(case)
            await authorised.let_go(case, "cancelled")
            return await _end(case, "cancelled")
        case Step.LAPSE_AND_LET_GO:
            await _release(case)
            await authorised.let_go(case, "late")
            await _message(
                case, "booking_cancelled", refund_amount=0, currency=case.order["currency"], why=TIME_IS_GONE
            )
            return await _end(case, "expired")
        case Step.AUTHORISATION_LOST:
            return await authorised.lose(case)
        case _:
            assert_never(step)


async def seats_of(case: Case, wanted: bool) -> Units:
    """Whether the booking's seats are its own still; when it has lost them and is paid, whether it can have them again (the
    units stay locked until the end, so the answer stays true)."""
    claims = await bookings.claims_of_booking(case.conn, case.order["booking_id"])
    if case.order["offering_kind"] == "appointment":
        return await authorised.time_of(case, claims, wanted)
    if claims and all(claim["released_at"] is None for claim in claims):
        return Units.HELD
    if not wanted:
        return Units.GONE
    await bookings.lock_units(case.conn, case.order["offering_id"])  # the buffer's too, all in one order
    free = {
        u["unit_id"]: u["free"]
        for u in await bookings.lock_free_units(case.conn, case.order["offering_id"], buffer=False)
    }
    if claims and all(claim["seats"] <= free.get(claim["unit_id"], 0) for claim in claims):
        return Units.FREE
    return Units.BUFFER if await _buffer_seats(case) else Units.GONE


async def extend_hold(case: Case, until: datetime) -> None:
    await bookings.extend_hold(case.conn, case.order["booking_id"], until)
    await _tell(case, "hold_extended", until=until.isoformat(), because="a card was declined")


def charge_columns(money: Money) -> Row:
    return {
        "charge_id": money.charge_id,
        "charged_at": money.charged_at,
        "card_brand": money.brand,
        "card_last4": money.last4,
        "capture_before": money.capture_before,
    }


async def _confirm(case: Case, why: str) -> str:
    payment_id = await _record(case, "order")
    await bookings.mark_confirmed(case.conn, case.order["booking_id"], case.now)
    await bookings.move_order(case.conn, case.order["order_id"], "confirmed")
    await _message(case, "booking_confirmed")
    if case.order["current_version"] > case.order["offering_version"]:
        # Moved while it was being paid (F43): the price stands, and the guest is told and may cancel.
        await _message(case, "booking_moved", messages.moved_key(case.order["current_version"]))
    await authorised.tell_provider_confirmed(case)
    await _tell(case, "confirmed", why=why, found_by=case.found_by, payment=payment_id)
    case.subjects.append(f"availability:{case.order['offering_id']}")
    return "confirmed"


async def _end(case: Case, status: str) -> str:
    await bookings.mark_ended(case.conn, case.order["booking_id"], case.now)
    await bookings.move_order(case.conn, case.order["order_id"], status)
    await _tell(case, status, found_by=case.found_by)
    return status


async def _stick(case: Case, step: Step) -> str:
    reason, sentence = _reason(case, step)
    if case.money.funds is Funds.PAID and case.money.payment_intent_id:
        await _record(case, "order")
    await bookings.move_order(case.conn, case.order["order_id"], "stuck", stuck_reason=reason)
    await _tell(case, "stuck", why=sentence, found_by=case.found_by)
    await open_task(
        case.conn,
        case.system.ids,
        case.now,
        kind="stuck",
        subject=case.order["order_id"],
        sentence=sentence,
        tenant_id=case.order["tenant_id"],
        order_id=case.order["order_id"],
        detail={
            "reason": reason,
            "paid": case.money.amount,
            "currency": case.money.currency,
            "agreed": case.order["amount"],
        },
    )
    return "stuck"


def _reason(case: Case, step: Step) -> tuple[str, str]:
    order, money = case.order, case.money
    if step is Step.STUCK_SEATS_GONE:
        return (
            "seats_gone",
            "Paid in time, but its seats are gone: find other seats, or refund it and apologise.",
        )
    if step is Step.STUCK_AUTHORISED:
        return (
            "authorised",
            "The card was authorised instead of charged: capture or cancel it in Stripe, then settle this order again.",
        )
    if money.problems:
        return (
            "contradiction",
            f"Stripe's objects contradict each other ({', '.join(money.problems)}): look at them in Stripe's dashboard.",
        )
    paid, agreed = f"{money.amount} {money.currency}", f"{order['amount']} {order['currency']}"
    if paid == agreed:
        return (
            "other_order",
            "The paid session belongs to another order by its reference: look at it in Stripe's dashboard.",
        )
    return (
        "amount",
        f"Paid {paid} in minor units where {agreed} was agreed: accept it as it is, or refund it.",
    )


async def _return(case: Case, reason: str) -> None:
    """Writes the money down, and that it goes back: the intention first, Stripe is asked by the worker."""
    money = case.money
    payment_id = await _record(case, "returned")
    if payment_id is None or not money.amount or not money.currency:
        return
    refund_id = case.system.ids.new("ref")
    await refunds.owe(case.conn, refund_id, payment_id, money.amount, reason, case.actor, case.now)
    await _message(
        case,
        "money_returned",
        f"money_returned:{payment_id}",
        amount=money.amount,
        currency=money.currency,
        why=reason,
    )
    await _tell(
        case,
        "money_goes_back",
        amount=money.amount,
        currency=money.currency,
        why=reason,
        found_by=case.found_by,
    )
    case.subjects.append("work:refunds")


async def _record(case: Case, purpose: str) -> str | None:
    """The payment's row, once: its intent's id is unique (F32). None when Stripe took no money (a total of 0)."""
    money, attempt = case.money, case.attempt
    if attempt is None or money.payment_intent_id is None or not money.amount or not money.currency:
        return None
    payment_id = case.system.ids.new("pay")
    await store.insert_payment(
        case.conn,
        {
            "payment_id": payment_id,
            "order_id": case.order["order_id"],
            "attempt_id": attempt["attempt_id"],
            "tenant_id": case.order["tenant_id"],
            "purpose": purpose,
            "payment_intent_id": money.payment_intent_id,
            "amount": money.amount,
            "captured": money.amount,
            "currency": money.currency,
            "recorded_at": case.now,
            "found_by": case.found_by,
            **charge_columns(money),
        },
    )
    await _tell(case, "paid", amount=money.amount, currency=money.currency, found_by=case.found_by)
    return payment_id


async def _release(case: Case) -> None:
    freed = await bookings.release_claims(case.conn, case.order["booking_id"], case.now)
    if freed:
        case.subjects.append(f"availability:{case.order['offering_id']}")


async def _has_live_claims(case: Case) -> bool:
    claims = await bookings.claims_of_booking(case.conn, case.order["booking_id"])
    return any(claim["released_at"] is None for claim in claims)


async def _retake(case: Case) -> None:
    if case.order["offering_kind"] == "appointment":
        await authorised.take_time(case)
        return
    if not await bookings.retake_claims(case.conn, case.order["booking_id"]):
        raise AssertionError("seats that are locked and were free cannot be gone")


async def _take_buffer(case: Case) -> None:
    for unit, seats in await _buffer_seats(case) or ():
        if not await bookings.take_seats(case.conn, unit.unit_id, seats):
            raise AssertionError("seats that are locked and were free cannot be gone")
        await bookings.insert_claim(case.conn, case.order["booking_id"], unit.unit_id, seats, seats, None)


async def _buffer_seats(case: Case) -> list[tuple[FreeUnit, int]] | None:
    rows = await bookings.lock_free_units(case.conn, case.order["offering_id"], buffer=True)
    free = [FreeUnit(row["unit_id"], row["label"], row["capacity"], row["free"], "per_seat") for row in rows]
    return choose_units(free, case.order["seats"])


async def _tell_failed_funds(case: Case) -> None:
    """A slow method that did not pay: the customer hears of it once."""
    if (
        case.money.funds is not Funds.FAILED
        or case.order["status"] not in {"pending", "expired"}
        or not case.attempt
    ):
        return
    if await _message(case, "payment_failed", f"payment_failed:{case.attempt['attempt_id']}"):
        await _tell(case, "payment_failed", found_by=case.found_by)


async def _message(case: Case, kind: str, unique_key: str | None = None, **params: Any) -> bool:
    queued = await messages.enqueue(
        case.conn,
        case.system.ids,
        case.now,
        booking=case.order,
        kind=kind,
        cause=case.actor,
        params=params,
        unique_key=unique_key,
    )
    case.subjects.append("work:messages")
    return queued is not None


async def _tell(case: Case, what: str, **detail: Any) -> None:
    await bookings.tell(
        case.conn, case.order["tenant_id"], case.order["order_id"], case.now, case.actor, what, **detail
    )
