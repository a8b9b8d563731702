"""All SQL of tasks. One function, one statement."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from psycopg.types.json import Jsonb

from holdfast.database.connection import Connection


async def insert_task(
    conn: Connection,
    now: datetime,
    *,
    task_id: str,
    tenant_id: int | None,
    kind: str,
    subject: str,
    order_id: str | None,
    sentence: str,
    detail: dict[str, Any],
) -> None:
    """Opens it, or brings the sentence of the open one up to date. Since when it is open stays."""
    await conn.execute(
        """INSERT INTO tasks (task_id, tenant_id, kind, subject, order_id, sentence, detail, created_at)
           VALUES (%s, %s, %s, %s, %s, %s, %s, %s)
           ON CONFLICT (kind, subject) WHERE done_at IS NULL
           DO UPDATE SET sentence = excluded.sentence, detail = excluded.detail
                   WHERE (tasks.sentence, tasks.detail)
                         IS DISTINCT FROM (excluded.sentence, excluded.detail)""",
        (task_id, tenant_id, kind, subject, order_id, sentence, Jsonb(detail), now),
    )


async def close_one(conn: Connection, now: datetime, task_id: str, by: str) -> bool:
    done = await conn.execute(
        "UPDATE tasks SET done_at = %s, done_by = %s WHERE task_id = %s AND done_at IS NULL",
        (now, by, task_id),
    )
    return done.rowcount == 1  # 0: somebody else was quicker, or there is none


async def close_of_subject(conn: Connection, now: datetime, kind: str, subject: str, by: str) -> bool:
    done = await conn.execute(
        "UPDATE tasks SET done_at = %s, done_by = %s WHERE kind = %s AND subject = %s AND done_at IS NULL",
        (now, by, kind, subject),
    )
    return done.rowcount == 1


async def open_of_tenant(conn: Connection, tenant_id: int | None, limit: int) -> list[dict[str, Any]]:
    """A tenant's, and those of the installation as a whole; None: everybody's. Oldest first."""
    found = await conn.execute(
        """SELECT * FROM tasks
            WHERE done_at IS NULL
              AND (%(tenant)s::bigint IS NULL OR tenant_id = %(tenant)s OR tenant_id IS NULL)
         ORDER BY created_at, task_id LIMIT %(limit)s""",
        {"tenant": tenant_id, "limit": limit},
    )
    return await found.fetchall()
