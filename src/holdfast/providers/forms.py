"""The form of a request, read as it was typed and never lost: what is wrong stands beside what was typed. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, date, datetime, time
from zoneinfo import ZoneInfo

from holdfast.bookings.forms import LONGEST_NAME
from holdfast.bookings.forms import Typed as FormContent
from holdfast.bookings.forms import booking_id_of_form as _booking_id
from holdfast.customers.rules import normalised_email, normalised_phone
from holdfast.errors import ValidationFailed
from holdfast.providers.rules import read_slot_id, refuse_missing_local_time
from holdfast.requests.rules import clean_details

LONGEST_VALUE = 300
LONGEST_DETAILS = 4000  # what is kept to be shown again; how much is sent, requests/rules.py says
MOST_FIELDS = 40
CONTACT = ("name", "email", "phone")
# What makes a request another one. The clock that times were read on does not.
CONTENT = (*CONTACT, "details", "slot", "date", "time", "form")


@dataclass(frozen=True)
class Asked:
    """`raw`: every field as it came. `errors`: field → sentence. `starts_at` when a time was chosen that can be read."""

    raw: Mapping[str, str] = field(default_factory=dict)
    errors: Mapping[str, str] = field(default_factory=dict)
    starts_at: datetime | None = None

    def text(self, name: str) -> str:
        return self.raw.get(name, "").strip()


def read_fields(pairs: Iterable[tuple[str, object]]) -> Asked:
    """Nothing is judged yet: who only wants to see another day has not finished typing."""
    fields = {name: value for name, value in list(pairs)[:MOST_FIELDS] if isinstance(value, str)}
    return Asked(
        {
            name: value[: LONGEST_DETAILS if name == "details" else LONGEST_VALUE]
            for name, value in fields.items()
        }
    )


def checked(asked: Asked, timing: str, offering_id: int, zone: str, region: str) -> Asked:
    """With a sentence for each field that needs another look. `zone`: the clock on which a proposed time was typed; `region`:
    how telephone numbers are read. Whether a time is free is the database's to say."""
    asked = with_time(asked, timing, offering_id, zone)
    errors = dict(asked.errors)
    if not asked.text("name"):
        errors["name"] = "Tell us your name."
    elif len(asked.text("name")) > LONGEST_NAME:
        errors["name"] = f"Please shorten the name to {LONGEST_NAME} characters."
    _check_contact(asked, region, errors)
    try:
        clean_details(asked.text("details"))
    except ValidationFailed as wrong:
        errors["details"] = wrong.detail
    return replace(asked, errors=errors)


def with_time(asked: Asked, timing: str, offering_id: int, zone: str) -> Asked:
    """Only the time is read, or there is a sentence why it could not be."""
    try:
        return replace(asked, errors={}, starts_at=_time(asked, timing, offering_id, zone))
    except _Wrong as wrong:
        return replace(asked, errors={wrong.field: wrong.sentence}, starts_at=None)


def booking_id_of_form(secret_key: str, asked: Asked) -> str | None:
    """As that of an event's form: the same form sent twice is one request."""
    return _booking_id(secret_key, FormContent({name: asked.text(name) for name in CONTENT}))


class _Wrong(Exception):
    def __init__(self, field: str, sentence: str) -> None:
        super().__init__(sentence)
        self.field, self.sentence = field, sentence


def _time(asked: Asked, timing: str, offering_id: int, zone: str) -> datetime | None:
    match timing:
        case "slot":
            return _slot(asked.text("slot"), offering_id)
        case "proposed":
            return _proposed(asked, zone)
        case _:
            return None


def _slot(text: str, offering_id: int) -> datetime:
    if not text:
        raise _Wrong("slot", "Choose a time.")
    try:
        of_offering, starts_at = read_slot_id(text)
    except ValidationFailed:
        raise _Wrong("slot", "This time is not one of those below. Please choose again.") from None
    if of_offering != offering_id:
        raise _Wrong("slot", "This time belongs to another service. Please choose one below.")
    return starts_at


def _proposed(asked: Asked, zone: str) -> datetime:
    """On the night when clocks go back, the first of the two; on the one when they go forward, what is left out is refused."""
    try:
        day = date.fromisoformat(asked.text("date"))
    except ValueError:
        raise _Wrong(
            "date", "Choose a day, such as 2030-06-14." if asked.text("date") else "Choose a day."
        ) from None
    try:
        at = time.fromisoformat(asked.text("time"))
    except ValueError:
        raise _Wrong(
            "time", "Choose a time, such as 18:30." if asked.text("time") else "Choose a time."
        ) from None
    local = datetime.combine(day, at.replace(second=0, microsecond=0, tzinfo=None))
    try:
        refuse_missing_local_time(local, zone)
        return local.replace(tzinfo=ZoneInfo(zone)).astimezone(UTC)
    except ValidationFailed as missing:
        raise _Wrong("time", missing.detail) from None
    except OverflowError:
        raise _Wrong("date", "Choose a day that a calendar has.") from None


def _check_contact(asked: Asked, region: str, errors: dict[str, str]) -> None:
    if not asked.text("email"):
        errors["email"] = "Tell us your e-mail address: the answer goes there."
    try:
        if asked.text("email"):
            normalised_email(asked.text("email"))
    except ValidationFailed as wrong:
        errors["email"] = wrong.detail
    try:
        if asked.text("phone"):
            normalised_phone(asked.text("phone"), region)
    except ValidationFailed as wrong:
        errors["phone"] = wrong.detail
