"""Free slots as a visitor reads them: months of days with their counts, and the times of one day, on the visitor's own clock
with the provider's beside it. Pure: slots, the time and the zones come in."""

from __future__ import annotations

import calendar
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from babel import Locale
from babel.dates import format_date, format_datetime, format_time, get_day_names, get_timezone_name

LONGEST_HORIZON = timedelta(days=731)
MONTHS_A_YEAR = 12

Row = Mapping[str, Any]


@dataclass(frozen=True)
class Day:
    """`words` is what a screen reader says of it."""

    date: date
    free: int
    chosen: bool
    words: str


@dataclass(frozen=True)
class Month:
    """`weeks`: seven places each, None for the days of other months. `before` and `after` are days of the neighbouring
    months that can be looked at."""

    title: str
    weekdays: Sequence[tuple[str, str]]
    weeks: Sequence[Sequence[Day | None]]
    before: date | None
    after: date | None

    @property
    def free(self) -> int:
        return sum(day.free for week in self.weeks for day in week if day)


@dataclass(frozen=True)
class FreeTime:
    """A slot to choose. `there`: the same moment on the provider's clock, when that differs."""

    slot_id: str
    starts_at: datetime
    label: str
    there: str
    chosen: bool


@dataclass(frozen=True)
class Clocks:
    """`visitor` and `provider` are names of time zones."""

    visitor: str
    provider: str
    locale: str

    def day_of(self, at: datetime) -> date:
        return at.astimezone(ZoneInfo(self.visitor)).date()

    def differ(self, at: datetime) -> bool:
        """Whether the two clocks show different times at that moment."""
        return _offset(at, self.visitor) != _offset(at, self.provider)


def shown_day(text: str, now: datetime, clocks: Clocks, horizon_days: int) -> date | None:
    """The day that an address or a form names, moved into what can be booked; None for what is no day."""
    try:
        named = date.fromisoformat(text)
    except ValueError:
        return None
    first, last = bounds(now, clocks, horizon_days)
    return min(max(named, first), last)


def bounds(now: datetime, clocks: Clocks, horizon_days: int) -> tuple[date, date]:
    """The first and the last day that can be booked, on the visitor's calendar."""
    return clocks.day_of(now), clocks.day_of(now + min(timedelta(days=horizon_days), LONGEST_HORIZON))


def month_range(day: date, clocks: Clocks) -> tuple[datetime, datetime]:
    """From the first midnight of the day's month to that of the next one, on the visitor's clock."""
    first = day.replace(day=1)
    return _midnight(first, clocks.visitor), _midnight(_next_month(first), clocks.visitor)


def month_of(slots: Sequence[Row], day: date, now: datetime, clocks: Clocks, horizon_days: int) -> Month:
    """The month of `day`, which is its chosen one."""
    free = Counter(clocks.day_of(slot["starts_at"]) for slot in slots)
    locale = Locale.parse(clocks.locale)
    weeks = calendar.Calendar(locale.first_week_day).monthdatescalendar(day.year, day.month)
    order = [(locale.first_week_day + place) % 7 for place in range(7)]
    short, long = get_day_names("abbreviated", locale=locale), get_day_names("wide", locale=locale)
    first, last = bounds(now, clocks, horizon_days)
    before, after = day.replace(day=1) - timedelta(days=1), _next_month(day.replace(day=1))
    return Month(
        title=format_date(day, "LLLL y", locale=locale),
        weekdays=[(short[number], long[number]) for number in order],
        weeks=[
            [_day(one, free[one], one == day, clocks) if one.month == day.month else None for one in week]
            for week in weeks
        ],
        before=max(before.replace(day=1), first) if before >= first else None,
        after=after if after <= last else None,
    )


def times_of(slots: Sequence[Row], day: date, clocks: Clocks, chosen: str = "") -> list[FreeTime]:
    """The slots of one day, in order. `slots` carry slot_id and starts_at. Two that read alike, on the night when clocks go
    back, say which clock they mean."""
    of_day = sorted(
        (slot for slot in slots if clocks.day_of(slot["starts_at"]) == day), key=lambda s: s["starts_at"]
    )
    return free_times(of_day, clocks, chosen)


def free_times(
    slots: Sequence[Row], clocks: Clocks, chosen: str = "", pattern: str = "HH:mm"
) -> list[FreeTime]:
    labels = Counter(_at(slot["starts_at"], clocks.visitor, clocks.locale, pattern) for slot in slots)
    times = []
    for slot in slots:
        at = slot["starts_at"]
        label = _at(at, clocks.visitor, clocks.locale, pattern)
        if labels[label] > 1:
            label = _at(at, clocks.visitor, clocks.locale, f"{pattern} z")
        there = _there(at, clocks) if clocks.differ(at) else ""
        times.append(FreeTime(slot["slot_id"], at, label, there, slot["slot_id"] == chosen))
    return times


def zone_words(zone: str, at: datetime, locale: str) -> str:
    """Berlin time: a clock by its place."""
    if "/" not in zone:
        return get_timezone_name(at.astimezone(ZoneInfo(zone)), locale=locale)
    return f"{zone.rpartition('/')[2].replace('_', ' ')} time"


def _there(at: datetime, clocks: Clocks) -> str:
    place = zone_words(clocks.provider, at, clocks.locale)
    same_day = at.astimezone(ZoneInfo(clocks.provider)).date() == clocks.day_of(at)
    pattern = "HH:mm" if same_day else "EEE HH:mm"
    return f"{_at(at, clocks.provider, clocks.locale, pattern)} {place}"


def _day(of: date, free: int, chosen: bool, clocks: Clocks) -> Day:
    times = "no time free" if not free else f"{free} {'time' if free == 1 else 'times'} free"
    return Day(of, free, chosen, f"{format_date(of, 'EEEE, d MMMM', locale=clocks.locale)}: {times}")


def _at(at: datetime, zone: str, locale: str, pattern: str) -> str:
    there = at.astimezone(ZoneInfo(zone))
    if pattern == "HH:mm":
        return format_time(there, pattern, locale=locale)
    return format_datetime(there, pattern, tzinfo=ZoneInfo(zone), locale=locale)


def _midnight(day: date, zone: str) -> datetime:
    return datetime.combine(day, time(), ZoneInfo(zone)).astimezone(UTC)


def _next_month(first: date) -> date:
    return first.replace(
        year=first.year + first.month // MONTHS_A_YEAR, month=first.month % MONTHS_A_YEAR + 1
    )


def _offset(at: datetime, zone: str) -> timedelta | None:
    return at.astimezone(ZoneInfo(zone)).utcoffset()
