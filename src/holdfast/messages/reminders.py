"""A kind reminder the day before, once per booking, by the channel the guest has."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

from holdfast.database.connection import Connection
from holdfast.messages.outbox import enqueue
from holdfast.system import System

BEFORE = timedelta(hours=24)
# Who has booked just now needs no reminder, and who is on the way already no longer.
BOOKED_BEFORE = timedelta(hours=6)
NOT_AFTER = timedelta(hours=2)
KIND = "reminder"


async def remind_due(system: System, limit: int = 50) -> int:
    """Writes the reminders that are due; says how many. An SMS waits for the end of the quiet hours."""
    now = system.clock.now()

    async def work(conn: Connection) -> int:
        due = await _due(conn, now, limit)
        for booking in due:
            await enqueue(conn, system.ids, now, booking=booking, kind=KIND, cause="reminder")
        return len(due)

    written = await system.database.run(work)
    if written:
        system.signals.tell("work:messages")
    return written


async def _due(conn: Connection, now: datetime, limit: int) -> list[dict[str, Any]]:
    """Locks the bookings, passing over those that somebody is changing at this moment."""
    found = await conn.execute(
        """WITH near AS (
               SELECT b.booking_id, f.starts_at FROM offerings f JOIN bookings b USING (tenant_id, offering_id)
                WHERE f.kind = 'event' AND f.status <> 'cancelled' AND f.starts_at > %(soonest)s AND f.starts_at <= %(latest)s
                UNION ALL
               SELECT b.booking_id, o.starts_at FROM orders o JOIN bookings b USING (order_id)
                WHERE o.starts_at > %(soonest)s AND o.starts_at <= %(latest)s)
           SELECT b.booking_id, b.tenant_id, b.contact_email, b.contact_phone FROM near JOIN bookings b USING (booking_id)
            WHERE b.status = 'confirmed' AND b.confirmed_at <= near.starts_at - %(booked_before)s::interval
              AND (b.contact_email IS NOT NULL OR b.contact_phone IS NOT NULL)
              AND NOT EXISTS (SELECT FROM messages m WHERE m.booking_id = b.booking_id AND m.unique_key = 'reminder')
         ORDER BY near.starts_at, b.booking_id LIMIT %(limit)s FOR NO KEY UPDATE OF b SKIP LOCKED""",
        {
            "soonest": now + NOT_AFTER,
            "latest": now + BEFORE,
            "booked_before": BEFORE + BOOKED_BEFORE,
            "limit": limit,
        },
    )
    return await found.fetchall()
