"""Of the last day's payments Stripe told us by webhook.

Why: a payment that was found by asking is found minutes later, and if all are, the webhook does not arrive:
    a wrong address, a wrong secret, a disabled endpoint. The guests got their bookings, but the first line
    of defence is down.
Broken by: an endpoint that points at an old host; a secret that was changed on one side; a firewall; events
    that Stripe never made.
Prevented by: `holdfast doctor` audits the endpoint.
PostgreSQL: the other side is Stripe.
Repair: none by machine.
Failure modes: F02, F03, F51, F54, F55, F56
"""

from __future__ import annotations

from holdfast.laws.law import Law, Severity

LAW = Law(
    severity=Severity.NOTICE,
    violations="""
        SELECT p.payment_id AS subject, p.recorded_at AS since, p.order_id, p.found_by
          FROM payments p JOIN attempts a USING (attempt_id)
         WHERE p.recorded_at BETWEEN %(now)s - interval '1 day' AND %(now)s - interval '10 minutes'
           AND NOT EXISTS (SELECT FROM webhook_events e WHERE e.object_id = a.session_id)
           AND NOT EXISTS (SELECT FROM webhook_events e WHERE e.object_id = p.payment_intent_id)
           AND NOT EXISTS (SELECT FROM webhook_events e WHERE e.object_id = p.charge_id)""",
    person_decides="run `holdfast doctor` and set the webhook endpoint right; the money itself was found and is safe.",
    breaks_with="""
        UPDATE webhook_events SET object_id = 'cs_somebody_elses' WHERE event_id = %(handled_event)s""",
)
