"""Of an SMS that was sent an hour ago it is known whether it arrived.

Why: the provider takes every SMS; whether the guest has it is another question, and only a person can telephone.
Broken by: a callback address that nobody reaches; receipts that were refused; a network that tells nothing.
Prevented by: every SMS asks for a receipt; sent is never read as delivered.
PostgreSQL: the network is far away.
Repair: the provider is asked, once a day for three days; what it does not know either is told to a person.
Failure modes: F68
"""

from __future__ import annotations

from holdfast.laws.law import Law, Severity, Violation
from holdfast.messages.outcomes import ask
from holdfast.system import System


async def ask_the_provider(system: System, violation: Violation, actor: str) -> str:
    return await ask(system, violation.subject)


LAW = Law(
    severity=Severity.NOTICE,
    violations="""
        SELECT m.message_id AS subject, m.sent_at AS since, b.order_id, m.kind
          FROM tenants t JOIN messages m USING (tenant_id) LEFT JOIN bookings b USING (booking_id)
         WHERE m.channel = 'sms' AND m.status = 'sent' AND m.provider_id IS NOT NULL
           AND m.created_at > %(now)s - interval '7 days'
           AND m.sent_at BETWEEN %(now)s - interval '3 days' AND %(now)s - interval '1 hour'
           -- Where receipts come at all.
           AND EXISTS (SELECT FROM messages told WHERE told.tenant_id = m.tenant_id AND told.channel = 'sms'
                          AND told.delivered_at IS NOT NULL AND told.created_at > %(now)s - interval '30 days')
           AND NOT EXISTS (SELECT FROM message_statuses s WHERE s.message_id = m.message_id AND s.source = 'asked'
                              AND s.at > %(now)s - interval '1 day')""",
    repair=ask_the_provider,
    breaks_with="""
        INSERT INTO messages (message_id, tenant_id, booking_id, kind, channel, recipient, unique_key, cause, status, provider_id,
                              created_at, sent_at)
        VALUES ('msg_pending', 1, %(pending_booking)s, 'booking_link', 'sms', '+447700900777', 'booking_link:9', 'lookup', 'sent',
                'SM_nobody_knows', %(now)s - interval '2 hours', %(now)s - interval '2 hours');
        INSERT INTO messages (message_id, tenant_id, booking_id, kind, channel, recipient, unique_key, cause, status, provider_id,
                              created_at, sent_at, delivered_at)
        VALUES ('msg_told', 1, %(pending_booking)s, 'booking_link', 'sms', '+447700900777', 'booking_link:8', 'lookup',
                'delivered', 'SM_told', %(now)s - interval '2 hours', %(now)s - interval '2 hours',
                %(now)s - interval '2 hours')""",
)
