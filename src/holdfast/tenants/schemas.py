"""A tenant as it is put in, and the kinds of fields that catalogues share with it."""

from __future__ import annotations

from typing import Annotated
from zoneinfo import available_timezones

from babel import Locale, UnknownLocaleError
from pydantic import AfterValidator, BaseModel, ConfigDict, Field, model_validator

from holdfast.money import is_currency
from holdfast.web.fields import Line


def _currency(code: str) -> str:
    if not is_currency(code):
        raise ValueError(f"{code} is no currency that is known here; write its ISO code, like GBP")
    return code


def _time_zone(name: str) -> str:
    if name not in available_timezones():
        raise ValueError(f"{name} is no time zone; write it like Europe/London")
    return name


def _locale(name: str) -> str:
    try:
        Locale.parse(name)
    except (ValueError, UnknownLocaleError):
        raise ValueError(f"{name} is no locale; write it like en_GB") from None
    return name


Currency = Annotated[str, Field(pattern=r"^[A-Z]{3}$"), AfterValidator(_currency)]
TimeZone = Annotated[str, Field(max_length=60), AfterValidator(_time_zone)]
LocaleName = Annotated[str, Field(max_length=20), AfterValidator(_locale)]
Country = Annotated[str, Field(pattern=r"^[A-Z]{2}$")]
ClockTime = Annotated[str, Field(pattern=r"^([01][0-9]|2[0-3]):[0-5][0-9]$")]
Slug = Annotated[str, Field(pattern=r"^[a-z0-9][a-z0-9-]{0,62}$")]


class Part(BaseModel):
    """Strict about names: a field that is misspelt is an error and not a default."""

    model_config = ConfigDict(extra="forbid", str_strip_whitespace=True)


class TenantIn(Part):
    slug: Slug
    name: Annotated[Line, Field(min_length=1, max_length=120)]
    currency: Currency = "GBP"
    time_zone: TimeZone = "Europe/London"
    locale: LocaleName = "en_GB"
    region: Annotated[str, Field(pattern=r"^[A-Z]{2}$")] = "GB"
    accent: Annotated[str, Field(pattern=r"^#[0-9a-f]{6}$")] = "#7a1f3d"
    mail_from: Annotated[Line, Field(max_length=254)] | None = None
    contact_email: Annotated[Line, Field(max_length=254)] | None = None
    # Where SMS may go, by ISO code (empty: the region alone), how many segments a day, and when only what cannot wait is sent.
    sms_countries: Annotated[list[Country], Field(max_length=50)] = []
    sms_daily_cap: Annotated[int, Field(ge=0, le=1_000_000)] = 500
    quiet_from: ClockTime | None = "21:00"
    quiet_until: ClockTime | None = "08:00"

    @model_validator(mode="after")
    def _quiet_hours_are_whole(self) -> TenantIn:
        if (self.quiet_from is None) != (self.quiet_until is None) or (
            self.quiet_from is not None and self.quiet_from == self.quiet_until
        ):
            raise ValueError("quiet_from and quiet_until are two different times, or both null")
        return self
