"""A refund that is on its way for days, and whose webhook never came: it is looked at until it is over."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from holdfast.bookings.actions import Placed
from holdfast.bookings.cancelling import request_cancel
from holdfast.refunds import actions, rules, store
from holdfast.refunds.jobs import look_at_pending
from tests.support.system import Stage

PENDING_CARD = "4000000000007726"  # docs.stripe.com/testing#refunds
MADE = datetime(2026, 3, 28, 23, 0, tzinfo=UTC)  # clocks go forward in the night that follows
SECOND = timedelta(seconds=1)
HOURS = timedelta(hours=1)


@pytest.mark.parametrize(
    ("age", "next_after"),
    [
        (timedelta(0), 1 * HOURS),
        (1 * HOURS - SECOND, 1 * HOURS),
        (1 * HOURS, 6 * HOURS),
        (6 * HOURS - SECOND, 6 * HOURS),
        (6 * HOURS, 24 * HOURS),
        (24 * HOURS - SECOND, 24 * HOURS),
        (24 * HOURS, 48 * HOURS),
        (timedelta(days=40), timedelta(days=41)),
    ],
)
def test_when_it_is_looked_at_next(age: timedelta, next_after: timedelta) -> None:
    assert rules.next_look(MADE, MADE + age) == MADE + next_after


@given(st.timedeltas(timedelta(0), timedelta(days=400)))
def test_it_is_always_later_and_never_more_than_a_day_away(age: timedelta) -> None:
    now = MADE + age
    assert now < rules.next_look(MADE, now) <= now + timedelta(days=1)


async def pending(stage: Stage) -> Placed:
    """Cancelled; the bank takes its time, and Stripe's word of it is lost from here on."""
    placed = await stage.book()
    assert await stage.pay(placed.checkout_session_id, PENDING_CARD) == 303
    await stage.deliver()
    await stage.run_jobs()
    await request_cancel(stage.system, placed.booking_id, "customer")
    await stage.run_jobs()
    assert await state(stage) == "pending"
    return placed


async def state(stage: Stage) -> str:
    return str((await stage.row("SELECT status FROM refunds"))["status"])


async def test_f45_it_goes_through_and_nobody_tells_us(stage: Stage) -> None:
    await pending(stage)
    await stage.advance(days=9)
    await stage.run_jobs()
    assert await state(stage) == "pending"
    await stage.advance(days=2)  # the sandbox's bank takes ten days
    await stage.run_jobs()
    row = await stage.row("SELECT status, try_at, settled_at FROM refunds")
    assert (row["status"], row["try_at"], row["settled_at"]) == ("succeeded", None, stage.clock.now())
    await stage.deliver()  # the late news changes nothing
    await stage.assert_all_laws_hold()


async def test_f45_the_bank_sends_it_back_and_nobody_tells_us(stage: Stage) -> None:
    await pending(stage)
    [refund] = await stage.ledger("refund")
    await stage.dashboard("fail_refund", refund=refund["id"])
    await stage.advance(minutes=59)
    await stage.run_jobs()
    assert (await state(stage), await stage.tasks()) == ("pending", [])
    await stage.advance(minutes=2)
    await stage.run_jobs()
    assert (await state(stage), await stage.tasks()) == ("failed", ["refund_failed"])
    await stage.deliver()
    await stage.run_jobs()
    assert await stage.tasks() == ["refund_failed"]
    await stage.assert_all_laws_hold()


async def test_it_costs_a_read_after_one_hour_after_six_and_then_one_a_day(stage: Stage) -> None:
    """The read budget (rule 13): five days cost seven reads."""
    await pending(stage)
    looks = []
    for hour in range(1, 5 * 24 + 1):
        await stage.advance(hours=1)
        if await look_at_pending(stage.system):
            looks.append(hour)
    assert looks == [1, 6, 24, 48, 72, 96, 120]
    await stage.execute("UPDATE refunds SET status = 'succeeded', settled_at = created_at, try_at = NULL")
    await stage.advance(days=3)
    assert await look_at_pending(stage.system) == 0


async def test_stripe_away_it_is_looked_at_the_next_time(stage: Stage) -> None:
    await pending(stage)
    await stage.advance(hours=1)
    await stage.stripe_away()
    assert await look_at_pending(stage.system) == 1
    assert await look_at_pending(stage.system) == 0
    await stage.stripe_back()
    row = await stage.row("SELECT status, try_at - created_at AS after FROM refunds")
    assert (row["status"], row["after"]) == ("pending", timedelta(hours=6))
    await stage.assert_all_laws_hold()


async def test_one_that_was_made_in_the_dashboard_is_looked_at_too(stage: Stage) -> None:
    placed = await stage.book()
    await stage.pay(placed.checkout_session_id, PENDING_CARD)
    await stage.deliver()
    await stage.run_jobs()
    await stage.dashboard("refund", session=placed.checkout_session_id, amount=500)
    await stage.deliver()
    await stage.run_jobs()
    assert await state(stage) == "pending"
    await stage.advance(days=11)
    await stage.run_jobs()
    assert await state(stage) == "succeeded"
    await stage.assert_all_laws_hold()


async def test_one_from_before_there_were_times_is_due(stage: Stage) -> None:
    await pending(stage)
    await stage.execute("UPDATE refunds SET try_at = NULL")
    assert await look_at_pending(stage.system) == 1
    assert (await stage.row("SELECT try_at FROM refunds"))["try_at"] is not None
    await stage.assert_all_laws_hold()


async def test_a_worker_that_died_while_looking_is_followed_by_another(stage: Stage) -> None:
    await pending(stage)
    await stage.advance(days=11)
    async with stage.system.database.transaction() as conn:
        [claimed] = await store.claim_pending(conn, stage.clock.now(), actions.LEASE, 20)
    assert await look_at_pending(stage.system) == 0  # it is the other one's until the lease is over
    await stage.advance(seconds=actions.LEASE.total_seconds())
    assert await look_at_pending(stage.system) == 1
    assert (claimed["status"], await state(stage)) == ("pending", "succeeded")
    await stage.assert_all_laws_hold()


async def test_two_workers_look_once(stage: Stage) -> None:
    await pending(stage)
    await stage.advance(hours=1)
    looked = await asyncio.gather(*(look_at_pending(stage.system) for _ in range(4)))
    assert sum(looked) == 1
    await stage.assert_all_laws_hold()
