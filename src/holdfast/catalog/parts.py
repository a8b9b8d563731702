"""Kinds of fields that events and services share."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from holdfast.money import MOST_IN_ONE_PAYMENT
from holdfast.tenants.schemas import Part
from holdfast.web.fields import CatalogId

LARGEST_CHOSEN_ID = 1_000_000_000
DEFAULT_TIERS = [{"notice_hours": 24, "percent": 100}, {"notice_hours": 2, "percent": 50}]

ChosenId = Annotated[CatalogId, Field(le=LARGEST_CHOSEN_ID)]
MinorUnits = Annotated[int, Field(strict=True, ge=0, le=MOST_IN_ONE_PAYMENT)]
WrittenPrice = Annotated[str | int | float, Field(description='In major units: "85.00"')]
Status = Literal["draft", "on_sale", "closed", "cancelled"]


class RefundTier(Part):
    notice_hours: Annotated[int, Field(ge=0, le=24 * 365)]
    percent: Annotated[int, Field(ge=0, le=100)]
