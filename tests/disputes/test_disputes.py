"""Disputes: taken over as Stripe tells them, in whatever order, and no refund beside one."""

from __future__ import annotations

import pytest

from holdfast.bookings.cancelling import refund_preview, request_cancel
from holdfast.errors import RefundRefused
from holdfast.refunds.actions import refund_by_staff
from tests.support.system import DISPUTED_CARD, Stage


async def test_f47_a_dispute_is_known_and_a_person_is_told(stage: Stage) -> None:
    placed = await stage.book()
    await stage.pay(placed.checkout_session_id, DISPUTED_CARD)
    await stage.deliver()
    await (
        stage.settle_down()
    )  # its event may be handled before that of its payment: then it waits two seconds
    [dispute] = (await stage.story(placed))["disputes"]
    assert (dispute["status"], dispute["amount"]) == ("needs_response", placed.amount)
    assert (await stage.status(placed), await stage.tasks()) == ("confirmed", ["dispute"])
    row = await stage.row("SELECT evidence_due, reason FROM disputes")
    assert row["evidence_due"] is not None
    await stage.assert_all_laws_hold()


@pytest.mark.parametrize("outcome", ["won", "lost"])
@pytest.mark.parametrize("backwards", [False, True])
async def test_f47_f48_the_verdict_stays_whatever_comes_late(
    stage: Stage, outcome: str, backwards: bool
) -> None:
    placed = await stage.paid()
    dispute = await stage.dashboard("open_dispute", session=placed.checkout_session_id)
    await stage.dashboard("close_dispute", dispute=dispute["id"], outcome=outcome)
    events = [one for one in await stage.events() if one["id"] not in stage.delivered]
    await stage.deliver(reversed(events) if backwards else events)
    await stage.run_jobs()
    row = await stage.row("SELECT status, closed_at FROM disputes")
    assert (row["status"], row["closed_at"] is not None) == (outcome, True)
    await stage.deliver(await stage.events("charge.dispute.created"))
    await stage.run_jobs()
    assert (await stage.row("SELECT status FROM disputes"))["status"] == outcome
    assert await stage.rows("SELECT task_id FROM tasks WHERE done_at IS NULL") == []
    await stage.assert_all_laws_hold()


async def test_f49_a_disputed_payment_is_not_refunded_as_well(stage: Stage) -> None:
    placed = await stage.paid()
    dispute = await stage.dashboard("open_dispute", session=placed.checkout_session_id)
    await stage.deliver()
    await stage.run_jobs()
    with pytest.raises(RefundRefused, match="disputed"):
        await refund_by_staff(stage.system, placed.booking_id, 100, "staff:hf_x")
    await stage.dashboard("close_dispute", dispute=dispute["id"], outcome="won")
    await stage.deliver()
    await stage.run_jobs()
    assert (await refund_by_staff(stage.system, placed.booking_id, 100, "staff:hf_x"))["status"] == "owed"


async def test_f49_cancelling_a_disputed_booking_gives_nothing_back_beside_the_dispute(stage: Stage) -> None:
    """The bank has the money already; the preview says so before the guest says yes."""
    placed = await stage.paid()
    await stage.dashboard("open_dispute", session=placed.checkout_session_id)
    await stage.deliver()
    await stage.run_jobs()
    preview = await refund_preview(stage.system, placed.booking_id)
    assert (preview.amount, "disputed" in preview.why) == (0, True)
    result = await request_cancel(stage.system, placed.booking_id, "customer")
    assert (result.status, result.refund_amount, await stage.taken()) == ("cancelled", 0, 0)
    await stage.run_jobs()
    assert await stage.ledger("refund") == []
    assert await stage.tasks() == ["dispute"]
    await stage.assert_all_laws_hold()


async def told(stage: Stage, status: str) -> None:
    """An event of Stripe's that says another status of the dispute than the sandbox would."""
    [event] = await stage.events("charge.dispute.created")
    number = len(await stage.rows("SELECT FROM webhook_events"))
    changed = {**event, "id": f"evt_{number}", "type": "charge.dispute.updated"}
    changed["data"] = {"object": {**event["data"]["object"], "status": status}}
    await stage.deliver([changed])
    await stage.run_jobs()


async def test_f47_the_task_closes_when_it_is_answered_and_opens_when_an_inquiry_becomes_a_dispute(
    stage: Stage,
) -> None:
    placed = await stage.paid()
    await stage.dashboard("open_dispute", session=placed.checkout_session_id)
    [event] = await stage.events("charge.dispute.created")
    stage.delivered.update([event["id"]])
    inquiry = {**event["data"]["object"], "status": "warning_needs_response"}
    await stage.deliver([{**event, "id": "evt_inquiry", "data": {"object": inquiry}}])
    await stage.run_jobs()

    async def seen() -> tuple[str, bool, int]:
        row = await stage.row("SELECT status, closed_at FROM disputes")
        open_tasks = await stage.rows("SELECT kind FROM tasks WHERE kind = 'dispute' AND done_at IS NULL")
        return row["status"], row["closed_at"] is not None, len(open_tasks)

    assert await seen() == ("warning_needs_response", False, 1)
    await told(stage, "warning_under_review")
    assert await seen() == ("warning_under_review", False, 0)
    await told(stage, "warning_closed")
    assert await seen() == ("warning_closed", True, 0)
    await told(stage, "needs_response")
    assert await seen() == ("needs_response", False, 1)
    await told(stage, "warning_closed")  # late news
    assert await seen() == ("needs_response", False, 1)
    await told(stage, "under_review")
    assert await seen() == ("under_review", False, 0)
    await told(stage, "lost")
    assert await seen() == ("lost", True, 0)
    await stage.assert_all_laws_hold()
