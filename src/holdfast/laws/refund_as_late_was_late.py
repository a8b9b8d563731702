"""Nobody who paid in time was refunded as too late.

Why: lateness is judged by when the money moved, not by when we heard of it; who paid in time has a right to
    the seats.
Broken by: comparing our own clock with the hold; a wrong time zone; a webhook that came late.
Prevented by: settling compares `charge.created` with the hold's end.
PostgreSQL: the hold's end and the charge's time are in two tables, and the decision is made between them.
Repair: none by machine.
Failure modes: F14, F36
"""

from __future__ import annotations

from holdfast.laws.law import Law, Severity

LAW = Law(
    severity=Severity.MONEY,
    violations="""
        SELECT r.refund_id AS subject, r.created_at AS since, r.order_id, p.charged_at, b.expires_at, r.amount, r.currency
          FROM refunds r JOIN payments p USING (payment_id) JOIN bookings b ON b.order_id = r.order_id
         WHERE r.reason = 'late' AND p.charged_at <= b.expires_at""",
    person_decides="apologise, and offer seats again if there are any.",
    breaks_with="""
        UPDATE payments SET charged_at = (SELECT expires_at FROM bookings WHERE order_id = %(late_order)s) - interval '1 minute'
         WHERE payment_id = %(late_payment)s""",
)
