"""A refund never exceeds what was captured.

Why: paying back more than was taken is our loss, and nobody can undo it.
Broken by: two partial refunds that race; a capture lowered after a refund was asked for; a refund made in
    Stripe's dashboard beside one of ours.
Prevented by: a trigger locks the payment and adds up before a refund is written.
PostgreSQL: it refuses ours; it cannot refuse one that was made at Stripe, which must be storable, nor a
    restore.
Repair: none by machine.
Failure modes: F35, F46
"""

from __future__ import annotations

from holdfast.laws.law import Law, Severity

LAW = Law(
    severity=Severity.MONEY,
    violations="""
        SELECT p.payment_id AS subject, max(r.created_at) AS since, p.order_id, p.captured, sum(r.amount) AS refunded, p.currency
          FROM payments p JOIN refunds r USING (payment_id)
         WHERE r.status <> 'failed'
      GROUP BY p.payment_id
        HAVING sum(r.amount) > p.captured""",
    person_decides="compare with Stripe what really went back, and ask the guest for what was too much.",
    breaks_with="""
        SET LOCAL session_replication_role = replica;
        UPDATE refunds SET amount = amount + 1000000 WHERE refund_id = %(cancelled_refund)s""",
)
