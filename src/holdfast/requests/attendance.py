"""Whether it took place: the provider says so after the time has come. Confirmed becomes completed or no_show, once."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from holdfast.bookings import store
from holdfast.database.connection import Connection
from holdfast.errors import Conflict, NotFound, ValidationFailed
from holdfast.payments.store import lock_order
from holdfast.system import System

COMPLETED, NO_SHOW = "completed", "no_show"
OUTCOMES = {COMPLETED: "took place", NO_SHOW: "was a no-show"}
MARKED_FROM = {"confirmed": frozenset(OUTCOMES), "in_progress": frozenset({COMPLETED})}

Row = dict[str, Any]


async def mark_attendance(
    system: System, booking_id: str, outcome: str, actor: str, provider_id: int | None = None
) -> str:
    """`outcome`: completed or no_show; says the booking's status then. The same outcome twice is once. With `provider_id`,
    another provider's booking is NotFound. Raises ValidationFailed for another outcome; Conflict before the time has come, when
    the other outcome was marked already, and for a booking that is not confirmed. Locks the order."""
    if outcome not in OUTCOMES:
        raise ValidationFailed("Say whether it took place (completed) or nobody came (no_show).")
    now = system.clock.now()

    async def mark(conn: Connection) -> int | None:
        booking = await store.booking(conn, booking_id)
        order = await lock_order(conn, booking["order_id"]) if booking else None
        if order is None or order["offering_kind"] != "appointment":
            raise NotFound("There is no such request.")
        if provider_id is not None and order["provider_id"] != provider_id:
            raise NotFound("There is no such request.")
        if order["status"] == outcome:
            return None
        _refuse(order, outcome, now)
        await store.move_order(conn, order["order_id"], outcome)
        await store.tell(conn, order["tenant_id"], order["order_id"], now, actor, outcome)
        return int(order["provider_id"])

    of_provider = await system.database.run(mark)
    if of_provider is not None:
        system.signals.tell(f"booking:{booking_id}", f"provider:{of_provider}")
    return outcome


def _refuse(order: Row, outcome: str, now: datetime) -> None:
    status = order["status"]
    if status in OUTCOMES:
        raise Conflict(f"It was marked before: it {OUTCOMES[status]}.")
    if outcome not in MARKED_FROM.get(status, frozenset()):
        raise Conflict(f"Only a confirmed booking can be marked, and this one is {status.replace('_', ' ')}.")
    if order["starts_at"] is None:
        if outcome == NO_SHOW:
            raise Conflict("It has no time, so nobody can have missed it.")
    elif order["starts_at"] > now:
        raise Conflict("Its time has not come yet.")
