"""Whoever answers, withdraws or lets the deadline pass at the same instant: exactly one wins, whichever comes first, and the
other reads why. Failure modes F09, F15, F16, F28, F30, F66, F71.

Each pair is forced in both orders, then run truly at once, again and again.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from datetime import timedelta
from functools import partial

import pytest

from holdfast.bookings.cancelling import request_cancel
from holdfast.errors import Conflict, HoldfastError
from holdfast.ids import action_token
from holdfast.requests.actions import PlacedRequest
from holdfast.requests.answers import accept, decline
from holdfast.requests.cron import clean_up
from holdfast.requests.expiry import decline_overdue
from holdfast.requests.links import use_link
from holdfast.system import System
from tests.requests.racing import (
    Racer,
    all_at_once,
    assert_one_decision,
    let_it_end,
    one_after_the_other,
    raised,
    whose_clock_says,
)
from tests.support.appointments import Diary, diary
from tests.support.system import SECRET_KEY, Stage

ROUNDS = 4
Way = Callable[[System, PlacedRequest], Racer]


@pytest.fixture
async def expert(stage: Stage) -> Diary:
    return await diary(stage)


def accepting(system: System, placed: PlacedRequest) -> Racer:
    return partial(accept, system, placed.booking_id, "provider:1")


def declining(system: System, placed: PlacedRequest) -> Racer:
    return partial(decline, system, placed.booking_id, "provider:1", "Not this time.")


def withdrawing(system: System, placed: PlacedRequest) -> Racer:
    return partial(request_cancel, system, placed.booking_id, "customer")


# What the booking comes to when the first of two wins, by who the first is.
COMES_TO: dict[Way, str] = {accepting: "confirmed", declining: "declined", withdrawing: "cancelled"}


@pytest.mark.parametrize(
    ("first", "second"),
    [(one, other) for one in COMES_TO for other in COMES_TO if one is not other],
    ids=lambda way: way.__name__,
)
async def test_the_first_wins_and_the_second_reads_why(
    stage: Stage, expert: Diary, first: Way, second: Way
) -> None:
    placed = await expert.requested(await expert.service(), expert.at())
    won, lost = await one_after_the_other(
        stage, placed, first(stage.system, placed), second(stage.system, placed)
    )
    assert not isinstance(won, BaseException), won
    if first is declining and second is withdrawing:
        # It is over, which is what the customer wanted: the answer says how it stands.
        assert (lost.status, lost.refund_amount) == ("declined", 0)
    else:
        assert isinstance(lost, Conflict)
        assert len(lost.detail) > 20
        assert lost.detail.endswith(".")
    await let_it_end(stage)
    assert await assert_one_decision(stage, expert, placed) == COMES_TO[first]
    await stage.assert_all_laws_hold()


@pytest.mark.parametrize(
    ("one", "other"),
    [(accepting, declining), (accepting, withdrawing), (declining, withdrawing), (accepting, accepting)],
    ids=lambda way: way.__name__,
)
async def test_truly_at_once(stage: Stage, expert: Diary, one: Way, other: Way) -> None:
    service = await expert.service()
    for number in range(ROUNDS):
        placed = await expert.requested(service, expert.at(hour=9 + number), email=f"fan{number}@example.com")
        racers = [one(stage.system, placed), other(stage.system, placed)]
        results = await all_at_once(*(racers if number % 2 else reversed(racers)))
        assert len(raised(results, Conflict)) <= 1
        await let_it_end(stage)
        status = await assert_one_decision(stage, expert, placed)
        # A customer may take back what was accepted and captured a moment ago: then it is cancelled, and paid back.
        assert status in {COMES_TO[one], COMES_TO[other]}
    await stage.assert_all_laws_hold()


# ── the deadline ──


async def at_the_deadline(expert: Diary) -> int:
    return await expert.service(respond_minutes=60)


async def test_a_yes_in_the_last_moment_beats_the_deadline(stage: Stage, expert: Diary) -> None:
    """A microsecond before it the provider says yes; another process, whose clock says that it is over, stands behind."""
    placed = await expert.requested(await at_the_deadline(expert), expert.at())
    respond_by = (await expert.order(placed))["respond_by"]
    await stage.advance_to(respond_by)
    in_time = whose_clock_says(stage, respond_by - timedelta(microseconds=1))
    answer, declined = await one_after_the_other(
        stage, placed, accepting(in_time, placed), partial(decline_overdue, stage.system)
    )
    assert (answer.status, answer.accepted, declined) == ("confirmed", True, 0)
    await let_it_end(stage)
    assert await assert_one_decision(stage, expert, placed) == "confirmed"
    await stage.assert_all_laws_hold()


async def test_the_deadline_beats_a_yes_that_stands_behind_it(stage: Stage, expert: Diary) -> None:
    """The yes was sent in time by its own clock, and is refused all the same: the request is over."""
    placed = await expert.requested(await at_the_deadline(expert), expert.at())
    respond_by = (await expert.order(placed))["respond_by"]
    await stage.advance_to(respond_by)
    in_time = whose_clock_says(stage, respond_by - timedelta(microseconds=1))
    declined, answer = await one_after_the_other(
        stage, placed, partial(decline_overdue, stage.system), accepting(in_time, placed)
    )
    assert declined == 1
    assert isinstance(answer, Conflict)
    assert answer.extra["booking_status"] == "declined"
    await let_it_end(stage)
    assert await assert_one_decision(stage, expert, placed) == "declined"
    await stage.assert_all_laws_hold()


@pytest.mark.parametrize(
    ("before", "wins"),
    [(timedelta(microseconds=1), True), (timedelta(0), False), (-timedelta(seconds=1), False)],
)
async def test_the_deadline_is_a_moment(stage: Stage, expert: Diary, before: timedelta, wins: bool) -> None:
    """At the very moment it is over, for the provider as for the worker: there is no moment that belongs to both or to
    neither."""
    placed = await expert.requested(await at_the_deadline(expert), expert.at())
    respond_by = (await expert.order(placed))["respond_by"]
    await stage.advance_to(respond_by - before)
    results = await all_at_once(accepting(stage.system, placed))
    assert len(raised(results, Conflict)) == (0 if wins else 1)
    assert await decline_overdue(stage.system) == (0 if wins else 1)
    await let_it_end(stage)
    assert await assert_one_decision(stage, expert, placed) == ("confirmed" if wins else "declined")
    await stage.assert_all_laws_hold()


async def test_yes_and_deadline_truly_at_once(stage: Stage, expert: Diary) -> None:
    service = await at_the_deadline(expert)
    for number in range(ROUNDS):
        placed = await expert.requested(service, expert.at(hour=9 + number), email=f"fan{number}@example.com")
        respond_by = (await expert.order(placed))["respond_by"]
        await stage.advance_to(respond_by)
        in_time = whose_clock_says(stage, respond_by - timedelta(microseconds=1))
        yes, declined = await all_at_once(accepting(in_time, placed), partial(decline_overdue, stage.system))
        await let_it_end(stage)
        status = await assert_one_decision(stage, expert, placed)
        assert (status, isinstance(yes, Conflict)) == (
            ("declined", True) if declined else ("confirmed", False)
        )
    await stage.assert_all_laws_hold()


async def test_workers_and_cron_decline_it_once(stage: Stage, expert: Diary) -> None:
    """F69, F71: whoever runs cron beside a worker, or two workers, tells nobody twice."""
    service = await at_the_deadline(expert)
    requests = [
        await expert.requested(service, expert.at(hour=hour), email=f"fan{hour}@example.com")
        for hour in (9, 10, 11)
    ]
    await stage.advance(minutes=61)
    results = await asyncio.gather(
        decline_overdue(stage.system),
        decline_overdue(stage.system),
        clean_up(stage.system),
        clean_up(stage.system),
    )
    assert results[0] + results[1] + results[2].declined + results[3].declined == 3
    await let_it_end(stage)
    for placed in requests:
        assert await assert_one_decision(stage, expert, placed) == "declined"
        assert (await expert.messages(placed)).count("request_declined") == 1
    await stage.assert_all_laws_hold()


# ── the link in the message ──


async def token_of(stage: Stage, placed: PlacedRequest) -> str:
    row = await stage.row("SELECT link_id FROM action_links WHERE order_id = %s", placed.order_id)
    return action_token(SECRET_KEY, row["link_id"])


@pytest.mark.parametrize("answers", [("accept", "accept"), ("accept", "decline"), ("decline", "accept")])
async def test_a_link_used_twice_at_once_is_used_once(
    stage: Stage, expert: Diary, answers: tuple[str, str]
) -> None:
    placed = await expert.requested(await expert.service(), expert.at())
    token = await token_of(stage, placed)
    first, second = await one_after_the_other(
        stage, placed, *(partial(use_link, stage.system, token, answer) for answer in answers)
    )
    assert first.accepted is (answers[0] == "accept")
    assert isinstance(second, Conflict)
    used_for = "accepted" if answers[0] == "accept" else "declined"
    assert second.extra["used_for"] == used_for
    link = await stage.row("SELECT used_for, used_at IS NOT NULL AS used FROM action_links")
    assert link == {"used_for": used_for, "used": True}
    await let_it_end(stage)
    assert await assert_one_decision(stage, expert, placed) == first.status
    await stage.assert_all_laws_hold()


async def test_the_link_the_page_and_the_deadline_at_once(stage: Stage, expert: Diary) -> None:
    service = await at_the_deadline(expert)
    for number in range(ROUNDS):
        placed = await expert.requested(service, expert.at(hour=9 + number), email=f"fan{number}@example.com")
        token = await token_of(stage, placed)
        respond_by = (await expert.order(placed))["respond_by"]
        await stage.advance_to(respond_by)
        in_time = whose_clock_says(stage, respond_by - timedelta(microseconds=1))
        results = await all_at_once(
            partial(use_link, in_time, token, "accept"),
            declining(in_time, placed),
            partial(decline_overdue, stage.system),
            withdrawing(in_time, placed),
        )
        assert raised(results, HoldfastError)  # somebody came too late, and was told
        await let_it_end(stage)
        await assert_one_decision(stage, expert, placed)
    await stage.assert_all_laws_hold()
