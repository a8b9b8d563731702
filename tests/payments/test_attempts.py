"""One order, several attempts and sessions: who has paid or may still pay is counted once, and nothing is let go beside it."""

from __future__ import annotations

import asyncio
import random
from datetime import timedelta
from typing import Any

import pytest

from holdfast.bookings.actions import Placed, open_checkout
from holdfast.database.connection import Connection
from holdfast.payments import store
from holdfast.payments.checkout import session_params
from holdfast.payments.recover import recover
from holdfast.payments.rules import Funds, read_money
from holdfast.payments.settle import let_lapse, settle
from holdfast.stripe_gateway.evidence import Evidence, from_objects, merged
from tests.support.system import DECLINED_CARD, GOOD_CARD, Stage

Row = dict[str, Any]


async def attempts(stage: Stage) -> list[Row]:
    return await stage.rows("SELECT * FROM attempts ORDER BY created_at, attempt_id")


async def test_f18_an_attempt_that_ended_lets_nothing_go_while_another_ones_money_is_under_way(
    stage: Stage,
) -> None:
    placed = await stage.book()
    await stage.dashboard("expire", session=placed.checkout_session_id)
    [first] = await attempts(stage)
    await settle(stage.system, first["attempt_id"], found_by="sweep")
    await open_checkout(stage.system, placed.booking_id)
    second = (await attempts(stage))[1]["session_id"]
    assert await stage.pay(second, method="bank_debit") == 303
    await stage.deliver()
    await stage.run_jobs()

    await stage.advance_to(placed.expires_at + timedelta(minutes=1))
    await settle(stage.system, first["attempt_id"], found_by="sweep")  # late news of the first one
    await let_lapse(stage.system, placed.order_id)
    assert (await stage.status(placed), await stage.taken()) == ("pending", 2)

    await stage.dashboard("settle", session=second, outcome="succeed")
    await stage.deliver()
    await stage.run_jobs()
    assert (await stage.status(placed), await stage.taken()) == ("confirmed", 2)
    await stage.assert_all_laws_hold()


async def second_session(stage: Stage, placed: Placed) -> str:
    """Stripe made a second session for the same attempt, as it may once it has forgotten an idempotency key."""
    [attempt] = await attempts(stage)
    params = await session_params(stage.system, attempt)
    made = await stage.system.stripe.create_checkout_session(params, "a key of its own")
    return str(made["id"])


async def test_f11_f39_a_second_session_is_closed_before_the_seats_go(stage: Stage) -> None:
    placed = await stage.book()
    other = await second_session(stage, placed)
    assert await stage.pay(placed.checkout_session_id, DECLINED_CARD) == 402
    await stage.deliver()
    await stage.run_jobs()
    assert await stage.pay(other, DECLINED_CARD) == 402
    await stage.deliver()
    await stage.run_jobs()
    for _ in range(20):
        await stage.advance(minutes=1)
        await stage.run_jobs()
    await stage.advance_to(placed.expires_at + timedelta(minutes=20))
    await stage.run_jobs()
    states = {one["id"]: one["status"] for one in await stage.ledger("checkout.session")}
    assert states == {placed.checkout_session_id: "expired", other: "expired"}
    assert await stage.pay(other, GOOD_CARD) == 200  # too late to pay it
    assert (await stage.status(placed), await stage.taken()) == ("expired", 0)
    await stage.assert_all_laws_hold()


@pytest.mark.parametrize("seed", range(8))
async def test_f31_both_sessions_of_one_attempt_are_paid(stage: Stage, seed: int) -> None:
    placed = await stage.book()
    other = await second_session(stage, placed)
    assert await stage.pay(placed.checkout_session_id) == 303
    assert await stage.pay(other) == 303
    events = await stage.events()
    random.Random(seed).shuffle(events)
    for event in events:
        await stage.deliver([event])
        await stage.run_jobs()
    await stage.settle_down()
    story = await stage.story(placed)
    assert [one["purpose"] for one in story["payments"]].count("order") == 1
    assert len(story["payments"]) == 2
    [refund] = await stage.ledger("refund")
    kept = next(one["payment_intent_id"] for one in story["payments"] if one["purpose"] == "order")
    assert refund["payment_intent"] != kept
    await stage.assert_all_laws_hold()


async def test_f32_one_payment_seen_through_two_attempts_is_one(stage: Stage) -> None:
    """The intent that was known had been given up for another: its news come under an attempt of their own, the session's
    under the first."""
    placed = await stage.book()
    await stage.execute("UPDATE attempts SET payment_intent_id = 'pi_given_up'")
    await stage.pay(placed.checkout_session_id)
    intents = [one for one in await stage.events() if one["data"]["object"]["object"] == "payment_intent"]
    await stage.deliver(intents)
    await stage.run_jobs()
    await stage.deliver()
    await stage.run_jobs()
    await stage.settle_down()
    assert await stage.status(placed) == "confirmed"
    assert len((await stage.story(placed))["payments"]) == 1
    assert await stage.rows("SELECT event_id FROM webhook_events WHERE handled_at IS NULL") == []
    assert await stage.ledger("refund") == []


async def test_f20_a_paid_session_that_names_no_intent_yet_is_looked_up(stage: Stage) -> None:
    placed = await stage.book()
    await stage.pay(placed.checkout_session_id)
    [event] = await stage.events("checkout.session.completed")
    event["data"]["object"]["payment_intent"] = None
    await stage.deliver([event])
    await stage.run_jobs()
    assert await stage.status(placed) == "confirmed"
    [payment] = (await stage.story(placed))["payments"]
    assert payment["payment_intent_id"]
    await stage.assert_all_laws_hold()


async def test_f01_f10_recovery_believes_the_session_that_it_was_given(stage: Stage) -> None:
    """The attempt was written off as never made at Stripe; the operator holds the proof of the contrary."""
    placed = await stage.book()
    await stage.pay(placed.checkout_session_id)
    await stage.execute(
        """UPDATE attempts SET session_id = NULL, checkout_url = NULL, status = 'expired', ask_at = NULL, closed_at = %s""",
        stage.clock.now(),
    )
    found = await recover(stage.system, str(placed.checkout_session_id), "operator")
    assert (found.result, await stage.status(placed)) == ("recovered", "confirmed")
    await stage.assert_all_laws_hold()


async def test_f66_who_waited_for_the_lock_sees_what_the_other_wrote(stage: Stage) -> None:
    """READ COMMITTED reads a joined row as it was when the statement began, unless that row is locked as well."""
    placed = await stage.book()
    later = placed.expires_at + timedelta(minutes=10)

    async def read_expiry(conn: Connection) -> Row | None:
        return await store.lock_order(conn, placed.order_id)

    async with stage.system.database.transaction() as conn:
        await store.lock_order(conn, placed.order_id)
        waiting = asyncio.create_task(stage.system.database.run(read_expiry))
        await until_somebody_waits(stage)
        await conn.execute(
            "UPDATE bookings SET expires_at = %s WHERE booking_id = %s", (later, placed.booking_id)
        )
    order = await waiting
    assert order is not None
    assert order["expires_at"] == later


async def until_somebody_waits(stage: Stage) -> None:
    for _ in range(1000):
        if await stage.rows(
            "SELECT FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock'"
        ):
            return
    raise AssertionError("nobody waits for a lock")


def test_the_payment_is_the_one_that_was_paid() -> None:
    """Of two sessions of one attempt, the second was paid: its intent and its charge are the payment's."""
    evidence = merged(
        from_objects(session("cs_a", "open", "unpaid", "pi_a"), intent("pi_a", "requires_payment_method", 0)),
        from_objects(session("cs_b", "complete", "paid", "pi_b"), intent("pi_b", "succeeded", 17000)),
    )
    money = read_money(evidence, 17000, "GBP")
    assert (money.funds, money.payment_intent_id, money.amount) == (Funds.PAID, "pi_b", 17000)


def test_f29_what_was_captured_counts_not_what_was_authorised() -> None:
    money = read_money(from_objects(intent("pi_a", "succeeded", 10000)), 17000, "GBP")
    assert (money.funds, money.matches, money.amount) == (Funds.PAID, False, 10000)


def test_nothing_is_captured_of_nothing() -> None:
    assert read_money(Evidence(), 17000, "GBP").amount is None


def session(id_: str, status: str, payment_status: str, intent_id: str) -> Row:
    return {
        "object": "checkout.session",
        "id": id_,
        "status": status,
        "payment_status": payment_status,
        "payment_intent": intent_id,
        "amount_total": 17000,
        "currency": "gbp",
    }


def intent(id_: str, status: str, received: int) -> Row:
    return {
        "object": "payment_intent",
        "id": id_,
        "status": status,
        "amount": 17000,
        "amount_received": received,
        "currency": "gbp",
    }
