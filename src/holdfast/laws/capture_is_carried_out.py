"""What was decided about an authorisation is done within fifteen minutes.

Why: a yes that is not captured is not paid; a no that is not carried out blocks the customer's money.
Broken by: no worker; Stripe out of reach for long; a key that was revoked.
Prevented by: the decision is a row, carried out under its own idempotency key until Stripe has answered.
PostgreSQL: the other side is Stripe.
Repair: it is carried out now, once, under the same key.
Failure modes: F30, F34, F69
"""

from __future__ import annotations

from holdfast.laws.law import Law, Severity
from holdfast.laws.request_repairs import carry_out

LAW = Law(
    severity=Severity.MONEY,
    violations="""
        SELECT c.capture_id AS subject, c.created_at AS since, c.order_id, c.action, c.status, c.amount, c.currency, c.reason,
               c.tries, c.failure
          FROM captures c
         WHERE c.status IN ('owed', 'asked') AND c.created_at < %(now)s - interval '15 minutes'""",
    repair=carry_out,
    brake=True,
    breaks_with="""
        UPDATE captures SET status = 'owed', settled_at = NULL, try_at = %(now)s, created_at = %(now)s - interval '16 minutes'
         WHERE capture_id = %(declined_capture)s""",
)
