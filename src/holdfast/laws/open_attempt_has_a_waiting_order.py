"""What can still be paid belongs to an order that still waits for its money.

Why: a payment page that stays open after the order was paid, cancelled or let go takes money for nothing.
Broken by: ending an order without closing its page at Stripe; a second page for an order that was paid on
    the first.
Prevented by: one open attempt per order; an order ends only after Stripe has closed the page.
PostgreSQL: the order's status and the attempt's are in two tables, and for a moment after a payment both
    are true.
Repair: the attempt is settled, which closes the page at Stripe or takes in what was paid on it.
Failure modes: F11, F16, F31, F39
"""

from __future__ import annotations

from holdfast.laws.law import Law, Severity
from holdfast.laws.repairs import settle_order

LAW = Law(
    severity=Severity.MONEY,
    violations="""
        SELECT a.attempt_id AS subject, a.created_at AS since, a.order_id, a.status, o.status AS order_status, a.session_id
          FROM attempts a JOIN orders o USING (order_id) LEFT JOIN bookings b USING (order_id)
         WHERE a.status IN ('planned', 'open') AND o.status NOT IN ('pending', 'requested', 'stuck')
           AND coalesce(b.ended_at, b.confirmed_at, o.created_at) < %(now)s - interval '1 hour'""",
    repair=settle_order,
    breaks_with="""
        UPDATE attempts SET status = 'open', ask_at = %(now)s + interval '5 minutes', closed_at = NULL
         WHERE attempt_id = %(expired_attempt)s""",
)
