"""A catalogue as people write it (YAML, prices like "85.00") and as the API takes it (prices in minor units).

Both become the same rows. Reference: docs/reference/catalog.md.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import Annotated, Any, Literal
from zoneinfo import ZoneInfo

from pydantic import AfterValidator, Field, model_validator

from holdfast.catalog.parts import DEFAULT_TIERS, ChosenId, MinorUnits, RefundTier, Status, WrittenPrice
from holdfast.catalog.rules import Row, price_in_minor_units, refuse_unpayable, start_in_days
from holdfast.errors import ValidationFailed
from holdfast.providers.written import ProviderWritten
from holdfast.tenants.schemas import Currency, Part, TenantIn, TimeZone
from holdfast.web.fields import Line, Lines, Moment, sensible_time

MOST_UNITS = 500
MOST_ITEMS = 300
MOST_EVENTS = 200
MOST_CAPACITY = 100_000
MOST_PROVIDERS = 500


class Place(Part):
    """The middle of the unit and its size, in a room about 1000 wide."""

    x: Annotated[float, Field(ge=-10_000, le=10_000)] | None = None
    y: Annotated[float, Field(ge=-10_000, le=10_000)] | None = None
    shape: Literal["round", "square", "area"] | None = None
    width: Annotated[float, Field(gt=0, le=10_000)] | None = None
    height: Annotated[float, Field(gt=0, le=10_000)] | None = None


class _Unit(Part):
    label: Annotated[Line, Field(min_length=1, max_length=80)]
    kind: Literal["table", "area"] = "table"
    capacity: Annotated[int, Field(strict=True, ge=1, le=MOST_CAPACITY)]
    pricing: Literal["per_seat", "per_unit"] = "per_seat"
    buffer: bool = False
    plan: Place = Place()


class UnitIn(_Unit):
    price: MinorUnits


class UnitWritten(_Unit):
    price: WrittenPrice


class _Item(Part):
    name: Annotated[Line, Field(min_length=1, max_length=120)]
    category: Literal["food", "wine", "other"] = "food"
    description: Annotated[Lines, Field(max_length=1000)] = ""
    active: bool = True


class ItemIn(_Item):
    price: MinorUnits


class ItemWritten(_Item):
    price: WrittenPrice


class _Event(Part):
    title: Annotated[Line, Field(min_length=1, max_length=200)]
    description: Annotated[Lines, Field(max_length=10_000)] = ""
    venue: Annotated[Line, Field(max_length=200)] = ""
    status: Status = "on_sale"
    time_zone: TimeZone | None = None
    currency: Currency | None = None
    on_sale_from: Moment | None = None
    on_sale_until: Moment | None = None
    hold_minutes: Annotated[
        Annotated[int, Field(strict=True, ge=1, le=1440)] | None,
        Field(description="How long seats are held for paying; left out: HOLD_MINUTES"),
    ] = None
    refund_tiers: Annotated[list[RefundTier], Field(max_length=10)] | None = None

    def common(self, tenant: Row) -> Row:
        """What does not depend on how the prices and the time were written. `tenant` is its row, with the installation's
        `hold_minutes` beside it."""
        tiers = (
            DEFAULT_TIERS if self.refund_tiers is None else [tier.model_dump() for tier in self.refund_tiers]
        )
        return {
            "title": self.title,
            "description": self.description,
            "venue": self.venue,
            "status": self.status,
            "time_zone": self.time_zone or tenant["time_zone"],
            "currency": self.currency or tenant["currency"],
            "on_sale_from": self.on_sale_from,
            "on_sale_until": self.on_sale_until,
            "hold_minutes": self.hold_minutes or tenant["hold_minutes"],
            "refund_tiers": sorted(tiers, key=lambda tier: -tier["notice_hours"]),
        }


class EventIn(_Event):
    """As the API takes it."""

    starts_at: Moment
    ends_at: Moment | None = None
    units: Annotated[list[UnitIn], Field(min_length=1, max_length=MOST_UNITS)]
    menu: Annotated[list[ItemIn], Field(max_length=MOST_ITEMS)] = []

    @model_validator(mode="after")
    def _is_possible(self) -> EventIn:
        _refuse_twice("units", [unit.label for unit in self.units])
        _refuse_twice("menu", [item.name for item in self.menu])
        if self.ends_at is not None and self.ends_at <= self.starts_at:
            raise ValueError("ends_at must be after starts_at")
        return self


class EventPatch(Part):
    """What is not named stays; units are found by their label and items by their name, new ones are added."""

    title: Annotated[Line, Field(min_length=1, max_length=200)] | None = None
    description: Annotated[Lines, Field(max_length=10_000)] | None = None
    venue: Annotated[Line, Field(max_length=200)] | None = None
    status: Status | None = None
    starts_at: Moment | None = None
    ends_at: Moment | None = None
    on_sale_from: Moment | None = None
    on_sale_until: Moment | None = None
    hold_minutes: Annotated[int, Field(strict=True, ge=1, le=1440)] | None = None
    refund_tiers: Annotated[list[RefundTier], Field(max_length=10)] | None = None
    units: Annotated[list[UnitIn], Field(max_length=MOST_UNITS)] = []
    menu: Annotated[list[ItemIn], Field(max_length=MOST_ITEMS)] = []

    @model_validator(mode="after")
    def _names_each_once(self) -> EventPatch:
        _refuse_twice("units", [unit.label for unit in self.units])
        _refuse_twice("menu", [item.name for item in self.menu])
        for field in ("title", "description", "venue", "status", "starts_at", "hold_minutes", "refund_tiers"):
            if field in self.model_fields_set and getattr(self, field) is None:
                raise ValueError(f"{field} cannot be null; leave it out to keep it")
        return self

    def changes(self) -> Row:
        """The columns of the event that were named."""
        return self.model_dump(exclude_unset=True, exclude={"units", "menu"})


class EventWritten(_Event):
    """As YAML has it: either `starts_at`, or `starts_in_days` and `at` for demonstrations."""

    id: ChosenId | None = None
    starts_at: Annotated[datetime, AfterValidator(sensible_time)] | None = None
    starts_in_days: Annotated[int, Field(ge=-3650, le=3650)] | None = None
    at: Annotated[str, Field(pattern=r"^([01]\d|2[0-3]):[0-5]\d$")] = "19:30"
    lasts_minutes: Annotated[int, Field(ge=1, le=60 * 24 * 30)] | None = None
    units: Annotated[list[UnitWritten], Field(min_length=1, max_length=MOST_UNITS)]
    menu: Annotated[list[ItemWritten], Field(max_length=MOST_ITEMS)] = []

    @model_validator(mode="after")
    def _has_one_start(self) -> EventWritten:
        _refuse_twice("units", [unit.label for unit in self.units])
        _refuse_twice("menu", [item.name for item in self.menu])
        if (self.starts_at is None) == (self.starts_in_days is None):
            raise ValueError("Write either starts_at, or starts_in_days with at")
        return self

    def start(self, now: datetime, time_zone: str) -> datetime:
        """A time without a zone is read on the clocks where the event takes place."""
        if self.starts_in_days is not None:
            return start_in_days(now, self.starts_in_days, self.at, time_zone).astimezone(UTC)
        assert self.starts_at is not None  # the validator has seen to it
        zoned = (
            self.starts_at if self.starts_at.tzinfo else self.starts_at.replace(tzinfo=ZoneInfo(time_zone))
        )
        return zoned.astimezone(UTC)


class CatalogDocument(Part):
    tenant: TenantIn
    events: Annotated[list[EventWritten], Field(max_length=MOST_EVENTS)] = []
    providers: Annotated[list[ProviderWritten], Field(max_length=MOST_PROVIDERS)] = []

    @model_validator(mode="after")
    def _prices_fit_currencies(self) -> CatalogDocument:
        services = [service for provider in self.providers for service in provider.services]
        chosen = [*(event.id for event in self.events), *(service.id for service in services)]
        _refuse_twice("events and services", [str(one) for one in chosen if one is not None])
        _refuse_twice("providers", [str(one.id) for one in self.providers if one.id is not None])
        _refuse_twice("providers", [one.name for one in self.providers])
        for service in services:
            price_in_minor_units(service.price, service.currency or self.tenant.currency)
        for event in self.events:
            currency = event.currency or self.tenant.currency
            for price in [*(unit.price for unit in event.units), *(item.price for item in event.menu)]:
                price_in_minor_units(price, currency)
        return self


def event_row(written: EventWritten | EventIn, tenant: Row, now: datetime) -> Row:
    """The columns of an event. Prices and units: unit_rows, item_rows."""
    row = written.common(tenant)
    if isinstance(written, EventIn):
        return {**row, "starts_at": written.starts_at, "ends_at": written.ends_at}
    starts_at = written.start(now, row["time_zone"])
    lasts = written.lasts_minutes
    return {**row, "starts_at": starts_at, "ends_at": starts_at + timedelta(minutes=lasts) if lasts else None}


def unit_rows(units: Sequence[UnitIn | UnitWritten], currency: str) -> list[Row]:
    return [
        {**_row(unit, currency), "plan": unit.plan.model_dump(exclude_none=True), "position": position}
        for position, unit in enumerate(units)
    ]


def item_rows(items: Sequence[ItemIn | ItemWritten], currency: str) -> list[Row]:
    return [{**_row(item, currency), "position": position} for position, item in enumerate(items)]


def _row(part: UnitIn | UnitWritten | ItemIn | ItemWritten, currency: str) -> dict[str, Any]:
    price = part.price if isinstance(part, (UnitIn, ItemIn)) else price_in_minor_units(part.price, currency)
    try:
        refuse_unpayable(price, currency)
    except ValueError as problem:
        raise ValidationFailed(
            f"{getattr(part, 'label', None) or getattr(part, 'name', '')}: {problem}."
        ) from None
    return {**part.model_dump(exclude={"plan"}), "price": price}


def _refuse_twice(field: str, names: Sequence[str]) -> None:
    twice = sorted({name for name in names if names.count(name) > 1})
    if twice:
        raise ValueError(f"{field}: {', '.join(twice)} is there twice")
