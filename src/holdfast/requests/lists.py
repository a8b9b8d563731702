"""A provider's requests, healed while they are read: an order that is found without its booking gets it first, once."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from holdfast.bookings.records import ensure_bookings_of_provider
from holdfast.clock import rfc3339
from holdfast.requests import rules, store
from holdfast.system import System

MOST = 1000
TIMES = (
    "starts_at",
    "ends_at",
    "requested_at",
    "respond_by",
    "accepted_at",
    "confirmed_at",
    "ended_at",
    "created_at",
)

Row = dict[str, Any]


async def requests_of(system: System, provider_id: int) -> list[dict[str, Any]]:
    """Everything that was asked of a provider, the newest first, each in a group: held, new, upcoming, past or declined.
    Orders without a booking (a foreign import, a hand, an old version) get theirs first (F01)."""
    await ensure_bookings_of_provider(system, provider_id)
    rows = await system.database.read(lambda conn: store.requests_of_provider(conn, provider_id, MOST))
    now = system.clock.now()
    return [shown(row, now) for row in rows]


async def request_of(
    system: System, booking_id: str, provider_id: int | None = None
) -> dict[str, Any] | None:
    """One of them; None when there is none, or it is another provider's."""
    row = await system.database.read(lambda conn: store.request_by_booking(conn, booking_id))
    if row is None or provider_id not in {None, row["provider_id"]}:
        return None
    return shown(row, system.clock.now())


def shown(row: Row, now: datetime) -> dict[str, Any]:
    """As JSON and pages show it. `accepted` and still `requested`: the capture is under way."""
    return {
        "booking_id": row["booking_id"],
        "order_id": row["order_id"],
        "reference": row["reference"],
        "status": row["status"],
        "group": rules.group(row["status"], row["starts_at"], row["ends_at"], now),
        "provider_id": row["provider_id"],
        "offering_id": row["offering_id"],
        "title": row["title"],
        "timing": row["timing"],
        "customer": {
            "name": row["contact_name"],
            "email": row["contact_email"],
            "phone": row["contact_phone"],
        },
        "details": row["details"],
        "amount": row["amount"],
        "currency": row["currency"],
        "time_zone": row["time_zone"],
        "accepted": row["accepted_at"] is not None,
        "decline_reason": row["decline_reason"],
        "disputed": row["disputed"],
        **{name: rfc3339(row[name]) if row[name] else None for name in TIMES},
    }
