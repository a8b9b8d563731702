"""Times of providers: slot ids, what clocks show, hours of a week. Pure.

A provider writes hours as clocks show them. Twice a year that is not a time: when clocks go forward an hour is left out, when
they go back an hour comes twice. A single time that does not exist is refused; one that comes twice has to say which. Weekly
hours cannot be refused for one night: `opening_stretches` (schema.sql) reads them as PostgreSQL does, and this reads them alike.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from itertools import pairwise
from typing import Any
from zoneinfo import ZoneInfo

from holdfast.errors import ValidationFailed

Row = dict[str, Any]

DIGITS = "0123456789abcdefghijklmnopqrstuvwxyz"
SLOT_ID = re.compile(r"[0-9a-z]{1,13}-[0-9a-z]{1,8}")
LARGEST_OFFERING_ID = 2**63 - 1
LAST_SECOND = 7_258_118_400  # 2200-01-01
DAY_MINUTES = 24 * 60
CLOCK = re.compile(r"([01]\d|2[0-3]):([0-5]\d)|24:00", re.ASCII)
DAYS = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
DAY_NAMES = ("Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday")
DEFAULT_DAYS_SHOWN = 14
MOST_DAYS_SHOWN = 92


def slot_id(offering_id: int, starts_at: datetime) -> str:
    """What a client sends back to take this slot: opaque, and the same for the same service and beginning."""
    return f"{_base36(offering_id)}-{_base36(int(starts_at.timestamp()))}"


def read_slot_id(text: str) -> tuple[int, datetime]:
    """The service and the beginning that a slot id names. Raises ValidationFailed."""
    if not SLOT_ID.fullmatch(text):
        raise _no_slot()
    offering, seconds = (int(part, 36) for part in text.split("-"))
    if not 1 <= offering <= LARGEST_OFFERING_ID or seconds > LAST_SECOND:
        raise _no_slot()
    return offering, datetime.fromtimestamp(seconds, UTC)


def _no_slot() -> ValidationFailed:
    sentence = "This is no slot_id; take one from GET /api/providers/{id}/slots."
    return ValidationFailed(sentence, errors=[{"field": "slot_id", "problem": sentence}])


def _base36(number: int) -> str:
    digits = ""
    while number or not digits:
        number, rest = divmod(number, 36)
        digits = DIGITS[rest] + digits
    return digits


# ─── what clocks show ───────────────────────────────────────────────────────────────────────────────────────────────────


def refuse_missing_local_time(wall: datetime, time_zone: str) -> None:
    """Raises ValidationFailed when clocks there never show this time, because they jump over it. `wall` has no zone."""
    zone = ZoneInfo(time_zone)
    if not _exists(wall, zone):
        said = wall.strftime("%H:%M on %-d %B %Y")
        raise _wrong_time(
            f"There is no {said} in {time_zone}: clocks go forward over it. Choose another time."
        )


def on_clocks(wall: datetime, time_zone: str, fold: int | None = None) -> datetime:
    """The moment, in UTC, at which clocks there show `wall` (without a zone). Raises ValidationFailed when they never do; and
    when they do twice, unless `fold` says which: 0 the first time, 1 the second."""
    refuse_missing_local_time(wall, time_zone)
    zone = ZoneInfo(time_zone)
    first, second = (wall.replace(tzinfo=zone, fold=which).astimezone(UTC) for which in (0, 1))
    if first != second and fold is None:
        said = wall.strftime("%H:%M on %-d %B %Y")
        raise _wrong_time(
            f"{said} comes twice in {time_zone}, because clocks go back. Write it with its offset, "
            f"{_with_offset(first, zone)} or {_with_offset(second, zone)}, or add fold: 0 for the first, 1 for the second."
        )
    return second if fold else first


def moment_of(written: datetime, time_zone: str, fold: int | None = None) -> datetime:
    """In UTC: a time with an offset as it stands, one without on the clocks of `time_zone`. Raises ValidationFailed."""
    if written.tzinfo is not None:
        return written.astimezone(UTC)
    return on_clocks(written, time_zone, fold)


def on_weekly_clocks(day: date, minutes: int, time_zone: str) -> datetime:
    """When weekly hours begin or end on this day, in UTC, as opening_stretches reads them: a time that is left out counts from
    the offset before, of a time that comes twice it is the second."""
    wall = datetime.combine(day, time()) + timedelta(minutes=minutes)
    zone = ZoneInfo(time_zone)
    which = 1 if _exists(wall, zone) else 0
    return wall.replace(tzinfo=zone, fold=which).astimezone(UTC)


def _exists(wall: datetime, zone: ZoneInfo) -> bool:
    return wall.replace(tzinfo=zone).astimezone(UTC).astimezone(zone).replace(tzinfo=None) == wall


def _with_offset(moment: datetime, zone: ZoneInfo) -> str:
    return moment.astimezone(zone).isoformat(timespec="minutes")


def _wrong_time(sentence: str) -> ValidationFailed:
    return ValidationFailed(sentence, errors=[{"field": "starts_at", "problem": sentence}])


# ─── the hours of a week ────────────────────────────────────────────────────────────────────────────────────────────────


@dataclass(frozen=True, order=True)
class OpeningHours:
    """`weekday` as ISO counts, 1 is Monday; minutes after midnight, `closes` up to 24:00."""

    weekday: int
    opens: int
    closes: int

    @property
    def text(self) -> str:
        return f"{DAY_NAMES[self.weekday - 1]} {clock_text(self.opens)} to {clock_text(self.closes)}"


def clock_minutes(text: str) -> int:
    """ "09:30" → 570, "24:00" → 1440. Raises ValueError with a sentence."""
    if not CLOCK.fullmatch(text):
        raise ValueError(f"{text} is no time of day; write it like 09:30, and the day's end as 24:00")
    return int(text[:2]) * 60 + int(text[3:])


def clock_text(minutes: int) -> str:
    return f"{minutes // 60:02}:{minutes % 60:02}"


def refuse_impossible_hours(hours: Sequence[OpeningHours]) -> None:
    """Raises ValueError for hours that end before they begin, and for two of one day that overlap. Hours past midnight are two:
    until 24:00, and from 00:00 on the next day."""
    for one in hours:
        if one.closes <= one.opens:
            raise ValueError(
                f"{one.text}: closes must be after opens; hours past midnight are two, until 24:00 and from 00:00 on the next day"
            )
    in_order = sorted(hours)
    for before, after in pairwise(in_order):
        if before.weekday == after.weekday and after.opens < before.closes:
            raise ValueError(f"{before.text} and {after.text} overlap")


def hours_as_lines(hours: Sequence[Row]) -> list[str]:
    """As people write them, days of the same hours together: `mon-fri 09:00-12:00, 13:00-17:00`. Rows of opening hours with
    `weekday`, `opens`, `closes` as text."""
    of_day = {
        day: [f"{h['opens']}-{h['closes']}" for h in hours if h["weekday"] == day] for day in range(1, 8)
    }
    lines: list[tuple[int, int, list[str]]] = []
    for day, spans in of_day.items():
        if not spans:
            continue
        if lines and lines[-1][1] == day - 1 and lines[-1][2] == spans:
            lines[-1] = (lines[-1][0], day, spans)
        else:
            lines.append((day, day, spans))
    return [f"{_days(first, last)} {', '.join(spans)}" for first, last, spans in lines]


def _days(first: int, last: int) -> str:
    return DAYS[first - 1] if first == last else f"{DAYS[first - 1]}-{DAYS[last - 1]}"


# ─── what is asked for ──────────────────────────────────────────────────────────────────────────────────────────────────


def period_shown(now: datetime, from_: datetime | None, until: datetime | None) -> tuple[datetime, datetime]:
    """The period in which slots are looked for: from now, for two weeks, at most 92 days. Raises ValidationFailed with a
    sentence when it is over, runs backwards or is too long."""
    begins = from_ or now
    ends = until or max(begins, now) + timedelta(days=DEFAULT_DAYS_SHOWN)
    if ends <= begins:
        raise _wrong_period("to must be after from.")
    if ends <= now:
        raise _wrong_period("This period is over; nothing that is past can be booked.")
    if ends - max(begins, now) > timedelta(days=MOST_DAYS_SHOWN):
        raise _wrong_period(f"Ask for {MOST_DAYS_SHOWN} days at most.")
    return max(begins, now), ends


def _wrong_period(sentence: str) -> ValidationFailed:
    return ValidationFailed(sentence, errors=[{"field": "to", "problem": sentence}])
