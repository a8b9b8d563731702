"""An authorisation is captured or let go a day before it lapses.

Why: after that moment the card pays nothing, whatever the provider says, and the customer has waited for nothing.
Broken by: a deadline to answer that was set later than the card allows; a capture that Stripe refuses again and again; a
    worker that stands still.
Prevented by: Stripe's own `capture_before` is stored with the attempt, and the deadline to answer lies a day before it.
PostgreSQL: it cannot let time pass, and the authorisation is a bank's.
Repair: an overdue request is declined and what is owed is carried out; what can still be answered is put before a person,
    while there is a day left.
Failure modes: F28
"""

from __future__ import annotations

from holdfast.laws.law import Law, Severity
from holdfast.laws.request_repairs import settle_before_it_lapses

LAW = Law(
    severity=Severity.MONEY,
    violations="""
        SELECT a.attempt_id AS subject, a.capture_before - interval '24 hours' AS since, a.order_id, o.status, o.accepted_at,
               o.respond_by, a.capture_before, a.amount, a.currency
          FROM attempts a JOIN orders o USING (order_id)
         WHERE a.kind = 'payment_intent' AND a.capture_before < %(now)s + interval '24 hours'
           AND jsonb_path_exists(a.evidence, '$.intent.*.status ? (@ == "requires_capture")')
           AND NOT EXISTS (SELECT FROM captures c WHERE c.attempt_id = a.attempt_id AND c.status = 'done')
           AND NOT EXISTS (SELECT FROM tasks t WHERE t.kind = 'authorisation_lapses' AND t.subject = a.attempt_id)""",
    repair=settle_before_it_lapses,
    breaks_with="""
        UPDATE attempts SET capture_before = %(now)s + interval '23 hours' WHERE attempt_id = %(asked_attempt)s""",
)
