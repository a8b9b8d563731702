"""How messages leave the outbox: claims, tries, outcomes, receipts. One function, one statement."""

from __future__ import annotations

from datetime import datetime
from decimal import Decimal
from typing import Any

from holdfast.database.connection import Connection

Row = dict[str, Any]


async def claim_due(
    conn: Connection,
    now: datetime,
    leased_until: datetime,
    limit: int,
    channel: str = "email",
    message_id: str | None = None,
) -> list[dict[str, Any]]:
    """Takes up to `limit` due messages of a channel, longest waiting first (or the one named): they are `sending` until
    `leased_until`, then due again (their process has died or lost the database). Locks their rows, passing over those that
    another worker holds. What was lost in that way is entered among the tries: the mail may have left.

    What a guest is told of a booking comes in its order: a message waits while an earlier one of the same booking to the same
    recipient is being tried, but not behind one that only a person can mend."""
    found = await conn.execute(
        """WITH due AS (
               SELECT message_id, status, tries, try_at FROM messages m
                WHERE status IN ('queued', 'sending') AND channel = %(channel)s AND try_at <= %(now)s
                  AND (%(message_id)s::text IS NULL OR message_id = %(message_id)s)
                  AND NOT EXISTS (
                      SELECT FROM messages e
                       WHERE e.booking_id = m.booking_id AND e.channel = m.channel AND e.recipient = m.recipient
                         AND e.status IN ('queued', 'sending') AND e.tries > 0
                         AND (e.created_at, e.message_id) < (m.created_at, m.message_id)
                         AND (SELECT y.outcome FROM message_tries y WHERE y.message_id = e.message_id
                            ORDER BY y.try_no DESC LIMIT 1) IS DISTINCT FROM 'configuration')
             ORDER BY try_at, message_id LIMIT %(limit)s FOR UPDATE SKIP LOCKED
           ), lapsed AS (
               INSERT INTO message_tries (message_id, try_no, tried_at, outcome, detail)
               SELECT message_id, tries, try_at, CASE %(channel)s WHEN 'sms' THEN 'unknown' ELSE 'unreachable' END,
                      'It may have been sent: the process stopped before it wrote down the outcome.'
                 FROM due WHERE status = 'sending'
               ON CONFLICT DO NOTHING
           ), noted AS (
               INSERT INTO message_statuses (message_id, at, status, source)
               SELECT message_id, %(now)s, 'sending', 'worker' FROM due
           )
           UPDATE messages m SET status = 'sending', tries = m.tries + 1, try_at = %(until)s
             FROM due WHERE m.message_id = due.message_id
        RETURNING m.message_id, m.tenant_id, m.booking_id, m.kind, m.channel, m.tries, m.try_at, m.created_at""",
        {
            "now": now,
            "until": leased_until,
            "limit": limit,
            "channel": channel,
            "message_id": message_id,
        },
    )
    return sorted(await found.fetchall(), key=lambda row: (row["created_at"], row["message_id"]))


async def keep_words(conn: Connection, message_id: str, tries: int, body_text: str) -> bool:
    """What is about to be said, before it is: should this process die, the next one can ask whether it was. False: the lease
    lapsed and another worker has it; nothing may be sent."""
    done = await conn.execute(
        "UPDATE messages SET body_text = %s WHERE message_id = %s AND status = 'sending' AND tries = %s",
        (body_text, message_id, tries),
    )
    return done.rowcount == 1


async def mark_sent(
    conn: Connection,
    now: datetime,
    message_id: str,
    *,
    subject: str | None,
    body_text: str,
    body_html: str | None,
    provider_id: str | None,
    segments: int | None = None,
    detail: str = "",
) -> tuple[str, str | None]:
    """The server has it, whoever holds the claim by now; a receipt that came sooner stays. Says the status that it has now, and
    the message that it stands in for."""
    row = await (
        await conn.execute(
            """WITH changed AS (
               UPDATE messages m
                  SET status = CASE WHEN receipt.stays THEN m.status ELSE 'sent' END,
                      sent_at = CASE WHEN receipt.stays THEN coalesce(m.sent_at, %(now)s) ELSE %(now)s END,
                      error = CASE WHEN receipt.stays THEN m.error END,
                      try_at = NULL, subject = %(subject)s, body_text = %(body_text)s, body_html = %(body_html)s,
                      provider_id = coalesce(%(provider_id)s, m.provider_id),
                      segments = coalesce(%(segments)s, m.segments)
                 FROM (SELECT message_id, status = 'delivered'
                              OR (status = 'failed' AND provider_id IS NOT DISTINCT FROM %(provider_id)s
                                  AND provider_id IS NOT NULL) AS stays
                         FROM messages WHERE message_id = %(message_id)s FOR UPDATE) receipt
                WHERE m.message_id = receipt.message_id
            RETURNING m.status, m.instead_of, receipt.stays
               ), noted AS (
               INSERT INTO message_statuses (message_id, at, status, source, detail)
               SELECT %(message_id)s, %(now)s, status, 'worker', %(detail)s FROM changed WHERE NOT stays
               )
               SELECT status, instead_of FROM changed""",
            {
                "now": now,
                "message_id": message_id,
                "subject": subject,
                "body_text": body_text,
                "body_html": body_html,
                "provider_id": provider_id,
                "segments": segments,
                "detail": detail,
            },
        )
    ).fetchone()
    assert row is not None  # messages are never deleted
    return row["status"], row["instead_of"]


async def mark_by_receipt(
    conn: Connection,
    now: datetime,
    message_id: str,
    *,
    status: str,
    provider_id: str,
    error: str | None,
    source: str = "receipt",
    price: Decimal | None = None,
    currency: str | None = None,
) -> None:
    """What the SMS provider told of it; waits for nothing any more."""
    await conn.execute(
        """WITH noted AS (
               INSERT INTO message_statuses (message_id, at, status, source, detail)
               VALUES (%(message_id)s, %(now)s, %(status)s, %(source)s, coalesce(%(error)s, ''))
           )
           UPDATE messages SET status = %(status)s, provider_id = %(provider_id)s, error = %(error)s, try_at = NULL,
                  sent_at = coalesce(sent_at, %(now)s),
                  delivered_at = CASE %(status)s WHEN 'delivered' THEN %(now)s ELSE delivered_at END,
                  price = coalesce(%(price)s, price), price_currency = coalesce(%(currency)s, price_currency)
            WHERE message_id = %(message_id)s""",
        {
            "now": now,
            "message_id": message_id,
            "status": status,
            "provider_id": provider_id,
            "error": error,
            "source": source,
            "price": price,
            "currency": currency,
        },
    )


async def note_price(conn: Connection, message_id: str, price: Decimal, currency: str) -> None:
    """What the SMS provider says that it cost; it may say so long after the rest."""
    await conn.execute(
        "UPDATE messages SET price = %s, price_currency = %s WHERE message_id = %s AND channel = 'sms'",
        (price, currency, message_id),
    )


async def note_status(
    conn: Connection, now: datetime, message_id: str, status: str, source: str, detail: str = ""
) -> None:
    """A line of its history where the status itself does not change."""
    await conn.execute(
        "INSERT INTO message_statuses (message_id, at, status, source, detail) VALUES (%s, %s, %s, %s, %s)",
        (message_id, now, status, source, detail),
    )


async def mark_waiting(
    conn: Connection, now: datetime, message_id: str, tries: int, try_at: datetime, error: str | None
) -> bool:
    """Due again at `try_at`. False: the lease lapsed and another worker has it (or has sent it); nothing is
    changed."""
    return await _ended(conn, now, message_id, tries, "queued", try_at, error, "worker")


async def mark_over(
    conn: Connection,
    now: datetime,
    message_id: str,
    tries: int,
    status: str,
    error: str,
    source: str = "worker",
) -> bool:
    """`failed` or `suppressed`. False: the lease lapsed and another worker has it; nothing is changed."""
    return await _ended(conn, now, message_id, tries, status, None, error, source)


async def _ended(
    conn: Connection,
    now: datetime,
    message_id: str,
    tries: int,
    status: str,
    try_at: datetime | None,
    error: str | None,
    source: str,
) -> bool:
    done = await conn.execute(
        """WITH changed AS (
               UPDATE messages SET status = %(status)s, try_at = %(try_at)s, error = %(error)s
                WHERE message_id = %(message_id)s AND status = 'sending' AND tries = %(tries)s
            RETURNING message_id
           )
           INSERT INTO message_statuses (message_id, at, status, source, detail)
           SELECT message_id, %(now)s, %(status)s, %(source)s, coalesce(%(error)s, '') FROM changed""",
        {
            "now": now,
            "message_id": message_id,
            "tries": tries,
            "status": status,
            "try_at": try_at,
            "error": error,
            "source": source,
        },
    )
    return done.rowcount == 1


async def give_back(
    conn: Connection,
    now: datetime,
    claims: list[tuple[str, int]],
    at: datetime | None = None,
    why: str = "not begun",
) -> None:
    """Undoes the claim of (message_id, tries) that were not begun: due at once or `at`, and the try does not
    count."""
    await conn.execute(
        """WITH back AS (
               UPDATE messages m SET status = 'queued', tries = m.tries - 1, try_at = %(at)s
                 FROM unnest(%(ids)s::text[], %(tries)s::integer[]) AS c (message_id, tries)
                WHERE m.message_id = c.message_id AND m.status = 'sending' AND m.tries = c.tries
            RETURNING m.message_id
           )
           INSERT INTO message_statuses (message_id, at, status, source, detail)
           SELECT message_id, %(now)s, 'queued', 'worker', %(why)s FROM back""",
        {
            "now": now,
            "at": at or now,
            "ids": [message_id for message_id, _ in claims],
            "tries": [tries for _, tries in claims],
            "why": why,
        },
    )


async def insert_try(
    conn: Connection, now: datetime, message_id: str, try_no: int, outcome: str, detail: str
) -> None:
    await conn.execute(
        """INSERT INTO message_tries (message_id, try_no, tried_at, outcome, detail)
           VALUES (%s, %s, %s, %s, %s)
           ON CONFLICT (message_id, try_no)
           DO UPDATE SET outcome = excluded.outcome, detail = excluded.detail""",
        (message_id, try_no, now, outcome, detail),
    )


async def count_tries(conn: Connection, message_id: str, outcome: str) -> int:
    row = await (
        await conn.execute(
            "SELECT count(*) AS n FROM message_tries WHERE message_id = %s AND outcome = %s",
            (message_id, outcome),
        )
    ).fetchone()
    return int(row["n"]) if row else 0


async def first_failed_at(conn: Connection, message_id: str, outcomes: list[str]) -> datetime | None:
    """When it first failed in one of these ways."""
    row = await (
        await conn.execute(
            "SELECT min(tried_at) AS at FROM message_tries WHERE message_id = %s AND outcome = ANY(%s)",
            (message_id, outcomes),
        )
    ).fetchone()
    return row["at"] if row else None


async def note_waiting_for_settings(conn: Connection, now: datetime, error: str) -> int:
    """Writes on every due e-mail why it does not leave; says how many are waiting for it."""
    row = await (
        await conn.execute(
            """WITH due AS (SELECT message_id, error FROM messages
                             WHERE status IN ('queued', 'sending') AND channel = 'email'
                               AND try_at <= %(now)s),
                    said AS (UPDATE messages m SET error = %(error)s FROM due
                              WHERE m.message_id = due.message_id AND due.error IS DISTINCT FROM %(error)s)
               SELECT count(*) AS waiting FROM due""",
            {"now": now, "error": error},
        )
    ).fetchone()
    return int(row["waiting"]) if row else 0


async def sms_locked(conn: Connection, message_id: str) -> dict[str, Any] | None:
    """An SMS of any tenant, its row locked until the transaction ends."""
    return await (
        await conn.execute(
            """SELECT message_id, tenant_id, booking_id, kind, channel, status, tries, provider_id, sent_at, instead_of
                 FROM messages WHERE message_id = %s AND channel = 'sms' FOR UPDATE""",
            (message_id,),
        )
    ).fetchone()


async def channel_of(conn: Connection, message_id: str) -> str | None:
    row = await (
        await conn.execute("SELECT channel FROM messages WHERE message_id = %s", (message_id,))
    ).fetchone()
    return row["channel"] if row else None


async def status_of(conn: Connection, message_id: str) -> str | None:
    row = await (
        await conn.execute("SELECT status FROM messages WHERE message_id = %s", (message_id,))
    ).fetchone()
    return row["status"] if row else None


async def recipient_of(conn: Connection, message_id: str) -> str:
    row = await (
        await conn.execute("SELECT recipient FROM messages WHERE message_id = %s", (message_id,))
    ).fetchone()
    assert row is not None  # messages are never deleted
    return str(row["recipient"])


async def sms_of(conn: Connection, message_id: str) -> Row | None:
    """The same without a lock."""
    return await (
        await conn.execute(
            "SELECT message_id, tenant_id, status, provider_id FROM messages WHERE message_id = %s AND channel = 'sms'",
            (message_id,),
        )
    ).fetchone()
