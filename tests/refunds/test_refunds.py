"""Money that goes back: once, never more than was taken, and whoever still waits for it is not forgotten."""

from __future__ import annotations

import asyncio
from datetime import timedelta

import pytest

from holdfast.bookings.cancelling import refund_preview, request_cancel
from holdfast.errors import Conflict, NotFound, RefundRefused, ValidationFailed
from holdfast.payments.recover import recover
from holdfast.refunds.actions import refund_by_staff
from holdfast.refunds.jobs import ask_for_due
from tests.support.system import REFUND_FAILS_CARD, Stage


async def starts_in(stage: Stage, **notice: float) -> None:
    await stage.execute(
        "UPDATE offerings SET starts_at = %s, ends_at = %s",
        stage.clock.now() + timedelta(**notice),
        stage.clock.now() + timedelta(days=99),
    )


@pytest.mark.parametrize(
    ("notice", "share"),
    [({"hours": 24}, 1.0), ({"hours": 23}, 0.5), ({"hours": 2}, 0.5), ({"hours": 1}, 0.0)],
)
async def test_cancelling_gives_back_what_its_notice_gives(
    stage: Stage, notice: dict[str, float], share: float
) -> None:
    placed = await stage.paid(seats=2)
    await starts_in(stage, **notice)
    preview = await refund_preview(stage.system, placed.booking_id)
    result = await request_cancel(stage.system, placed.booking_id, "customer")
    assert preview.amount == result.refund_amount == placed.amount * share
    assert (result.status, await stage.taken()) == ("cancelled", 0)
    again = await request_cancel(stage.system, placed.booking_id, "customer")
    assert (again.status, again.refund_amount) == ("cancelled", result.refund_amount), (
        "whoever asks again hears the same"
    )
    await stage.run_jobs()
    await stage.deliver()
    await stage.run_jobs()
    assert sum(one["amount"] for one in await stage.ledger("refund")) == placed.amount * share
    assert {one["status"] for one in (await stage.story(placed))["refunds"]} <= {"succeeded"}
    assert "booking_cancelled" in await stage.messages(placed)
    await stage.assert_all_laws_hold()


async def test_drill_10_every_seat_of_a_booking_goes_back_in_one(stage: Stage) -> None:
    pie, _ = stage.event.item_ids
    units = [(unit, 2) for unit in stage.event.unit_ids]
    placed = await stage.paid(units=units, menu=[(pie, 6)])
    await request_cancel(stage.system, placed.booking_id, "customer")
    await stage.run_jobs()
    [refund] = await stage.ledger("refund")
    assert refund["amount"] == placed.amount == 6 * 8500 + 6 * 1850
    assert [await stage.taken(table) for table in range(3)] == [0, 0, 0]
    await stage.assert_all_laws_hold()


async def test_what_has_started_is_cancelled_by_staff_only(stage: Stage) -> None:
    placed = await stage.paid()
    await starts_in(stage, hours=-1)
    with pytest.raises(Conflict):
        await request_cancel(stage.system, placed.booking_id, "customer")
    assert (await request_cancel(stage.system, placed.booking_id, "staff:hf_x")).status == "cancelled"
    with pytest.raises(NotFound):
        await request_cancel(stage.system, "bkg_unknown", "customer")
    await stage.assert_all_laws_hold()


async def test_f35_ten_refunds_at_once_never_exceed_the_payment(stage: Stage) -> None:
    placed = await stage.paid(seats=2)
    answers = await asyncio.gather(
        *(refund_by_staff(stage.system, placed.booking_id, 6000, "staff:hf_x") for _ in range(10)),
        return_exceptions=True,
    )
    assert sum(isinstance(answer, RefundRefused) for answer in answers) == 8
    rest = await refund_by_staff(stage.system, placed.booking_id, None, "staff:hf_x")
    assert rest["amount"] == placed.amount - 12000
    with pytest.raises(RefundRefused):
        await refund_by_staff(stage.system, placed.booking_id, None, "staff:hf_x")
    await stage.run_jobs()
    assert sum(one["amount"] for one in await stage.ledger("refund")) == placed.amount
    await stage.assert_all_laws_hold()


@pytest.mark.parametrize("amount", [0, -1])
async def test_a_refund_of_nothing_is_refused(stage: Stage, amount: int) -> None:
    placed = await stage.paid()
    with pytest.raises(ValidationFailed):
        await refund_by_staff(stage.system, placed.booking_id, amount, "staff:hf_x")


async def test_what_was_not_paid_cannot_be_refunded(stage: Stage) -> None:
    placed = await stage.book()
    with pytest.raises(Conflict):
        await refund_by_staff(stage.system, placed.booking_id, None, "staff:hf_x")
    with pytest.raises(NotFound):
        await refund_by_staff(stage.system, "bkg_unknown", None, "staff:hf_x")


async def test_f35_stripe_away_it_is_asked_for_again_until_it_is_made(stage: Stage) -> None:
    """Also when Stripe keeps its own error under the key: then what its list does not show is asked for under a new one."""
    placed = await stage.paid()
    await refund_by_staff(stage.system, placed.booking_id, 5000, "staff:hf_x")
    await stage.stripe_away()
    await ask_for_due(stage.system)
    row = await stage.row("SELECT status, failure, tries FROM refunds")
    assert (row["status"], row["tries"]) == ("asked", 1)
    await stage.stripe_back()
    for _ in range(3):
        await stage.advance(minutes=2)
        await stage.run_jobs()
    assert [one["amount"] for one in await stage.ledger("refund")] == [5000]
    assert (await stage.row("SELECT status FROM refunds"))["status"] == "succeeded"
    await stage.assert_all_laws_hold()


@pytest.mark.parametrize("hours", [0, 30], ids=["f35_within_the_keys_life", "f34_long_after"])
async def test_f34_f35_made_at_stripe_and_the_answer_was_lost(stage: Stage, hours: int) -> None:
    """The process died between Stripe's effect and ours: asked for again, it is one refund."""
    placed = await stage.paid()
    await refund_by_staff(stage.system, placed.booking_id, 5000, "staff:hf_x")
    row = await stage.row("SELECT r.*, p.payment_intent_id FROM refunds r JOIN payments p USING (payment_id)")
    await stage.system.stripe.create_refund(
        {
            "payment_intent": row["payment_intent_id"],
            "amount": row["amount"],
            "metadata": {"refund": row["refund_id"], "app_instance": stage.system.instance_id},
        },
        f"refund:{row['refund_id']}:1",
    )
    await stage.advance(hours=hours)
    await stage.run_jobs()
    assert [one["amount"] for one in await stage.ledger("refund")] == [5000]
    assert (await stage.row("SELECT status FROM refunds"))["status"] == "succeeded"
    await stage.deliver()
    await stage.assert_all_laws_hold()


async def test_f44_f46_a_refund_in_the_dashboard_is_taken_over(stage: Stage) -> None:
    """A part of it leaves the booking alone; all of it leaves the booking alone too, and a person is asked."""
    placed = await stage.paid(seats=2)
    await stage.dashboard("refund", session=placed.checkout_session_id, amount=7000)
    await stage.deliver()
    await stage.run_jobs()
    assert (await stage.status(placed), await stage.tasks()) == ("confirmed", [])
    assert [(one["amount"], one["reason"]) for one in (await stage.story(placed))["refunds"]] == [
        (7000, "outside")
    ]
    with pytest.raises(RefundRefused) as refused:
        await refund_by_staff(stage.system, placed.booking_id, placed.amount, "staff:hf_x")
    assert refused.value.extra["left"] == placed.amount - 7000
    await stage.dashboard("refund", session=placed.checkout_session_id)
    await stage.deliver()
    await stage.run_jobs()
    assert (await stage.status(placed), await stage.tasks()) == ("confirmed", ["refunded_outside"])
    assert await stage.messages(placed) == ["booking_confirmed"]
    await stage.assert_all_laws_hold()


async def test_f35_f44_staff_and_dashboard_at_the_same_time(stage: Stage) -> None:
    """Ours gives way when somebody gave the money back at Stripe before we could ask."""
    placed = await stage.paid(seats=2)
    await request_cancel(stage.system, placed.booking_id, "customer")
    await stage.dashboard("refund", session=placed.checkout_session_id)
    await stage.deliver()
    await stage.run_jobs()
    assert sum(one["amount"] for one in await stage.ledger("refund")) == placed.amount
    live = [one["amount"] for one in (await stage.story(placed))["refunds"] if one["status"] != "failed"]
    assert live == [placed.amount]
    await stage.settle_down()
    await stage.assert_all_laws_hold()


@pytest.mark.parametrize("told", [True, False], ids=["webhook", "looked_up"])
async def test_f45_a_refund_that_fails_days_later(stage: Stage, told: bool) -> None:
    """The guest was told that it is on its way, and the bank sent it back: a person finds another way."""
    placed = await stage.book()
    await stage.pay(placed.checkout_session_id, REFUND_FAILS_CARD)
    await stage.deliver()
    await stage.run_jobs()
    await request_cancel(stage.system, placed.booking_id, "customer")
    await stage.run_jobs()
    await stage.deliver()
    await stage.run_jobs()
    assert (await stage.story(placed))["refunds"][0]["status"] == "succeeded"
    await stage.advance(days=11)
    if told:
        await stage.deliver()
        await stage.run_jobs()
    else:
        await recover(stage.system, str(placed.checkout_session_id), "operator")
    assert (await stage.story(placed))["refunds"][0]["status"] == "failed"
    assert await stage.tasks() == ["refund_failed"]
    await stage.deliver(await stage.events())
    await stage.run_jobs()
    assert await stage.tasks() == ["refund_failed"]
    await stage.assert_all_laws_hold()


async def test_f45_a_failed_refund_of_the_dashboard_is_a_task_in_any_order(stage: Stage) -> None:
    placed = await stage.paid()
    refund = await stage.dashboard("refund", session=placed.checkout_session_id)
    await stage.dashboard("fail_refund", refund=refund["id"])
    events = [one for one in await stage.events() if one["id"] not in stage.delivered]
    await stage.deliver(reversed(events))
    await stage.run_jobs()
    assert [(one["status"], one["reason"]) for one in (await stage.story(placed))["refunds"]] == [
        ("failed", "outside")
    ]
    assert "refund_failed" in await stage.tasks()
    await stage.assert_all_laws_hold()
