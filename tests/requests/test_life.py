"""The life of a request: asked, authorised, answered, captured; and every way it ends without a yes."""

from __future__ import annotations

from datetime import timedelta

import pytest

from holdfast.bookings.cancelling import cancel_by_provider, request_cancel
from holdfast.errors import Conflict, NotFound, SlotTaken, ValidationFailed
from holdfast.requests.answers import accept, decline
from holdfast.requests.lists import requests_of
from tests.support.appointments import Diary, diary
from tests.support.system import DECLINED_CARD, Stage


@pytest.fixture
async def expert(stage: Stage) -> Diary:
    return await diary(stage)


async def test_asked_authorised_accepted_captured(stage: Stage, expert: Diary) -> None:
    """F01 is closed: the booking is there before the money, and the provider sees the request."""
    service = await expert.service()
    placed = await expert.ask(service, expert.at(), details="About bridges")
    assert (placed.status, await expert.status(placed)) == ("pending", "pending")
    assert await expert.slots_taken() == 1
    assert await requests_of(stage.system, expert.provider_id) != []
    assert await expert.authorise(placed)
    await stage.deliver()
    await stage.run_jobs()
    [shown] = await requests_of(stage.system, expert.provider_id)
    assert (shown["status"], shown["group"], shown["details"]) == ("requested", "new", "About bridges")
    assert await stage.rows("SELECT 1 FROM payments") == []  # nothing was charged

    answer = await accept(stage.system, placed.booking_id, "provider:1", expert.provider_id)
    assert (answer.status, answer.accepted) == ("confirmed", True)
    assert await expert.intent(placed) == "succeeded"
    await stage.deliver()
    await stage.run_jobs()
    assert await expert.messages(placed) == [
        "booking_confirmed", "provider_booking_confirmed", "request_received", "request_to_answer",
    ]  # fmt: skip
    [capture] = await stage.rows("SELECT action, status, amount FROM captures")
    assert capture == {"action": "capture", "status": "done", "amount": 5000}
    await stage.assert_all_laws_hold()


async def test_declined_lets_the_authorisation_go(stage: Stage, expert: Diary) -> None:
    placed = await expert.requested(await expert.service(), expert.at())
    answer = await decline(stage.system, placed.booking_id, "provider:1", "I am away.", expert.provider_id)
    assert (answer.status, answer.accepted) == ("declined", False)
    assert await expert.intent(placed) == "canceled"
    assert await expert.slots_taken() == 0
    await stage.deliver()
    await stage.run_jobs()
    assert "request_declined" in await expert.messages(placed)
    assert (await expert.order(placed))["decline_reason"] == "I am away."
    await stage.assert_all_laws_hold()


async def test_silence_declines_by_itself_after_a_reminder(stage: Stage, expert: Diary) -> None:
    placed = await expert.requested(await expert.service(respond_minutes=240), expert.at())
    await stage.advance(hours=3, minutes=1)
    await stage.run_jobs()
    assert (await expert.messages(placed)).count("request_reminder") == 1
    await stage.advance(minutes=58, seconds=58)
    await stage.run_jobs()
    assert await expert.status(placed) == "requested"
    await stage.advance(minutes=1)
    await stage.run_jobs()
    assert await expert.status(placed) == "declined"
    await stage.settle_down()
    assert await expert.intent(placed) == "canceled"
    assert (await expert.messages(placed)).count("request_reminder") == 1
    await stage.assert_all_laws_hold()


async def test_the_customer_takes_it_back(stage: Stage, expert: Diary) -> None:
    placed = await expert.requested(await expert.service(), expert.at())
    done = await request_cancel(stage.system, placed.booking_id, "customer")
    assert (done.status, done.refund_amount) == ("cancelled", 0)
    await stage.settle_down()
    assert await expert.intent(placed) == "canceled"
    assert "request_withdrawn" in await expert.messages(placed)
    assert await expert.slots_taken() == 0
    await stage.assert_all_laws_hold()


async def test_a_hold_without_a_card_ends_by_itself_through_the_fence(stage: Stage, expert: Diary) -> None:
    placed = await expert.ask(await expert.service(hold_minutes=10), expert.at())
    assert not await expert.authorise(placed, DECLINED_CARD)
    await stage.advance(minutes=31)
    await stage.settle_down()
    assert await expert.status(placed) == "expired"
    assert await expert.intent(placed) == "canceled"
    assert await expert.slots_taken() == 0
    await stage.assert_all_laws_hold()


async def test_authorised_in_time_with_every_webhook_lost(stage: Stage, expert: Diary) -> None:
    """F02: the sweep finds it; the deadline counts from then, and the slot was never lost."""
    placed = await expert.ask(await expert.service(hold_minutes=2), expert.at())
    assert await expert.authorise(placed)
    await stage.advance(minutes=5)
    await stage.run_jobs()
    assert await expert.status(placed) == "requested"
    await stage.assert_all_laws_hold()


async def test_stripe_away_when_it_is_accepted(stage: Stage, expert: Diary) -> None:
    """Rule 7: the yes is kept, the capture follows when Stripe is back."""
    placed = await expert.requested(await expert.service(), expert.at())
    await stage.stripe_away()
    answer = await accept(stage.system, placed.booking_id, "provider:1")
    assert (answer.status, answer.accepted) == ("requested", True)
    with pytest.raises(Conflict):
        await request_cancel(stage.system, placed.booking_id, "customer")
    with pytest.raises(Conflict):
        await decline(stage.system, placed.booking_id, "provider:1")
    await stage.stripe_back()
    await stage.advance(minutes=2)
    await stage.run_jobs()
    assert await expert.status(placed) == "confirmed"
    await stage.deliver()
    await stage.run_jobs()
    await stage.assert_all_laws_hold()


async def test_the_authorisation_is_gone_when_it_is_accepted(stage: Stage, expert: Diary) -> None:
    placed = await expert.requested(await expert.service(), expert.at())
    await stage.dashboard("cancel", payment=placed.payment_intent_id)
    answer = await accept(stage.system, placed.booking_id, "provider:1")
    assert (answer.status, answer.accepted) == ("expired", False)
    await stage.deliver()
    await stage.run_jobs()
    messages = await expert.messages(placed)
    assert {"authorisation_lost", "provider_authorisation_lost"} <= set(messages)
    assert await expert.slots_taken() == 0
    [capture] = await stage.rows("SELECT status FROM captures")
    assert capture["status"] == "failed"
    await stage.assert_all_laws_hold()


async def test_captured_in_the_dashboard_is_a_yes(stage: Stage, expert: Diary) -> None:
    placed = await expert.requested(await expert.service(), expert.at())
    await stage.dashboard("capture", payment=placed.payment_intent_id)
    await stage.deliver()
    await stage.run_jobs()
    assert await expert.status(placed) == "confirmed"
    assert (await expert.order(placed))["accepted_at"] is not None
    await stage.assert_all_laws_hold()


async def test_captured_in_the_dashboard_after_it_was_declined_goes_back(stage: Stage, expert: Diary) -> None:
    placed = await expert.requested(await expert.service(), expert.at())
    await stage.dashboard("capture", payment=placed.payment_intent_id)
    await decline(stage.system, placed.booking_id, "provider:1")
    await stage.settle_down()
    assert await expert.status(placed) == "declined"
    [refund] = await stage.rows("SELECT amount, status FROM refunds")
    assert refund == {"amount": 5000, "status": "succeeded"}
    await stage.assert_all_laws_hold()


async def test_what_costs_nothing_is_asked_at_once(stage: Stage, expert: Diary) -> None:
    service = await expert.service(price=0)
    placed = await expert.ask(service, expert.at())
    assert (placed.status, placed.payment_intent_id) == ("requested", None)
    answer = await accept(stage.system, placed.booking_id, "provider:1")
    assert answer.status == "confirmed"
    other = await expert.ask(service, expert.at(hour=12), email="other@example.com")
    await stage.advance(days=2, hours=1)
    await stage.run_jobs()
    assert await expert.status(other) == "declined"
    await stage.assert_all_laws_hold()


async def test_a_proposed_time_is_taken_when_it_is_accepted(stage: Stage, expert: Diary) -> None:
    """Accepting two requests for overlapping times: the second is refused."""
    service = await expert.service("proposed", duration_minutes=60)
    first = await expert.requested(service, expert.at(hour=20))
    second = await expert.requested(service, expert.at(hour=20, minute=30), email="other@example.com")
    assert await expert.slots_taken() == 0
    assert (await accept(stage.system, first.booking_id, "provider:1")).status == "confirmed"
    with pytest.raises(SlotTaken):
        await accept(stage.system, second.booking_id, "provider:1")
    assert await expert.status(second) == "requested"
    assert (await decline(stage.system, second.booking_id, "provider:1")).status == "declined"
    await stage.settle_down()
    await stage.assert_all_laws_hold()


async def test_without_a_time(stage: Stage, expert: Diary) -> None:
    service = await expert.service("none")
    placed = await expert.requested(service)
    assert (await accept(stage.system, placed.booking_id, "provider:1")).status == "confirmed"
    with pytest.raises(ValidationFailed):
        await expert.ask(service, expert.at())
    await stage.settle_down()
    await stage.assert_all_laws_hold()


async def test_the_deadline_never_reaches_the_day_before_the_authorisation_lapses(
    stage: Stage, expert: Diary
) -> None:
    placed = await expert.requested(await expert.service("none", respond_minutes=8640))
    order = await expert.order(placed)
    attempt = await stage.row("SELECT capture_before FROM attempts WHERE order_id = %s", placed.order_id)
    assert order["respond_by"] <= attempt["capture_before"] - timedelta(hours=24)
    await stage.assert_all_laws_hold()


async def test_the_provider_takes_an_accepted_booking_back(stage: Stage, expert: Diary) -> None:
    """All of it goes back, however short the notice; before the answer it is declined instead."""
    placed = await expert.requested(await expert.service(lead_minutes=0), expert.at(hour=14))
    with pytest.raises(Conflict):
        await cancel_by_provider(stage.system, placed.booking_id, "provider:1", expert.provider_id)
    await accept(stage.system, placed.booking_id, "provider:1")
    await stage.deliver()
    await stage.advance_to(expert.at(hour=13, minute=30) - timedelta(seconds=1))
    with pytest.raises(NotFound):
        await cancel_by_provider(stage.system, placed.booking_id, "provider:9", expert.provider_id + 1)
    done = await cancel_by_provider(
        stage.system, placed.booking_id, "provider:1", expert.provider_id, "I am ill."
    )
    assert (done.status, done.refund_amount) == ("cancelled", 5000)
    assert await expert.slots_taken() == 0
    await stage.settle_down()
    [refund] = await stage.rows("SELECT amount, status FROM refunds")
    assert refund == {"amount": 5000, "status": "succeeded"}
    [told] = await stage.rows("SELECT params FROM messages WHERE kind = 'booking_cancelled'")
    assert told["params"]["why"].endswith("I am ill.")
    again = await cancel_by_provider(stage.system, placed.booking_id, "provider:1", expert.provider_id)
    assert (again.status, again.refund_amount) == ("cancelled", 5000)
    await stage.assert_all_laws_hold()
