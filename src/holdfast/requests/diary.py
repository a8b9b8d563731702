"""A provider's week or month: what is booked and what is still free, day by day on the provider's own clock. Pure."""

from __future__ import annotations

import calendar
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from babel.dates import format_date

VIEWS = {"week": "Week", "month": "Month"}
WEEK = timedelta(days=7)
FARTHEST = timedelta(days=3 * 366)  # from today, either way: nothing can be booked beyond it

Row = dict[str, Any]


@dataclass(frozen=True)
class Period:
    """From the first midnight of `first` to that of `after`. `before` and `after` are days of the neighbouring periods."""

    view: str
    first: date
    before: date
    after: date
    title: str


@dataclass(frozen=True)
class Day:
    """`free`: the beginnings of free slots, by service."""

    date: date
    title: str
    is_today: bool
    booked: Sequence[Row]
    free: Sequence[tuple[str, Sequence[datetime]]]


def period(view: str, day_text: str, now: datetime, time_zone: str, locale: str) -> Period:
    """The week or month of the day named; today's, when it names none that a diary reaches."""
    today = now.astimezone(ZoneInfo(time_zone)).date()
    day = _named(day_text, today)
    if view == "month":
        first = day.replace(day=1)
        after = first + timedelta(days=calendar.monthrange(first.year, first.month)[1])
        title = format_date(first, "LLLL y", locale=locale)
        return Period("month", first, first - timedelta(days=1), after, title)
    first = day - timedelta(days=day.weekday())
    last = first + WEEK - timedelta(days=1)
    short = format_date(first, "d MMM", locale=locale)
    title = f"{short} to {format_date(last, 'd MMM y', locale=locale)}"
    return Period("week", first, first - WEEK, first + WEEK, title)


def span(of: Period, time_zone: str) -> tuple[datetime, datetime]:
    """Its first moment, and the first that is not its own any more, in UTC."""
    return _midnight(of.first, time_zone), _midnight(of.after, time_zone)


def days(
    of: Period, booked: Sequence[Row], free: Sequence[Row], now: datetime, time_zone: str, locale: str
) -> list[Day]:
    """Every day of the period. `booked`: rows with starts_at; `free`: rows with starts_at and title."""
    zone = ZoneInfo(time_zone)
    today = now.astimezone(zone).date()
    listed = []
    for number in range((of.after - of.first).days):
        day = of.first + timedelta(days=number)
        mine = [row for row in booked if row["starts_at"].astimezone(zone).date() == day]
        slots = [row for row in free if row["starts_at"].astimezone(zone).date() == day]
        titles = dict.fromkeys(row["title"] for row in slots)
        by_service = [
            (title, sorted(row["starts_at"] for row in slots if row["title"] == title)) for title in titles
        ]
        title = format_date(day, "EEEE, d MMMM", locale=locale)
        in_order = sorted(mine, key=lambda row: row["starts_at"])
        listed.append(Day(day, title, day == today, in_order, by_service))
    return listed


def _named(text: str, today: date) -> date:
    try:
        day = date.fromisoformat(text)
    except ValueError:
        return today
    return day if abs(day - today) <= FARTHEST else today


def _midnight(day: date, time_zone: str) -> datetime:
    return datetime.combine(day, time(), ZoneInfo(time_zone)).astimezone(UTC)
