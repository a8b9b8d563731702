"""What happened to a request at Stripe, told in every order, any number of times, or not at all: one end. Failure modes F02, F05,
F08, F17, F28, F46, F61, F62, F63, F64.

Each example runs in a transaction that is rolled back, so that all examples of a story start from the same rows.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from holdfast.bookings.cancelling import request_cancel
from holdfast.payments.settle import fetch
from holdfast.requests.actions import PlacedRequest
from holdfast.requests.answers import accept, decline
from holdfast.stripe_gateway.evidence import from_event
from tests.payments.test_permutations import Story, told
from tests.requests.racing import assert_one_decision, let_it_end
from tests.support.appointments import Diary, diary
from tests.support.system import DECLINED_CARD, Row, Stage

EXAMPLES = 6
Play = Callable[[Stage, Diary, PlacedRequest], Awaitable[None]]


async def authorised(stage: Stage, expert: Diary, placed: PlacedRequest) -> None:
    assert await expert.authorise(placed)


async def declined_then_authorised(stage: Stage, expert: Diary, placed: PlacedRequest) -> None:
    """F17: a card that fails is no end."""
    assert not await expert.authorise(placed, DECLINED_CARD)
    assert await expert.authorise(placed)


async def captured_in_the_dashboard(stage: Stage, expert: Diary, placed: PlacedRequest) -> None:
    await authorised(stage, expert, placed)
    await stage.dashboard("capture", payment=placed.payment_intent_id)


async def captured_and_refunded_in_the_dashboard(stage: Stage, expert: Diary, placed: PlacedRequest) -> None:
    await captured_in_the_dashboard(stage, expert, placed)
    await stage.dashboard("refund", payment=placed.payment_intent_id)


async def captured_in_part_in_the_dashboard(stage: Stage, expert: Diary, placed: PlacedRequest) -> None:
    """F29: another sum than was agreed; a person decides."""
    await authorised(stage, expert, placed)
    await stage.dashboard("capture", payment=placed.payment_intent_id, amount=1000)


async def cancelled_in_the_dashboard(stage: Stage, expert: Diary, placed: PlacedRequest) -> None:
    await authorised(stage, expert, placed)
    await stage.dashboard("cancel", payment=placed.payment_intent_id)
    await stage.advance(minutes=46)


async def lapsed(stage: Stage, expert: Diary, placed: PlacedRequest) -> None:
    await authorised(stage, expert, placed)
    await stage.dashboard("lapse", payment=placed.payment_intent_id)
    await stage.advance(minutes=46)


AT_STRIPE: list[Play] = [
    authorised,
    declined_then_authorised,
    captured_in_the_dashboard,
    captured_and_refunded_in_the_dashboard,
    captured_in_part_in_the_dashboard,
    cancelled_in_the_dashboard,
    lapsed,
]


async def accepted(stage: Stage, expert: Diary, placed: PlacedRequest) -> None:
    assert (await accept(stage.system, placed.booking_id, "provider:1")).status == "confirmed"


async def refused(stage: Stage, expert: Diary, placed: PlacedRequest) -> None:
    assert (await decline(stage.system, placed.booking_id, "provider:1")).status == "declined"


async def taken_back(stage: Stage, expert: Diary, placed: PlacedRequest) -> None:
    assert (await request_cancel(stage.system, placed.booking_id, "customer")).status == "cancelled"


async def accepted_then_cancelled(stage: Stage, expert: Diary, placed: PlacedRequest) -> None:
    await accepted(stage, expert, placed)
    assert (await request_cancel(stage.system, placed.booking_id, "customer")).refund_amount == 5000


WITH_US: list[Play] = [accepted, refused, taken_back, accepted_then_cancelled]


async def story_of(stage: Stage, placed: PlacedRequest) -> Story:
    attempt = await stage.row("SELECT attempt_id FROM attempts")
    events = [from_event(event) for event in await stage.events()]
    fetched = await fetch(stage.system, attempt["attempt_id"])
    known = [one for one in events if one.objects]
    return Story(stage.system, placed.order_id, attempt["attempt_id"], known, fetched)


def in_order(story: Story, picks: list[int]) -> list[Any]:
    """The events drawn come first, as they were drawn and as often, then whatever is missing."""
    drawn = [pick % len(story.events) for pick in picks]
    order = drawn + [number for number in range(len(story.events)) if number not in drawn]
    return [story.events[number] for number in order]


def without_mail(state: Row) -> Row:
    """Who hears first that it is over was never asked to wait: what is said on the way depends on the order, the end does not.
    When the hold was let go is the moment of the telling in each."""
    return {name: value for name, value in state.items() if name != "messages"}


@pytest.fixture(params=AT_STRIPE, ids=lambda play: play.__name__)
async def untold(request: pytest.FixtureRequest, stage: Stage) -> Story:
    """It happened at Stripe alone; we have heard nothing of it."""
    expert = await diary(stage)
    placed = await expert.ask(await expert.service(), expert.at())
    await request.param(stage, expert, placed)
    return await story_of(stage, placed)


by_picks = given(picks=st.lists(st.integers(0, 50), max_size=12))
some = settings(max_examples=EXAMPLES, suppress_health_check=[HealthCheck.function_scoped_fixture])


@by_picks
@example(picks=list(range(30, 0, -1)))
@some
async def test_heard_in_any_order_and_any_number_of_times(untold: Story, picks: list[int]) -> None:
    expected = await told(untold, untold.events)
    assert without_mail(await told(untold, in_order(untold, picks))) == without_mail(expected)


async def test_hearing_nothing_and_asking_comes_to_the_same(untold: Story) -> None:
    """F02: the sweep finds what the webhooks would have told."""
    heard = without_mail(await told(untold, untold.events))
    asked = without_mail(await told(untold, [untold.fetched]))
    for one in (heard, asked):
        for attempt in one["attempts"]:
            del attempt["evidence"]
    assert heard == asked


@pytest.fixture(params=WITH_US, ids=lambda play: play.__name__)
async def known(request: pytest.FixtureRequest, stage: Stage) -> Story:
    """It was answered here, and everything was carried out; its webhooks come now."""
    expert = await diary(stage)
    placed = await expert.requested(await expert.service(), expert.at())
    await request.param(stage, expert, placed)
    await stage.run_jobs()
    return await story_of(stage, placed)


@by_picks
@example(picks=list(range(30, 0, -1)))
@some
async def test_news_of_what_we_did_ourselves_changes_nothing(known: Story, picks: list[int]) -> None:
    before = await told(known, [])
    after = await told(known, in_order(known, picks))
    for one in (before, after):
        for attempt in one["attempts"]:
            del attempt["evidence"]
    assert after == before


@pytest.mark.parametrize("twice", [False, True], ids=["once", "twice"])
@pytest.mark.parametrize("newest_first", [False, True], ids=["in order", "newest first"])
async def test_webhooks_come_late_twice_and_turned_round(
    stage: Stage, twice: bool, newest_first: bool
) -> None:
    """Through the door that they come in by: one life of a request, all its webhooks after its end."""
    expert = await diary(stage)
    placed = await expert.ask(await expert.service(), expert.at())
    assert await expert.authorise(placed)
    await stage.advance(minutes=2)
    await stage.run_jobs()
    assert await expert.status(placed) == "requested"
    await accepted(stage, expert, placed)
    events = await stage.events()
    if newest_first:
        events.reverse()
    received = [await stage.deliver(events) for _ in range(2 if twice else 1)]
    assert {one.duplicate for one in received[-1]} == {twice}
    await let_it_end(stage)
    assert await assert_one_decision(stage, expert, placed) == "confirmed"
    assert await expert.messages(placed) == [
        "booking_confirmed",
        "provider_booking_confirmed",
        "request_received",
        "request_to_answer",
    ]
    await stage.assert_all_laws_hold()
