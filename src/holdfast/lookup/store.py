"""All the SQL of the questions. One function, one statement."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from psycopg.types.json import Jsonb

from holdfast.database.connection import Connection

Row = dict[str, Any]


async def _all(conn: Connection, query: Any, params: Mapping[str, Any]) -> list[Row]:
    return await (await conn.execute(query, params)).fetchall()


async def lock_contact(conn: Connection, contact_hash: bytes) -> None:
    """Questions of one contact come one after the other until the transaction ends, so that they are counted right."""
    number = int.from_bytes(contact_hash[:8], "big", signed=True)
    await conn.execute("SELECT pg_advisory_xact_lock(%s)", (number,))


async def asked_since(conn: Connection, contact_hash: bytes, since: datetime) -> int:
    [row] = await _all(
        conn,
        "SELECT count(*) AS n FROM lookups WHERE contact_hash = %(hash)s AND created_at > %(since)s",
        {"hash": contact_hash, "since": since},
    )
    return int(row["n"])


async def insert(conn: Connection, row: Row) -> None:
    await conn.execute(
        """INSERT INTO lookups (lookup_id, tenant_id, contact, contact_hash, proof, created_at, try_at)
           VALUES (%(lookup_id)s, %(tenant_id)s, %(contact)s, %(contact_hash)s, %(proof)s, %(now)s, %(now)s)""",
        {**row, "proof": Jsonb(row["proof"])},
    )


async def claim_due(conn: Connection, now: datetime, leased_until: datetime, limit: int) -> list[Row]:
    """Given to one worker until the lease is over, then due again: its process has died."""
    return await _all(
        conn,
        """UPDATE lookups SET try_at = %(until)s, tries = tries + 1
            WHERE lookup_id IN (SELECT lookup_id FROM lookups WHERE done_at IS NULL AND try_at <= %(now)s
                                 ORDER BY try_at LIMIT %(limit)s FOR UPDATE SKIP LOCKED)
        RETURNING *""",
        {"now": now, "until": leased_until, "limit": limit},
    )


async def mark_done(conn: Connection, lookup_id: str, now: datetime, outcome: str) -> None:
    await conn.execute(
        """UPDATE lookups SET done_at = %(now)s, outcome = %(outcome)s, contact = NULL, proof = '{}', try_at = NULL
            WHERE lookup_id = %(id)s AND done_at IS NULL""",
        {"id": lookup_id, "now": now, "outcome": outcome},
    )


async def put_off(conn: Connection, lookup_id: str, try_at: datetime, error: str) -> None:
    await conn.execute(
        "UPDATE lookups SET try_at = %(at)s, error = %(error)s WHERE lookup_id = %(id)s AND done_at IS NULL",
        {"id": lookup_id, "at": try_at, "error": error},
    )


async def forget_done(conn: Connection, before: datetime) -> None:
    await conn.execute("DELETE FROM lookups WHERE done_at < %(before)s", {"before": before})


async def only_tenant(conn: Connection) -> Row | None:
    """The tenant of an installation that has just one."""
    found = await _all(conn, "SELECT * FROM tenants ORDER BY tenant_id LIMIT 2", {})
    return found[0] if len(found) == 1 else None


async def unsettled_bookings(
    conn: Connection, tenant_id: int | None, contact: str, since: datetime, limit: int
) -> list[str]:
    """The contact's newest bookings about which Stripe may know more than we do."""
    rows = await _all(
        conn,
        """SELECT booking_id FROM bookings b
            WHERE (%(tenant)s::bigint IS NULL OR tenant_id = %(tenant)s) AND created_at > %(since)s
              AND (contact_email = %(contact)s OR contact_phone = %(contact)s)
              AND EXISTS (SELECT FROM attempts a WHERE a.order_id = b.order_id AND a.ask_at IS NOT NULL)
         ORDER BY created_at DESC LIMIT %(limit)s""",
        {"tenant": tenant_id, "contact": contact, "since": since, "limit": limit},
    )
    return [row["booking_id"] for row in rows]


async def settled_sessions(conn: Connection, session_ids: Sequence[str]) -> set[str]:
    """Those of which everything is known."""
    rows = await _all(
        conn,
        """SELECT session_id FROM attempts
            WHERE session_id = ANY (%(ids)s) AND status = 'complete' AND ask_at IS NULL""",
        {"ids": list(session_ids)},
    )
    return {row["session_id"] for row in rows}


async def paid_bookings(
    conn: Connection, tenant_id: int | None, contact: str, found: Sequence[str], limit: int
) -> list[Row]:
    """The newest bookings of the contact, or among `found`, for which money came, or is reserved on a card until a provider
    answers, with every sum and card."""
    return await _all(
        conn,
        """SELECT b.booking_id, b.order_id, b.tenant_id, b.reference, b.contact_email, o.currency,
                  o.amount, array_remove(array_agg(p.captured), NULL) AS sums,
                  array_remove(array_agg(p.card_last4), NULL)
                      || ARRAY(SELECT jsonb_path_query(a.evidence, '$.charge.*.last4[*]') #>> '{}'
                                 FROM attempts a WHERE a.order_id = o.order_id) AS cards
             FROM bookings b JOIN orders o USING (order_id) LEFT JOIN payments p USING (order_id)
            WHERE (%(tenant)s::bigint IS NULL OR b.tenant_id = %(tenant)s)
              AND (b.contact_email = %(contact)s OR b.contact_phone = %(contact)s OR b.booking_id = ANY (%(found)s))
              AND (p.payment_id IS NOT NULL OR (b.status = 'requested' AND o.amount > 0))
         GROUP BY b.booking_id, o.order_id
         ORDER BY b.created_at DESC LIMIT %(limit)s""",
        {"tenant": tenant_id, "contact": contact, "found": list(found), "limit": limit},
    )
