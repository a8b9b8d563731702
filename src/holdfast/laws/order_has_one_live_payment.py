"""An order is paid once: whatever was paid too often goes back.

Why: a guest who was charged twice for one table does not come a second time.
Broken by: two tabs; a retry after a time-out; a payment page that stayed open after the order was paid by
    another.
Prevented by: one open attempt per order and one payment per order that counts (unique indexes); what comes
    in beside it is recorded as money to return, together with its refund.
PostgreSQL: it refuses a second payment that counts, but not that one too many happened at Stripe: that has
    to be recorded.
Repair: the order is settled again, which owes the surplus back; the refund's own row keeps it from going
    back twice.
Failure modes: F11, F23, F31
"""

from __future__ import annotations

from holdfast.laws.law import Law, Severity
from holdfast.laws.resolve import answer_recorded_money

LAW = Law(
    severity=Severity.MONEY,
    violations="""
        SELECT p.payment_id AS subject, p.recorded_at AS since, p.order_id, p.captured, p.currency, r.returning
          FROM payments p
    CROSS JOIN LATERAL (SELECT coalesce(sum(r.amount), 0) AS returning FROM refunds r
                         WHERE r.payment_id = p.payment_id AND (r.status <> 'failed' OR EXISTS (
                               SELECT FROM tasks t WHERE t.order_id = r.order_id AND t.kind = 'refund_failed'))) r
         WHERE p.purpose = 'returned' AND r.returning < p.captured""",
    repair=answer_recorded_money,
    brake=True,
    breaks_with="""
        INSERT INTO attempts (attempt_id, order_id, tenant_id, kind, status, amount, currency,
                              created_at, closed_at)
        SELECT 'att_planted', order_id, tenant_id, kind, 'complete', amount, currency, %(now)s, %(now)s
          FROM attempts WHERE attempt_id = %(confirmed_attempt)s;
        INSERT INTO payments (payment_id, order_id, attempt_id, tenant_id, purpose, payment_intent_id,
               charge_id, amount, captured,
                              currency, charged_at, recorded_at, found_by)
        SELECT 'pay_planted', order_id, 'att_planted', tenant_id, 'returned', 'pi_planted', 'ch_planted', amount, captured,
               currency, %(now)s, %(now)s, 'webhook'
          FROM payments WHERE payment_id = %(confirmed_payment)s""",
)
