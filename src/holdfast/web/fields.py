"""Kinds of fields that requests share. Strict: `"2"`, 2.5 and true are no number of seats, while a catalogue id may be
written 35 or "35" (contract.md). Text is trimmed and holds no control characters; nothing here may be empty by accident."""

from __future__ import annotations

import unicodedata
from datetime import UTC, datetime
from typing import Annotated, Any

from fastapi import Path
from pydantic import AfterValidator, AwareDatetime, BaseModel, BeforeValidator, ConfigDict, Field

LARGEST_ID = 2**63 - 1
EARLIEST_YEAR, LATEST_YEAR = 2000, 2200
# They turn the reading direction round and can make one name look like another.
DIRECTION_MARKS = frozenset("\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069")


class RequestBody(BaseModel):
    """Fields that are not known are ignored: a price that a client sends changes nothing."""

    model_config = ConfigDict(extra="ignore", str_strip_whitespace=True)


def _id_as_number(value: Any) -> Any:
    if isinstance(value, str) and value.isascii() and value.isdigit() and len(value) <= 19:
        return int(value)
    return value


def digits(value: Any) -> Any:
    if isinstance(value, str) and not (value.isascii() and value.isdigit()):
        raise ValueError("Must be a whole number")  # 35.0 and +35 are other addresses
    return value


def one_line(text: str) -> str:
    """The text, when it is one line without control characters. Raises ValueError."""
    if any(unicodedata.category(c) in {"Cc", "Cs", "Zl", "Zp"} or c in DIRECTION_MARKS for c in text):
        raise ValueError("Must be one line without control characters")
    return text


def some_lines(text: str) -> str:
    """As one_line, but it may have line breaks and tabs."""
    one_line(text.replace("\r\n", "").replace("\n", "").replace("\t", ""))
    return text


def sensible_time(moment: datetime) -> datetime:
    """Raises ValueError for a year that is a slip of the pen; in the first and last years of the calendar a change of time
    zone is not possible."""
    if not EARLIEST_YEAR <= moment.year <= LATEST_YEAR:
        raise ValueError(f"Must be a time between {EARLIEST_YEAR} and {LATEST_YEAR}")
    return moment


def _in_utc(moment: datetime) -> datetime:
    return sensible_time(moment).astimezone(UTC)


CatalogId = Annotated[int, BeforeValidator(_id_as_number), Field(strict=True, ge=1, le=LARGEST_ID)]
EventIdInPath = Annotated[
    int, BeforeValidator(digits), Path(ge=1, le=LARGEST_ID, description="The event's number")
]
Moment = Annotated[AwareDatetime, AfterValidator(_in_utc)]
Line = Annotated[str, Field(strict=True), AfterValidator(one_line)]
Lines = Annotated[str, Field(strict=True), AfterValidator(some_lines)]
Token = Annotated[str, Field(strict=True, min_length=1, max_length=100)]
