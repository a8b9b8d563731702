"""One transaction of settle: evidence merged, situation read, step decided and written down, under the order's lock.

Kept apart from the door (settle.py) because the inbox and the recovery call it inside transactions of their own: handled_at
is set, or the order is rebuilt, together with the effect.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

from holdfast.database.connection import Connection
from holdfast.disputes.actions import take_over_disputes
from holdfast.errors import NotFound
from holdfast.payments import steps, store
from holdfast.payments.authorised import close_captures
from holdfast.payments.rules import (
    ASK_AUTHORISED,
    ASK_SLOW_METHOD,
    LIVE_AND_PAID,
    Answer,
    AtStripe,
    Funds,
    Money,
    Recorded,
    Situation,
    Step,
    decide,
    hold_after_decline,
    next_question,
    read_money,
)
from holdfast.payments.steps import Case
from holdfast.payments.strays import of_intent, strays
from holdfast.refunds.actions import take_over_refunds
from holdfast.stripe_gateway.evidence import NOTHING, Evidence, merged
from holdfast.stripe_gateway.lattice import only
from holdfast.system import System


@dataclass(frozen=True)
class Settled:
    """What came of it. `status` is the order's; `step` is what was done just now (often nothing); `subjects` are to be told
    to the other processes after the commit."""

    order_id: str
    booking_id: str
    status: str
    step: Step
    funds: Funds
    subjects: tuple[str, ...] = ()


async def apply(
    system: System, conn: Connection, attempt_id: str, evidence: Evidence, found_by: str
) -> Settled:
    """Inside the caller's transaction. Locks the order, then its units in id order. Raises NotFound without an order."""
    now = system.clock.now()
    order_id = await store.order_of_attempt(conn, attempt_id)
    order = await store.lock_order(conn, order_id) if order_id else None
    if order is None:
        raise NotFound("There is no order for this attempt.")
    attempts = await store.attempts_of_order(conn, order["order_id"])
    attempt = next(one for one in attempts if one["attempt_id"] == attempt_id)
    known = merged(Evidence(attempt["evidence"]), evidence)
    money = read_money(known, attempt["amount"], attempt["currency"], attempt["kind"])
    payments = await _payments(conn, attempt, known)
    case = Case(system, conn, now, order, attempt, money, payments, found_by)

    await _keep_hold_after_decline(case)
    situation = await _situation(case, attempts, known)
    step = _sure(decide(situation), money)
    if step in {Step.REQUEST, Step.NOTHING} and _second_authorisation(attempt, attempts, money):
        step = Step.LET_GO
    if step is not Step.ASK:
        status = await steps.perform(case, step)
        await close_captures(case, step)
        payments = await _return_strays(case, known, status)
        await _enrich(conn, payments, money)
        case.subjects.extend(await take_over_refunds(system, conn, now, order, payments, known))
        await take_over_disputes(system, conn, now, order, payments, known)
    else:
        status = order["status"]
    await _save(case, known, attempts)
    if step is not Step.NOTHING:
        case.subjects.append(f"booking:{order['booking_id']}")
    return Settled(order["order_id"], order["booking_id"], status, step, money.funds, tuple(case.subjects))


def _sure(step: Step, money: Money) -> Step:
    """Money is written down by its intent's id: a session that does not name its own yet is fetched first (F20). And how long an
    authorisation lasts is told by its charge, which an intent's event only names."""
    if step is Step.REQUEST and money.charge_id is None:
        return Step.ASK
    nameless = money.funds is Funds.PAID and money.amount and money.payment_intent_id is None
    return Step.ASK if nameless and step is not Step.NOTHING else step


def _second_authorisation(attempt: dict[str, Any], attempts: list[dict[str, Any]], money: Money) -> bool:
    """An intent that was made twice (F10): the card form shows the one that the open attempt knows, and the request rests on it.
    The other is never captured, whichever of them is told first (F31)."""
    return (
        money.funds is Funds.AUTHORISED
        and attempt["kind"] == "payment_intent"
        and attempt["status"] not in {"planned", "open"}
        and any(one["status"] in {"planned", "open"} for one in attempts)
    )


async def apply_lapse(system: System, conn: Connection, order_id: str) -> Settled:
    """Lets an order go whose hold is over, or that was cancelled, and which nobody can pay any more. For orders without any
    open attempt: those with one are let go by settling it, through the fence."""
    now = system.clock.now()
    order = await store.lock_order(conn, order_id)
    if order is None:
        raise NotFound("There is no such order.")
    attempts = await store.attempts_of_order(conn, order_id)
    if any(_may_still_pay(one) for one in attempts):
        return Settled(order_id, order["booking_id"], order["status"], Step.NOTHING, Funds.NONE)
    money = replace(read_money(NOTHING, order["amount"], order["currency"]), at_stripe=AtStripe.CLOSED)
    case = Case(system, conn, now, order, None, money, await store.payments_of_order(conn, order_id), "sweep")
    step = decide(await _situation(case, attempts, NOTHING))
    status = await steps.perform(case, step)
    subjects = (*case.subjects, f"booking:{order['booking_id']}")
    return Settled(order_id, order["booking_id"], status, step, Funds.NONE, subjects)


def _may_still_pay(attempt: dict[str, Any]) -> bool:
    """Open, or completed by a slow method whose money is still under way: what can still move is asked about."""
    return attempt["ask_at"] is not None


async def _situation(case: Case, attempts: list[dict[str, Any]], known: Evidence) -> Situation:
    order, money = case.order, case.money
    mine = case.attempt["attempt_id"] if case.attempt else None
    recorded = _recorded(case)
    wanted = money.funds in {Funds.PAID, Funds.AUTHORISED} and recorded is Recorded.NO
    return Situation(
        status=order["status"],
        funds=money.funds,
        at_stripe=money.at_stripe,
        matches=money.matches and _is_for(case, attempts, known),
        recorded=recorded,
        units=await steps.seats_of(case, wanted),
        charged_in_time=_in_time(money, order["expires_at"]),
        hold_over=_hold_over(case),
        # Nobody pays for an event that does not take place.
        cancel_requested=order["called_off"] or order["cancel_requested_at"] is not None,
        others_open=any(one["attempt_id"] != mine and _may_still_pay(one) for one in attempts),
        free=order["amount"] == 0,
        answer=_answer(order),
    )


def _answer(order: dict[str, Any]) -> Answer:
    if order["offering_kind"] != "appointment":
        return Answer.NOT_NEEDED
    return Answer.YES if order["accepted_at"] is not None else Answer.NONE


async def _payments(conn: Connection, attempt: dict[str, Any], known: Evidence) -> list[dict[str, Any]]:
    """The order's payments. One that was filed under another attempt before the session of its own was told (strays.py) is
    filed under that session's attempt now, unless that attempt is known by another intent."""
    payments = await store.payments_of_order(conn, attempt["order_id"])
    named = {only(facts, "payment_intent") for facts in known.of("session").values()}
    if attempt["payment_intent_id"] is not None:
        named &= {attempt["payment_intent_id"]}
    for payment in payments:
        if payment["payment_intent_id"] in named and payment["attempt_id"] != attempt["attempt_id"]:
            await store.file_payment(conn, payment["payment_id"], attempt["attempt_id"])
            payment["attempt_id"] = attempt["attempt_id"]
    return payments


def _recorded(case: Case) -> Recorded:
    mine = case.attempt["attempt_id"] if case.attempt else None
    intent_id = case.money.payment_intent_id
    if any(p["attempt_id"] == mine or p["payment_intent_id"] == intent_id for p in case.payments):
        return Recorded.THIS
    if case.money.amount == 0 and case.order["status"] in LIVE_AND_PAID:
        return Recorded.THIS  # no money moved, so there is none to write down (F19)
    return Recorded.OTHER if any(payment["purpose"] == "order" for payment in case.payments) else Recorded.NO


def _is_for(case: Case, attempts: list[dict[str, Any]], known: Evidence) -> bool:
    """A session that carries a client_reference_id carries that of an attempt of this order (F73). One of a foreign system
    carries its own."""
    if case.order["source"] == "foreign":
        return True
    told = {value for facts in known.of("session").values() for value in facts.get("client_reference_id", ())}
    return told <= {one["attempt_id"] for one in attempts}


def _hold_over(case: Case) -> bool:
    """By our clock or by Stripe's: where ours is behind, what Stripe has let expire after the hold's end is over all the same.
    A session that somebody expired before that end leaves the hold, and the guest may open another."""
    ends = case.order["expires_at"]
    return ends is not None and ends <= max(case.now, case.money.expired_at or case.now)


def _in_time(money: Money, expires_at: datetime | None) -> bool | None:
    if expires_at is None:
        return True
    return None if money.charged_at is None else money.charged_at <= expires_at


async def _keep_hold_after_decline(case: Case) -> None:
    order, declined = case.order, case.money.declined_at
    if (
        order["status"] != "pending"
        or declined is None
        or order["expires_at"] is None
        or case.money.funds is Funds.PAID
    ):
        return
    until = hold_after_decline(order["expires_at"], order["hold_limit"], declined)
    if until > order["expires_at"]:
        await steps.extend_hold(case, until)
        order["expires_at"] = until


async def _return_strays(case: Case, known: Evidence, status: str) -> list[dict[str, Any]]:
    """One payment of the attempt is recorded by now, or none was made; whatever else was paid under it goes back. Says all
    payments of the order. While a person decides about the order, nothing goes back by machine."""
    payments = await store.payments_of_order(case.conn, case.order["order_id"])
    attempt = case.attempt
    if not payments or attempt is None or status == "stuck":
        return payments
    for intent_id in strays(known, (payment["payment_intent_id"] for payment in payments)):
        money = read_money(of_intent(known, intent_id), attempt["amount"], attempt["currency"])
        stray = replace(case, money=money)
        await steps.perform(stray, Step.RETURN_SURPLUS)
    return await store.payments_of_order(case.conn, case.order["order_id"])


async def _enrich(conn: Connection, payments: list[dict[str, Any]], money: Money) -> None:
    for payment in payments:
        if (
            payment["payment_intent_id"] == money.payment_intent_id
            and payment["charge_id"] is None
            and money.charge_id
        ):
            await store.enrich_payment(conn, payment["payment_id"], steps.charge_columns(money))


async def _save(case: Case, known: Evidence, attempts: list[dict[str, Any]]) -> None:
    attempt, money = case.attempt, case.money
    assert attempt is not None
    other_open = any(one is not attempt and one["status"] in {"planned", "open"} for one in attempts)
    status = _attempt_status(attempt, money, other_open)
    open_still = status in {"planned", "open"}
    sessions = sorted(known.of("session"))
    await store.save_evidence(
        case.conn,
        attempt["attempt_id"],
        evidence=known.as_json(),
        status=status,
        session_id=sessions[0] if sessions else None,
        payment_intent_id=money.payment_intent_id,
        capture_before=money.capture_before,
        ask_at=_ask_at(case, status),
        closed_at=None if open_still else case.now,
    )


def _attempt_status(attempt: dict[str, Any], money: Money, other_open: bool) -> str:
    match money.at_stripe:
        case AtStripe.COMPLETE:
            return "complete"
        case AtStripe.CLOSED:
            return "expired"
        case AtStripe.OPEN if (
            other_open
        ):  # one too many: it is asked about and closed (checkout.should_close)
            return str(attempt["status"])
        case AtStripe.OPEN:
            return "open"
        case AtStripe.UNKNOWN:
            return str(attempt["status"])


def _ask_at(case: Case, status: str) -> datetime | None:
    """Open ones by their schedule, slow methods every hour, paid ones once more while the charge was not seen."""
    attempt, money = case.attempt, case.money
    assert attempt is not None
    if status == "open" and money.funds is Funds.AUTHORISED:
        return case.now + ASK_AUTHORISED  # until the provider answers; a webhook tells sooner
    if status in {"planned", "open"}:
        made = status == "open"
        return next_question(attempt["created_at"], case.now, case.order["expires_at"], made_at_stripe=made)
    if money.at_stripe is AtStripe.OPEN:
        return next_question(attempt["created_at"], case.now, None)
    if status == "complete" and (
        money.funds is Funds.AWAITING or (money.funds is Funds.PAID and money.charge_id is None)
    ):
        first = next_question(attempt["created_at"], case.now, None)
        return first if money.funds is Funds.PAID else case.now + ASK_SLOW_METHOD
    return None
