"""The operator's emergency: a customer was charged, and there is no booking, no seats, no food order, no e-mail.

`recover` finds what the money was for, in this order, and is safe to run again:
1. the order is in the database: settle it;
2. it is not, but our signed snapshot travels with the money: rebuild it, then settle it;
3. another system's plain metadata says what was bought: build it, with the sum that was paid, then settle it;
4. otherwise it is unexplained money, and a person decides.

An order is rebuilt as a hold that has lapsed, in the transaction that settles it: so the ladder for late money seats it.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any

import psycopg

from holdfast.database.connection import Connection
from holdfast.errors import Conflict, NotFound, NotPaid
from holdfast.payments import rebuild, store
from holdfast.payments.apply import Settled, apply
from holdfast.payments.find import find_attempt
from holdfast.payments.foreign import read_map, read_order
from holdfast.payments.rules import Funds, Step, read_money
from holdfast.payments.settle import look_at, settle, with_returns
from holdfast.payments.snapshot import unpack
from holdfast.stripe_gateway.evidence import Evidence, from_objects
from holdfast.stripe_gateway.references import References, references
from holdfast.system import System
from holdfast.tasks.actions import open_task

Row = dict[str, Any]
NOT_YOURS = "There is no such payment here."
NOTHING_TO_RECOVER = "Stripe says that this was not paid, so there is nothing to recover."
WORTH_A_BOOKING = frozenset({Funds.PAID, Funds.AUTHORISED})
LIVE = frozenset({"confirmed", "in_progress", "completed", "no_show"})


@dataclass(frozen=True)
class Recovered:
    """`result`: recovered, already_confirmed, refunded or unexplained. `repairs`: what was done just now, in sentences."""

    result: str
    booking_id: str | None
    reference: str | None
    repairs: list[str] = field(default_factory=list)
    why: str | None = None


async def recover(
    system: System, session_or_intent: str, actor: str, tenant_id: int | None = None
) -> Recovered:
    """Raises NotFound when Stripe does not know it, or when it belongs to another tenant than `tenant_id` (None: the
    operator of the installation, who may recover for all); NotPaid when it was not paid; StripeUnavailable."""
    subject = await _look_up(system, session_or_intent)
    named = references(subject)
    attempt_id = await _find(system, named)
    if attempt_id is not None:
        return await _settle_known(system, attempt_id, subject, tenant_id)
    evidence = await with_returns(system, from_objects(subject))
    money = read_money(evidence, 0, "XXX")
    if money.funds not in WORTH_A_BOOKING:
        raise NotPaid(NOTHING_TO_RECOVER)
    order = await _plan(system, subject, actor)
    if money.funds is Funds.AUTHORISED and (isinstance(order, str) or not order.on_request):
        raise NotPaid(NOTHING_TO_RECOVER)
    if isinstance(order, str):
        return await _unexplained(system, subject, named, order)
    if tenant_id not in {None, order.tenant_id}:
        raise NotFound(NOT_YOURS)
    return await _build(system, order, subject, evidence, actor)


async def rebuild_if_ours(
    system: System, subject: Mapping[str, Any], named: References, actor: str
) -> str | None:
    """For the inbox: an event about an object that carries our signed snapshot and whose order the database has lost. Says
    the attempt that was rebuilt, settled on the way; None when it is not ours."""
    if named.instance_id != system.instance_id:
        return None
    object_id = named.session_id or named.payment_intent_id
    if object_id is None:
        return None
    full = await _look_up(system, object_id)
    snapshot = unpack(full.get("metadata") or {}, system.settings.secret_key)
    evidence = from_objects(full)
    if snapshot is None:
        return None
    if read_money(evidence, snapshot.amount, snapshot.currency).funds not in WORTH_A_BOOKING:
        return None
    await recover(system, object_id, actor)
    return await _find(system, references(full))


async def _look_up(system: System, session_or_intent: str) -> Row:
    """The session, if need be by its intent; an intent that no session made stands for itself."""
    if session_or_intent.startswith("cs_"):
        return await system.stripe.checkout_session(session_or_intent)
    if not session_or_intent.startswith("pi_"):
        raise NotFound("Give the id of a Checkout Session (cs_…) or of a PaymentIntent (pi_…).")
    sessions = await system.stripe.checkout_sessions(payment_intent=session_or_intent)
    if sessions:
        return await system.stripe.checkout_session(sessions[0]["id"])
    return await system.stripe.payment_intent(session_or_intent)


async def _find(system: System, named: References) -> str | None:
    return await system.database.read(lambda conn: find_attempt(conn, system.ids, system.clock.now(), named))


async def _settle_known(system: System, attempt_id: str, subject: Row, tenant_id: int | None) -> Recovered:
    """With the object itself as evidence: the attempt need not know yet that it is its own."""
    before = await system.database.read(lambda conn: _state(conn, attempt_id))
    if tenant_id not in {None, before["tenant_id"]}:
        raise NotFound(NOT_YOURS)
    first = await settle(system, attempt_id, evidence=from_objects(subject), found_by="operator")
    settled = await look_at(system, attempt_id, "operator")
    if settled.step is Step.NOTHING:
        settled = replace(settled, step=first.step)
    after = await system.database.read(lambda conn: _state(conn, attempt_id))
    waits = settled.funds is Funds.AUTHORISED and settled.status == "requested"
    if settled.funds is not Funds.PAID and not waits and before["status"] not in LIVE and not before["paid"]:
        raise NotPaid(
            f"Stripe says that this was not paid; the booking is {after['status']}.",
            reference=after["reference"],
        )
    return _report(before["status"], settled, after)


def _report(before: str | None, settled: Settled, after: Row) -> Recovered:
    repairs = _repairs(settled.step, after)
    if settled.status in LIVE:
        result = "already_confirmed" if before in LIVE and settled.step is Step.NOTHING else "recovered"
        result = "refunded" if settled.step is Step.RETURN_SURPLUS else result
    elif settled.status == "requested":
        result = "already_confirmed" if before == "requested" else "recovered"
    elif settled.status == "stuck":
        result = "unexplained"
    else:
        result = "refunded"
    return Recovered(result, settled.booking_id, after["reference"], repairs, after["stuck_reason"])


def _repairs(step: Step, after: Row) -> list[str]:
    """What this run did, in plain words."""
    seats = f"marked {after['seats']} seats: {after['units'] or 'none'}"
    food = f"recorded food and wine: {after['menu']}" if after["menu"] else "no food or wine was ordered"
    mailed = f"queued the confirmation with its QR code to {after['mails']} address"
    match step:
        case Step.CONFIRM | Step.CONFIRM_RETAKEN | Step.CONFIRM_FROM_BUFFER:
            return ["confirmed the booking", "recorded the payment", seats, food, mailed]
        case Step.RETURN_SURPLUS | Step.RETURN_LATE | Step.RETURN_CANCELLED | Step.CANCEL_AND_RETURN:
            return ["recorded the payment", "the money goes back in one refund", "told the customer why"]
        case Step.STUCK_AMOUNT | Step.STUCK_SEATS_GONE | Step.STUCK_AUTHORISED:
            return ["recorded the payment", "opened a task: a person has to decide"]
        case Step.REQUEST:
            return ["asked the provider, who has until the deadline", "told the customer"]
        case Step.LAPSE_AND_LET_GO | Step.LET_GO | Step.CANCEL_AND_LET_GO:
            return ["the authorisation is let go: nothing was charged"]
        case _:
            return []


async def _state(conn: Connection, attempt_id: str) -> Row:
    row = await store.state_for_report(conn, attempt_id)
    if row is None:
        raise NotFound("There is no order for this attempt.")
    return row


async def _plan(system: System, subject: Row, actor: str) -> rebuild.Plan | str:
    """The order to build, or the sentence that says why none can be."""
    metadata = {str(key): str(value) for key, value in (subject.get("metadata") or {}).items()}
    snapshot = unpack(metadata, system.settings.secret_key)
    if snapshot is not None:
        return await system.database.read(lambda conn: rebuild.from_snapshot(conn, snapshot))
    amount, currency = _sum(subject)
    foreign = read_order(
        metadata, subject.get("customer_details") or {}, read_map(system.settings.foreign_metadata_map)
    )
    return await system.database.read(
        lambda conn: rebuild.from_foreign(
            conn, system.ids, foreign, amount, currency, system.settings.default_region
        )
    )


def _sum(subject: Row) -> tuple[int, str]:
    amount = subject.get("amount_total", subject.get("amount_received", subject.get("amount", 0)))
    return int(amount or 0), str(subject.get("currency") or "").upper()


async def _build(
    system: System, plan: rebuild.Plan, subject: Row, evidence: Evidence, actor: str
) -> Recovered:
    async def work(conn: Connection) -> tuple[Settled, Row]:
        attempt_id = await rebuild.write(system, conn, plan, references(subject), actor)
        settled = await apply(system, conn, attempt_id, evidence, "operator")
        return settled, await _state(conn, attempt_id)

    try:
        settled, after = await system.database.run(work)
    except psycopg.errors.UniqueViolation:
        # Somebody else rebuilt it at this moment: then it is there.
        attempt_id = await _find(system, references(subject))
        if attempt_id is None:
            raise Conflict(
                "This money was recovered by somebody else at this moment; run it again."
            ) from None
        return await _settle_known(system, attempt_id, subject, plan.tenant_id)
    if settled.step is Step.ASK:
        settled = await look_at(system, await _must_find(system, subject), "operator")
        after = await system.database.read(lambda conn: bookings_state(conn, settled))
    system.signals.tell(*settled.subjects)
    report = _report(None, settled, after)
    repairs = [plan.how, *report.repairs, *plan.remarks]
    return Recovered(report.result, report.booking_id, report.reference, repairs, report.why)


async def bookings_state(conn: Connection, settled: Settled) -> Row:
    attempt = (await store.attempts_of_order(conn, settled.order_id))[-1]
    return await _state(conn, attempt["attempt_id"])


async def _must_find(system: System, subject: Row) -> str:
    found = await _find(system, references(subject))
    assert found is not None  # it was written just now
    return found


async def _unexplained(system: System, subject: Row, named: References, why: str) -> Recovered:
    now = system.clock.now()
    amount, currency = _sum(subject)
    async with system.database.transaction() as conn:
        await open_task(
            conn,
            system.ids,
            now,
            kind="unexplained_money",
            subject=named.payment_intent_id or str(subject["id"]),
            sentence=f"Stripe took money that cannot be matched to a booking ({why}): "
            "book it by hand, refund it, or leave it to the system it belongs to.",
            detail={"object": subject["id"], "amount": amount, "currency": currency},
        )
    return Recovered("unexplained", None, None, ["opened a task: a person has to decide"], why)
