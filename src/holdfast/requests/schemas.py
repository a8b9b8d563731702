"""What requests of a provider's time must look like, and what is answered."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, model_validator

from holdfast.bookings.schemas import CustomerIn
from holdfast.web.fields import CatalogId, Lines, Moment, RequestBody, Token

LONGEST_DETAILS = 2_000
LONGEST_REASON = 500

SlotId = Annotated[
    str, Field(strict=True, min_length=1, max_length=64, description="From the provider's list of slots")
]
Reason = Annotated[Lines, Field(max_length=LONGEST_REASON)]


class CreatePaymentIntent(RequestBody):
    """Prices are not asked for: what is authorised is what the service costs."""

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [
                {
                    "provider_id": 1,
                    "offering_id": 101,
                    "customer": {"name": "Ada Example", "email": "ada@example.com"},
                    "details": "For my sister's birthday",
                }
            ]
        }
    )

    provider_id: CatalogId
    offering_id: CatalogId
    slot_id: SlotId | None = None
    starts_at: Annotated[
        Moment | None, Field(description="A proposed time, for services whose time is agreed on acceptance")
    ] = None
    customer: CustomerIn
    details: Annotated[Lines, Field(max_length=LONGEST_DETAILS)] = ""

    @model_validator(mode="after")
    def _one_time(self) -> CreatePaymentIntent:
        if self.slot_id is not None and self.starts_at is not None:
            raise ValueError("Send slot_id or starts_at, not both")
        return self


class PaymentIntentCreated(BaseModel):
    order_id: str
    booking_id: str
    customer_id: str
    reference: str
    token: str = Field(description="The secret that opens this booking; keep it as you keep a password")
    status: Literal["pending", "requested"]
    payment_intent_id: str | None = Field(description="null when it costs nothing")
    client_secret: str | None = Field(description="For Stripe's Payment Element; null when it costs nothing")
    publishable_key: str | None = Field(description="What Stripe.js is begun with; null when it is not set")
    amount: int = Field(description="In minor units")
    currency: str
    expires_at: datetime
    booking_url: str


class ProvidersRequest(BaseModel):
    model_config = ConfigDict(extra="allow")

    booking_id: str
    order_id: str
    status: str
    customer: dict[str, Any]
    amount: int
    currency: str
    respond_by: datetime | None


class ProvidersRequests(BaseModel):
    requests: list[ProvidersRequest]


class Accept(RequestBody):
    starts_at: Annotated[
        Moment | None,
        Field(
            description="The time that the provider has read: 409 when the customer has moved it meanwhile"
        ),
    ] = None


class Decline(RequestBody):
    reason: Annotated[Reason, Field(description="Told to the customer")] = ""


class Reschedule(RequestBody):
    slot_id: SlotId | None = None
    starts_at: Moment | None = None
    preview: Annotated[bool, Field(strict=True, description="true: only say whether it may be moved")] = False
    token: Token | None = None

    @model_validator(mode="after")
    def _one_time(self) -> Reschedule:
        if (self.slot_id is None) == (self.starts_at is None):
            raise ValueError("Send slot_id, or starts_at")
        return self


class Rescheduled(BaseModel):
    reference: str
    preview: bool
    starts_at: datetime
    ends_at: datetime
    moves_left: int
