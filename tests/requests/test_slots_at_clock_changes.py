"""The nights when clocks change: the hour that is left out has no slots, the hour that comes twice has them twice, and all of
them are booked like others. Failure modes F37, F42."""

from __future__ import annotations

from datetime import UTC, date, datetime, time, timedelta
from functools import partial
from zoneinfo import ZoneInfo

import pytest

from holdfast.errors import SlotTaken, ValidationFailed
from holdfast.providers.store import free_slots
from holdfast.requests.actions import PlacedRequest
from holdfast.requests.moving import reschedule
from tests.requests.racing import all_at_once, let_it_end
from tests.support.appointments import Diary, diary
from tests.support.system import Stage

ZONES = ("Europe/London", "Europe/Berlin", "America/New_York", "Australia/Lord_Howe")
MINUTE = timedelta(minutes=1)


def next_change(zone: ZoneInfo, after: datetime, forward: bool) -> tuple[date, timedelta]:
    """The day on which clocks there go forward or back next, and by how much."""
    day = after.astimezone(zone).date() + timedelta(days=2)
    while True:
        midnight, next_midnight = (
            datetime.combine(one, time(), zone).astimezone(UTC) for one in (day, day + timedelta(days=1))
        )
        change = timedelta(days=1) - (next_midnight - midnight)
        if (change > timedelta(0)) if forward else (change < timedelta(0)):
            return day, change
        day += timedelta(days=1)


async def night_owl(stage: Stage, zone: str) -> Diary:
    """Open from midnight to five in the morning, every day."""
    owl = await diary(stage, time_zone=zone)
    await stage.execute(
        "UPDATE opening_hours SET opens = '00:00', closes = '05:00' WHERE provider_id = %s", owl.provider_id
    )
    return owl


async def slots_of_the_night(stage: Stage, service: int, day: date, zone: ZoneInfo) -> list[datetime]:
    """Their beginnings, in UTC."""
    midnight = datetime.combine(day, time(), zone)
    six = datetime.combine(day, time(6), zone)
    rows = await stage.system.database.read(
        partial(free_slots, offering_ids=[service], from_=midnight, until=six, now=stage.clock.now())
    )
    return [row["starts_at"].astimezone(UTC) for row in rows]


async def book_all(owl: Diary, service: int, starts: list[datetime]) -> list[PlacedRequest]:
    results = await all_at_once(
        *(
            partial(owl.ask, service, one, email=f"student{number}@example.com")
            for number, one in enumerate(starts)
        )
    )
    assert not [one for one in results if isinstance(one, BaseException)], results
    return results


@pytest.mark.parametrize("zone_name", ZONES)
@pytest.mark.parametrize("forward", [True, False], ids=["forward", "back"])
async def test_every_half_hour_of_the_night_is_booked_once(
    stage: Stage, zone_name: str, forward: bool
) -> None:
    zone = ZoneInfo(zone_name)
    owl = await night_owl(stage, zone_name)
    service = await owl.service(horizon_days=730, reschedule_minutes=0)
    day, change = next_change(zone, stage.clock.now(), forward)
    starts = await slots_of_the_night(stage, service, day, zone)
    # Half hours between midnight and five: ten, less or more what the night is shorter or longer.
    assert len(starts) == 10 - round(change / timedelta(minutes=30))
    assert len(set(starts)) == len(starts)
    shown = [one.astimezone(zone).strftime("%H:%M") for one in starts]
    assert len(set(shown)) == len(shown) - (0 if forward else round(-change / timedelta(minutes=30)))

    placed = await book_all(owl, service, starts)
    assert await owl.slots_taken() == len(starts)
    for one, starts_at in zip(placed, starts, strict=True):
        order = await owl.order(one)
        assert (order["starts_at"], order["ends_at"]) == (starts_at, starts_at + 30 * MINUTE)
    for starts_at in starts:
        with pytest.raises(SlotTaken):
            await owl.ask(service, starts_at, email="late@example.com")
    await stage.assert_all_laws_hold()


@pytest.mark.parametrize("zone_name", ["Europe/London", "Europe/Berlin", "America/New_York"])
async def test_no_slot_begins_in_the_hour_that_is_left_out(stage: Stage, zone_name: str) -> None:
    """At 02:30 in Berlin, 01:30 in London: clocks there never show it. Whoever computes it lands beside a slot or on one, and
    gets what that moment really is."""
    zone = ZoneInfo(zone_name)
    owl = await night_owl(stage, zone_name)
    service = await owl.service(horizon_days=730, step_minutes=60)
    day, _ = next_change(zone, stage.clock.now(), forward=True)
    starts = await slots_of_the_night(stage, service, day, zone)
    hours = [one.astimezone(zone).hour for one in starts]
    [missing] = set(range(5)) - set(hours)
    at_half_past = datetime.combine(day, time(missing, 30), zone).astimezone(UTC)
    assert at_half_past.astimezone(zone).hour != missing
    with pytest.raises(ValidationFailed, match="not offered"):
        await owl.ask(service, at_half_past)
    assert await owl.slots_taken() == 0
    await stage.assert_all_laws_hold()


async def test_a_booking_is_moved_from_the_first_half_past_one_to_the_second(stage: Stage) -> None:
    """In London, the night when clocks go back: an hour later by the clock of the world, the same on the wall."""
    zone = ZoneInfo("Europe/London")
    owl = await night_owl(stage, "Europe/London")
    service = await owl.service(horizon_days=730)
    day, _ = next_change(zone, stage.clock.now(), forward=False)
    first, second = (
        datetime.combine(day, time(1, 30), zone).replace(fold=which).astimezone(UTC) for which in (0, 1)
    )
    assert second - first == timedelta(hours=1)
    placed = await owl.requested(service, first)
    other = await owl.requested(service, first + timedelta(hours=2), email="other@example.com")
    moved = await reschedule(stage.system, placed.booking_id, second, "customer")
    assert (moved.starts_at, moved.ends_at) == (second, second + 30 * MINUTE)
    with pytest.raises(SlotTaken):
        await reschedule(stage.system, other.booking_id, second, "customer")
    assert (await reschedule(stage.system, other.booking_id, first, "customer")).starts_at == first
    await let_it_end(stage)
    await stage.assert_all_laws_hold()
