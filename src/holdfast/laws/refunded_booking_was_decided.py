"""A booking to come whose money went back entirely was looked at by somebody.

Why: seats are kept for a guest who got the money back, perhaps because a refund in Stripe's dashboard was
    meant as a cancellation.
Broken by: a refund outside of Holdfast; a refund by staff who forgot to cancel.
Prevented by: cancelling and refunding are one action here; a refund from outside is recorded as such.
PostgreSQL: it may be meant so: a kindness to a guest who still comes.
Repair: a task asks; once somebody has closed it, that was the decision.
Failure modes: F44, F46
"""

from __future__ import annotations

from holdfast.laws.law import Law, Severity
from holdfast.laws.repairs import open_task_for

LAW = Law(
    severity=Severity.NOTICE,
    violations="""
        SELECT p.payment_id AS subject, max(r.created_at) AS since, o.order_id, b.reference,
               p.captured, sum(r.amount) AS refunded,
               p.currency
          FROM orders o
          JOIN bookings b USING (order_id)
          JOIN offerings f ON f.offering_id = o.offering_id
          JOIN payments p ON p.order_id = o.order_id AND p.purpose = 'order'
          JOIN refunds r USING (payment_id)
         WHERE o.status = 'confirmed' AND coalesce(o.starts_at, f.starts_at, 'infinity') > %(now)s AND r.status <> 'failed'
           AND NOT EXISTS (SELECT FROM tasks t WHERE t.kind = 'refunded_outside' AND t.subject = p.payment_id)
      GROUP BY o.order_id, b.booking_id, p.payment_id
        HAVING sum(r.amount) >= p.captured""",
    repair=open_task_for(
        "refunded_outside",
        "The money of this booking went back, but its seats are kept. Cancel it, or let it be.",
    ),
    breaks_with="""
        INSERT INTO refunds (refund_id, payment_id, order_id, tenant_id, amount, currency, reason,
               status, stripe_refund_id, actor,
                             created_at, settled_at)
        SELECT 'ref_planted', payment_id, order_id, tenant_id, captured, currency, 'outside', 'succeeded', 're_planted', 'stripe',
               %(now)s, %(now)s
          FROM payments WHERE payment_id = %(confirmed_payment)s""",
)
