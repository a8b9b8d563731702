"""Whoever paid has a booking.

Why: this is what Holdfast is for. Somebody was charged, and there is neither a booking nor a refund.
Broken by: a webhook that never came, was refused or crashed half-way; a clean-up that cancelled a paid
    order; a stuck order that nobody was told of.
Prevented by: the payment is recorded in the transaction that confirms, or that owes the money back; the
    fence asks Stripe before a hold is let go.
PostgreSQL: it would have to know, when a payment is written, that the order's step follows; between the two
    there may be a person.
Repair: the order is settled with Stripe again: confirmed if its seats are free, else the money goes back
    and the customer is told.
Failure modes: F01, F09, F13, F15, F16
"""

from __future__ import annotations

from holdfast.laws.law import Law, Severity
from holdfast.laws.resolve import answer_recorded_money

LAW = Law(
    severity=Severity.MONEY,
    violations="""
        SELECT p.payment_id AS subject, p.recorded_at AS since, o.order_id, o.status, p.captured, p.currency, r.returning
          FROM orders o
          JOIN payments p ON p.order_id = o.order_id AND p.purpose = 'order' AND p.captured > 0
          JOIN bookings b ON b.order_id = o.order_id
    CROSS JOIN LATERAL (SELECT coalesce(sum(r.amount), 0) AS returning FROM refunds r
                         WHERE r.payment_id = p.payment_id AND (r.status <> 'failed' OR EXISTS (
                               SELECT FROM tasks t WHERE t.order_id = r.order_id AND t.kind = 'refund_failed'))) r
         WHERE r.returning < p.captured
           AND (o.status IN ('pending', 'requested', 'expired', 'declined')
                OR (o.status = 'cancelled' AND p.charged_at > b.ended_at)
                OR (o.status = 'stuck' AND NOT EXISTS (SELECT FROM tasks t WHERE t.order_id = o.order_id)))""",
    repair=answer_recorded_money,
    brake=True,
    breaks_with="""
        UPDATE orders SET status = 'stuck', stuck_reason = 'planted' WHERE order_id = %(confirmed_order)s""",
)
