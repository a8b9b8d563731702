from __future__ import annotations

from datetime import UTC, datetime

import pytest

from holdfast.catalog.rules import price_in_minor_units, start_in_days, unit_availability
from holdfast.money import share


@pytest.mark.parametrize(
    ("written", "currency", "minor"),
    [
        ("85.00", "GBP", 8500),
        (85, "GBP", 8500),
        (0.1, "GBP", 10),
        ("12000", "JPY", 12000),
        ("18.500", "KWD", 18500),
        ("0", "GBP", 0),
    ],
)
def test_prices_fit_their_currency(written: str | int | float, currency: str, minor: int) -> None:
    assert price_in_minor_units(written, currency) == minor


@pytest.mark.parametrize(
    ("written", "currency"),
    [
        ("12.345", "GBP"),
        ("12.5", "JPY"),
        ("-1", "GBP"),
        ("NaN", "GBP"),
        ("Infinity", "GBP"),
        ("free", "GBP"),
        ("1e12", "GBP"),
    ],
)
def test_what_is_no_price_is_refused(written: str, currency: str) -> None:
    with pytest.raises(ValueError, match=r"price|finer|more than"):
        price_in_minor_units(written, currency)


def test_days_are_counted_on_local_clocks() -> None:
    """Half past seven stays half past seven though the clocks go forward in between."""
    now = datetime(2027, 3, 20, 23, 30, tzinfo=UTC)
    assert start_in_days(now, 14, "19:30", "Europe/London").astimezone(UTC) == datetime(
        2027, 4, 3, 18, 30, tzinfo=UTC
    )


@pytest.mark.parametrize(
    ("taken", "held", "status", "booked"),
    [
        (0, 0, "available", 0),
        (1, 1, "partial", 0),
        (3, 1, "partial", 2),
        (4, 1, "held", 3),
        (4, 0, "booked", 4),
    ],
)
def test_status_of_a_unit(taken: int, held: int, status: str, booked: int) -> None:
    shown = unit_availability({"unit_id": 1, "label": "T", "capacity": 4, "taken": taken, "held": held})
    assert (shown["status"], shown["booked"], shown["available"]) == (status, booked, 4 - taken)


@pytest.mark.parametrize(
    ("written", "currency", "payable"),
    [
        ("18.500", "KWD", True),
        ("18.505", "KWD", False),
        ("900", "ISK", True),
        ("900.50", "ISK", False),
        ("0.01", "GBP", True),
    ],
)
def test_f22_a_price_is_one_that_stripe_can_charge(written: str, currency: str, payable: bool) -> None:
    if payable:
        assert price_in_minor_units(written, currency) > 0
        return
    with pytest.raises(ValueError, match="cannot be paid"):
        price_in_minor_units(written, currency)


def test_f22_half_of_a_three_decimal_price_can_be_paid_back() -> None:
    assert share(18_510, 50, "KWD") == 9_260
    assert share(101, 50, "GBP") == 51
