"""Of a message that could not be delivered somebody is told.

Why: the guest waits for news that will never come; only a person can telephone.
Broken by: giving up without saying so.
Prevented by: giving up writes the task in the same transaction.
PostgreSQL: a task may be closed while the message stays failed; what has to exist is that it was ever
    opened.
Repair: the task is opened.
Failure modes: F68
"""

from __future__ import annotations

from holdfast.laws.law import Law, Severity
from holdfast.laws.repairs import open_task_for

LAW = Law(
    severity=Severity.SERVICE,
    violations="""
        SELECT m.message_id AS subject, m.created_at AS since, b.order_id, m.kind, m.error
          FROM messages m LEFT JOIN bookings b USING (booking_id)
         WHERE m.status = 'failed'
           AND NOT EXISTS (SELECT FROM tasks t WHERE t.kind = 'undeliverable' AND t.subject = m.message_id)""",
    repair=open_task_for(
        "undeliverable", "A message could not be delivered. Reach the guest in another way."
    ),
    breaks_with="""
        UPDATE messages SET status = 'failed', error = 'planted' WHERE message_id = %(cancelled_message)s""",
)
