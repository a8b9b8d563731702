"""Whoever takes, moves or gives up a time of one provider at the same instant: the diary never holds two, and whoever loses is
told what is still free. Failure modes F37, F66."""

from __future__ import annotations

import asyncio
from functools import partial

import pytest

from holdfast.bookings.cancelling import request_cancel
from holdfast.errors import Conflict, SlotTaken
from holdfast.requests.actions import PlacedRequest
from holdfast.requests.answers import accept
from holdfast.requests.moving import reschedule
from tests.requests.racing import (
    Racer,
    all_at_once,
    assert_one_decision,
    let_it_end,
    one_after_the_other,
    one_after_the_other_at_the_diary,
    raised,
)
from tests.support.appointments import Diary, diary
from tests.support.system import Stage

ROUNDS = 4


@pytest.fixture
async def expert(stage: Stage) -> Diary:
    return await diary(stage)


async def confirmed(stage: Stage, expert: Diary, placed: PlacedRequest) -> PlacedRequest:
    assert (await accept(stage.system, placed.booking_id, "provider:1")).status == "confirmed"
    await stage.deliver()
    await stage.run_jobs()
    return placed


# ── two yeses to overlapping proposals ──


@pytest.mark.parametrize("turned", [False, True])
async def test_the_second_of_two_overlapping_proposals_is_refused(
    stage: Stage, expert: Diary, turned: bool
) -> None:
    service = await expert.service("proposed", duration_minutes=60)
    two = [
        await expert.requested(service, expert.at(hour=19), email="one@example.com"),
        await expert.requested(service, expert.at(hour=19, minute=30), email="other@example.com"),
    ]
    if turned:
        two.reverse()
    yes, no = await one_after_the_other_at_the_diary(
        stage,
        expert.provider_id,
        *(partial(accept, stage.system, one.booking_id, "provider:1") for one in two),
    )
    assert (yes.status, yes.accepted) == ("confirmed", True)
    assert isinstance(no, SlotTaken)
    assert await expert.slots_taken() == 1
    await let_it_end(stage)
    assert [await assert_one_decision(stage, expert, one) for one in two] == ["confirmed", "requested"]
    # The one that was refused waits on: the yes is void, and the provider may still decline it.
    assert (await expert.order(two[1]))["accepted_at"] is None
    await stage.assert_all_laws_hold()


async def test_three_overlapping_yeses_truly_at_once(stage: Stage, expert: Diary) -> None:
    service = await expert.service("proposed", duration_minutes=60, buffer_after_minutes=30)
    for number in range(ROUNDS):
        three = [
            await expert.requested(
                service, expert.at(days=3 + number, hour=18, minute=minute), email=f"fan{minute}@example.com"
            )
            for minute in (0, 30, 45)
        ]
        results = await all_at_once(
            *(partial(accept, stage.system, one.booking_id, "provider:1") for one in three)
        )
        assert len(raised(results, SlotTaken)) == 2
        assert await expert.slots_taken() == number + 1
    await let_it_end(stage)
    await stage.assert_all_laws_hold()


# ── moving ──


async def test_moved_and_cancelled(stage: Stage, expert: Diary) -> None:
    service = await expert.service()
    placed = await confirmed(stage, expert, await expert.requested(service, expert.at(hour=10)))
    moved, cancelled = await one_after_the_other(
        stage,
        placed,
        lambda: reschedule(stage.system, placed.booking_id, expert.at(hour=14), "customer"),
        lambda: request_cancel(stage.system, placed.booking_id, "customer"),
    )
    assert (moved.starts_at, cancelled.status) == (expert.at(hour=14), "cancelled")
    assert await expert.slots_taken() == 0
    await let_it_end(stage)
    assert await assert_one_decision(stage, expert, placed) == "cancelled"
    await stage.assert_all_laws_hold()


async def test_cancelled_and_moved(stage: Stage, expert: Diary) -> None:
    service = await expert.service()
    placed = await confirmed(stage, expert, await expert.requested(service, expert.at(hour=10)))
    cancelled, moved = await one_after_the_other(
        stage,
        placed,
        lambda: request_cancel(stage.system, placed.booking_id, "customer"),
        lambda: reschedule(stage.system, placed.booking_id, expert.at(hour=14), "customer"),
    )
    assert cancelled.status == "cancelled"
    assert isinstance(moved, Conflict)
    assert "cancelled" in moved.detail
    assert await expert.slots_taken() == 0
    await let_it_end(stage)
    assert await assert_one_decision(stage, expert, placed) == "cancelled"
    await stage.assert_all_laws_hold()


@pytest.mark.parametrize("accepted_first", [True, False])
async def test_moved_and_accepted(stage: Stage, expert: Diary, accepted_first: bool) -> None:
    """Accepted first: it cannot be moved while it is being charged. Moved first: the yes is to the new time."""
    placed = await expert.requested(await expert.service(), expert.at(hour=10))
    moving = partial(reschedule, stage.system, placed.booking_id, expert.at(hour=14), "customer")
    accepting = partial(accept, stage.system, placed.booking_id, "provider:1")
    racers: list[Racer] = [accepting, moving] if accepted_first else [moving, accepting]
    results = await one_after_the_other(stage, placed, *racers)
    assert len(raised(results, Conflict)) == (1 if accepted_first else 0)
    await let_it_end(stage)
    assert await assert_one_decision(stage, expert, placed) == "confirmed"
    order = await expert.order(placed)
    assert order["starts_at"] == expert.at(hour=10 if accepted_first else 14)
    slot = await stage.row("SELECT lower(during) AS starts_at FROM units WHERE kind = 'slot' AND taken > 0")
    assert slot["starts_at"] == order["starts_at"]
    await stage.assert_all_laws_hold()


async def test_two_moved_onto_one_slot(stage: Stage, expert: Diary) -> None:
    """The diary's lock decides; the one who comes second keeps the time that it had."""
    service = await expert.service()
    one = await expert.requested(service, expert.at(hour=10), email="one@example.com")
    other = await expert.requested(service, expert.at(hour=11), email="other@example.com")
    moved, refused = await one_after_the_other_at_the_diary(
        stage,
        expert.provider_id,
        lambda: reschedule(stage.system, one.booking_id, expert.at(hour=14), "customer"),
        lambda: reschedule(stage.system, other.booking_id, expert.at(hour=14), "customer"),
    )
    assert moved.starts_at == expert.at(hour=14)
    assert isinstance(refused, SlotTaken)
    free = [slot["starts_at"] for slot in refused.extra["free"]]
    assert free
    assert expert.at(hour=14).isoformat().replace("+00:00", "Z") not in free
    assert await expert.slots_taken() == 2
    assert (await expert.order(other))["starts_at"] == expert.at(hour=11)
    assert (await expert.order(other))["times_rescheduled"] == 0
    await let_it_end(stage)
    await stage.assert_all_laws_hold()


async def test_moved_onto_what_is_being_asked_for(stage: Stage, expert: Diary) -> None:
    service = await expert.service()
    held = await expert.requested(service, expert.at(hour=10))
    for number in range(ROUNDS):
        day = 5 + number
        wanted = expert.at(days=day, hour=12)
        results = await asyncio.gather(
            reschedule(stage.system, held.booking_id, wanted, "staff:key"),
            expert.ask(service, wanted, email=f"new{number}@example.com"),
            return_exceptions=True,
        )
        [_] = raised(list(results), SlotTaken)
        taken = await stage.rows("SELECT 1 FROM units WHERE taken > 0 AND during @> %s::timestamptz", wanted)
        assert len(taken) == 1
        await stage.execute("UPDATE orders SET times_rescheduled = 0 WHERE order_id = %s", held.order_id)
    await let_it_end(stage)
    await stage.assert_all_laws_hold()


async def test_two_change_places_at_once(stage: Stage, expert: Diary) -> None:
    """Each wants the time that the other has: both are refused, or one after the other; nobody waits for ever, nobody loses
    the time that it had."""
    service = await expert.service()
    one = await expert.requested(service, expert.at(hour=10), email="one@example.com")
    other = await expert.requested(service, expert.at(hour=11), email="other@example.com")
    for _ in range(ROUNDS):
        results = await all_at_once(
            lambda: reschedule(stage.system, one.booking_id, expert.at(hour=11), "customer"),
            lambda: reschedule(stage.system, other.booking_id, expert.at(hour=10), "customer"),
        )
        assert len(raised(results, SlotTaken)) == 2
    assert await expert.slots_taken() == 2
    await let_it_end(stage)
    await stage.assert_all_laws_hold()


async def test_one_booking_moved_twice_at_once(stage: Stage, expert: Diary) -> None:
    """Pressed in two tabs: one time after the other, counted twice, and one slot in the end."""
    placed = await expert.requested(await expert.service(most_reschedules=1), expert.at(hour=10))
    first, second = await one_after_the_other(
        stage,
        placed,
        lambda: reschedule(stage.system, placed.booking_id, expert.at(hour=12), "customer"),
        lambda: reschedule(stage.system, placed.booking_id, expert.at(hour=15), "customer"),
    )
    assert first.moves_left == 0
    assert isinstance(second, Conflict)
    assert "most" in second.detail
    assert await expert.slots_taken() == 1
    await let_it_end(stage)
    assert await assert_one_decision(stage, expert, placed) == "requested"
    await stage.assert_all_laws_hold()
