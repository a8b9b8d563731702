"""A hundred people on one slot, services of one provider in each other's way, and whoever goes past the application: the diary
holds one at a time, because PostgreSQL refuses the second. Failure modes F36, F37, F66."""

from __future__ import annotations

import asyncio
from collections import Counter
from datetime import datetime, timedelta
from functools import partial
from typing import Any

import psycopg
import pytest

from holdfast.errors import SlotTaken, ValidationFailed
from holdfast.providers.rules import read_slot_id
from holdfast.requests.actions import PlacedRequest
from holdfast.requests.answers import accept
from tests.requests.racing import all_at_once, let_it_end, raised
from tests.support.appointments import Diary, diary
from tests.support.system import Row, Stage

CROWD = 100


@pytest.fixture
async def expert(stage: Stage) -> Diary:
    return await diary(stage)


async def crowd(expert: Diary, wishes: list[tuple[int, datetime]]) -> list[Any]:
    return await all_at_once(
        *(
            partial(expert.ask, service, starts_at, email=f"student{number}@example.com")
            for number, (service, starts_at) in enumerate(wishes)
        )
    )


def won(results: list[Any]) -> list[PlacedRequest]:
    return [one for one in results if isinstance(one, PlacedRequest)]


async def assert_nothing_overlaps(stage: Stage, expert: Diary) -> None:
    overlaps = await stage.rows(
        """SELECT a.unit_id, b.unit_id FROM units a JOIN units b USING (provider_id)
            WHERE a.unit_id < b.unit_id AND a.taken > 0 AND b.taken > 0 AND a.blocked && b.blocked AND provider_id = %s""",
        expert.provider_id,
    )
    assert overlaps == []


async def test_a_hundred_people_on_one_slot(stage: Stage, expert: Diary) -> None:
    service = await expert.service()
    wanted = expert.at(hour=12)
    results = await crowd(expert, [(service, wanted)] * CROWD)
    [placed] = won(results)
    refused = raised(results, SlotTaken)
    assert len(refused) == CROWD - 1
    for one in refused:
        assert (one.status, one.code) == (409, "slot_taken")
        free = [read_slot_id(slot["slot_id"]) for slot in one.extra["free"]]
        starts = [starts_at for _, starts_at in free]
        assert {offering for offering, _ in free} == {service}
        # The five nearest, in the order of their beginning; the one that is gone is not among them.
        assert starts == sorted(starts)
        assert set(starts) <= {wanted + timedelta(minutes=30 * step) for step in (-3, -2, -1, 1, 2, 3)}
        assert len(starts) == 5
    rows = await stage.rows("SELECT booking_id FROM bookings JOIN orders USING (order_id)")
    assert rows == [{"booking_id": placed.booking_id}]  # who lost has left nothing behind
    assert len(await stage.rows("SELECT 1 FROM customers")) == 1
    assert await expert.authorise(placed)
    await let_it_end(stage)
    assert (await accept(stage.system, placed.booking_id, "provider:1")).status == "confirmed"
    await let_it_end(stage)
    await stage.assert_all_laws_hold()


async def test_who_lost_gets_what_was_named(stage: Stage, expert: Diary) -> None:
    """What the refusal offers can be had."""
    service = await expert.service()
    await expert.ask(service, expert.at(hour=12))
    with pytest.raises(SlotTaken) as refused:
        await expert.ask(service, expert.at(hour=12), email="second@example.com")
    _, starts_at = read_slot_id(refused.value.extra["free"][0]["slot_id"])
    placed = await expert.ask(service, starts_at, email="second@example.com")
    assert (await expert.order(placed))["starts_at"] == starts_at
    await stage.assert_all_laws_hold()


async def test_services_of_one_provider_share_one_diary(stage: Stage, expert: Diary) -> None:
    """Half hours and hours with buffers, asked for at the same moment all over one morning."""
    short = await expert.service(buffer_after_minutes=15)
    long = await expert.service(duration_minutes=60, buffer_before_minutes=30, buffer_after_minutes=30)
    times = [expert.at(hour=9) + timedelta(minutes=30 * step) for step in range(8)]
    results = await crowd(expert, [(service, at) for at in times for service in (short, long)] * 2)
    placed = won(results)
    assert len(placed) == await expert.slots_taken()
    assert placed
    refused = [one for one in results if isinstance(one, BaseException)]
    assert {type(one) for one in refused} <= {SlotTaken, ValidationFailed}
    await assert_nothing_overlaps(stage, expert)
    # Whatever was refused is in the way of something that was taken.
    for number, one in enumerate(results):
        if isinstance(one, BaseException):
            service, at = [(service, at) for at in times for service in (short, long)][number % 16]
            assert isinstance(one, SlotTaken), (service, at, one)
    await stage.assert_all_laws_hold()


async def test_providers_do_not_wait_for_each_other(stage: Stage) -> None:
    """The same hour with twenty providers: everybody gets theirs."""
    experts = [await diary(stage, name=f"Expert{number} (sample)") for number in range(20)]
    services = [await one.service() for one in experts]
    results = await asyncio.gather(
        *(
            one.ask(service, one.at(hour=12), email=f"student{one.provider_id}@example.com")
            for one, service in zip(experts, services, strict=True)
        )
    )
    assert Counter(one.status for one in results) == {"pending": 20}
    await stage.assert_all_laws_hold()


# ── past the application ──


async def slot_of(stage: Stage, placed: PlacedRequest) -> Row:
    return await stage.row(
        "SELECT u.* FROM units u JOIN claims c USING (unit_id) WHERE c.booking_id = %s", placed.booking_id
    )


async def insert_slot(stage: Stage, like: Row, label: str, minutes: int, taken: int = 1) -> None:
    """By hand, so many minutes later."""
    await stage.execute(
        """INSERT INTO units (tenant_id, offering_id, kind, label, capacity, taken, pricing, price, provider_id, during, blocked)
           SELECT tenant_id, offering_id, kind, %s, 1, %s, pricing, price, provider_id,
                  tstzrange(lower(during) + make_interval(mins => %s), upper(during) + make_interval(mins => %s)),
                  tstzrange(lower(blocked) + make_interval(mins => %s), upper(blocked) + make_interval(mins => %s))
             FROM units WHERE unit_id = %s""",
        label, taken, minutes, minutes, minutes, minutes, like["unit_id"],
    )  # fmt: skip


@pytest.mark.parametrize("minutes", [0, 15, -15, 39, -39])
async def test_a_slot_put_in_by_hand_is_refused_where_one_is(
    stage: Stage, expert: Diary, minutes: int
) -> None:
    """Half an hour and ten minutes after it: 40 minutes are blocked."""
    placed = await expert.ask(await expert.service(buffer_after_minutes=10), expert.at(hour=12))
    with pytest.raises(psycopg.errors.ExclusionViolation) as refused:
        await insert_slot(stage, await slot_of(stage, placed), "by hand", minutes)
    assert refused.value.diag.constraint_name == "slots_do_not_overlap"
    await stage.assert_all_laws_hold()


async def test_beside_it_there_is_room_and_history_blocks_nothing(stage: Stage, expert: Diary) -> None:
    placed = await expert.ask(await expert.service(buffer_after_minutes=10), expert.at(hour=12))
    slot = await slot_of(stage, placed)
    await insert_slot(stage, slot, "nobody's", 0, taken=0)
    await insert_slot(stage, slot, "just after", 40)
    await insert_slot(stage, slot, "just before", -40)
    assert await expert.slots_taken() == 3
    # Nobody's slot becomes somebody's only when there is room.
    with pytest.raises(psycopg.errors.ExclusionViolation):
        await stage.execute("UPDATE units SET taken = 1 WHERE label = 'nobody''s'")
    await stage.execute("DELETE FROM units WHERE label IN ('just after', 'just before')")
    await stage.assert_all_laws_hold()


async def test_a_slot_is_not_moved_onto_another_by_hand_nor_taken_twice(stage: Stage, expert: Diary) -> None:
    service = await expert.service()
    one = await slot_of(stage, await expert.ask(service, expert.at(hour=12)))
    other = await slot_of(stage, await expert.ask(service, expert.at(hour=13), email="two@example.com"))
    with pytest.raises(psycopg.errors.ExclusionViolation):
        await stage.execute(
            "UPDATE units SET during = %s, blocked = %s WHERE unit_id = %s",
            one["during"], one["blocked"], other["unit_id"],
        )  # fmt: skip
    with pytest.raises(psycopg.errors.CheckViolation) as oversold:
        await stage.execute("UPDATE units SET taken = 2 WHERE unit_id = %s", one["unit_id"])
    assert oversold.value.diag.constraint_name == "unit_not_oversold"
    with pytest.raises(psycopg.errors.CheckViolation) as shorter:
        await stage.execute(
            "UPDATE units SET blocked = tstzrange(lower(during) + interval '1 minute', upper(during)) WHERE unit_id = %s",
            one["unit_id"],
        )
    assert shorter.value.diag.constraint_name == "slot_blocks_its_time"
    await stage.assert_all_laws_hold()


async def test_what_was_put_in_by_hand_is_respected(stage: Stage, expert: Diary) -> None:
    """A slot that staff block in the database is taken for whoever comes, whatever the service."""
    service = await expert.service()
    taken = await slot_of(stage, await expert.ask(service, expert.at(hour=12)))
    await insert_slot(stage, taken, "by hand", 60)
    with pytest.raises(SlotTaken) as refused:
        await expert.ask(service, expert.at(hour=13), email="two@example.com")
    starts = {read_slot_id(slot["slot_id"])[1] for slot in refused.value.extra["free"]}
    assert starts.isdisjoint({expert.at(hour=12), expert.at(hour=13)})
    await stage.execute("UPDATE units SET taken = 0 WHERE label = 'by hand'")
    await expert.ask(service, expert.at(hour=13), email="two@example.com")
    await stage.assert_all_laws_hold()
