"""A booking that an SMS began has that SMS on record, and carries it.

Why: it is the guest's only way to the booking; and when they say that nothing came, somebody has to see what was sent where.
Broken by: an SMS that is sent first and written down later; a copy in the booking that nobody keeps true.
Prevented by: booking and SMS are rows of one transaction, and a trigger keeps the booking's copy equal to the message.
PostgreSQL: no foreign key leads from a booking to its first message.
Repair: the SMS is written, and leaves when the booking still waits; the copy is made anew.
Failure modes: F68
"""

from __future__ import annotations

from holdfast.laws.law import Law, Severity, Violation
from holdfast.messages.store import enqueue_sms
from holdfast.system import System


async def write_it(system: System, violation: Violation, actor: str) -> str:
    now = system.clock.now()
    async with system.database.transaction() as conn:
        booking = await (
            await conn.execute(
                "SELECT * FROM bookings WHERE booking_id = %s FOR NO KEY UPDATE", (violation.subject,)
            )
        ).fetchone()
        assert booking is not None  # bookings are never deleted
        written = await enqueue_sms(
            conn,
            system.ids,
            now,
            tenant_id=booking["tenant_id"],
            phone=booking["contact_phone"],
            kind="booking_started",
            cause=actor,
            booking=booking,
            unique_key="booking_started",
        )
        if written is None:  # it is there: the trigger makes the copy anew
            await conn.execute(
                "UPDATE messages SET status = status WHERE booking_id = %s AND unique_key = 'booking_started'",
                (booking["booking_id"],),
            )
    system.signals.tell("work:messages")
    return "Its SMS was missing and is written." if written else "The booking carries its SMS again."


LAW = Law(
    severity=Severity.SERVICE,
    violations="""
        SELECT b.booking_id AS subject, b.created_at AS since, b.order_id, b.reference, m.message_id, m.status
          FROM orders o JOIN bookings b USING (order_id)
     LEFT JOIN messages m ON m.booking_id = b.booking_id AND m.unique_key = 'booking_started' AND m.channel = 'sms'
         WHERE o.source = 'sms' AND b.contact_phone IS NOT NULL
           AND (m.message_id IS NULL OR b.metadata->'initial_sms'->>'message_id' IS DISTINCT FROM m.message_id
                OR b.metadata->'initial_sms'->>'status' IS DISTINCT FROM m.status)""",
    repair=write_it,
    breaks_with="""
        UPDATE orders SET source = 'sms' WHERE order_id = %(pending_order)s;
        UPDATE bookings SET contact_phone = '+447700900777' WHERE booking_id = %(pending_booking)s""",
)
