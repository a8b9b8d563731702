"""Providers, services, hours and exceptions as requests write them."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, BeforeValidator, ConfigDict, Field, model_validator

from holdfast.catalog.parts import DEFAULT_TIERS, MinorUnits, RefundTier
from holdfast.customers.rules import LONGEST_EMAIL, LONGEST_PHONE, normalised_email
from holdfast.errors import ValidationFailed
from holdfast.providers.rules import OpeningHours, Row, clock_minutes, refuse_impossible_hours
from holdfast.tenants.schemas import Currency, Part, TimeZone
from holdfast.web.fields import CatalogId, Line, Lines, Moment, sensible_time

MOST_HOURS = 100  # of one week
MOST_EXCEPTION_DAYS = 400


def _email(text: str) -> str:
    try:
        return normalised_email(text)
    except ValidationFailed as problem:
        raise ValueError(problem.detail) from None


def _clock(text: str) -> str:
    clock_minutes(text)
    return text


def _written_time(value: Any) -> Any:
    """A number would be read as seconds since 1970, and a date as midnight: neither is meant."""
    if not isinstance(value, str) or len(value) < len("2027-01-01T00:00"):
        raise ValueError("Write a date and a time like 2027-03-05T18:30, with or without an offset")
    return value


Email = Annotated[Line, Field(min_length=3, max_length=LONGEST_EMAIL), AfterValidator(_email)]
# Read by the tenant's region where it has no country code: providers/actions.py.
Phone = Annotated[Line, Field(min_length=1, max_length=LONGEST_PHONE)]
Name = Annotated[Line, Field(min_length=1, max_length=120)]
About = Annotated[Lines, Field(max_length=10_000)]
Clock = Annotated[str, Field(strict=True, max_length=5), AfterValidator(_clock)]
WallOrMoment = Annotated[datetime, BeforeValidator(_written_time), AfterValidator(sensible_time)]
Fold = Annotated[
    Literal[0, 1] | None, Field(description="Of a time that comes twice: 0 the first, 1 the second")
]
Timing = Literal["slot", "proposed", "none"]
ServiceStatus = Literal["draft", "on_sale", "closed"]


class ProviderIn(Part):
    name: Name
    email: Email | None = None
    phone: Phone | None = None
    about: About = ""
    time_zone: Annotated[TimeZone | None, Field(description="Left out: the tenant's")] = None
    active: bool = True


class ProviderPatch(Part):
    """What is not named stays."""

    name: Name | None = None
    email: Email | None = None
    phone: Phone | None = None
    about: About | None = None
    time_zone: TimeZone | None = None
    active: bool | None = None

    @model_validator(mode="after")
    def _nothing_is_emptied(self) -> ProviderPatch:
        _refuse_null(self, "name", "about", "time_zone", "active")
        return self

    def changes(self) -> Row:
        return self.model_dump(exclude_unset=True)


class ServiceFields(Part):
    """Minutes and days, all of them; the defaults are schema.sql's."""

    title: Annotated[Line, Field(min_length=1, max_length=200)]
    description: About = ""
    venue: Annotated[Line, Field(max_length=200)] = ""
    status: ServiceStatus = "on_sale"
    currency: Currency | None = None
    on_sale_from: Moment | None = None
    on_sale_until: Moment | None = None
    hold_minutes: Annotated[int, Field(strict=True, ge=1, le=1440)] | None = None
    refund_tiers: Annotated[list[RefundTier], Field(max_length=10)] | None = None
    timing: Annotated[
        Timing,
        Field(
            description="slot: the customer takes a free one; proposed: the customer names a time; none: it has no time"
        ),
    ]
    duration_minutes: Annotated[int, Field(strict=True, ge=5, le=1440)] = 30
    step_minutes: Annotated[
        Annotated[int, Field(strict=True, ge=5, le=1440)] | None,
        Field(description="From one beginning to the next; left out: the duration"),
    ] = None
    buffer_before_minutes: Annotated[int, Field(strict=True, ge=0, le=480)] = 0
    buffer_after_minutes: Annotated[int, Field(strict=True, ge=0, le=480)] = 0
    lead_minutes: Annotated[int, Field(strict=True, ge=0, le=129_600)] = 120
    horizon_days: Annotated[int, Field(strict=True, ge=1, le=730)] = 90
    respond_minutes: Annotated[int, Field(strict=True, ge=15, le=8640)] = 2880
    reschedule_minutes: Annotated[int, Field(strict=True, ge=0, le=43_200)] = 1440
    most_reschedules: Annotated[int, Field(strict=True, ge=0, le=20)] = 2
    details_label: Annotated[Line, Field(max_length=200)] = ""

    def row(self, provider: Row, *, hold_minutes: int) -> Row:
        """The columns, but for the price. `provider`: with its tenant's currency."""
        tiers = DEFAULT_TIERS if self.refund_tiers is None else [t.model_dump() for t in self.refund_tiers]
        return {
            **self.model_dump(exclude={"price", "id"}),
            "currency": self.currency or provider["tenant_currency"],
            "time_zone": provider["time_zone"],
            "hold_minutes": self.hold_minutes or hold_minutes,
            "step_minutes": self.step_minutes or self.duration_minutes,
            "refund_tiers": sorted(tiers, key=lambda tier: -tier["notice_hours"]),
        }


class ServiceIn(ServiceFields):
    price: Annotated[MinorUnits, Field(description="0: free, and nothing is asked of a card")]


class ServicePatch(Part):
    """What is not named stays. What is booked keeps its price, its time and its refund rules."""

    title: Annotated[Line, Field(min_length=1, max_length=200)] | None = None
    description: About | None = None
    venue: Annotated[Line, Field(max_length=200)] | None = None
    status: ServiceStatus | None = None
    on_sale_from: Moment | None = None
    on_sale_until: Moment | None = None
    hold_minutes: Annotated[int, Field(strict=True, ge=1, le=1440)] | None = None
    refund_tiers: Annotated[list[RefundTier], Field(max_length=10)] | None = None
    price: MinorUnits | None = None
    timing: Timing | None = None
    duration_minutes: Annotated[int, Field(strict=True, ge=5, le=1440)] | None = None
    step_minutes: Annotated[int, Field(strict=True, ge=5, le=1440)] | None = None
    buffer_before_minutes: Annotated[int, Field(strict=True, ge=0, le=480)] | None = None
    buffer_after_minutes: Annotated[int, Field(strict=True, ge=0, le=480)] | None = None
    lead_minutes: Annotated[int, Field(strict=True, ge=0, le=129_600)] | None = None
    horizon_days: Annotated[int, Field(strict=True, ge=1, le=730)] | None = None
    respond_minutes: Annotated[int, Field(strict=True, ge=15, le=8640)] | None = None
    reschedule_minutes: Annotated[int, Field(strict=True, ge=0, le=43_200)] | None = None
    most_reschedules: Annotated[int, Field(strict=True, ge=0, le=20)] | None = None
    details_label: Annotated[Line, Field(max_length=200)] | None = None

    @model_validator(mode="after")
    def _nothing_is_emptied(self) -> ServicePatch:
        may_be_null = {"on_sale_from", "on_sale_until"}
        _refuse_null(self, *(set(type(self).model_fields) - may_be_null))
        return self

    def changes(self) -> Row:
        named = self.model_dump(exclude_unset=True)
        if "refund_tiers" in named:
            named["refund_tiers"] = sorted(named["refund_tiers"], key=lambda tier: -tier["notice_hours"])
        return named


class HoursIn(Part):
    weekday: Annotated[int, Field(strict=True, ge=1, le=7, description="As ISO counts: 1 is Monday")]
    opens: Annotated[Clock, Field(description="On the provider's clocks: 09:00")]
    closes: Annotated[Clock, Field(description="Up to 24:00; hours past midnight are two")]

    @property
    def hours(self) -> OpeningHours:
        return OpeningHours(self.weekday, clock_minutes(self.opens), clock_minutes(self.closes))


class WeekIn(Part):
    """All of a week's hours: what is not here is closed."""

    model_config = ConfigDict(
        json_schema_extra={"examples": [{"hours": [{"weekday": 1, "opens": "09:00", "closes": "17:00"}]}]}
    )
    hours: Annotated[list[HoursIn], Field(max_length=MOST_HOURS)]

    @model_validator(mode="after")
    def _is_possible(self) -> WeekIn:
        refuse_impossible_hours(self.week)
        return self

    @property
    def week(self) -> list[OpeningHours]:
        return [one.hours for one in self.hours]


class ExceptionIn(Part):
    """Times without an offset are read on the provider's clocks."""

    kind: Literal["open", "closed"]
    starts_at: WallOrMoment
    ends_at: WallOrMoment
    note: Annotated[Line, Field(max_length=200)] = ""
    fold: Fold = None


class SlotIn(Part):
    """One slot outside of the week's hours: its length is that of the service named, or given in minutes."""

    starts_at: WallOrMoment
    offering_id: CatalogId | None = None
    duration_minutes: Annotated[int, Field(strict=True, ge=5, le=1440)] | None = None
    note: Annotated[Line, Field(max_length=200)] = ""
    fold: Fold = None

    @model_validator(mode="after")
    def _has_one_length(self) -> SlotIn:
        if (self.offering_id is None) == (self.duration_minutes is None):
            raise ValueError("Name either offering_id, whose length the slot has, or duration_minutes")
        return self


def _refuse_null(patch: Part, *fields: str) -> None:
    for field in sorted(fields):
        if field in patch.model_fields_set and getattr(patch, field) is None:
            raise ValueError(f"{field} cannot be null; leave it out to keep it")
