"""What may be offered, and what may change once people have booked it: pure."""

from __future__ import annotations

from datetime import datetime, timedelta
from decimal import Decimal, InvalidOperation
from typing import Any
from zoneinfo import ZoneInfo

from holdfast.errors import Conflict
from holdfast.money import MOST_IN_ONE_PAYMENT, exponent, step, to_minor

Row = dict[str, Any]


def price_in_minor_units(written: str | int | float, currency: str) -> int:
    """ "85.00" GBP → 8500. Raises ValueError with a sentence when it is no price or finer than the currency."""
    try:
        price = Decimal(str(written))
    except InvalidOperation:
        raise ValueError(f"{written!r} is not a price; write it like 85.00") from None
    if not price.is_finite() or price < 0:
        raise ValueError(f"{written!r} is not a price; it must be 0 or more")
    decimals = exponent(currency)
    try:
        amount = to_minor(price, currency)
    except ValueError:
        raise ValueError(f"{written} is finer than {currency}, which has {decimals} decimals") from None
    if amount > MOST_IN_ONE_PAYMENT:
        raise ValueError(f"{written} {currency} is more than one payment can take")
    refuse_unpayable(amount, currency)
    return amount


def refuse_unpayable(price: int, currency: str) -> None:
    """Raises ValueError for a price in minor units that Stripe cannot charge in this currency."""
    unit = step(currency)
    if price % unit:
        raise ValueError(
            f"a price of {price} cannot be paid in {currency}: it must be a multiple of {unit} minor units"
        )


def start_in_days(now: datetime, days: int, at: str, time_zone: str) -> datetime:
    """That many days from now, at a time of day where it takes place."""
    hour, minute = (int(part) for part in at.split(":"))
    there = now.astimezone(ZoneInfo(time_zone)) + timedelta(days=days)
    return there.replace(hour=hour, minute=minute, second=0, microsecond=0)


def refuse_smaller_than_taken(unit: Row, capacity: int) -> None:
    """Raises Conflict: what people have booked cannot be taken from under them."""
    if capacity < unit["taken"]:
        raise Conflict(
            f"{unit['label']} cannot have {capacity} seats: {unit['taken']} of its {unit['capacity']} are taken.",
            unit_id=unit["unit_id"],
            taken=unit["taken"],
        )


def next_version(before: Row, after: Row) -> int:
    """A change of time or place makes a new version: whoever pays for the old one is told (F43)."""
    moved = any(before[field] != after[field] for field in ("starts_at", "ends_at", "venue"))
    return int(before["version"]) + (1 if moved else 0)


def unit_availability(unit: Row) -> Row:
    """A unit as `GET …/availability` shows it. `taken` counts held and booked seats."""
    available = unit["capacity"] - unit["taken"]
    return {
        "unit_id": unit["unit_id"],
        "label": unit["label"],
        "capacity": unit["capacity"],
        "booked": unit["taken"] - unit["held"],
        "held": unit["held"],
        "available": available,
        "status": unit_status(available, unit["taken"], unit["held"]),
    }


def unit_status(available: int, taken: int, held: int) -> str:
    if available == 0:
        return "held" if held > 0 else "booked"
    return "partial" if taken > 0 else "available"
