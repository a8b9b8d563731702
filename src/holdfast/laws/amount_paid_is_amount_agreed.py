"""What was paid is what was agreed, in the currency that was agreed.

Why: a price that changed between the page and the payment is either the guest's loss or the business's; a
    currency that differs may be a factor of a hundred.
Broken by: prices edited while a session was open; a promotion at Stripe; a zero-decimal currency taken for
    one with two.
Prevented by: the session is made from the order's own lines, amounts are integers with their currency, and
    settling compares both before it confirms.
PostgreSQL: a CHECK cannot look at another table's row, and a difference must be storable: it happened, and
    a person decides.
Repair: none by machine.
Failure modes: F21, F22, F29
"""

from __future__ import annotations

from holdfast.laws.law import Law, Severity

LAW = Law(
    severity=Severity.MONEY,
    violations="""
        SELECT p.payment_id AS subject, p.recorded_at AS since, o.order_id, o.amount, o.currency, p.captured,
               p.currency AS currency_paid
          FROM payments p JOIN orders o USING (order_id)
         WHERE p.purpose = 'order' AND o.status IN ('confirmed', 'in_progress', 'completed', 'no_show')
           AND (p.captured <> o.amount OR p.currency <> o.currency)""",
    person_decides="return the difference, ask for it, or let it be.",
    breaks_with="""
        UPDATE payments SET captured = captured + 100 WHERE payment_id = %(confirmed_payment)s""",
)
