"""Holdfast takes bookings and their payments and never lets the two drift apart."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from holdfast.bookings.records import (
        create_booking_record,
        ensure_booking_record,
        fix_missing_booking_records,
        validate_order_booking,
    )

__version__ = "0.1.0"
__all__ = [
    "create_booking_record",
    "ensure_booking_record",
    "fix_missing_booking_records",
    "validate_order_booking",
]


def __getattr__(name: str) -> Any:
    """The public names, loaded when they are asked for: `holdfast --help` needs none of them."""
    if name in __all__:
        from holdfast.bookings import records

        return getattr(records, name)
    raise AttributeError(name)
