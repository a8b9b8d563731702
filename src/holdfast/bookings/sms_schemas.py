"""What beginning a booking by SMS and completing it must look like, and what is answered."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, StringConstraints, model_validator

from holdfast.bookings.schemas import (
    LONGEST_NAME,
    MOST_ITEMS,
    MOST_SEATS,
    MOST_UNITS,
    ItemWanted,
    UnitWanted,
    each_item_once,
    each_unit_once,
)
from holdfast.customers.rules import LONGEST_EMAIL, LONGEST_PHONE
from holdfast.web.fields import CatalogId, Line, RequestBody, Token

Seats = Annotated[int, Field(strict=True, ge=1, le=MOST_SEATS)]


class InitiateBooking(RequestBody):
    model_config = ConfigDict(
        json_schema_extra={"examples": [{"event_id": 35, "mobile_number": "07700 900123", "seats": 2}]}
    )

    event_id: CatalogId
    mobile_number: Annotated[Line, Field(min_length=1, max_length=LONGEST_PHONE)]
    seats: Seats = 1


class BookingInitiated(BaseModel):
    pending_booking_id: str
    reference: str
    sms_sent: bool = Field(description="false: it is in the outbox and leaves by itself")
    message_id: str | None
    token: str
    booking_url: str
    expires_at: datetime


class Guest(RequestBody):
    name: Annotated[Line, StringConstraints(min_length=1, max_length=LONGEST_NAME)]
    email: Annotated[Line, Field(min_length=3, max_length=LONGEST_EMAIL)] | None = None


class CompleteBooking(RequestBody):
    """Without `units`, places for `seats` guests are chosen; without both, those that are held stay."""

    units: Annotated[list[UnitWanted], Field(max_length=MOST_UNITS), AfterValidator(each_unit_once)] = []
    seats: Seats | None = None
    menu: Annotated[list[ItemWanted], Field(max_length=MOST_ITEMS), AfterValidator(each_item_once)] = []
    customer: Guest
    token: Token | None = None

    @model_validator(mode="after")
    def _one_way(self) -> CompleteBooking:
        if self.units and self.seats is not None:
            raise ValueError("Send units or seats, not both")
        return self
