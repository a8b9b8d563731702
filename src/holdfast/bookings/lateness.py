"""Guests who tell by their link that they come later: whoever stands at the door and in the kitchen reads it."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Annotated, Any

from fastapi import APIRouter, Form, Response
from fastapi.responses import RedirectResponse

from holdfast.bookings import guest, store
from holdfast.bookings.guest import GuestBooking
from holdfast.database.connection import Connection
from holdfast.errors import Conflict
from holdfast.payments.store import lock_order
from holdfast.web.dependencies import TheSystem

CHOICES = (10, 20, 30, 45, 60)  # minutes, on the page
MOST = 180
FROM = timedelta(hours=12)  # before it begins
UNTIL = timedelta(hours=3)  # after it began

router = APIRouter(include_in_schema=False)


def may_say_late(status: str, starts_at: datetime | None, now: datetime) -> bool:
    return status == "confirmed" and starts_at is not None and starts_at - FROM <= now <= starts_at + UNTIL


def late_context(found: GuestBooking, now: datetime) -> dict[str, Any]:
    """What booking.html names of it."""
    minutes = _minutes(found.row["metadata"])
    return {
        "may_say_late": may_say_late(found.status, found.event["starts_at"], now),
        "late_minutes": minutes,
        "late_choices": CHOICES,
    }


@router.post("/b/{token}/late")
async def late(system: TheSystem, token: str, minutes: Annotated[int, Form(ge=0, le=MOST)]) -> Response:
    """So many minutes later than planned; 0 takes it back. Conflict when the booking is not about to begin."""
    found = await system.database.read(lambda conn: guest.by_token(conn, token))
    await system.database.run(lambda conn: say_late(conn, found, minutes, system.clock.now()))
    event_id = found.event["offering_id"]
    system.signals.tell(f"door:{event_id}", f"booking:{found.booking_id}")
    return RedirectResponse(found.path, 303)


async def say_late(conn: Connection, found: GuestBooking, minutes: int, now: datetime) -> None:
    """Said twice, it is told once. Locks the order."""
    order = await lock_order(conn, found.row["order_id"])
    assert order is not None  # orders are never deleted
    if not may_say_late(order["status"], order["starts_at"], now):
        raise Conflict("This can be said of a booking that is about to begin.")
    if await store.set_late(conn, found.booking_id, minutes):
        tenant_id, order_id = order["tenant_id"], order["order_id"]
        await store.tell(conn, tenant_id, order_id, now, "customer", "running_late", minutes=minutes)


def _minutes(metadata: Mapping[str, Any]) -> int:
    return int(metadata.get("late_minutes") or 0)
