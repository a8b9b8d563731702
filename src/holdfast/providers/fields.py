"""Kinds of fields in the addresses of providers."""

from __future__ import annotations

from datetime import date, datetime, timedelta
from typing import Annotated

from fastapi import Path
from pydantic import BeforeValidator

from holdfast.errors import ValidationFailed
from holdfast.providers.rules import on_weekly_clocks
from holdfast.web.fields import LARGEST_ID, digits, sensible_time

ProviderIdInPath = Annotated[
    int, BeforeValidator(digits), Path(ge=1, le=LARGEST_ID, description="The provider's number")
]
OfferingIdInPath = Annotated[
    int, BeforeValidator(digits), Path(ge=1, le=LARGEST_ID, description="The service's number")
]
ExceptionIdInPath = Annotated[int, BeforeValidator(digits), Path(ge=1, le=LARGEST_ID)]


def written_moment(
    text: str | None, field: str, time_zone: str, *, day_ends: bool = False
) -> datetime | None:
    """RFC 3339, or a date: its first moment on the clocks of `time_zone`, with `day_ends` the first of the next day. Raises
    ValidationFailed."""
    if not text:
        return None
    try:
        if len(text) == len("2027-01-01"):
            day = sensible_time(datetime.fromisoformat(text)).date() + timedelta(days=1 if day_ends else 0)
            return _first_moment(day, time_zone)
        # "+" in an address means a space, and people forget to write %2B.
        moment = sensible_time(datetime.fromisoformat(text.replace(" ", "+")))
        if moment.tzinfo is None:
            raise ValueError
        return moment
    except ValueError:
        sentence = f"{field} is no time; write it like 2027-03-05T18:30:00Z, or a date like 2027-03-05."
        raise ValidationFailed(sentence, errors=[{"field": field, "problem": sentence}]) from None


def _first_moment(day: date, time_zone: str) -> datetime:
    return on_weekly_clocks(day, 0, time_zone)
