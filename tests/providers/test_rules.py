"""Slot ids, times on clocks, hours of a week: pure."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from holdfast.errors import ValidationFailed
from holdfast.providers.rules import (
    OpeningHours,
    clock_minutes,
    clock_text,
    hours_as_lines,
    moment_of,
    on_clocks,
    on_weekly_clocks,
    period_shown,
    read_slot_id,
    refuse_impossible_hours,
    refuse_missing_local_time,
    slot_id,
)

NOW = datetime(2027, 3, 1, 12, tzinfo=UTC)


def wall(text: str) -> datetime:
    """What clocks show, without a zone."""
    return datetime.fromisoformat(text)


@given(st.integers(1, 2**63 - 1), st.integers(0, 7_258_118_400))
def test_a_slot_id_names_its_slot(offering_id: int, seconds: int) -> None:
    starts_at = datetime.fromtimestamp(seconds, UTC)
    assert read_slot_id(slot_id(offering_id, starts_at)) == (offering_id, starts_at)


@given(st.text(max_size=30))
def test_what_is_no_slot_id_is_refused_or_read_alike(text: str) -> None:
    try:
        offering_id, starts_at = read_slot_id(text)
    except ValidationFailed:
        return
    assert 1 <= offering_id < 2**63
    assert starts_at.tzinfo is UTC


@pytest.mark.parametrize(
    "text", ["", "-", "1-", "-1", "0-1", "1-zzzzzzzz", "zzzzzzzzzzzzz-1", "A-1", "1-1-1", "\uff11-1", "1-1\n"]
)
def test_forged_slot_ids(text: str) -> None:
    with pytest.raises(ValidationFailed):
        read_slot_id(text)


@pytest.mark.parametrize(
    ("zone", "shown"),
    [
        ("Europe/London", wall("2027-03-28T01:00")),
        ("Europe/London", wall("2027-03-28T01:59")),
        ("Europe/Berlin", wall("2027-03-28T02:30")),
        ("Australia/Lord_Howe", wall("2027-10-03T02:15")),
        ("America/Havana", wall("2027-03-14T00:30")),
    ],
)
def test_a_time_that_clocks_jump_over_is_refused(zone: str, shown: datetime) -> None:
    with pytest.raises(ValidationFailed, match="clocks go forward over it"):
        refuse_missing_local_time(shown, zone)
    with pytest.raises(ValidationFailed):
        on_clocks(shown, zone, fold=1)


@pytest.mark.parametrize(
    ("zone", "shown"),
    [
        ("Europe/London", wall("2027-03-28T00:59")),
        ("Europe/London", wall("2027-03-28T02:00")),
        ("Australia/Lord_Howe", wall("2027-10-03T02:30")),
        ("Asia/Tokyo", wall("2027-03-28T02:30")),
    ],
)
def test_the_minutes_beside_it_exist(zone: str, shown: datetime) -> None:
    refuse_missing_local_time(shown, zone)
    assert on_clocks(shown, zone).tzinfo is UTC


def test_a_time_that_comes_twice_has_to_say_which() -> None:
    shown = wall("2027-10-31T01:30")
    with pytest.raises(ValidationFailed, match="comes twice"):
        on_clocks(shown, "Europe/London")
    first, second = (on_clocks(shown, "Europe/London", fold) for fold in (0, 1))
    assert (first.hour, second.hour) == (0, 1)
    assert moment_of(datetime(2027, 10, 31, 1, 30, tzinfo=UTC), "Europe/London") == second
    half = wall("2027-04-04T01:45")  # Lord Howe: half an hour comes twice
    earlier, later = (on_clocks(half, "Australia/Lord_Howe", fold) for fold in (0, 1))
    assert later - earlier == timedelta(minutes=30)


def test_weekly_hours_are_read_as_postgresql_reads_them() -> None:
    forward, back = date(2027, 3, 28), date(2027, 10, 31)
    assert on_weekly_clocks(forward, 90, "Europe/London").hour == 1, "counted from the offset before"
    assert on_weekly_clocks(back, 90, "Europe/London").hour == 1, "the second time"
    assert on_weekly_clocks(back, 1440, "Europe/London") == datetime(2027, 11, 1, tzinfo=UTC)


def test_hours_of_a_day() -> None:
    assert [clock_minutes(text) for text in ("00:00", "09:30", "23:59", "24:00")] == [0, 570, 1439, 1440]
    assert clock_text(1440) == "24:00"
    for wrong in ("24:01", "9:30", "09.30", "25:00", "09:60", "", "\uff10\uff19:30"):
        with pytest.raises(ValueError, match="no time of day"):
            clock_minutes(wrong)
    refuse_impossible_hours([OpeningHours(1, 540, 720), OpeningHours(1, 720, 1440), OpeningHours(2, 0, 60)])
    with pytest.raises(ValueError, match="Monday 09:00 to 12:00 and Monday 11:00 to 13:00 overlap"):
        refuse_impossible_hours([OpeningHours(1, 660, 780), OpeningHours(1, 540, 720)])


def test_hours_as_people_write_them() -> None:
    rows = [{"weekday": day, "opens": "09:00", "closes": "12:00"} for day in (1, 2, 3, 5)]
    rows += [{"weekday": 5, "opens": "13:00", "closes": "24:00"}]
    assert hours_as_lines(rows) == ["mon-wed 09:00-12:00", "fri 09:00-12:00, 13:00-24:00"]
    assert hours_as_lines([]) == []


def test_the_period_of_a_search() -> None:
    day = timedelta(days=1)
    assert period_shown(NOW, None, None) == (NOW, NOW + 14 * day)
    assert period_shown(NOW, NOW + 5 * day, None) == (NOW + 5 * day, NOW + 19 * day)
    assert period_shown(NOW, NOW - 5 * day, NOW + day) == (NOW, NOW + day)
    assert period_shown(NOW, None, NOW + 92 * day) == (NOW, NOW + 92 * day)
    second = timedelta(seconds=1)
    for from_, until, said in (
        (None, NOW + 92 * day + second, "92 days"),
        (NOW + day, NOW + day, "after from"),
        (NOW - 2 * day, NOW, "over"),
    ):
        with pytest.raises(ValidationFailed, match=said):
            period_shown(NOW, from_, until)
