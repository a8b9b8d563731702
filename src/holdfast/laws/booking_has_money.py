"""A confirmed booking that costs something has its money.

Why: a seat that was given away without payment is the business's loss, and the guest has no receipt.
Broken by: believing the success page; taking a slow method's `complete` for `paid`; a session of another
    booking.
Prevented by: only evidence from Stripe confirms, and a deferred constraint trigger refuses to commit a
    confirmed order without a captured payment of at least its amount.
PostgreSQL: it refuses the step to confirmed; it is not asked when a payment's captured sum is lowered
    afterwards, or in a restore.
Repair: none by machine.
Failure modes: F18, F27, F73
"""

from __future__ import annotations

from holdfast.laws.law import Law, Severity

LAW = Law(
    severity=Severity.MONEY,
    violations="""
        SELECT o.order_id AS subject, b.confirmed_at AS since, o.order_id, o.status, o.amount, o.currency,
               coalesce(p.captured, 0) AS captured
          FROM orders o
          JOIN bookings b ON b.order_id = o.order_id
     LEFT JOIN payments p ON p.order_id = o.order_id AND p.purpose = 'order'
         WHERE o.status IN ('confirmed', 'in_progress', 'completed', 'no_show')
           AND o.amount > 0 AND coalesce(p.captured, 0) < o.amount""",
    person_decides="ask for the money, or give the seats back; the guest may already have been told that it is confirmed.",
    breaks_with="""
        UPDATE payments SET captured = captured - 1 WHERE payment_id = %(confirmed_payment)s""",
)
