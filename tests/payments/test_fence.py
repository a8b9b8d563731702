"""The expiry fence: a hold is let go only when Stripe has said that nobody can pay any more (rule 8)."""

from __future__ import annotations

from datetime import timedelta

import pytest

from holdfast.bookings.actions import hold, open_checkout
from holdfast.bookings.cancelling import request_cancel
from holdfast.errors import Conflict, Expired
from holdfast.payments.rules import ASK_AFTER
from tests.support.system import DECLINED_CARD, Stage


async def test_f15_f38_f39_the_hold_ends_at_stripe_first(stage: Stage) -> None:
    placed = await stage.book(2)
    await stage.advance_to(placed.expires_at)
    await stage.run_jobs()
    [session] = await stage.ledger("checkout.session")
    assert session["status"] == "expired"
    assert (await stage.status(placed), await stage.taken()) == ("expired", 0)
    assert await stage.pay(session["id"]) == 200, "the page says that it is over"
    with pytest.raises(Expired):
        await open_checkout(stage.system, placed.booking_id)
    await stage.deliver()
    await stage.assert_all_laws_hold()


async def test_f15_drill_5_stripe_away_the_hold_stays(stage: Stage) -> None:
    placed = await stage.book(2)
    await stage.stripe_away()
    await stage.advance_to(placed.expires_at + timedelta(minutes=5))
    await stage.run_jobs()
    assert (await stage.status(placed), await stage.taken()) == ("pending", 2)
    await stage.stripe_back()
    await stage.advance(minutes=1)
    await stage.run_jobs()
    assert (await stage.status(placed), await stage.taken()) == ("expired", 0)
    await stage.assert_all_laws_hold()


async def test_f15_who_paid_while_stripe_was_away_is_confirmed(stage: Stage) -> None:
    placed = await stage.book(2)
    await stage.faults(webhooks={"lose": 1})
    await stage.advance_to(placed.expires_at - timedelta(minutes=1))
    await stage.pay(placed.checkout_session_id)
    await stage.stripe_away()
    await stage.advance(minutes=10)
    await stage.run_jobs()
    assert await stage.status(placed) == "pending"
    await stage.stripe_back()
    await stage.advance(minutes=1)
    await stage.run_jobs()
    assert await stage.status(placed) == "confirmed"
    await stage.assert_all_laws_hold()


async def test_the_session_that_expired_by_itself(stage: Stage) -> None:
    placed = await stage.book(2)
    await stage.dashboard("expire", session=placed.checkout_session_id)
    await stage.deliver()
    await stage.run_jobs()
    assert await stage.status(placed) == "pending", "the hold has its time still: another page can be made"
    url = await open_checkout(stage.system, placed.booking_id)
    assert url != placed.checkout_url
    await stage.advance_to(placed.expires_at)
    await stage.run_jobs()
    assert (await stage.status(placed), await stage.taken()) == ("expired", 0)
    await stage.assert_all_laws_hold()


async def test_a_session_that_expired_by_stripes_clock_ends_the_hold_where_ours_is_behind(
    stage: Stage,
) -> None:
    placed = await stage.book(2)
    await stage.http.post("/control/clock", json={"advance_s": 7200})
    await stage.deliver()
    await stage.run_jobs()
    assert (await stage.status(placed), await stage.taken()) == ("expired", 0)
    await stage.assert_all_laws_hold()


async def test_a_hold_that_never_met_stripe_lapses_by_itself(stage: Stage) -> None:
    await stage.stripe_away()
    placed = await stage.book(2, with_checkout=False)
    await stage.advance_to(placed.expires_at - timedelta(seconds=1))
    await stage.run_jobs()
    assert await stage.status(placed) == "pending"
    await stage.advance(seconds=1)
    await stage.run_jobs()
    assert (await stage.status(placed), await stage.taken()) == ("expired", 0)
    await stage.stripe_back()
    await stage.assert_all_laws_hold()


async def test_f42_made_for_nobody_after_the_hold_was_over(stage: Stage) -> None:
    """Killed before Stripe heard of it, and the worker comes back an hour later: nothing that can be paid is left."""
    placed = await hold(stage.system, stage.wish())
    await stage.advance(hours=2)
    await stage.run_jobs()
    assert (await stage.status(placed), await stage.taken()) == ("expired", 0)
    assert {one["status"] for one in await stage.ledger("checkout.session")} <= {"expired"}
    await stage.assert_all_laws_hold()


async def test_an_open_attempt_is_asked_about_at_1_2_5_15_31_minutes(stage: Stage) -> None:
    await stage.execute("UPDATE offerings SET hold_minutes = 120")
    await stage.faults(webhooks={"lose": 1})
    await stage.book()
    began, asked = stage.clock.now(), []
    for _ in range(33):
        await stage.advance_to(stage.clock.now() + timedelta(minutes=1))
        before = (await stage.row("SELECT times_asked FROM attempts"))["times_asked"]
        await stage.run_jobs()
        if (await stage.row("SELECT times_asked FROM attempts"))["times_asked"] > before:
            asked.append(stage.clock.now() - began)
    assert tuple(asked) == ASK_AFTER
    await stage.assert_all_laws_hold()


async def test_f17_a_declined_card_keeps_the_hold_up_to_its_limit_only(stage: Stage) -> None:
    """Ten minutes more each time, and never beyond what was fixed when the hold was taken."""
    placed = await stage.book(2)
    ends, end = [], placed.expires_at
    for minutes in (10, 15, 8, 7):
        await stage.advance_to(stage.clock.now() + timedelta(minutes=minutes))
        assert await stage.pay(placed.checkout_session_id, DECLINED_CARD) == 402
        await stage.deliver()
        await stage.run_jobs()
        end = (await stage.row("SELECT expires_at FROM bookings"))["expires_at"]
        ends.append(round((end - placed.expires_at) / timedelta(minutes=1)))
    assert ends == [0, 5, 13, 15]
    await stage.advance_to(end)
    await stage.run_jobs()
    assert (await stage.status(placed), await stage.taken()) == ("expired", 0)
    await stage.assert_all_laws_hold()


async def test_f16_cancelled_before_anything_was_paid(stage: Stage) -> None:
    placed = await stage.book(2)
    result = await request_cancel(stage.system, placed.booking_id, "customer")
    assert (result.status, result.refund_amount, await stage.taken()) == ("cancelled", 0, 0)
    assert await stage.pay(placed.checkout_session_id) == 200
    again = await request_cancel(stage.system, placed.booking_id, "customer")
    assert again.status == "cancelled"
    with pytest.raises(Conflict):
        await open_checkout(stage.system, placed.booking_id)
    await stage.deliver()
    await stage.assert_all_laws_hold()


async def test_f16_drill_8_cancelled_while_it_is_being_paid(stage: Stage) -> None:
    """Stripe was quicker: the seats go back, and so does all of the money, once."""
    placed = await stage.book(2)
    await stage.pay(placed.checkout_session_id)
    result = await request_cancel(stage.system, placed.booking_id, "customer")
    assert (result.status, await stage.taken()) == ("cancelled", 0)
    await stage.deliver()
    await stage.run_jobs()
    await stage.deliver(await stage.events())
    await stage.run_jobs()
    [refund] = await stage.ledger("refund")
    assert refund["amount"] == placed.amount
    assert (await stage.story(placed))["refunds"][0]["reason"] == "cancelled"
    await stage.assert_all_laws_hold()


async def test_f16_cancelled_with_stripe_away(stage: Stage) -> None:
    """Nobody knows whether it is being paid: pending until that is known, then let go."""
    placed = await stage.book(2)
    await stage.stripe_away()
    result = await request_cancel(stage.system, placed.booking_id, "customer")
    assert (result.status, await stage.taken()) == ("pending", 2)
    await stage.stripe_back()
    await stage.advance(minutes=2)
    await stage.run_jobs()
    assert (await stage.status(placed), await stage.taken()) == ("cancelled", 0)
    await stage.assert_all_laws_hold()


async def test_drill_8_cancelled_and_paid_afterwards(stage: Stage) -> None:
    """The fence was climbed: the booking stays cancelled, the money goes back once."""
    placed = await stage.book(2)
    await stage.rows("SELECT release_claims(%s, %s)", placed.booking_id, stage.clock.now())
    await stage.execute("UPDATE bookings SET ended_at = %s", stage.clock.now())
    await stage.execute("UPDATE orders SET status = 'cancelled'")
    await stage.pay(placed.checkout_session_id)
    await stage.deliver()
    await stage.run_jobs()
    await stage.settle_down()
    assert await stage.status(placed) == "cancelled"
    assert [one["amount"] for one in await stage.ledger("refund")] == [placed.amount]
    assert await stage.messages(placed) == ["money_returned"]
    await stage.assert_all_laws_hold()
