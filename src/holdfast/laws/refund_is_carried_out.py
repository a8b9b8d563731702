"""A refund that is owed reaches Stripe within fifteen minutes.

Why: the guest was told that the money comes back.
Broken by: a process that dies between writing the refund and asking for it; Stripe out of reach; no worker.
Prevented by: the refund's row is the intention, asked for with its own id as idempotency key until Stripe
    answers.
PostgreSQL: the other side is Stripe.
Repair: it is asked for again, with the same key: it goes back once.
Failure modes: F34, F35, F45
"""

from __future__ import annotations

from holdfast.laws.law import Law, Severity
from holdfast.laws.repairs import carry_out_refund

LAW = Law(
    severity=Severity.MONEY,
    violations="""
        SELECT r.refund_id AS subject, r.created_at AS since, r.order_id, r.status, r.amount,
               r.currency, r.reason, r.tries, r.failure
          FROM refunds r
         WHERE r.status IN ('owed', 'asked') AND r.created_at < %(now)s - interval '15 minutes'""",
    repair=carry_out_refund,
    brake=True,
    breaks_with="""
        UPDATE refunds SET status = 'owed', stripe_refund_id = NULL, settled_at = NULL, try_at = %(now)s,
               created_at = %(now)s - interval '16 minutes'
         WHERE refund_id = %(cancelled_refund)s""",
)
