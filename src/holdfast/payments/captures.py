"""Carrying out what was decided about an authorisation: capture or cancel, between transactions (rule 5).

The row came first, in the transaction of the decision. Stripe is asked under the row's key; the answer is evidence, and settle's
transaction does what follows from it and closes the row. A crash between the two is repaired by the row: it is due again, and
asking twice takes no money twice, because an intent is captured once.
Source: docs.stripe.com/api/payment_intents/capture, docs.stripe.com/payments/place-a-hold-on-a-payment-method.
"""

from __future__ import annotations

from datetime import timedelta
from functools import partial
from typing import Any

import structlog

from holdfast.errors import DatabaseUnavailable, HoldfastError, StripeFailed, StripeRefused
from holdfast.payments import capture_store, store
from holdfast.payments.apply import Settled
from holdfast.payments.rules import AtStripe, Funds, read_money
from holdfast.payments.settle import fetch, settle
from holdfast.refunds.rules import pause
from holdfast.stripe_gateway.evidence import Evidence, from_objects
from holdfast.system import System
from holdfast.tasks.actions import open_task

LEASE = timedelta(seconds=60)
AT_ONCE = 20
REFUSALS_UNTIL_LET_GO = 3
LAPSED_AT_THE_BANK = "charge_expired_for_capture"  # docs.stripe.com/error-codes: no later capture can succeed

Row = dict[str, Any]
log = structlog.get_logger()


async def carry_out_due(system: System) -> int:
    """Claims the captures whose time has come and carries them out, one after the other; says how many."""
    now = system.clock.now()
    due = await system.database.run(lambda conn: capture_store.claim_due(conn, now, LEASE, AT_ONCE))
    for capture in due:
        try:
            await _carry_out(system, capture, "sweep")
        except DatabaseUnavailable:
            raise
        except (
            Exception
        ):  # one that nobody foresaw must not hold up the others; it is due again when its lease ends
            log.exception("capture_not_carried_out", capture_id=capture["capture_id"])
    return len(due)


async def carry_out_of_order(system: System, order_id: str, found_by: str) -> None:
    """At once, for whoever has just decided: the worker goes on with what does not come through. Never raises."""
    rows = await system.database.read(lambda conn: capture_store.captures_of_order(conn, order_id))
    for row in rows:
        now = system.clock.now()
        claimed = await system.database.run(
            partial(capture_store.claim, capture_id=row["capture_id"], now=now, lease=LEASE)
        )
        if claimed is not None:
            try:
                await _carry_out(system, claimed, found_by)
            except HoldfastError:
                log.info("capture_put_off", capture_id=claimed["capture_id"])
            except (
                Exception
            ):  # what was decided is committed: who decided it is told so, and the worker goes on with it
                log.exception("capture_not_carried_out", capture_id=claimed["capture_id"])


async def _carry_out(system: System, capture: Row, found_by: str) -> None:
    key = f"{capture['action']}:{capture['capture_id']}:{capture['key_version']}"
    intent_id = capture["payment_intent_id"]
    if intent_id is None:
        await _put_off(system, capture, "the intent is not known yet")
        return
    try:
        if capture["action"] == "capture":
            answer = await system.stripe.capture_payment_intent(intent_id, capture["amount"], key)
        else:
            answer = await system.stripe.cancel_payment_intent(intent_id, key)
        evidence = from_objects(answer)
    except StripeRefused as refused:
        await _refused(system, capture, refused, found_by)
        return
    except HoldfastError as unknown:
        if isinstance(unknown, StripeFailed):
            await _raise_key(system, capture)
        await _put_off(system, capture, unknown.detail)
        return
    await settle(system, capture["attempt_id"], evidence=evidence, found_by=found_by)


async def _refused(system: System, capture: Row, refused: StripeRefused, found_by: str) -> None:
    """It was over before: what Stripe says now decides. An authorisation that the bank has let lapse is let go at once, and a
    card that may still be charged and is refused again and again in the end, so that nobody waits for ever; both are told by
    what follows from that."""
    try:
        evidence = await fetch(system, capture["attempt_id"])
    except HoldfastError as unknown:
        await _put_off(system, capture, unknown.detail)
        return
    settled = await settle(system, capture["attempt_id"], evidence=evidence, found_by=found_by)
    if not await _holds_still(system, capture, evidence):
        return
    await _raise_key(system, capture)
    hopeless = (
        refused.extra.get("stripe_code") == LAPSED_AT_THE_BANK or capture["tries"] >= REFUSALS_UNTIL_LET_GO
    )
    if capture["action"] == "capture" and hopeless:
        await _give_up(system, capture, refused.detail, settled)
        return
    await _put_off(system, capture, refused.detail)


async def _holds_still(system: System, capture: Row, evidence: Evidence) -> bool:
    money = read_money(evidence, capture["amount"], capture["currency"], "payment_intent")
    return money.funds is not Funds.PAID and money.at_stripe is not AtStripe.CLOSED


async def _give_up(system: System, capture: Row, why: str, settled: Settled) -> None:
    """The capture has failed; the authorisation is let go instead, and a person hears of it."""
    now = system.clock.now()
    async with system.database.transaction() as conn:
        order = await store.lock_order(conn, capture["order_id"])
        assert order is not None
        if not await capture_store.close(conn, capture["capture_id"], "failed", why, now):
            return
        await capture_store.owe(
            conn, system.ids.new("cap"), capture["attempt_id"], "cancel", "late", "worker", now
        )
        await open_task(
            conn,
            system.ids,
            now,
            kind="capture_refused",
            subject=capture["order_id"],
            sentence=f"Stripe does not let the authorised money be taken ({why}); the authorisation is let go, and customer "
            "and provider are told.",
            tenant_id=capture["tenant_id"],
            order_id=capture["order_id"],
        )
    system.signals.tell("work:captures")


async def _put_off(system: System, capture: Row, why: str) -> None:
    again = system.clock.now() + pause(capture["tries"])
    async with system.database.transaction() as conn:
        await capture_store.try_again(conn, capture["capture_id"], again, why)


async def _raise_key(system: System, capture: Row) -> None:
    async with system.database.transaction() as conn:
        await capture_store.raise_key_version(conn, capture["capture_id"], capture["key_version"])
