"""What Stripe told us of as paid, a session or an intent of ours, is recorded as paid.

Why: an event marked as handled is never looked at again; if its effect is missing, the retry that would
    mend it is refused as a duplicate.
Broken by: marking before the effect commits; an effect that was rolled back alone.
Prevented by: handled_at is set in the transaction of the effect.
PostgreSQL: what the effect should have been is written in the event's text, in Stripe's words.
Repair: the attempt is settled with Stripe.
Failure modes: F05
"""

from __future__ import annotations

from holdfast.laws.law import Law, Severity
from holdfast.laws.repairs import settle_order

LAW = Law(
    severity=Severity.MONEY,
    violations="""
        SELECT e.event_id AS subject, e.received_at AS since, a.order_id, e.type, e.object_id, a.attempt_id
          FROM webhook_events e JOIN attempts a ON a.session_id = e.object_id
         WHERE e.type IN ('checkout.session.completed', 'checkout.session.async_payment_succeeded') AND e.handled_at IS NOT NULL
           AND NOT EXISTS (SELECT FROM payments p WHERE p.attempt_id = a.attempt_id)
           AND e.payload::jsonb #>> '{data,object,payment_status}' = 'paid'
     UNION ALL
        SELECT e.event_id, e.received_at, a.order_id, e.type, e.object_id, a.attempt_id
          FROM webhook_events e JOIN attempts a ON a.payment_intent_id = e.object_id
         WHERE e.type = 'payment_intent.succeeded' AND e.handled_at IS NOT NULL AND a.kind = 'payment_intent'
           AND NOT EXISTS (SELECT FROM payments p WHERE p.attempt_id = a.attempt_id)""",
    repair=settle_order,
    breaks_with="""
        INSERT INTO webhook_events (event_id, type, object_id, livemode, created_at, payload, received_at, handled_at, outcome)
        SELECT 'evt_planted', 'checkout.session.completed', session_id, false, %(now)s,
               '{"data": {"object": {"object": "checkout.session", "payment_status": "paid"}}}', %(now)s, %(now)s, 'applied'
          FROM attempts WHERE attempt_id = %(pending_attempt)s""",
)
