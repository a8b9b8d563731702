"""What was declined, cancelled or let go holds nobody's money any more.

Why: an authorisation that nobody lets go blocks the customer's money for a week, for nothing.
Broken by: ending a request without owing the release; an authorisation that came after the end; a release that Stripe refused.
Prevented by: a request ends in the transaction that owes the release, and an authorisation that comes late is let go at once.
PostgreSQL: the order's status and what Stripe holds are two truths, and the second one follows the first.
Repair: the order is settled with Stripe, which owes the release, and that is carried out.
Failure modes: F13, F16
"""

from __future__ import annotations

from holdfast.laws.law import Law, Severity
from holdfast.laws.request_repairs import settle_and_carry_out

LAW = Law(
    severity=Severity.MONEY,
    violations="""
        SELECT a.attempt_id AS subject, b.ended_at AS since, a.order_id, o.status, a.amount, a.currency, a.capture_before
          FROM attempts a JOIN orders o USING (order_id) LEFT JOIN bookings b USING (order_id)
         WHERE o.status IN ('declined', 'cancelled', 'expired') AND a.kind = 'payment_intent'
           AND jsonb_path_exists(a.evidence, '$.intent.*.status ? (@ == "requires_capture")')
           AND NOT EXISTS (SELECT FROM captures c WHERE c.attempt_id = a.attempt_id AND c.status IN ('owed', 'asked'))""",
    repair=settle_and_carry_out,
    breaks_with="""
        UPDATE orders SET status = 'declined', decline_reason = 'planted' WHERE order_id = %(asked_order)s;
        UPDATE bookings SET ended_at = %(now)s WHERE booking_id = %(asked_booking)s""",
)
