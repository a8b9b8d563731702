"""An event finds the order that it speaks of within an hour.

Why: it waits because nothing here is known by its id: it may have come before our own commit, belong to
    another installation on the same Stripe account, or tell of money that a restored backup has forgotten.
Broken by: two systems on one account; a session made by hand; a restore.
Prevented by: an attempt is committed before Stripe hears of it, so its event cannot come too early for
    long; what is marked as somebody else's is set aside at once.
PostgreSQL: the other side is Stripe.
Repair: it is handled again; what stays unknown a person has to explain.
Failure modes: F08, F12, F25, F58
"""

from __future__ import annotations

from holdfast.laws.law import Law, Severity
from holdfast.laws.repairs import handle_again

LAW = Law(
    severity=Severity.NOTICE,
    violations="""
        SELECT e.event_id AS subject, e.received_at AS since, e.type, e.object_id, e.tries, e.error
          FROM webhook_events e
         WHERE e.handled_at IS NULL AND e.outcome = 'unknown_object'
           AND e.received_at < %(now)s - interval '1 hour'""",
    repair=handle_again,
    breaks_with="""
        UPDATE webhook_events SET handled_at = NULL, outcome = 'unknown_object', received_at = %(now)s - interval '2 hours',
               try_at = %(now)s + interval '5 minutes', tries = 9
         WHERE event_id = %(handled_event)s""",
)
