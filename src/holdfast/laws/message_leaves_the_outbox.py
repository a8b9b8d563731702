"""A message that is due is tried within five minutes.

Why: guests wait for it; and when one waits, all that were written after it wait too.
Broken by: no worker; one that died while sending and whose lease nobody took over.
Prevented by: messages are taken by their due time with a lease, and come due again when it ends.
PostgreSQL: it cannot make anybody do the work in time.
Repair: what is due is sent now.
Failure modes: F68, F69
"""

from __future__ import annotations

from holdfast.laws.law import Law, Severity, Violation
from holdfast.messages.jobs import send_due
from holdfast.system import System


async def send_what_is_due(system: System, violation: Violation, actor: str) -> str:
    sent = await send_due(system)
    return f"{sent} due {'message was' if sent == 1 else 'messages were'} tried."


LAW = Law(
    severity=Severity.SERVICE,
    violations="""
        SELECT m.message_id AS subject, m.try_at AS since, b.order_id, m.kind, m.channel, m.status, m.tries, m.error
          FROM messages m LEFT JOIN bookings b USING (booking_id)
         WHERE m.status IN ('queued', 'sending') AND m.try_at < %(now)s - interval '5 minutes'""",
    repair=send_what_is_due,
    breaks_with="""
        UPDATE messages SET try_at = %(now)s - interval '6 minutes' WHERE message_id = %(waiting_message)s""",
)
