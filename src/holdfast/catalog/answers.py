"""The answers about events, as the OpenAPI document describes them."""

from __future__ import annotations

from datetime import datetime
from typing import Any, Literal

from pydantic import BaseModel, Field


class UnitAvailability(BaseModel):
    unit_id: int
    label: str
    capacity: int
    booked: int
    held: int
    available: int
    status: Literal["available", "partial", "held", "booked"]


class Availability(BaseModel):
    event_id: int
    capacity: int
    booked: int = Field(description="Seats that are paid for, or free of charge and confirmed")
    held: int = Field(description="Seats of holds that are not paid yet")
    available: int
    units: list[UnitAvailability]
    as_of: datetime


class Unit(UnitAvailability):
    kind: Literal["table", "area"]
    pricing: Literal["per_seat", "per_unit"] = Field(
        description="Whether `price` is of one seat or of the whole unit"
    )
    price: int = Field(description="In minor units of the event's currency")
    plan: dict[str, Any]


class Item(BaseModel):
    item_id: int
    category: Literal["food", "wine", "other"]
    name: str
    description: str
    price: int = Field(description="In minor units of the event's currency")


class EventHead(BaseModel):
    event_id: int
    title: str
    description: str
    venue: str
    status: Literal["draft", "on_sale", "closed", "cancelled"]
    starts_at: datetime
    ends_at: datetime | None
    time_zone: str
    currency: str
    on_sale_from: datetime | None
    on_sale_until: datetime | None
    hold_minutes: int
    refund_tiers: list[dict[str, int]]


class Event(EventHead):
    units: list[Unit]
    menu: list[Item]


class ListedEvent(EventHead):
    tenant: str
    available: int
    price_from: int | None


class Events(BaseModel):
    events: list[ListedEvent]


class StaffEvent(EventHead):
    """With the organiser's buffer and what is off the menu."""

    version: int
    units: list[dict[str, Any]]
    menu: list[dict[str, Any]]


class StaffListedEvent(EventHead):
    capacity: int
    taken: int


class StaffEvents(BaseModel):
    events: list[StaffListedEvent]


class Loaded(BaseModel):
    tenant: str
    events: list[int]
    created: int = Field(description="Events")
    updated: int = Field(description="Events")
    providers: list[int]
    providers_created: int = Field(description="Providers and their services")
    providers_updated: int = Field(description="Providers and their services")
