"""What is left to answer in words, and what a diary's week and month are. Pure."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta

import pytest

from holdfast.requests import diary
from holdfast.requests.provider_words import marks, time_left

NOW = datetime(
    2027, 3, 27, 23, 30, tzinfo=UTC
)  # already the 28th in Berlin, the day on which clocks go forward
BERLIN = "Europe/Berlin"


@pytest.mark.parametrize(
    ("left", "words"),
    [
        (timedelta(days=2), "2 days"),
        (timedelta(days=1, hours=4, minutes=59), "1 day 4 hours"),
        (timedelta(hours=1, minutes=1), "1 hour 1 minute"),
        (timedelta(minutes=59, seconds=59), "59 minutes"),
        (timedelta(seconds=59), "less than a minute"),
        (timedelta(seconds=-5), "less than a minute"),
    ],
)
def test_time_left(left: timedelta, words: str) -> None:
    assert time_left(left) == words


def test_outcomes_from_the_second_in_which_it_begins() -> None:
    row = {"status": "confirmed", "starts_at": NOW}
    assert marks(row, NOW - timedelta(seconds=1)) == []
    assert [outcome for outcome, _ in marks(row, NOW)] == ["completed", "no_show"]
    assert [outcome for outcome, _ in marks({**row, "status": "in_progress"}, NOW)] == ["completed"]
    assert [outcome for outcome, _ in marks({**row, "starts_at": None}, NOW)] == ["completed"]
    assert marks({**row, "status": "requested"}, NOW) == []


def test_a_week_in_which_clocks_change_has_seven_days() -> None:
    week = diary.period("week", "", NOW, BERLIN, "en_GB")
    assert (week.first, week.after) == (date(2027, 3, 22), date(2027, 3, 29))
    starts, ends = diary.span(week, BERLIN)
    assert ends - starts == timedelta(hours=7 * 24 - 1)
    days = diary.days(week, [], [{"starts_at": NOW, "title": "A lesson"}], NOW, BERLIN, "en_GB")
    assert [day.is_today for day in days] == [False] * 6 + [True]
    assert days[6].free == [("A lesson", [NOW])]


@pytest.mark.parametrize("text", ["", "yesterday", "2027-02-30", "9999-12-31", "0001-01-01", "2050-01-01"])
def test_what_no_diary_reaches_is_today(text: str) -> None:
    month = diary.period("month", text, NOW, BERLIN, "en_GB")
    assert (month.first, month.after, month.before) == (date(2027, 3, 1), date(2027, 4, 1), date(2027, 2, 28))
