"""An event from Stripe is handled within a minute.

Why: a stored event that nobody acts on is a payment that nobody sees.
Broken by: an error in a handler; no worker; a process that dies between storing and acting.
Prevented by: the inbox is the queue: whatever has no handled_at is due again, and handled_at is set in the
    transaction of the effect.
PostgreSQL: it cannot make anybody do the work in time.
Repair: it is handled again, with the same effect however often.
Failure modes: F04, F06, F07, F66
"""

from __future__ import annotations

from holdfast.laws.law import Law, Severity
from holdfast.laws.repairs import handle_again

LAW = Law(
    severity=Severity.SERVICE,
    violations="""
        SELECT e.event_id AS subject, e.received_at AS since, e.order_id, e.type, e.object_id, e.tries, e.error
          FROM webhook_events e
         WHERE e.handled_at IS NULL AND e.outcome IS DISTINCT FROM 'unknown_object'
           AND e.received_at < %(now)s - interval '60 seconds'
           AND (e.try_at < %(now)s - interval '60 seconds' OR e.error IS NOT NULL)""",
    repair=handle_again,
    breaks_with="""
        UPDATE webhook_events SET handled_at = NULL, outcome = NULL, try_at = %(now)s - interval '2 minutes'
         WHERE event_id = %(handled_event)s""",
)
