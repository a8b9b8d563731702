"""A request that nobody has answered in time is declined.

Why: the customer's money stays blocked, and the time stays taken, for an answer that will not come.
Broken by: a worker that stands still; a deadline that was changed by hand.
Prevented by: the worker declines what is overdue, in the transaction that lets the slot go and owes the release of the money.
PostgreSQL: it cannot let time pass.
Repair: it is declined, as by the worker; the customer is told.
Failure modes: F38, F69
"""

from __future__ import annotations

from holdfast.laws.law import Law, Severity
from holdfast.laws.request_repairs import decline_now

LAW = Law(
    severity=Severity.BOOKING,
    violations="""
        SELECT o.order_id AS subject, o.respond_by AS since, o.order_id, b.reference, o.amount, o.currency
          FROM orders o JOIN bookings b USING (order_id)
         WHERE b.status = 'requested' AND o.status = 'requested' AND o.accepted_at IS NULL
           AND o.respond_by < %(now)s - interval '10 minutes'""",
    repair=decline_now,
    breaks_with="""
        UPDATE orders SET respond_by = %(now)s - interval '11 minutes' WHERE order_id = %(asked_order)s;
        UPDATE bookings SET expires_at = %(now)s - interval '11 minutes' WHERE booking_id = %(asked_booking)s""",
)
