"""The one door: `settle` is the only code that moves an order on because of money (rule 1).

Webhooks, the success page, every load of a booking's page, the sweeps, the administrator's button and the command line all
come here. It may run twice, late, in any order and at the same time as itself, and the result is the same:

1. Outside any transaction, evidence is fetched from Stripe, when none was brought along.
2. In one transaction, under the order's lock: the evidence is merged into what is known (it only grows), the situation is
   read, `decide` says the step, the step is written down: booking, seats, payment, refund, message, timeline together.
3. After the commit, others are woken.

A crash before 2 loses nothing, because the attempt is asked about again. A crash after 2 loses nothing, because what has to
leave the building is a row by then.
"""

from __future__ import annotations

from typing import Any

import structlog

from holdfast.errors import HoldfastError, NotFound, StripeRefused
from holdfast.payments import checkout, intents, steps, store
from holdfast.payments.apply import Settled, apply, apply_lapse
from holdfast.payments.rules import Step
from holdfast.stripe_gateway.evidence import NOTHING, Evidence, from_objects, merged
from holdfast.system import System

log = structlog.get_logger()


async def settle(
    system: System, attempt_id: str, *, evidence: Evidence | None = None, found_by: str
) -> Settled:
    """Settles one attempt. `found_by`: webhook, page, sweep or operator. Without evidence, asks Stripe first and raises
    StripeUnavailable when it does not answer. Locks the order, then its units in id order."""
    if evidence is None:
        evidence = await fetch(system, attempt_id)
    brought = evidence
    settled = await system.database.run(lambda conn: apply(system, conn, attempt_id, brought, found_by))
    if settled.step is Step.ASK:
        fetched = merged(brought, await fetch(system, attempt_id))
        settled = await system.database.run(lambda conn: apply(system, conn, attempt_id, fetched, found_by))
    system.signals.tell(*settled.subjects)
    return settled


async def look_at(system: System, attempt_id: str, found_by: str) -> Settled:
    """Asks Stripe about an attempt and settles it: first finishes making its session, when a crash or a time-out left that
    open (F10, F11); closes the session when the hold is over or was cancelled (the expiry fence, rule 8)."""
    if await system.database.read(lambda conn: store.kind_of_attempt(conn, attempt_id)) == "payment_intent":
        return await _look_at_intent(system, attempt_id, found_by)
    made = await checkout.ensure_session(system, attempt_id)
    closing = await checkout.should_close(system, attempt_id)
    if made and closing:
        return await settle(system, attempt_id, evidence=await close(system, attempt_id), found_by=found_by)
    settled = await settle(system, attempt_id, found_by=found_by)
    if not made:
        return await let_lapse(system, settled.order_id)
    return settled


async def _look_at_intent(system: System, attempt_id: str, found_by: str) -> Settled:
    """The same for an intent of our own. It is read before it is closed: unlike an expired session, a canceled intent may have
    been authorised in time, and then the provider is asked instead."""
    made = await intents.ensure_intent(system, attempt_id)
    settled = await settle(system, attempt_id, found_by=found_by)
    if not made:
        return await let_lapse(system, settled.order_id)
    if await checkout.should_close(system, attempt_id):
        return await settle(system, attempt_id, evidence=await close(system, attempt_id), found_by=found_by)
    return settled


async def close(system: System, attempt_id: str) -> Evidence:
    """Expires the session at Stripe, or cancels the intent, and brings what that proves. Refused means that it is not open any
    more: somebody may have paid, so it is read again (docs.stripe.com/api/checkout/sessions/expire, …/payment_intents/cancel)."""
    row = await system.database.read(lambda conn: store.attempt(conn, attempt_id))
    if row is None or (row["session_id"] is None and row["kind"] != "payment_intent"):
        return await fetch(system, attempt_id)
    try:
        if row["session_id"] is None and row["payment_intent_id"]:
            return from_objects(await system.stripe.cancel_payment_intent(row["payment_intent_id"]))
        return from_objects(await system.stripe.expire_checkout_session(row["session_id"]))
    except StripeRefused:
        return await fetch(system, attempt_id)


async def let_lapse(system: System, order_id: str) -> Settled:
    """As apply_lapse, in a transaction of its own."""
    settled = await system.database.run(lambda conn: apply_lapse(system, conn, order_id))
    system.signals.tell(*settled.subjects)
    return settled


async def settle_booking(system: System, booking_id: str, found_by: str) -> str:
    """For every load of a booking's page: asks about each attempt that may have moved, at most once in two seconds, and once in
    an hour while a provider is waited for, unless an operator wants to know. Says `settled`, or `unknown` when Stripe did not
    answer; never raises for that (F23: unknown is not failed)."""
    now = system.clock.now()
    answer = "settled"
    pause_authorised = steps.PAGE_PAUSE_AUTHORISED if found_by == "page" else steps.PAGE_PAUSE
    for attempt_id in await system.database.read(
        lambda conn: store.unsettled_attempts_of_booking(conn, booking_id)
    ):
        async with system.database.transaction() as conn:
            if not await store.claim_question(conn, attempt_id, now, steps.PAGE_PAUSE, pause_authorised):
                continue
        try:
            await look_at(system, attempt_id, found_by)
        except HoldfastError:
            answer = "unknown"
        except Exception:  # the page says what is known; the worker goes on with it, and a law tells
            log.exception("booking_not_settled", attempt_id=attempt_id)
            answer = "unknown"
    return answer


async def fetch(system: System, attempt_id: str) -> Evidence:
    """Everything that Stripe says about an attempt now: session, intent, charge, and where there are any, refunds and
    disputes. NOTHING when Stripe has not answered its creation yet."""
    row = await system.database.read(lambda conn: store.attempt(conn, attempt_id))
    if row is None:
        raise NotFound("There is no such attempt.")
    if row["session_id"]:
        evidence = from_objects(await system.stripe.checkout_session(row["session_id"]))
    elif row["payment_intent_id"]:
        evidence = from_objects(*await _by_intent(system, row["payment_intent_id"], row["kind"]))
    else:
        return NOTHING
    return await with_returns(system, evidence, Evidence(row["evidence"]))


async def _by_intent(system: System, intent_id: str, kind: str) -> list[dict[str, Any]]:
    """The intent, and the session that made it, if one did: only that can be closed. `kind` is the attempt's: for an intent of
    our own no session is looked for, because each look counts (rule 13)."""
    if kind == "payment_intent":
        return [await system.stripe.payment_intent(intent_id)]
    sessions = await system.stripe.checkout_sessions(payment_intent=intent_id)
    return [await system.stripe.payment_intent(intent_id), *sessions]


async def with_returns(system: System, evidence: Evidence, known: Evidence = NOTHING) -> Evidence:
    """Adds refunds and disputes where a charge says that there are some, or a refund is known: two more reads, only when
    needed. A refund that failed is gone from its charge again (F45)."""
    for charge in evidence.of("charge").values():
        intent_id = (charge.get("payment_intent") or [None])[0]
        if intent_id and (charge.get("amount_refunded") or known.of("refund")):
            evidence |= from_objects(*await system.stripe.refunds_of(intent_id))
        if intent_id and charge.get("disputed"):
            evidence |= from_objects(*await system.stripe.disputes_of(intent_id))
    return evidence
