"""What was captured is what was decided, and never more than was authorised.

Why: money that was taken after the provider declined, or more of it than the customer allowed, is not ours.
Broken by: somebody who captures in Stripe's dashboard what was let go here; a sum that was changed there.
Prevented by: one decision holds for an authorisation, and a trigger refuses to capture more than the attempt asked for.
PostgreSQL: it refuses our own decision; what Stripe took is a fact that has to be storable.
Repair: none by machine.
Failure modes: F21, F29
"""

from __future__ import annotations

from holdfast.laws.law import Law, Severity

LAW = Law(
    severity=Severity.MONEY,
    violations="""
        SELECT p.payment_id AS subject, p.recorded_at AS since, p.order_id, p.captured, p.currency, a.amount AS authorised,
               c.action AS decided, c.amount AS decided_amount
          FROM payments p JOIN attempts a USING (attempt_id)
     LEFT JOIN captures c ON c.attempt_id = a.attempt_id AND c.status = 'done'
         WHERE a.kind = 'payment_intent'
           AND (p.captured > a.amount OR p.currency <> a.currency
                OR (c.action = 'capture' AND p.captured <> c.amount)
                OR (c.action = 'cancel' AND p.captured > 0
                    AND NOT EXISTS (SELECT FROM refunds r WHERE r.payment_id = p.payment_id AND r.status <> 'failed')))""",
    person_decides="give back what was taken wrongly; Stripe's own log says who captured it.",
    breaks_with="""
        UPDATE payments SET captured = captured + 100 WHERE payment_id = %(booked_payment)s""",
)
