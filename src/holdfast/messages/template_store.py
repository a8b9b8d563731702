"""The SQL of a tenant's own words."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from holdfast.database.connection import Connection
from holdfast.messages.rules import TRIAL

Row = dict[str, Any]


@dataclass(frozen=True)
class Place:
    """What words are for."""

    kind: str
    channel: str
    language: str


async def of_tenant(conn: Connection, tenant_id: int) -> list[Row]:
    found = await conn.execute(
        "SELECT * FROM message_templates WHERE tenant_id = %s ORDER BY kind, channel, language", (tenant_id,)
    )
    return await found.fetchall()


async def one(conn: Connection, tenant_id: int, place: Place) -> Row | None:
    found = await conn.execute(
        """SELECT * FROM message_templates
            WHERE tenant_id = %s AND kind = %s AND channel = %s AND language = %s""",
        (tenant_id, place.kind, place.channel, place.language),
    )
    return await found.fetchone()


async def keep(
    conn: Connection, now: datetime, tenant_id: int, place: Place, subject: str, body: str, actor: str
) -> Row:
    """In place of what was there before."""
    kept = await (
        await conn.execute(
            """INSERT INTO message_templates (tenant_id, kind, channel, language, subject, body, updated_at, updated_by)
               VALUES (%s, %s, %s, %s, %s, %s, %s, %s)
               ON CONFLICT (tenant_id, kind, channel, language) DO UPDATE
                  SET subject = excluded.subject, body = excluded.body, updated_at = excluded.updated_at,
                      updated_by = excluded.updated_by
               RETURNING *""",
            (tenant_id, place.kind, place.channel, place.language, subject, body, now, actor),
        )
    ).fetchone()
    assert kept is not None  # it was inserted or updated
    return kept


async def remove(conn: Connection, tenant_id: int, place: Place) -> bool:
    done = await conn.execute(
        """DELETE FROM message_templates
            WHERE tenant_id = %s AND kind = %s AND channel = %s AND language = %s""",
        (tenant_id, place.kind, place.channel, place.language),
    )
    return done.rowcount == 1


async def count_trials(conn: Connection, tenant_id: int, now: datetime) -> int:
    """Within the last hour. Locks the counting for this tenant until the transaction ends, so that none slips through."""
    await conn.execute(
        "SELECT pg_advisory_xact_lock(hashtextextended(%s, 1))", (f"template_trials:{tenant_id}",)
    )
    row = await (
        await conn.execute(
            "SELECT count(*) AS n FROM messages WHERE tenant_id = %s AND kind = %s AND created_at > %s",
            (tenant_id, TRIAL, now - timedelta(hours=1)),
        )
    ).fetchone()
    return int(row["n"]) if row else 0


async def trials(conn: Connection, message_ids: list[str]) -> list[Row]:
    """Those among these messages that try out own words, each with its tenant."""
    found = await conn.execute(
        """SELECT m.message_id, m.channel, m.recipient, m.params, m.created_at AS written_at, m.body_text,
                  (SELECT count(*) FROM message_tries y WHERE y.message_id = m.message_id
                      AND y.outcome = 'unknown') AS unknown_tries,
                  m.channel = 'sms' AND EXISTS (SELECT FROM opt_outs u WHERE u.tenant_id = m.tenant_id
                      AND u.phone = m.recipient AND u.lifted_at IS NULL) AS opted_out,
                  to_jsonb(t) AS tenant
             FROM messages m JOIN tenants t USING (tenant_id)
            WHERE m.message_id = ANY(%s) AND m.kind = %s""",
        (message_ids, TRIAL),
    )
    return await found.fetchall()


async def outcome(conn: Connection, tenant_id: int, message_id: str) -> Row | None:
    """What became of a trial so far."""
    found = await conn.execute(
        "SELECT status, error FROM messages WHERE tenant_id = %s AND message_id = %s AND kind = %s",
        (tenant_id, message_id, TRIAL),
    )
    return await found.fetchone()
