"""Asking Stripe for what is owed: not beside a dispute, not for ever at one pace, and nothing that is known is forgotten."""

from __future__ import annotations

from datetime import timedelta

import pytest

from holdfast.bookings.actions import Placed
from holdfast.bookings.cancelling import refund_preview, request_cancel
from holdfast.errors import ValidationFailed
from holdfast.refunds import actions, store
from holdfast.refunds.actions import refund_by_staff
from holdfast.refunds.jobs import ask_for_due
from tests.support.system import Stage


async def owed(stage: Stage, amount: int | None = None) -> Placed:
    placed = await stage.paid()
    await refund_by_staff(stage.system, placed.booking_id, amount, "staff:hf_test")
    return placed


async def test_f49_what_was_owed_before_the_dispute_is_not_asked_for_beside_it(stage: Stage) -> None:
    placed = await owed(stage)
    await stage.dashboard("open_dispute", session=placed.checkout_session_id)
    await stage.deliver()
    await stage.run_jobs()
    assert await stage.ledger("refund") == []
    [refund] = (await stage.story(placed))["refunds"]
    assert refund["status"] == "failed"
    [task] = await stage.rows("SELECT sentence FROM tasks WHERE kind = 'refund_failed'")
    assert "disputed" in task["sentence"]
    assert (
        "in another way" not in task["sentence"]
    )  # paid by hand beside a lost dispute it would be lost twice


async def test_a_payment_that_stripe_does_not_know_is_asked_about_ever_more_slowly(stage: Stage) -> None:
    """A key of another account, say: not a reason to give the refund up, nor to ask every minute for ever."""
    await owed(stage)
    await stage.execute("UPDATE payments SET payment_intent_id = 'pi_of_another_account'")
    for _ in range(9):
        assert await ask_for_due(stage.system) == 1
        await stage.advance(hours=1)
    assert await ask_for_due(stage.system) == 1
    row = await stage.row("SELECT status, try_at, failure FROM refunds")
    assert row["status"] == "asked"
    assert row["try_at"] - stage.clock.now() == timedelta(hours=1)
    assert "does not know" in row["failure"]


async def test_a_late_refusal_does_not_undo_what_is_known(stage: Stage) -> None:
    """One worker was slow; meanwhile the refund's own news came by webhook."""
    placed = await owed(stage, 1000)
    async with stage.system.database.transaction() as conn:
        [claimed] = await store.claim_due(conn, stage.clock.now(), timedelta(minutes=1), 1)
    await stage.execute("UPDATE refunds SET status = 'succeeded', settled_at = %s", stage.clock.now())
    await stage.dashboard("refund", session=placed.checkout_session_id)  # so Stripe refuses ours
    await actions.ask_for(stage.system, claimed)
    assert (await stage.row("SELECT status FROM refunds"))["status"] == "succeeded"


async def test_f35_a_cancellation_after_a_part_went_back_is_of_the_rest(stage: Stage) -> None:
    """Half of a booking was given back by hand; cancelled at half, half of what is left follows, and not all of it."""
    placed = await owed(stage, 8500)
    await stage.run_jobs()
    await stage.execute(
        "UPDATE offerings SET starts_at = %s, ends_at = %s",
        stage.clock.now() + timedelta(hours=3),
        stage.clock.now() + timedelta(hours=6),
    )
    assert (await refund_preview(stage.system, placed.booking_id)).amount == 4250
    await request_cancel(stage.system, placed.booking_id, "customer")
    await stage.run_jobs()
    assert sum(one["amount"] for one in await stage.ledger("refund")) == 8500 + 4250
    await stage.deliver()
    await stage.assert_all_laws_hold()


async def test_the_mail_of_a_cancellation_says_why_nothing_goes_back(stage: Stage) -> None:
    """Everything had gone back before: not that it was cancelled too late."""
    placed = await owed(stage)
    await stage.run_jobs()
    await request_cancel(stage.system, placed.booking_id, "customer")
    await stage.run_jobs()
    row = await stage.row("SELECT body_text FROM messages WHERE kind = 'booking_cancelled'")
    assert "All of it went back already." in row["body_text"]
    assert "this late" not in row["body_text"]
    assert len(await stage.ledger("refund")) == 1


async def test_f44_the_dashboards_refund_of_a_cancelled_booking_asks_nobody_to_cancel_it(
    stage: Stage,
) -> None:
    """Cancelled too late for a refund, and then given back as a kindness."""
    placed = await stage.paid()
    await stage.execute(
        "UPDATE offerings SET starts_at = %s, ends_at = %s",
        stage.clock.now() + timedelta(hours=1),
        stage.clock.now() + timedelta(hours=4),
    )
    await request_cancel(stage.system, placed.booking_id, "customer")
    await stage.dashboard("refund", session=placed.checkout_session_id)
    await stage.deliver()
    await stage.run_jobs()
    assert [one["reason"] for one in (await stage.story(placed))["refunds"]] == ["outside"]
    assert await stage.tasks() == []
    await stage.assert_all_laws_hold()


async def test_f22_a_sum_that_cannot_be_paid_in_its_currency_is_refused_at_once(stage: Stage) -> None:
    """Stripe takes dinars in tens of their smallest unit; asked for later, it would end as a task to pay by hand."""
    placed = await stage.paid()
    await stage.execute("UPDATE payments SET currency = 'KWD'")
    with pytest.raises(ValidationFailed):
        await refund_by_staff(stage.system, placed.booking_id, 105, "staff:hf_test")
    assert (await refund_by_staff(stage.system, placed.booking_id, 110, "staff:hf_test"))["amount"] == 110
