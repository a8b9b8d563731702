"""What only a person can decide or mend: opened by whoever notices, closed by a person or by the repair that
made it moot.

Tasks are written in the transaction of what caused them. At most one is open for a kind and subject; opening
it again only brings its sentence up to date.
"""

from __future__ import annotations

from datetime import datetime
from typing import Any

from holdfast.database.connection import Connection
from holdfast.ids import Ids
from holdfast.tasks import store

MOST_TASKS_SHOWN = 500


async def open_task(
    conn: Connection,
    ids: Ids,
    now: datetime,
    *,
    kind: str,
    subject: str,
    sentence: str,
    tenant_id: int | None = None,
    order_id: str | None = None,
    detail: dict[str, Any] | None = None,
) -> None:
    """Tells a person, once. `sentence` says what is wrong and what to do, without personal data."""
    await store.insert_task(
        conn,
        now,
        task_id=ids.new("tsk"),
        tenant_id=tenant_id,
        kind=kind,
        subject=subject,
        order_id=order_id,
        sentence=sentence,
        detail=detail or {},
    )


async def close_task(conn: Connection, now: datetime, task_id: str, by: str) -> bool:
    """Done, by an actor such as `staff:hf_ab`. False: it was closed already, or there is none."""
    return await store.close_one(conn, now, task_id, by)


async def close_task_about(conn: Connection, now: datetime, kind: str, subject: str, by: str) -> bool:
    """Closes what a repair made moot. False: none was open."""
    return await store.close_of_subject(conn, now, kind, subject, by)


async def open_tasks(
    conn: Connection, tenant_id: int | None, limit: int = MOST_TASKS_SHOWN
) -> list[dict[str, Any]]:
    """The tenant's open tasks and those of the installation as a whole (a mail server that refuses us, money
    of nobody's), oldest first. None: every tenant's."""
    return await store.open_of_tenant(conn, tenant_id, limit)
