"""Ten minutes after a request is accepted its money is captured, or everybody was told why not.

Why: the provider has said yes and the customer reads "accepted": now it has to be paid, and confirmed.
Broken by: a process that dies between the acceptance and Stripe; a capture that nobody carries out.
Prevented by: accepting writes the capture in the same transaction, and the worker carries it out until Stripe has answered.
PostgreSQL: what has to follow is at Stripe.
Repair: the capture is made if it is missing, and carried out; then the order is settled with Stripe.
Failure modes: F28, F30, F69
"""

from __future__ import annotations

from holdfast.laws.law import Law, Severity
from holdfast.laws.request_repairs import capture_accepted

LAW = Law(
    severity=Severity.MONEY,
    violations="""
        SELECT o.order_id AS subject, o.accepted_at AS since, o.order_id, o.amount, o.currency, c.capture_id, c.status AS capture,
               c.tries, c.failure
          FROM bookings b JOIN orders o USING (order_id)
     LEFT JOIN LATERAL (SELECT * FROM captures c WHERE c.order_id = o.order_id AND c.action = 'capture'
                      ORDER BY c.created_at DESC LIMIT 1) c ON true
         WHERE b.status = 'requested' AND o.status = 'requested' AND o.accepted_at < %(now)s - interval '10 minutes'""",
    repair=capture_accepted,
    breaks_with="""
        UPDATE orders SET accepted_at = %(now)s - interval '11 minutes' WHERE order_id = %(asked_order)s""",
)
