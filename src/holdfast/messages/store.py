"""What is read of the outbox. How messages are written into it: outbox.py; how they leave: delivery_store.py. One function, one
statement."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from datetime import datetime
from typing import Any

from psycopg.types.json import Jsonb

from holdfast.database.connection import Connection
from holdfast.messages.outbox import NO_ADDRESS, enqueue, enqueue_again, enqueue_for_provider, enqueue_sms

__all__ = ["NO_ADDRESS", "enqueue", "enqueue_again", "enqueue_for_provider", "enqueue_sms"]

Row = dict[str, Any]
Work = Callable[[Connection], Awaitable[None]]


async def facts_of(conn: Connection, message_ids: list[str]) -> dict[str, dict[str, Any]]:
    """All that the words of these messages are made of, by message id; those without a booking are
    missing."""
    found = await conn.execute(
        """SELECT m.message_id, m.kind, m.channel, m.recipient, m.params, m.body_text,
                  m.created_at AS written_at,
                  (SELECT count(*) FROM message_tries y WHERE y.message_id = m.message_id
                      AND y.outcome = 'unknown') AS unknown_tries,
                  b.booking_id, b.reference, b.status, b.contact_name, b.seats, b.expires_at, b.created_at,
                  o.order_id, o.amount, o.currency, o.refund_tiers, o.details, o.respond_by, o.accepted_at,
                  f.title, f.venue, f.kind AS offering_kind,
                  coalesce(o.starts_at, f.starts_at) AS starts_at, coalesce(o.ends_at, f.ends_at) AS ends_at,
                  coalesce(v.time_zone, f.time_zone) AS time_zone, f.version + o.times_rescheduled AS version,
                  v.name AS provider_name,
                  t.name AS tenant_name, t.locale, t.accent, t.mail_from,
                  t.contact_email AS contact_email_of_tenant, t.time_zone AS tenant_zone, t.quiet_from, t.quiet_until,
                  m.channel = 'sms' AND EXISTS (SELECT FROM opt_outs u WHERE u.tenant_id = m.tenant_id
                      AND u.phone = m.recipient AND u.lifted_at IS NULL) AS opted_out,
                  (SELECT coalesce(jsonb_object_agg(w.language, jsonb_build_object(
                              'subject', w.subject, 'body', w.body)), '{}')
                     FROM message_templates w
                    WHERE w.tenant_id = m.tenant_id AND w.kind = m.kind AND w.channel = m.channel) AS own_words,
                  coalesce(p.captured, 0) AS paid, p.card_brand, p.card_last4,
                  (SELECT coalesce(sum(amount), 0)::bigint FROM refunds r
                    WHERE r.order_id = o.order_id AND r.reason IN ('cancelled', 'staff')
                      AND r.status <> 'failed') AS refunded,
                  (SELECT coalesce(jsonb_agg(jsonb_build_object(
                              'kind', l.kind, 'label', l.label, 'quantity', l.quantity, 'amount', l.amount,
                              'category', i.category) ORDER BY l.line_no), '[]')
                     FROM order_lines l LEFT JOIN menu_items i USING (item_id)
                    WHERE l.order_id = o.order_id) AS lines,
                  (SELECT coalesce(jsonb_agg(jsonb_build_object('label', u.label, 'guests', c.guests)
                                             ORDER BY u.position, u.unit_id), '[]')
                     FROM claims c JOIN units u USING (unit_id)
                    WHERE c.booking_id = b.booking_id
                      AND (c.released_at IS NULL OR NOT EXISTS (
                           SELECT FROM claims live
                            WHERE live.booking_id = b.booking_id AND live.released_at IS NULL))) AS places
             FROM messages m
             JOIN bookings b USING (booking_id)
             JOIN orders o USING (order_id)
             JOIN offerings f ON f.offering_id = o.offering_id
             JOIN tenants t ON t.tenant_id = m.tenant_id
             LEFT JOIN services s ON s.offering_id = f.offering_id
             LEFT JOIN providers v ON v.provider_id = s.provider_id
             LEFT JOIN payments p ON p.order_id = o.order_id AND p.purpose = 'order'
            WHERE m.message_id = ANY(%s)""",
        (message_ids,),
    )
    return {row["message_id"]: row for row in await found.fetchall()}


async def sign_in_facts_of(conn: Connection, message_ids: list[str]) -> dict[str, Row]:
    """The same of those among these messages that bring a provider a link to sign in."""
    found = await conn.execute(
        """SELECT m.message_id, m.kind, m.recipient, l.link_id, l.expires_at, l.used_at,
                  p.name AS provider_name, p.time_zone, t.name AS tenant_name, t.locale, t.accent, t.mail_from,
                  t.contact_email AS contact_email_of_tenant
             FROM messages m
             JOIN action_links l ON l.link_id = m.params->>'link_id' AND l.purpose = 'provider_sign_in'
             JOIN providers p ON p.provider_id = l.provider_id
             JOIN tenants t ON t.tenant_id = m.tenant_id
            WHERE m.message_id = ANY(%s) AND m.kind = 'provider_sign_in'""",
        (message_ids,),
    )
    return {row["message_id"]: row for row in await found.fetchall()}


async def facts_of_numbers(conn: Connection, message_ids: list[str]) -> dict[str, Row]:
    """The same of those among these messages that are said to a number and are about no booking."""
    found = await conn.execute(
        """SELECT m.message_id, m.kind, m.channel, m.recipient, m.params, m.body_text, m.booking_id,
                  m.created_at AS written_at,
                  (SELECT count(*) FROM message_tries y WHERE y.message_id = m.message_id
                      AND y.outcome = 'unknown') AS unknown_tries,
                  t.name AS tenant_name, t.locale, t.contact_email AS contact_email_of_tenant,
                  (SELECT coalesce(jsonb_object_agg(w.language, jsonb_build_object(
                              'subject', w.subject, 'body', w.body)), '{}')
                     FROM message_templates w
                    WHERE w.tenant_id = m.tenant_id AND w.kind = m.kind AND w.channel = m.channel) AS own_words,
                  EXISTS (SELECT FROM opt_outs u WHERE u.tenant_id = m.tenant_id
                      AND u.phone = m.recipient AND u.lifted_at IS NULL) AS opted_out
             FROM messages m JOIN tenants t USING (tenant_id)
            WHERE m.message_id = ANY(%s) AND m.booking_id IS NULL AND m.channel = 'sms'""",
        (message_ids,),
    )
    return {row["message_id"]: row for row in await found.fetchall()}


async def insert_timeline(
    conn: Connection, now: datetime, booking_id: str, actor: str, what: str, detail: dict[str, Any]
) -> None:
    await conn.execute(
        """INSERT INTO timeline (tenant_id, order_id, at, actor, what, detail)
           SELECT tenant_id, order_id, %s, %s, %s, %s FROM bookings WHERE booking_id = %s""",
        (now, actor, what, Jsonb(detail), booking_id),
    )


async def reference_of(conn: Connection, message_id: str) -> dict[str, Any]:
    """The booking's reference and order, by which staff find what a message is about."""
    row = await (
        await conn.execute(
            """SELECT coalesce(b.reference, m.message_id) AS reference, b.order_id
                 FROM messages m LEFT JOIN bookings b USING (booking_id) WHERE m.message_id = %s""",
            (message_id,),
        )
    ).fetchone()
    assert row is not None  # messages are never deleted
    return row


async def of_booking(conn: Connection, booking_id: str) -> list[dict[str, Any]]:
    """What was, is and could not be said to a guest, oldest first, without bodies."""
    found = await conn.execute(
        """SELECT message_id, kind, channel, recipient, status, subject, cause, tries, try_at, created_at,
                  sent_at, delivered_at, error
             FROM messages WHERE booking_id = %s ORDER BY created_at, message_id""",
        (booking_id,),
    )
    return await found.fetchall()


async def locked(conn: Connection, tenant_id: int, message_id: str) -> dict[str, Any] | None:
    """A message of the tenant with its order's id, its row locked until the transaction ends."""
    return await (
        await conn.execute(
            """SELECT m.*, b.order_id, b.contact_email, b.contact_phone,
                      p.email AS provider_email, p.phone AS provider_phone
                 FROM messages m LEFT JOIN bookings b USING (booking_id)
                 LEFT JOIN services s ON s.offering_id = b.offering_id
                 LEFT JOIN providers p ON p.provider_id = s.provider_id
                WHERE m.tenant_id = %s AND m.message_id = %s FOR UPDATE OF m""",
            (tenant_id, message_id),
        )
    ).fetchone()


async def count_again(conn: Connection, booking_id: str, unique_key: str) -> int:
    """How many times a message was sent again by hand."""
    row = await (
        await conn.execute(
            "SELECT count(*) AS n FROM messages WHERE booking_id = %s AND starts_with(unique_key, %s)",
            (booking_id, f"{unique_key}:again-"),
        )
    ).fetchone()
    return int(row["n"]) if row else 0


async def tries_of(conn: Connection, message_id: str) -> list[dict[str, Any]]:
    found = await conn.execute(
        "SELECT try_no, tried_at, outcome, detail FROM message_tries WHERE message_id = %s ORDER BY try_no",
        (message_id,),
    )
    return await found.fetchall()


async def enqueue_moved(conn: Connection, offering_id: int, version: int, now: datetime) -> int:
    """Tells everybody who holds a confirmed booking of an event that its time or place has changed, in the transaction of the
    change, once per version (F43). Says how many."""
    cursor = await conn.execute(
        """INSERT INTO messages (message_id, tenant_id, booking_id, customer_id, kind, channel, recipient, unique_key, cause,
                                 status, try_at, created_at)
           SELECT 'msg_' || substr(md5(b.booking_id || %(key)s), 1, 26), b.tenant_id, b.booking_id, o.customer_id,
                  'booking_moved', 'email', b.contact_email, %(key)s, 'event moved', 'queued', %(now)s, %(now)s
             FROM bookings b JOIN orders o USING (order_id)
            WHERE b.offering_id = %(id)s AND b.status = 'confirmed' AND b.contact_email IS NOT NULL
              AND o.offering_version < %(version)s
           ON CONFLICT (booking_id, unique_key, channel) WHERE booking_id IS NOT NULL DO NOTHING""",
        {"id": offering_id, "version": version, "key": moved_key(version), "now": now},
    )
    return cursor.rowcount


def moved_key(version: int) -> str:
    """The unique key of the news that an event is now of this version."""
    return f"booking_moved:{version}"
