"""The forms of a provider's hours, as they were typed: what is wrong stands beside its field, nothing typed is lost. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime, time, timedelta
from typing import Any

from holdfast.errors import ValidationFailed
from holdfast.providers.rules import (
    DAY_NAMES,
    LARGEST_OFFERING_ID,
    OpeningHours,
    clock_minutes,
    moment_of,
    on_clocks,
    refuse_impossible_hours,
)
from holdfast.web.fields import EARLIEST_YEAR, LATEST_YEAR, one_line

SPANS_SHOWN = 2
MOST_SPANS = 6  # of one day
LONGEST_VALUE = 200
LONGEST_NOTE = 200
MOST_FIELDS = 120
NOT_A_DAY = "Choose a day, such as 2030-06-14."

Row = dict[str, Any]


@dataclass
class Typed:
    """`values`: every field as it came. `errors`: field → sentence."""

    values: Mapping[str, str] = field(default_factory=dict)
    errors: dict[str, str] = field(default_factory=dict)

    def text(self, name: str) -> str:
        return self.values.get(name, "").strip()


@dataclass(frozen=True)
class Span:
    """One pair of fields: when a day's hours begin and end."""

    opens_field: str
    closes_field: str
    opens: str
    closes: str


def read_fields(pairs: Iterable[tuple[str, object]]) -> Typed:
    fields = {name: value for name, value in list(pairs)[:MOST_FIELDS] if isinstance(value, str)}
    return Typed({name: value[:LONGEST_VALUE] for name, value in fields.items()})


def week(typed: Typed) -> list[OpeningHours]:
    """The hours of the whole week. A day without any is closed. What is wrong is added to `typed.errors`."""
    hours: list[OpeningHours] = []
    for weekday in range(1, 8):
        of_day = _day(typed, weekday)
        try:
            refuse_impossible_hours(of_day)
        except ValueError as problem:
            typed.errors.setdefault(_names(weekday, 0)[0], _sentence(problem))
        hours += of_day
    return hours


def spans_of(values: Mapping[str, str], weekday: int) -> list[Span]:
    """The pairs of fields of a day: two, and one more than are filled."""
    filled = [
        n for n in range(MOST_SPANS) if any(values.get(name, "").strip() for name in _names(weekday, n))
    ]
    shown = min(
        MOST_SPANS, max(SPANS_SHOWN, max(filled, default=-1) + 2 if len(filled) >= SPANS_SHOWN else 0)
    )
    return [
        Span(*_names(weekday, n), *(values.get(name, "") for name in _names(weekday, n)))
        for n in range(shown)
    ]


def values_of_hours(hours: Sequence[Row]) -> dict[str, str]:
    """What stands in the fields of a week that is stored. Rows with weekday, opens, closes as text."""
    values: dict[str, str] = {}
    for weekday in range(1, 8):
        for number, row in enumerate(h for h in hours if h["weekday"] == weekday):
            opens, closes = _names(weekday, number)
            values |= {opens: row["opens"], closes: row["closes"]}
    return values


def exception(typed: Typed, time_zone: str) -> Row | None:
    """kind, starts_at, ends_at (in UTC), note; None when something is wrong. Without times it is whole days. Of a time that comes
    twice, the first begins it and the second ends it: so all of both is in it."""
    kind = typed.text("kind")
    if kind not in {"closed", "open"}:
        typed.errors["kind"] = "Say whether you are closed, or open besides."
    first = _date(typed, "from-day")
    last = _date(typed, "until-day") if typed.text("until-day") else first
    starts = _clock(typed, "from-time", 0)
    ends = _clock(typed, "until-time", 24 * 60)
    note = _note(typed)
    if typed.errors or first is None or last is None or starts is None or ends is None:
        return None
    starts_at = _moment(typed, "from-time", first, starts, time_zone, 0)
    ends_at = _moment(typed, "until-time", last, ends, time_zone, 1)
    if starts_at is None or ends_at is None:
        return None
    if ends_at <= starts_at:
        typed.errors["until-day" if last < first else "until-time"] = "It must end after it begins."
        return None
    return {"kind": kind, "starts_at": starts_at, "ends_at": ends_at, "note": note}


def single_slot(typed: Typed, services: Sequence[Row], time_zone: str) -> Row | None:
    """offering_id and starts_at (in UTC); None when something is wrong. `services`: those with slots."""
    chosen = typed.text("offering")
    if chosen not in {str(one["offering_id"]) for one in services} or int(chosen) > LARGEST_OFFERING_ID:
        typed.errors["offering"] = "Choose one of your services with slots."
    day = _date(typed, "day")
    if not typed.text("time"):
        typed.errors["time"] = "Say when it begins, such as 18:30."
    at = _clock(typed, "time", 0)
    if typed.errors or day is None or at is None:
        return None
    which = {"0": 0, "1": 1}.get(typed.text("fold"))
    starts_at = _moment(typed, "time", day, at, time_zone, which)
    return {"offering_id": int(chosen), "starts_at": starts_at} if starts_at else None


def comes_twice(typed: Typed, time_zone: str) -> bool:
    """Whether the slot's time is one that clocks show twice that night, so that the form has to ask which."""
    try:
        wall = datetime.fromisoformat(f"{typed.text('day')}T{typed.text('time')}")
        first, second = (on_clocks(wall, time_zone, which) for which in (0, 1))
    except (ValueError, ValidationFailed, OverflowError):
        return False
    return first != second


def _day(typed: Typed, weekday: int) -> list[OpeningHours]:
    found = []
    for number in range(MOST_SPANS):
        opens_field, closes_field = _names(weekday, number)
        if not typed.text(opens_field) and not typed.text(closes_field):
            continue
        opens, closes = _minutes(typed, opens_field), _minutes(typed, closes_field)
        if opens is not None and closes is not None:
            found.append(OpeningHours(weekday, opens, closes))
    return found


def _minutes(typed: Typed, name: str) -> int | None:
    text, day = typed.text(name), DAY_NAMES[int(name.split("-")[1]) - 1]
    if not text:
        typed.errors[name] = f"{day}: say when these hours {'begin' if name.startswith('opens') else 'end'}."
        return None
    try:
        return clock_minutes(text)
    except ValueError as problem:
        typed.errors[name] = f"{day}: {_sentence(problem)}"
        return None


def _clock(typed: Typed, name: str, otherwise: int) -> int | None:
    if not typed.text(name):
        return otherwise
    try:
        return clock_minutes(typed.text(name))
    except ValueError as problem:
        typed.errors.setdefault(name, _sentence(problem))
        return None


def _date(typed: Typed, name: str) -> date | None:
    try:
        day = date.fromisoformat(typed.text(name))
    except ValueError:
        day = None
    if day is None or not EARLIEST_YEAR < day.year < LATEST_YEAR:
        typed.errors[name] = NOT_A_DAY
        return None
    return day


def _moment(
    typed: Typed, name: str, day: date, minutes: int, time_zone: str, fold: int | None
) -> datetime | None:
    wall = datetime.combine(day, time()) + timedelta(minutes=minutes)
    try:
        return moment_of(wall, time_zone, fold)
    except ValidationFailed as refused:
        twice = "comes twice" in refused.detail
        typed.errors[name] = (
            "This time comes twice that night, because clocks go back. Say which one."
            if twice
            else refused.detail
        )
        return None


def _note(typed: Typed) -> str:
    note = typed.text("note")
    try:
        one_line(note)
    except ValueError:
        typed.errors["note"] = "The note holds characters that cannot be shown."
    return note[:LONGEST_NOTE]


def _names(weekday: int, number: int) -> tuple[str, str]:
    return f"opens-{weekday}-{number}", f"closes-{weekday}-{number}"


def _sentence(problem: ValueError) -> str:
    text = str(problem)
    return text[0].upper() + text[1:] + ("" if text.endswith(".") else ".")
