"""A booking has its order's status.

Why: a page that shows `confirmed` while the order is cancelled is a promise that nobody keeps.
Broken by: a restore that mixes two moments; triggers and foreign keys switched off.
Prevented by: the booking's status is a foreign key to its order's, carried over by every change.
PostgreSQL: it does refuse this; the law is for the day on which foreign keys were off.
Repair: the booking takes its order's status; seats and messages are other laws' matter.
Failure modes: F09, F25
"""

from __future__ import annotations

from holdfast.laws.law import Law, Severity, Violation
from holdfast.system import System


async def take_over_status(system: System, violation: Violation, actor: str) -> str:
    now = system.clock.now()
    async with system.database.transaction() as conn:
        await conn.execute("SELECT FROM orders WHERE order_id = %s FOR UPDATE", (violation.order_id,))
        await conn.execute(
            """UPDATE bookings b
                  SET status = o.status, expires_at = coalesce(b.expires_at, %(now)s),
                      confirmed_at = CASE WHEN o.status IN ('confirmed', 'in_progress', 'completed', 'no_show')
                                          THEN coalesce(b.confirmed_at, %(now)s) ELSE b.confirmed_at END,
                      ended_at = CASE WHEN o.status IN ('cancelled', 'declined', 'expired')
                                      THEN coalesce(b.ended_at, %(now)s) END
                 FROM orders o WHERE o.order_id = b.order_id AND b.booking_id = %(booking)s AND b.status <> o.status""",
            {"now": now, "booking": violation.subject},
        )
    system.signals.tell(f"booking:{violation.subject}")
    return f"The booking was {violation.detail['status']} and is {violation.detail['order_status']}, as its order is."


LAW = Law(
    severity=Severity.BOOKING,
    violations="""
        SELECT b.booking_id AS subject, b.created_at AS since, b.order_id, b.reference, b.status, o.status AS order_status
          FROM bookings b JOIN orders o USING (order_id)
         WHERE b.status <> o.status""",
    repair=take_over_status,
    breaks_with="""
        SET LOCAL session_replication_role = replica;
        UPDATE bookings SET status = 'cancelled' WHERE booking_id = %(confirmed_booking)s""",
)
