"""Whoever has booked an event that moved was told so.

Why: a guest who comes on the old evening, or to the old place, has paid for nothing.
Broken by: an event that is moved at the moment when a booking is confirmed; a change of the catalogue by SQL.
Prevented by: the news is written in the transaction of the change, and with the confirmation of whoever was paying meanwhile.
PostgreSQL: it cannot see what a mail says.
Repair: the news is written.
Failure modes: F43
"""

from __future__ import annotations

from holdfast.laws.law import Law, Severity, Violation
from holdfast.messages.store import enqueue_moved
from holdfast.system import System


async def tell_now(system: System, violation: Violation, actor: str) -> str:
    detail = violation.detail
    async with system.database.transaction() as conn:
        told = await enqueue_moved(conn, detail["offering_id"], detail["version"], system.clock.now())
    system.signals.tell("work:messages")
    return f"Told {told}." if told else "They were told meanwhile."


LAW = Law(
    severity=Severity.SERVICE,
    violations="""
        SELECT b.booking_id AS subject, b.confirmed_at AS since, b.order_id, b.reference, f.offering_id, f.version
          FROM bookings b JOIN orders o USING (order_id) JOIN offerings f ON f.offering_id = b.offering_id
         WHERE b.status = 'confirmed' AND b.contact_email IS NOT NULL AND o.offering_version < f.version
           AND f.starts_at > %(now)s
           AND NOT EXISTS (SELECT FROM messages m WHERE m.booking_id = b.booking_id
                              AND m.unique_key = 'booking_moved:' || f.version)""",
    repair=tell_now,
    breaks_with="""
        UPDATE orders SET offering_version = 0
         WHERE order_id = (SELECT order_id FROM bookings WHERE booking_id = %(confirmed_booking)s)""",
)
