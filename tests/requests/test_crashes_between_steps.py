"""The process dies between any two steps of an answer, and the next one finishes it without being asked: nobody answers twice,
nothing is captured twice, nobody's time is lost. Failure modes F04, F05, F10, F28, F30, F67.

The stories of tests/simulation die at every boundary with web, mail and clock around them; here is what each single step leaves
behind, and that the worker alone is enough.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import replace
from datetime import datetime
from functools import partial
from typing import Any

import pytest

from holdfast.bookings.cancelling import request_cancel
from holdfast.inbox.jobs import handle_due
from holdfast.requests.actions import PlacedRequest, continue_request
from holdfast.requests.answers import accept, decline
from holdfast.requests.expiry import decline_overdue
from holdfast.requests.moving import reschedule
from holdfast.system import System
from tests.requests.racing import assert_one_decision, let_it_end
from tests.simulation.fate import Crash, Fate, under
from tests.support.appointments import Diary, diary
from tests.support.system import Stage

MOST_STEPS = 20
Act = Callable[..., Awaitable[Any]]


async def yes(system: System, expert: Diary, placed: PlacedRequest) -> None:
    await accept(system, placed.booking_id, "provider:1")


async def no(system: System, expert: Diary, placed: PlacedRequest) -> None:
    await decline(system, placed.booking_id, "provider:1", "I am away.")


async def taken_back(system: System, expert: Diary, placed: PlacedRequest) -> None:
    await request_cancel(system, placed.booking_id, "customer")


async def silence(system: System, expert: Diary, placed: PlacedRequest) -> None:
    await decline_overdue(system)


async def moved(system: System, expert: Diary, placed: PlacedRequest) -> None:
    await reschedule(system, placed.booking_id, expert.at(hour=14), "customer")


COMES_TO: dict[Act, str] = {
    yes: "confirmed",
    no: "declined",
    taken_back: "cancelled",
    silence: "declined",
    moved: "requested",
}


@pytest.fixture
async def expert(stage: Stage) -> Diary:
    return await diary(stage)


async def died_at(step: int, stage: Stage, act: Callable[[System], Awaitable[Any]]) -> bool:
    """Whether there was such a step to die at."""
    fate = Fate(step)
    try:
        await fate.watch(act(under(fate, stage.system)))
    except Crash:
        return True
    return False


@pytest.mark.parametrize("act", COMES_TO, ids=lambda act: act.__name__)
async def test_the_worker_finishes_what_was_begun(stage: Stage, expert: Diary, act: Act) -> None:
    """Everybody dies after their first step, after their second, …: after the first the answer is committed, and stands."""
    service = await expert.service(respond_minutes=60)
    died = True
    step = 0
    while died:
        step += 1
        assert step < MOST_STEPS
        placed = await expert.requested(
            service, expert.at(days=2 + step, hour=11), email=f"fan{step}@example.com"
        )
        if act is silence:
            await stage.advance(minutes=61)
        died = await died_at(step, stage, partial(act, expert=expert, placed=placed))
        await let_it_end(stage)
        await stage.advance(minutes=2)  # the lease of the dead is over
        await let_it_end(stage)
        assert await assert_one_decision(stage, expert, placed) == COMES_TO[act]
        if act is moved:
            assert (await expert.order(placed))["times_rescheduled"] == 1
            await stage.advance(minutes=61)  # unanswered, so that the time is free for the next one
            await let_it_end(stage)
    assert step > 1
    await stage.assert_all_laws_hold()


async def test_asking_is_finished_or_let_go(stage: Stage, expert: Diary) -> None:
    """Committed without an intent; the intent made and its answer lost; saved and its client gone."""
    service = await expert.service()
    wanted = 0
    died = True
    while died:
        wanted += 1
        assert wanted < MOST_STEPS
        starts_at = expert.at(days=2 + wanted)
        before = await stage.rows("SELECT booking_id FROM bookings")
        died = await died_at(
            wanted, stage, partial(ask_on, expert=expert, service=service, starts_at=starts_at)
        )
        known = {row["booking_id"] for row in before}
        [booking_id] = [
            row["booking_id"]
            for row in await stage.rows("SELECT booking_id FROM bookings")
            if row["booking_id"] not in known
        ]
        again = await continue_request(stage.system, booking_id)
        assert again is not None
        assert again.client_secret
        assert len(await stage.ledger("payment_intent")) == wanted  # one each, never two
        if wanted % 2:
            assert await expert.authorise(again)
            await let_it_end(stage)
            assert await assert_one_decision(stage, expert, again) == "requested"
        else:
            await stage.advance(minutes=46)
            await let_it_end(stage)
            assert await assert_one_decision(stage, expert, again) == "expired"
    assert wanted > 2
    await stage.assert_all_laws_hold()


async def ask_on(system: System, expert: Diary, service: int, starts_at: datetime) -> None:
    await replace(expert, stage=replace(expert.stage, system=system)).ask(service, starts_at)


async def test_the_news_is_stored_and_the_process_dies_before_it_is_handled(
    stage: Stage, expert: Diary
) -> None:
    """F04, F05, F06: the row is the queue; whoever comes next handles it, once."""
    for step in range(1, 4):
        placed = await expert.ask(
            await expert.service(), expert.at(days=2 + step), email=f"fan{step}@example.com"
        )
        assert await expert.authorise(placed)
        await stage.deliver()
        assert await expert.status(placed) == "pending"
        await died_at(step, stage, handle_due)
        await stage.advance(minutes=2)
        await let_it_end(stage)
        assert await assert_one_decision(stage, expert, placed) == "requested"
        assert (await expert.messages(placed)).count("request_to_answer") == 1
    await stage.assert_all_laws_hold()
