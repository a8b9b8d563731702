"""Five minutes after a request is made its provider has been told.

Why: who does not know of it cannot answer; the customer waits, and is declined by silence.
Broken by: a provider without an address; an address that does not exist; a booking that was made again without its message.
Prevented by: the message is a row of the transaction that makes the request, by e-mail and by SMS where there is a phone.
PostgreSQL: the other side is a mail server.
Repair: a message that is missing is written; when every way has failed a person is told.
Failure modes: F67, F68
"""

from __future__ import annotations

from holdfast.laws.law import Law, Severity
from holdfast.laws.request_repairs import tell_provider_now

LAW = Law(
    severity=Severity.SERVICE,
    violations="""
        SELECT b.booking_id AS subject, o.requested_at AS since, b.order_id, b.reference, o.respond_by,
               (SELECT count(*) FROM messages m WHERE m.booking_id = b.booking_id AND m.kind = 'request_to_answer') AS messages
          FROM bookings b JOIN orders o USING (order_id) JOIN services s ON s.offering_id = b.offering_id
         WHERE b.status = 'requested' AND o.accepted_at IS NULL AND o.requested_at < %(now)s - interval '5 minutes'
           AND o.respond_by > %(now)s
           AND NOT EXISTS (SELECT FROM messages m WHERE m.booking_id = b.booking_id AND m.kind = 'request_to_answer'
                              AND m.status NOT IN ('failed', 'suppressed'))
           AND NOT EXISTS (SELECT FROM tasks t WHERE t.kind = 'provider_not_told' AND t.subject = b.booking_id)""",
    repair=tell_provider_now,
    breaks_with="""
        DELETE FROM message_tries WHERE message_id = %(asked_message)s;
        DELETE FROM messages WHERE message_id = %(asked_message)s""",
)
