"""Stripe times out, fails or is overrun at the very call that a request depends on, before or after the effect: when it is back,
the worker brings everything to its end by itself, once. Failure modes F10, F11, F15, F28, F30, F33, F39, F72."""

from __future__ import annotations

import pytest

from holdfast.bookings.cancelling import request_cancel
from holdfast.errors import StripeUnavailable
from holdfast.requests.actions import PlacedRequest, continue_request
from holdfast.requests.answers import accept, decline
from holdfast.requests.expiry import decline_overdue
from tests.requests.racing import assert_one_decision, let_it_end
from tests.support.appointments import Diary, diary
from tests.support.system import Stage

FAULTS = ("timeout_before", "timeout_after", "error_500", "error_500_after", "error_429")
# Making an intent, and looking whether it was made; capturing one, and closing it.
MAKING, CHANGING = "/v1/payment_intents", "POST /v1/payment_intents/*"
by_fault = pytest.mark.parametrize("fault", FAULTS)


@pytest.fixture
async def expert(stage: Stage) -> Diary:
    return await diary(stage)


async def trouble(stage: Stage, fault: str, *only: str) -> None:
    """Always, at these calls. A sandbox that hangs up at once spares the test the waiting: the gateway sees the same."""
    await stage.faults(api={fault: 1, "timeout_s": 0, "only": list(only)})


async def over(stage: Stage, fault: str) -> None:
    await stage.faults(api={fault: 0, "only": []})


async def work_for_an_hour(stage: Stage) -> None:
    for minutes in (1, 2, 5, 15, 40):
        await stage.advance(minutes=minutes)
        await stage.run_jobs()


async def intents(stage: Stage) -> list[str]:
    return [one["status"] for one in await stage.ledger("payment_intent")]


@by_fault
async def test_the_intent_is_made(stage: Stage, expert: Diary, fault: str) -> None:
    """The customer is told that the booking is kept, goes on with it, and there is one intent, whatever was lost on the way."""
    await trouble(stage, fault, MAKING)
    with pytest.raises(StripeUnavailable) as away:
        await expert.ask(await expert.service(), expert.at())
    assert "kept" in away.value.detail
    booking_id = away.value.extra["booking_id"]
    assert await expert.slots_taken() == 1
    await stage.advance(minutes=2)
    await stage.run_jobs()  # in vain
    await over(stage, fault)
    placed = await continue_request(stage.system, booking_id)
    assert placed is not None
    assert placed.client_secret
    assert len(await intents(stage)) == 1
    assert await expert.authorise(placed)
    await let_it_end(stage)
    assert await assert_one_decision(stage, expert, placed) == "requested"
    await stage.assert_all_laws_hold()


@by_fault
async def test_the_intent_that_nobody_goes_on_with_is_closed(stage: Stage, expert: Diary, fault: str) -> None:
    """The customer has gone away: the hold ends through the fence, and nothing at Stripe can still be paid."""
    await trouble(stage, fault, MAKING)
    with pytest.raises(StripeUnavailable):
        await expert.ask(await expert.service(hold_minutes=10), expert.at())
    await stage.advance(minutes=4)
    await stage.run_jobs()
    await over(stage, fault)
    await work_for_an_hour(stage)
    await let_it_end(stage)
    row = await stage.row("SELECT status FROM bookings")
    assert row["status"] == "expired"
    assert set(await intents(stage)) <= {"canceled"}
    assert await expert.slots_taken() == 0
    await stage.assert_all_laws_hold()


@by_fault
async def test_it_is_captured_once(stage: Stage, expert: Diary, fault: str) -> None:
    """The yes is kept, however often it is said again; the money is taken once."""
    placed = await expert.requested(await expert.service(), expert.at())
    await trouble(stage, fault, CHANGING)
    for _ in range(2):
        answer = await accept(stage.system, placed.booking_id, "provider:1")
        assert answer.accepted
        await stage.advance(minutes=2)
        await stage.run_jobs()
    await over(stage, fault)
    await work_for_an_hour(stage)
    await let_it_end(stage)
    assert await assert_one_decision(stage, expert, placed) == "confirmed"
    assert len(await stage.events("payment_intent.succeeded")) == 1
    assert (await expert.messages(placed)).count("booking_confirmed") == 1
    assert await stage.tasks() == []
    await stage.assert_all_laws_hold()


async def decline_it(stage: Stage, placed: PlacedRequest) -> None:
    await decline(stage.system, placed.booking_id, "provider:1")


async def take_it_back(stage: Stage, placed: PlacedRequest) -> None:
    await request_cancel(stage.system, placed.booking_id, "customer")


async def say_nothing(stage: Stage, placed: PlacedRequest) -> None:
    await stage.advance(minutes=61)
    assert await decline_overdue(stage.system) == 1


@by_fault
@pytest.mark.parametrize("end", [decline_it, take_it_back, say_nothing], ids=lambda end: end.__name__)
async def test_it_is_let_go(stage: Stage, expert: Diary, fault: str, end: object) -> None:
    """The answer holds at once, and the time is free at once; the authorisation follows when Stripe is back."""
    placed = await expert.requested(await expert.service(respond_minutes=60), expert.at())
    await trouble(stage, fault, CHANGING)
    await end(stage, placed)  # type: ignore[operator]
    assert await expert.slots_taken() == 0
    await stage.run_jobs()
    await over(stage, fault)
    await work_for_an_hour(stage)
    await let_it_end(stage)
    status = await assert_one_decision(stage, expert, placed)
    assert status == ("cancelled" if end is take_it_back else "declined")
    assert await expert.intent(placed) == "canceled"
    assert len(await stage.events("payment_intent.canceled")) == 1
    await stage.assert_all_laws_hold()


@by_fault
async def test_a_hold_is_kept_until_stripe_has_closed_it(stage: Stage, expert: Diary, fault: str) -> None:
    """F15, rule 8: while Stripe does not say that nobody can pay any more, the time is not given to others."""
    placed = await expert.ask(await expert.service(hold_minutes=10), expert.at())
    await trouble(stage, fault, CHANGING, "GET /v1/*")
    await stage.advance(minutes=20)
    await stage.run_jobs()
    assert await expert.status(placed) == "pending"
    assert await expert.slots_taken() == 1
    await over(stage, fault)
    await work_for_an_hour(stage)
    await let_it_end(stage)
    assert await assert_one_decision(stage, expert, placed) == "expired"
    assert await expert.intent(placed) == "canceled"
    assert await expert.slots_taken() == 0
    await stage.assert_all_laws_hold()


async def test_the_card_was_authorised_while_stripe_could_not_be_asked(stage: Stage, expert: Diary) -> None:
    """And its webhooks were lost: found by the sweep, long after the hold's end, and the provider is asked."""
    placed = await expert.ask(await expert.service(hold_minutes=10), expert.at())
    assert await expert.authorise(placed)
    await stage.stripe_away()
    await stage.advance(minutes=30)
    await stage.run_jobs()
    assert await expert.status(placed) == "pending"
    await stage.stripe_back()
    await work_for_an_hour(stage)
    assert await expert.status(placed) == "requested"
    await let_it_end(stage)
    await stage.assert_all_laws_hold()
