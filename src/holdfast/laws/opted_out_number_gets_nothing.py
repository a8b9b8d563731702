"""To a number that has opted out no SMS is sent.

Why: the law of many countries forbids it, and the network blocks a sender who does it.
Broken by: a message that was written before and leaves after; a sender that does not ask.
Prevented by: asked when a message is written and again when it is sent; what was meant for it is kept as suppressed.
PostgreSQL: what leaves, leaves outside of it.
Repair: none by machine.
Failure modes: F67
"""

from __future__ import annotations

from holdfast.laws.law import Law, Severity

LAW = Law(
    severity=Severity.NOTICE,
    violations="""
        SELECT m.message_id AS subject, m.sent_at AS since, b.order_id, m.kind, u.at AS opted_out_at, u.cause AS opted_out_by
          FROM opt_outs u JOIN messages m ON m.tenant_id = u.tenant_id AND m.recipient = u.phone
     LEFT JOIN bookings b USING (booking_id)
         WHERE m.channel = 'sms' AND m.kind <> 'opt_out_confirmed'
           AND m.sent_at > u.at + interval '1 minute' AND m.sent_at < coalesce(u.lifted_at, 'infinity')
           AND m.sent_at > %(now)s - interval '7 days'""",
    person_decides="how it could leave: look at who sent it. It has left; excuse yourself.",
    breaks_with="""
        INSERT INTO messages (message_id, tenant_id, booking_id, kind, channel, recipient, unique_key, cause, status, provider_id,
                              created_at, sent_at)
        VALUES ('msg_pending', 1, %(pending_booking)s, 'booking_link', 'sms', '+447700900777', 'booking_link:9', 'lookup', 'sent',
                'SM_planted', %(now)s, %(now)s);
        INSERT INTO opt_outs (tenant_id, phone, at, cause)
        VALUES (1, '+447700900777', %(now)s - interval '1 hour', 'STOP')""",
)
