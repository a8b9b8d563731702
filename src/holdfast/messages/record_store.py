"""What is on record of messages, for staff: every one of them with its history, and what people answered. Reads, but for one
statement that marks an answer as read. One function, one statement."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from holdfast.database.connection import Connection

Row = dict[str, Any]


@dataclass(frozen=True)
class Wanted:
    """Which messages. Empty: any. `text` is a part of the words or of the recipient, a reference, or an id."""

    status: str = ""
    channel: str = ""
    kind: str = ""
    text: str = ""
    event_id: int | None = None
    booking_id: str | None = None
    customer_id: str | None = None


async def _all(conn: Connection, query: Any, values: dict[str, Any]) -> list[Row]:
    return await (await conn.execute(query, values)).fetchall()


async def messages(
    conn: Connection,
    tenant_id: int,
    wanted: Wanted,
    limit: int,
    before: tuple[datetime, str] | None = None,
    message_id: str | None = None,
) -> list[Row]:
    """Newest first; only `message_id` when it is given. `price` is what the provider took, as text, or null."""
    return await _all(
        conn,
        """SELECT m.message_id, m.booking_id, m.customer_id, m.kind, m.channel, m.recipient, m.cause, m.status, m.subject,
                  m.body_text, m.provider_id, m.tries, m.try_at, m.created_at, m.sent_at, m.delivered_at, m.error,
                  m.instead_of, m.segments, abs(m.price)::text AS price, m.price_currency,
                  (SELECT n.message_id FROM messages n WHERE n.instead_of = m.message_id LIMIT 1) AS replaced_by,
                  b.reference, b.offering_id, f.title, c.name AS customer_name
             FROM messages m
        LEFT JOIN bookings b ON b.booking_id = m.booking_id
        LEFT JOIN offerings f ON f.offering_id = b.offering_id
        LEFT JOIN customers c ON c.customer_id = m.customer_id
            WHERE m.tenant_id = %(tenant)s
              AND (%(id)s::text IS NULL OR m.message_id = %(id)s)
              AND (%(status)s = '' OR m.status = %(status)s)
              AND (%(channel)s = '' OR m.channel = %(channel)s)
              AND (%(kind)s = '' OR m.kind = %(kind)s)
              AND (%(event)s::bigint IS NULL OR b.offering_id = %(event)s)
              AND (%(booking)s::text IS NULL OR m.booking_id = %(booking)s)
              AND (%(customer)s::text IS NULL OR m.customer_id = %(customer)s)
              AND (%(text)s = '' OR m.recipient ILIKE %(like)s OR m.subject ILIKE %(like)s OR m.body_text ILIKE %(like)s
                   OR b.reference = upper(%(text)s) OR %(text)s IN (m.message_id, m.booking_id, m.provider_id, m.customer_id)
                   OR (%(digits)s <> '' AND m.recipient LIKE '%%' || %(digits)s))
              AND (%(before_at)s::timestamptz IS NULL OR (m.created_at, m.message_id) < (%(before_at)s, %(before_id)s))
         ORDER BY m.created_at DESC, m.message_id DESC LIMIT %(limit)s""",
        {
            "tenant": tenant_id,
            "id": message_id,
            "status": wanted.status,
            "channel": wanted.channel,
            "kind": wanted.kind,
            "event": wanted.event_id,
            "booking": wanted.booking_id,
            "customer": wanted.customer_id,
            "text": wanted.text,
            "like": f"%{escaped(wanted.text)}%",
            "digits": phone_digits(wanted.text),
            "limit": limit,
            "before_at": before[0] if before else None,
            "before_id": before[1] if before else None,
        },
    )


async def position(conn: Connection, tenant_id: int, message_id: str) -> tuple[datetime, str] | None:
    """Where a page of the list ended."""
    rows = await _all(
        conn,
        "SELECT created_at, message_id FROM messages WHERE tenant_id = %(tenant)s AND message_id = %(id)s",
        {"tenant": tenant_id, "id": message_id},
    )
    return (rows[0]["created_at"], rows[0]["message_id"]) if rows else None


async def statuses(conn: Connection, message_ids: list[str]) -> list[Row]:
    """Every status that each has had, oldest first."""
    return await _all(
        conn,
        """SELECT message_id, at, status, source, detail FROM message_statuses
            WHERE message_id = ANY(%(ids)s) ORDER BY entry_id""",
        {"ids": message_ids},
    )


async def tries(conn: Connection, message_ids: list[str]) -> list[Row]:
    return await _all(
        conn,
        """SELECT message_id, try_no, tried_at, outcome, detail FROM message_tries
            WHERE message_id = ANY(%(ids)s) ORDER BY tried_at, try_no""",
        {"ids": message_ids},
    )


async def answers(
    conn: Connection,
    tenant_id: int,
    *,
    limit: int,
    unread: bool = False,
    customer_id: str | None = None,
    booking_id: str | None = None,
) -> list[Row]:
    """What people answered by SMS, newest first. STOP, START and HELP were answered by the machine; they are never unread."""
    return await _all(
        conn,
        """SELECT i.inbound_id, i.sender, i.body, i.meaning, i.booking_id, i.customer_id, i.received_at, i.read_at, i.read_by,
                  b.reference, c.name AS customer_name
             FROM inbound_messages i
        LEFT JOIN bookings b ON b.booking_id = i.booking_id
        LEFT JOIN customers c ON c.customer_id = i.customer_id
            WHERE i.tenant_id = %(tenant)s
              AND (NOT %(unread)s OR (i.read_at IS NULL AND i.meaning = 'other'))
              AND (%(customer)s::text IS NULL OR i.customer_id = %(customer)s)
              AND (%(booking)s::text IS NULL OR i.booking_id = %(booking)s)
         ORDER BY i.received_at DESC, i.inbound_id DESC LIMIT %(limit)s""",
        {
            "tenant": tenant_id,
            "unread": unread,
            "customer": customer_id,
            "booking": booking_id,
            "limit": limit,
        },
    )


async def count_unread(conn: Connection, tenant_id: int) -> int:
    [row] = await _all(
        conn,
        """SELECT count(*) AS n FROM inbound_messages
            WHERE tenant_id = %(tenant)s AND read_at IS NULL AND meaning = 'other'""",
        {"tenant": tenant_id},
    )
    return int(row["n"])


async def mark_read(
    conn: Connection, now: datetime, tenant_id: int, inbound_id: str, actor: str
) -> Row | None:
    """None: the tenant has no such answer. One that was read already stays as it was."""
    rows = await _all(
        conn,
        """UPDATE inbound_messages SET read_at = coalesce(read_at, %(now)s), read_by = coalesce(read_by, %(actor)s)
            WHERE tenant_id = %(tenant)s AND inbound_id = %(id)s RETURNING inbound_id, read_at, read_by, booking_id""",
        {"now": now, "tenant": tenant_id, "id": inbound_id, "actor": actor},
    )
    return rows[0] if rows else None


async def by_key(conn: Connection, tenant_id: int, recipient: str, unique_key: str) -> str | None:
    """A message to this recipient that was written under this key before."""
    rows = await _all(
        conn,
        """SELECT message_id FROM messages
            WHERE recipient = %(recipient)s AND tenant_id = %(tenant)s AND unique_key = %(key)s LIMIT 1""",
        {"tenant": tenant_id, "recipient": recipient, "key": unique_key},
    )
    return rows[0]["message_id"] if rows else None


def phone_digits(text: str) -> str:
    """The digits by which a number that somebody typed is looked for at the end of one in E.164; "" for what is none."""
    plain = "".join(character for character in text if character not in " ()-./")
    digits = plain.removeprefix("+")
    if len(digits) < 6 or not (digits.isascii() and digits.isdigit()):
        return ""
    return digits if plain.startswith("+") else digits.removeprefix("00").lstrip("0")


def escaped(text: str) -> str:
    """For LIKE: what was typed means itself."""
    return text.replace("\\", "\\\\").replace("%", "\\%").replace("_", "\\_")
