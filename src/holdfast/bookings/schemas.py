"""What a booking's requests must look like, and what is answered."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, StringConstraints

from holdfast.customers.rules import LONGEST_EMAIL, LONGEST_PHONE
from holdfast.web.fields import CatalogId, Line, RequestBody, Token

MOST_SEATS = 1_000
MOST_OF_ONE_ITEM = 999
MOST_UNITS = 50
MOST_ITEMS = 100
LONGEST_NAME = 120


class UnitWanted(RequestBody):
    unit_id: CatalogId
    seats: Annotated[int, Field(strict=True, ge=1, le=MOST_SEATS)]


class ItemWanted(RequestBody):
    item_id: CatalogId
    quantity: Annotated[int, Field(strict=True, ge=1, le=MOST_OF_ONE_ITEM)]


class CustomerIn(RequestBody):
    name: Annotated[Line, StringConstraints(min_length=1, max_length=LONGEST_NAME)]
    email: Annotated[Line, Field(min_length=3, max_length=LONGEST_EMAIL)]
    phone: Annotated[Line, Field(max_length=LONGEST_PHONE)] | None = None


def each_unit_once(units: list[UnitWanted]) -> list[UnitWanted]:
    _refuse_twice([unit.unit_id for unit in units], "unit")
    return units


def each_item_once(items: list[ItemWanted]) -> list[ItemWanted]:
    _refuse_twice([item.item_id for item in items], "menu item")
    return items


def _refuse_twice(ids: Sequence[int], what: str) -> None:
    twice = sorted({i for i in ids if ids.count(i) > 1})
    if twice:
        raise ValueError(f"The {what} {twice[0]} is there twice; write it once with the sum")


class PlaceBooking(RequestBody):
    """Prices are not asked for: what is charged is what the event says."""

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [
                {
                    "units": [{"unit_id": 1, "seats": 2}],
                    "menu": [{"item_id": 1, "quantity": 2}],
                    "customer": {"name": "Ada Example", "email": "ada@example.com", "phone": "07700 900123"},
                }
            ]
        }
    )

    units: Annotated[
        list[UnitWanted], Field(min_length=1, max_length=MOST_UNITS), AfterValidator(each_unit_once)
    ]
    menu: Annotated[list[ItemWanted], Field(max_length=MOST_ITEMS), AfterValidator(each_item_once)] = []
    customer: CustomerIn
    checkout: Annotated[bool, Field(strict=True, description="false: hold the seats, pay later")] = True


class CancelBooking(RequestBody):
    preview: Annotated[bool, Field(strict=True, description="true: only say what would go back")] = False
    token: Token | None = None


class BookingPlaced(BaseModel):
    order_id: str
    booking_id: str
    customer_id: str
    reference: str
    token: str = Field(description="The secret that opens this booking; keep it as you keep a password")
    status: Literal["pending", "confirmed"]
    amount: int = Field(description="In minor units")
    currency: str
    expires_at: datetime | None
    checkout_session_id: str | None
    checkout_url: str | None
    booking_url: str


class BookingShown(BaseModel):
    """What a guest sees of a booking."""

    model_config = ConfigDict(extra="allow")

    reference: str
    status: str
    amount: int
    amount_paid: int
    amount_refunded: int
    currency: str
    units: list[dict[str, Any]]
    menu: list[dict[str, Any]]
    customer: dict[str, Any]
    messages: list[dict[str, Any]]


class StaffBooking(BaseModel):
    """All of it, with `metadata`, timeline, payments, refunds and messages."""

    model_config = ConfigDict(extra="allow")

    booking_id: str
    order_id: str
    reference: str
    status: str


class Cancelled(BaseModel):
    reference: str
    status: str
    preview: bool
    refund: dict[str, Any] = Field(description="amount, currency, percent, why")


class Kitchen(BaseModel):
    tables: list[dict[str, Any]]
    totals: list[dict[str, Any]]
    guests: int


class StaffBookings(BaseModel):
    bookings: list[dict[str, Any]]


class Correction(BaseModel):
    unit_id: int
    label: str
    before: int
    after: int


class Synced(BaseModel):
    checked: int
    corrected: int
    corrections: list[Correction]
