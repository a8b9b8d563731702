"""Providers as a catalogue in YAML writes them. Reference: docs/reference/catalog.md."""

from __future__ import annotations

import datetime as days
from datetime import datetime, timedelta
from typing import Annotated, Any, Literal
from zoneinfo import ZoneInfo

from pydantic import BeforeValidator, Field, model_validator

from holdfast.catalog.parts import ChosenId, WrittenPrice
from holdfast.providers.rules import (
    DAY_MINUTES,
    DAYS,
    OpeningHours,
    Row,
    clock_minutes,
    clock_text,
    on_weekly_clocks,
    refuse_impossible_hours,
)
from holdfast.providers.schemas import MOST_HOURS, Clock, ProviderIn, ServiceFields
from holdfast.tenants.schemas import Part
from holdfast.web.fields import Line

MOST_SERVICES = 50
MOST_EXCEPTIONS = 400


def _clock_of_yaml(value: Any) -> Any:
    """YAML reads 17:00 without quotation marks as the number 1020, minutes after midnight."""
    if type(value) is int and 0 <= value <= DAY_MINUTES:
        return clock_text(value)
    return value


WrittenClock = Annotated[Clock, BeforeValidator(_clock_of_yaml)]


class HoursWritten(Part):
    days: Annotated[
        list[Literal["mon", "tue", "wed", "thu", "fri", "sat", "sun"]], Field(min_length=1, max_length=7)
    ]
    opens: WrittenClock
    closes: WrittenClock

    @property
    def week(self) -> list[OpeningHours]:
        opens, closes = clock_minutes(self.opens), clock_minutes(self.closes)
        return [OpeningHours(DAYS.index(day) + 1, opens, closes) for day in dict.fromkeys(self.days)]


class ExceptionWritten(Part):
    """On one day, the whole of it when nothing else is said; `in_days` counts from the first loading."""

    kind: Literal["open", "closed"]
    date: days.date | None = None
    in_days: Annotated[int, Field(ge=0, le=3650)] | None = None
    opens: WrittenClock = "00:00"
    closes: WrittenClock = "24:00"
    note: Annotated[Line, Field(max_length=200)] = ""

    @model_validator(mode="after")
    def _has_one_day(self) -> ExceptionWritten:
        if (self.date is None) == (self.in_days is None):
            raise ValueError("Write either date or in_days")
        if clock_minutes(self.closes) <= clock_minutes(self.opens):
            raise ValueError("closes must be after opens")
        return self

    def row(self, now: datetime, time_zone: str) -> Row:
        """Read as weekly hours are: on the provider's clocks."""
        today = now.astimezone(ZoneInfo(time_zone)).date()
        day = self.date or today + timedelta(days=self.in_days or 0)
        starts_at, ends_at = (
            on_weekly_clocks(day, clock_minutes(clock), time_zone) for clock in (self.opens, self.closes)
        )
        return {"kind": self.kind, "starts_at": starts_at, "ends_at": ends_at, "note": self.note}


class ServiceWritten(ServiceFields):
    id: ChosenId | None = None
    price: WrittenPrice


class ProviderWritten(ProviderIn):
    id: ChosenId | None = None
    hours: Annotated[
        list[HoursWritten] | None,
        Field(max_length=MOST_HOURS, description="All of a week's; left out: they stay"),
    ] = None
    exceptions: Annotated[list[ExceptionWritten], Field(max_length=MOST_EXCEPTIONS)] = []
    services: Annotated[list[ServiceWritten], Field(max_length=MOST_SERVICES)] = []

    @model_validator(mode="after")
    def _is_possible(self) -> ProviderWritten:
        refuse_impossible_hours(self.week)
        titles = [service.title for service in self.services]
        twice = sorted({title for title in titles if titles.count(title) > 1})
        if twice:
            raise ValueError(f"services: {', '.join(twice)} is there twice")
        return self

    @property
    def week(self) -> list[OpeningHours]:
        return [one for hours in self.hours or [] for one in hours.week]
