"""Money that the bank took back is not refunded as well.

Why: a refund beside a lost dispute pays the same money twice.
Broken by: refunding while a dispute is open; a dispute after a refund that the guest's bank did not see.
Prevented by: a payment with an open dispute is not refunded by machine.
PostgreSQL: either may come first, and both come from outside.
Repair: none by machine.
Failure modes: F41, F49
"""

from __future__ import annotations

from holdfast.laws.law import Law, Severity

LAW = Law(
    severity=Severity.MONEY,
    violations="""
        SELECT d.dispute_id AS subject, d.opened_at AS since, d.order_id, d.status,
               d.amount AS disputed, sum(r.amount) AS refunded,
               p.captured, p.currency
          FROM disputes d JOIN payments p USING (payment_id) JOIN refunds r USING (payment_id)
         WHERE d.status NOT IN ('won', 'warning_closed', 'prevented') AND r.status <> 'failed'
           AND NOT EXISTS (SELECT FROM tasks t WHERE t.kind = 'disputed_money_is_not_refunded' AND t.subject = d.dispute_id
                              AND t.done_at IS NOT NULL)
      GROUP BY d.dispute_id, p.payment_id
        HAVING sum(r.amount) + d.amount > p.captured""",
    person_decides="send the refund's proof to the bank as evidence in the dispute.",
    breaks_with="""
        INSERT INTO refunds (refund_id, payment_id, order_id, tenant_id, amount, currency, reason,
               status, stripe_refund_id, actor,
                             created_at, settled_at)
        SELECT 'ref_planted', payment_id, order_id, tenant_id, 100, currency, 'staff', 'succeeded', 're_planted', 'staff:hf_pl',
               %(now)s, %(now)s
          FROM payments WHERE payment_id = %(disputed_payment)s""",
)
