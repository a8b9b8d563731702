"""The answers about providers, as the OpenAPI document describes them."""

from __future__ import annotations

from datetime import datetime
from typing import Literal

from pydantic import BaseModel, Field


class Service(BaseModel):
    offering_id: int
    kind: Literal["appointment"]
    title: str
    description: str
    venue: str
    status: Literal["draft", "on_sale", "closed", "cancelled"]
    currency: str
    price: int = Field(
        description="In minor units; authorised when it is asked for, captured when it is accepted"
    )
    hold_minutes: int
    refund_tiers: list[dict[str, int]]
    timing: Literal["slot", "proposed", "none"]
    duration_minutes: int
    step_minutes: int
    buffer_before_minutes: int
    buffer_after_minutes: int
    lead_minutes: int
    horizon_days: int
    respond_minutes: int
    reschedule_minutes: int
    most_reschedules: int
    details_label: str


class StaffService(Service):
    on_sale_from: datetime | None
    on_sale_until: datetime | None


class Hours(BaseModel):
    weekday: int = Field(description="As ISO counts: 1 is Monday")
    opens: str = Field(examples=["09:00"])
    closes: str = Field(examples=["17:00", "24:00"])


class ProviderHead(BaseModel):
    provider_id: int
    tenant: str
    name: str
    about: str
    time_zone: str


class ListedProvider(ProviderHead):
    services: list[Service]


class Providers(BaseModel):
    providers: list[ListedProvider]


class Provider(ListedProvider):
    opening_hours: list[Hours]


class StaffProviderHead(ProviderHead):
    email: str | None
    phone: str | None
    active: bool


class StaffProvider(StaffProviderHead):
    services: list[StaffService]
    opening_hours: list[Hours]


class StaffProviders(BaseModel):
    providers: list[StaffProviderHead]


class Slot(BaseModel):
    slot_id: str = Field(description="Opaque; POST /api/create-payment-intent takes it")
    offering_id: int
    starts_at: datetime
    ends_at: datetime


class Slots(BaseModel):
    slots: list[Slot]
    time_zone: str = Field(description="The provider's")


class FoundService(BaseModel):
    provider_id: int
    name: str
    offering_id: int
    title: str
    price: int
    currency: str
    time_zone: str
    slots: list[Slot]


class Found(BaseModel):
    services: list[FoundService]


class OpeningException(BaseModel):
    exception_id: int
    kind: Literal["open", "closed"]
    starts_at: datetime
    ends_at: datetime
    note: str


class ClosedOver(BaseModel):
    booking_id: str
    reference: str
    status: str
    name: str
    title: str
    starts_at: datetime
    ends_at: datetime


class ExceptionMade(OpeningException):
    bookings: list[ClosedOver] = Field(description="Booked within a time that was closed; they stay booked")


class Week(BaseModel):
    hours: list[Hours]
    exceptions: list[OpeningException]
    time_zone: str


class CalendarLink(BaseModel):
    url: str | None = Field(
        description="Whoever has it can read the calendar; null when the same request is answered again"
    )
