"""The SQL of what pages and API share: keys, remembered answers, running processes."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from holdfast.database.connection import Connection

Row = dict[str, Any]


async def live_key(conn: Connection, key_hash: bytes) -> Row | None:
    found = await conn.execute(
        """SELECT key_id, tenant_id, name, hint, scopes, provider_id FROM api_keys
            WHERE key_hash = %s AND revoked_at IS NULL""",
        (key_hash,),
    )
    return await found.fetchone()


async def live_key_by_id(conn: Connection, key_id: str) -> Row | None:
    """For a staff session, which names the key it was begun with."""
    found = await conn.execute(
        """SELECT key_id, tenant_id, name, hint, scopes, provider_id FROM api_keys
            WHERE key_id = %s AND revoked_at IS NULL""",
        (key_id,),
    )
    return await found.fetchone()


async def provider_by_id(conn: Connection, provider_id: int) -> Row | None:
    """For a provider's session, which names it."""
    found = await conn.execute("SELECT * FROM providers WHERE provider_id = %s", (provider_id,))
    return await found.fetchone()


async def take_key_for_itself(conn: Connection, lock: int) -> bool:
    """Until the transaction ends. False: another transaction has it."""
    found = await conn.execute("SELECT pg_try_advisory_xact_lock(%s) AS taken", (lock,))
    row = await found.fetchone()
    return bool(row and row["taken"])


async def remembered(conn: Connection, scope: str, key: str, since: datetime) -> Row | None:
    found = await conn.execute(
        """SELECT request_hash, status, answer, subject FROM idempotency_keys
            WHERE scope = %s AND key = %s AND created_at > %s""",
        (scope, key, since),
    )
    return await found.fetchone()


async def begin_or_continue(
    conn: Connection,
    scope: str,
    key: str,
    request_hash: bytes,
    *,
    subject: str,
    now: datetime,
    leased_until: datetime,
    since: datetime,
) -> Row | None:
    """The row, leased to the caller, when the request is new, or when an earlier one was given up without an answer; a row
    from before `since` counts as none. None: it is answered, in progress, or of another request."""
    found = await conn.execute(
        """INSERT INTO idempotency_keys AS known (scope, key, request_hash, created_at, subject, leased_until)
           VALUES (%(scope)s, %(key)s, %(hash)s, %(now)s, %(subject)s, %(until)s)
           ON CONFLICT (scope, key) DO UPDATE
              SET request_hash = excluded.request_hash, leased_until = excluded.leased_until, status = NULL, answer = NULL,
                  subject = CASE WHEN known.created_at > %(since)s THEN known.subject ELSE excluded.subject END,
                  created_at = CASE WHEN known.created_at > %(since)s THEN known.created_at ELSE excluded.created_at END
            WHERE known.created_at <= %(since)s
               OR known.answer IS NULL AND known.leased_until <= %(now)s AND known.request_hash = excluded.request_hash
        RETURNING subject, subject <> %(subject)s AS continued""",
        {
            "scope": scope,
            "key": key,
            "hash": request_hash,
            "now": now,
            "subject": subject,
            "until": leased_until,
            "since": since,
        },
    )
    return await found.fetchone()


async def remember(
    conn: Connection, scope: str, key: str, request_hash: bytes, status: int, answer: str, now: datetime
) -> None:
    await conn.execute(
        """INSERT INTO idempotency_keys AS known (scope, key, request_hash, created_at, status, answer)
           VALUES (%s, %s, %s, %s, %s, %s)
           ON CONFLICT (scope, key) DO UPDATE
              SET status = excluded.status, answer = excluded.answer, leased_until = NULL,
                  request_hash = excluded.request_hash""",
        (scope, key, request_hash, now, status, answer),
    )


async def end_lease(conn: Connection, scope: str, key: str, now: datetime) -> None:
    """Given up without an answer: the next request with this key goes on."""
    await conn.execute(
        "UPDATE idempotency_keys SET leased_until = %s WHERE scope = %s AND key = %s AND answer IS NULL",
        (now, scope, key),
    )


async def forget_answers(conn: Connection, before: datetime, limit: int) -> int:
    """Deletes answers that are no longer promised, the oldest first."""
    deleted = await conn.execute(
        """DELETE FROM idempotency_keys WHERE (scope, key) IN
                  (SELECT scope, key FROM idempotency_keys WHERE created_at < %s ORDER BY created_at LIMIT %s)""",
        (before, limit),
    )
    return deleted.rowcount


async def insert_deployment(conn: Connection, row: Row) -> None:
    await conn.execute(
        """INSERT INTO deployments (deployment_id, role, host, pid, version, commit, schema, started_at, heartbeat_at,
                                    public_url, settings_missing)
           VALUES (%(deployment_id)s, %(role)s, %(host)s, %(pid)s, %(version)s, %(commit)s, %(schema)s, %(started_at)s,
                   %(started_at)s, %(public_url)s, %(settings_missing)s)""",
        row,
    )


async def beat(conn: Connection, deployment_id: str, now: datetime) -> None:
    await conn.execute(
        "UPDATE deployments SET heartbeat_at = %s WHERE deployment_id = %s", (now, deployment_id)
    )


async def note_code_on_disk(conn: Connection, deployment_id: str, commit: str | None, now: datetime) -> None:
    """The commit in the process' folder, where it is another than the one it runs; None: the same. Since when stays."""
    await conn.execute(
        """UPDATE deployments SET code_on_disk = %(commit)s,
                  code_on_disk_since = CASE WHEN %(commit)s::text IS NOT NULL THEN coalesce(code_on_disk_since, %(now)s) END
            WHERE deployment_id = %(id)s AND code_on_disk IS DISTINCT FROM %(commit)s::text""",
        {"id": deployment_id, "commit": commit, "now": now},
    )


async def end_deployment(conn: Connection, deployment_id: str, now: datetime) -> None:
    await conn.execute(
        "UPDATE deployments SET heartbeat_at = %s, stopped_at = %s WHERE deployment_id = %s",
        (now, now, deployment_id),
    )


async def readiness(conn: Connection) -> Row:
    """The schema's version, and when a worker that has not stopped last gave a sign of life."""
    found = await conn.execute(
        """SELECT (SELECT max(version) FROM schema_versions) AS schema,
                  (SELECT max(heartbeat_at) FROM deployments WHERE role = 'worker' AND stopped_at IS NULL) AS worker_heartbeat"""
    )
    row = await found.fetchone()
    assert row is not None  # a SELECT of scalars gives one row
    return row
