"""A planned payment page is made at Stripe within five minutes, or given up.

Why: the guest holds seats and has nowhere to pay; or Stripe has made a page that we do not know, and
    somebody may pay on it.
Broken by: a process that dies between committing the attempt and hearing Stripe's answer; Stripe out of
    reach.
Prevented by: the attempt is committed first and its id is the idempotency key, so that asking again gives
    the same page.
PostgreSQL: the other side is Stripe.
Repair: it is settled, which asks Stripe again with the same key.
Failure modes: F10, F11, F42
"""

from __future__ import annotations

from holdfast.laws.law import Law, Severity
from holdfast.laws.repairs import settle_order

LAW = Law(
    severity=Severity.SERVICE,
    violations="""
        SELECT a.attempt_id AS subject, a.created_at AS since, a.order_id, a.times_asked, a.last_error
          FROM attempts a
         WHERE a.status = 'planned' AND a.session_id IS NULL AND a.payment_intent_id IS NULL
           AND a.created_at < %(now)s - interval '5 minutes'""",
    repair=settle_order,
    breaks_with="""
        UPDATE attempts SET status = 'planned', session_id = NULL, checkout_url = NULL,
               created_at = %(now)s - interval '6 minutes'
         WHERE attempt_id = %(pending_attempt)s""",
)
