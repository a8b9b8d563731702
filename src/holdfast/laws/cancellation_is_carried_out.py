"""A cancellation that was asked for is carried out within fifteen minutes.

Why: the guest believes that it is cancelled; meanwhile the seats are kept and the page could still be paid.
Broken by: a cancellation while a payment is under way, whose end nobody looks at.
Prevented by: cancelling closes the page at Stripe first, and whatever settles the order afterwards sees the
    wish.
PostgreSQL: what has to happen between the wish and its end is at Stripe.
Repair: the order is settled; while Stripe cannot be reached the wish stays.
Failure modes: F16
"""

from __future__ import annotations

from holdfast.laws.law import Law, Severity
from holdfast.laws.repairs import let_go

LAW = Law(
    severity=Severity.BOOKING,
    violations="""
        SELECT o.order_id AS subject, o.cancel_requested_at AS since, o.order_id, o.status
          FROM orders o
         WHERE o.cancel_requested_at < %(now)s - interval '15 minutes' AND o.status IN ('pending', 'requested')""",
    repair=let_go,
    breaks_with="""
        UPDATE attempts SET status = 'expired', ask_at = NULL, closed_at = %(now)s WHERE attempt_id = %(pending_attempt)s;
        UPDATE orders SET cancel_requested_at = %(now)s - interval '16 minutes' WHERE order_id = %(pending_order)s""",
)
