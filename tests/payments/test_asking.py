"""Asking Stripe, again and again: at a pace that ends, one bad row alone, and two workers at once doing no harm."""

from __future__ import annotations

import asyncio
from datetime import timedelta

from holdfast.errors import StripeUnavailable
from holdfast.payments.jobs import ask_about_due, let_due_lapse
from holdfast.payments.settle import look_at, settle_booking
from tests.support.system import Stage


async def test_what_stripe_does_not_know_is_asked_about_seldom(stage: Stage) -> None:
    """A session of another account, say: a time-out is asked again in a minute, this is not (rule 13)."""
    placed = await stage.book()
    await stage.execute("UPDATE attempts SET session_id = 'cs_test_of_another_account'")
    await stage.advance(minutes=1)
    assert await ask_about_due(stage.system) == 1
    row = await stage.row("SELECT ask_at, last_error FROM attempts")
    assert row["ask_at"] - stage.clock.now() == timedelta(minutes=10)
    assert "does not know" in row["last_error"]
    assert await stage.status(placed) == "pending"


async def test_f18_a_slow_method_is_asked_about_once_an_hour(stage: Stage) -> None:
    """It may take two weeks: every ten minutes would be two thousand reads of one payment (rule 13)."""
    placed = await stage.book()
    await stage.pay(placed.checkout_session_id, method="bank_debit")
    await stage.deliver()
    await stage.run_jobs()
    await stage.advance(hours=3)
    await stage.run_jobs()
    row = await stage.row("SELECT ask_at FROM attempts")
    assert row["ask_at"] - stage.clock.now() == timedelta(hours=1)


async def break_one(stage: Stage, order_id: str) -> None:
    """Its lines do not add up any more: PostgreSQL refuses every step of it (HF002)."""
    async with stage.system.database.transaction() as conn:
        await conn.execute("SET LOCAL session_replication_role = replica")
        await conn.execute("UPDATE orders SET amount = amount + 1 WHERE order_id = %s", (order_id,))


async def test_f38_a_hold_that_cannot_be_let_go_holds_up_nobody_and_is_not_counted(stage: Stage) -> None:
    bad = await stage.book(table=0, with_checkout=False)
    good = await stage.book(table=1, with_checkout=False, email="other@example.com")
    await break_one(stage, bad.order_id)
    await stage.advance_to(good.expires_at + timedelta(seconds=1))
    assert await let_due_lapse(stage.system) == 1
    assert (await stage.status(bad), await stage.status(good)) == ("pending", "expired")
    assert await let_due_lapse(stage.system) == 0  # or the worker would run in circles


async def test_f23_a_page_is_shown_though_its_booking_cannot_be_settled(stage: Stage) -> None:
    placed = await stage.book()
    await stage.pay(placed.checkout_session_id)
    await stage.execute("ALTER TABLE payments ADD CONSTRAINT never CHECK (false) NOT VALID")
    assert await settle_booking(stage.system, placed.booking_id, "page") == "unknown"
    await stage.execute("ALTER TABLE payments DROP CONSTRAINT never")
    await stage.advance(seconds=3)
    assert await settle_booking(stage.system, placed.booking_id, "page") == "settled"
    assert await stage.status(placed) == "confirmed"


async def test_a_stored_error_quotes_no_row(stage: Stage) -> None:
    """PostgreSQL's details quote the row that it refused, whatever is in it."""
    placed = await stage.book()
    await stage.pay(placed.checkout_session_id)
    await stage.execute("ALTER TABLE messages ADD CONSTRAINT never CHECK (false) NOT VALID")
    await stage.deliver()
    await stage.advance(minutes=1)
    await stage.run_jobs()
    told = await stage.rows(
        """SELECT error FROM webhook_events WHERE error IS NOT NULL
           UNION ALL SELECT last_error FROM attempts WHERE last_error IS NOT NULL"""
    )
    assert len(told) >= 2
    for row in told:
        assert "never" in row["error"]
        assert "guest@example.com" not in row["error"]


async def test_f71_a_lease_that_ran_out_lets_two_look_at_once_and_nothing_happens_twice(stage: Stage) -> None:
    """A worker may need longer for its batch than a lease lasts. The order's lock makes that harmless."""
    placed = await stage.book()
    await stage.pay(placed.checkout_session_id)
    attempt = await stage.row("SELECT attempt_id FROM attempts")
    await asyncio.gather(*(look_at(stage.system, attempt["attempt_id"], "sweep") for _ in range(5)))
    story = await stage.story(placed)
    assert (len(story["payments"]), await stage.messages(placed)) == (1, ["booking_confirmed"])
    told = await stage.rows("SELECT what FROM timeline WHERE what IN ('paid', 'confirmed')")
    assert len(told) == 2
    await stage.assert_all_laws_hold()


async def test_f11_two_make_the_session_at_once_and_there_is_one(stage: Stage) -> None:
    placed = await stage.book(with_checkout=False)
    await stage.execute(
        """INSERT INTO attempts (attempt_id, order_id, tenant_id, kind, status, amount, currency, created_at, ask_at)
           SELECT 'att_1', order_id, tenant_id, 'checkout_session', 'planned', amount, currency, %s, %s FROM orders""",
        stage.clock.now(),
        stage.clock.now(),
    )
    answers = await asyncio.gather(
        *(look_at(stage.system, "att_1", "sweep") for _ in range(4)), return_exceptions=True
    )
    # Stripe lets one wait for the other, or tells it to come again: either is fine.
    assert all(not isinstance(one, BaseException) or isinstance(one, StripeUnavailable) for one in answers)
    assert len(await stage.ledger("checkout.session")) == 1
    assert await stage.status(placed) == "pending"
