"""Five minutes after a booking is confirmed, its guest has the confirmation.

Why: without it the guest does not know whether the payment went through, and pays again or calls the bank.
Broken by: a mail server that is away; a worker that stands still; an address that does not exist; a message
    sent outside the transaction that confirmed.
Prevented by: the message is a row of the transaction that confirms, tried again until it is delivered or
    refused for good.
PostgreSQL: the other side is a mail server.
Repair: a message that is missing is written, one that waits is tried now; after a refusal for good a person
    finds another way, and closing that task settles it.
Failure modes: F67, F68
"""

from __future__ import annotations

from datetime import datetime

from holdfast.database.connection import Connection
from holdfast.laws.law import Law, Severity, Violation
from holdfast.messages.jobs import send_due
from holdfast.messages.store import enqueue
from holdfast.system import System

KIND = "booking_confirmed"


async def _make_due(conn: Connection, booking_id: str, now: datetime) -> bool:
    """Only for an operator: the worker keeps to the pauses between tries."""
    changed = await conn.execute(
        "UPDATE messages SET try_at = %s WHERE booking_id = %s AND kind = %s AND status = 'queued'",
        (now, booking_id, KIND),
    )
    return changed.rowcount > 0


async def send_now(system: System, violation: Violation, actor: str) -> str:
    now = system.clock.now()
    booking_id = violation.subject
    async with system.database.transaction() as conn:
        booking = await (
            await conn.execute("SELECT * FROM bookings WHERE booking_id = %s", (booking_id,))
        ).fetchone()
        assert booking is not None  # bookings are never deleted
        written = await enqueue(conn, system.ids, now, booking=booking, kind=KIND, cause=actor)
        waiting = actor == "operator" and await _make_due(conn, booking_id, now)
    if written is None and not waiting:
        return "It is on its way, at its own pace; or a person finds another way to the guest."
    system.signals.tell("work:messages")
    await send_due(system)
    return "Its confirmation was missing; it was written and tried." if written else "It was tried again."


LAW = Law(
    severity=Severity.SERVICE,
    violations="""
        SELECT b.booking_id AS subject, b.confirmed_at AS since, b.order_id, b.reference, m.message_id,
               coalesce(m.status, 'missing') AS message, m.tries, m.try_at, m.error
          FROM bookings b
     LEFT JOIN messages m ON m.booking_id = b.booking_id AND m.unique_key = 'booking_confirmed' AND m.instead_of IS NULL
         WHERE b.status IN ('confirmed', 'in_progress', 'completed', 'no_show')
           AND (b.contact_email IS NOT NULL OR b.contact_phone IS NOT NULL)
           AND b.confirmed_at < %(now)s - interval '5 minutes'
           AND (m.message_id IS NULL OR m.status IN ('queued', 'sending', 'failed'))
           AND NOT EXISTS (SELECT FROM messages other WHERE other.booking_id = b.booking_id AND other.kind = 'booking_confirmed'
                              AND other.status IN ('sent', 'delivered'))
           AND NOT EXISTS (SELECT FROM tasks t WHERE t.kind = 'undeliverable'
                  AND t.subject = m.message_id AND t.done_at IS NOT NULL)""",
    repair=send_now,
    breaks_with="""
        DELETE FROM message_tries WHERE message_id = %(confirmed_message)s;
        DELETE FROM messages WHERE message_id = %(confirmed_message)s""",
)
