"""Free slots as a visitor reads them: months, days and times on two clocks, also on the nights when clocks change."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta

import pytest

from holdfast.providers import free_times
from holdfast.providers.free_times import Clocks
from holdfast.providers.rules import slot_id

LONDON = Clocks("Europe/London", "Europe/London", "en_GB")
NEW_YORK = Clocks("America/New_York", "Europe/London", "en_GB")
NOW = datetime(2026, 11, 20, 12, tzinfo=UTC)


def slots(*moments: datetime) -> list[dict[str, object]]:
    return [{"slot_id": slot_id(1, at), "starts_at": at} for at in moments]


def test_a_month_counts_its_days_on_the_visitors_calendar() -> None:
    """Two in the morning in London is the evening before in New York."""
    night = datetime(2026, 11, 24, 2, tzinfo=UTC)
    for clocks, day in ((LONDON, 24), (NEW_YORK, 23)):
        month = free_times.month_of(
            slots(night, night + timedelta(minutes=30)), date(2026, 11, day), NOW, clocks, 60
        )
        [found] = [one for week in month.weeks for one in week if one and one.free]
        assert (found.date.day, found.free, found.chosen) == (day, 2, True)
        assert found.words.endswith(": 2 times free")
        assert month.free == 2


def test_weeks_begin_as_the_visitors_language_has_it() -> None:
    british = free_times.month_of([], date(2026, 11, 20), NOW, LONDON, 60)
    american = free_times.month_of(
        [], date(2026, 11, 20), NOW, Clocks("America/New_York", "UTC", "en_US"), 60
    )
    assert (british.weekdays[0][1], american.weekdays[0][1]) == ("Monday", "Sunday")
    assert all(len(week) == 7 for week in (*british.weeks, *american.weeks))
    assert british.weeks[0][6] is not None
    assert british.weeks[0][6].date == date(2026, 11, 1)


@pytest.mark.parametrize(
    ("shown", "horizon", "before", "after"),
    [
        (date(2026, 11, 20), 60, None, date(2026, 12, 1)),
        (date(2026, 12, 5), 60, date(2026, 11, 20), date(2027, 1, 1)),
        (date(2027, 1, 3), 60, date(2026, 12, 1), None),
        (date(2026, 11, 20), 5, None, None),
    ],
)
def test_nobody_is_led_to_a_month_without_days(
    shown: date, horizon: int, before: date | None, after: date | None
) -> None:
    month = free_times.month_of([], shown, NOW, LONDON, horizon)
    assert (month.before, month.after) == (before, after)


@pytest.mark.parametrize(
    ("text", "day"),
    [
        ("2026-11-25", date(2026, 11, 25)),
        ("1999-01-01", date(2026, 11, 20)),
        ("9999-12-31", date(2027, 1, 19)),
        ("soon", None),
        ("", None),
    ],
)
def test_the_day_that_an_address_names(text: str, day: date | None) -> None:
    assert free_times.shown_day(text, NOW, LONDON, 60) == day


def test_a_month_lasts_from_midnight_to_midnight_across_a_clock_change() -> None:
    from_, until = free_times.month_range(date(2026, 10, 25), LONDON)
    assert (from_, until) == (datetime(2026, 9, 30, 23, tzinfo=UTC), datetime(2026, 11, 1, tzinfo=UTC))
    _, until = free_times.month_range(date(2026, 12, 31), LONDON)
    assert until == datetime(2027, 1, 1, tzinfo=UTC)


def test_an_hour_that_comes_twice_says_which_it_is() -> None:
    """On 25 October 2026 clocks in London show 01:30 twice."""
    first, second = datetime(2026, 10, 25, 0, 30, tzinfo=UTC), datetime(2026, 10, 25, 1, 30, tzinfo=UTC)
    labels = [one.label for one in free_times.times_of(slots(second, first), date(2026, 10, 25), LONDON)]
    assert len(set(labels)) == 2
    assert all(label.startswith("01:30 ") for label in labels)


def test_the_providers_clock_stands_beside_only_where_it_differs() -> None:
    at = datetime(2026, 11, 24, 9, 30, tzinfo=UTC)
    [alike] = free_times.times_of(slots(at), date(2026, 11, 24), LONDON)
    assert (alike.label, alike.there) == ("09:30", "")
    [far] = free_times.times_of(slots(at), date(2026, 11, 24), NEW_YORK, slot_id(1, at))
    assert (far.label, far.there, far.chosen) == ("04:30", "09:30 London time", True)
    night = datetime(2026, 11, 24, 2, tzinfo=UTC)
    [other_day] = free_times.times_of(slots(night), date(2026, 11, 23), NEW_YORK)
    assert (other_day.label, other_day.there) == ("21:00", "Tue 02:00 London time")


def test_between_the_changes_two_zones_differ_by_an_hour_less() -> None:
    """America changes its clocks on another Sunday than Europe."""
    between = datetime(2026, 10, 27, 13, tzinfo=UTC)
    [time] = free_times.times_of(slots(between), date(2026, 10, 27), NEW_YORK)
    assert (time.label, time.there) == ("09:00", "13:00 London time")
