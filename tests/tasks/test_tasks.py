"""Tasks: one open one for a subject, closed once, and nobody sees another tenant's."""

from __future__ import annotations

from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from holdfast.clock import ManualClock
from holdfast.database.connection import Connection, Database
from holdfast.ids import Ids
from holdfast.tasks.actions import close_task, close_task_about, open_task, open_tasks

NOW = datetime(2026, 11, 20, 12, 0, tzinfo=UTC)
IDS = Ids(ManualClock(NOW))


@pytest.fixture
async def conn(database_url: str) -> AsyncIterator[Connection]:
    async with Database(database_url) as database, database.transaction() as opened:
        yield opened


async def stuck(conn: Connection, subject: str = "ord_1", at: datetime = NOW, **more: Any) -> None:
    told: dict[str, Any] = {"sentence": "Look at it.", "tenant_id": 1, **more}
    await open_task(conn, IDS, at, kind="stuck", subject=subject, **told)


async def test_opening_twice_is_opening_once_and_the_words_are_the_newest(conn: Connection) -> None:
    await stuck(conn)
    await stuck(conn, at=NOW + timedelta(hours=1), sentence="Look at it again.", detail={"sum": 5})
    (task,) = await open_tasks(conn, 1)
    assert (task["created_at"], task["sentence"], task["detail"]) == (NOW, "Look at it again.", {"sum": 5})


async def test_a_task_is_closed_once(conn: Connection) -> None:
    await stuck(conn)
    (task,) = await open_tasks(conn, 1)
    assert await close_task(conn, NOW, task["task_id"], "staff:hf_ab")
    assert not await close_task(conn, NOW, task["task_id"], "staff:hf_cd")
    assert await open_tasks(conn, 1) == []
    await stuck(conn)  # the same trouble another time is another task
    (again,) = await open_tasks(conn, 1)
    assert again["task_id"] != task["task_id"]


async def test_a_repair_closes_by_subject(conn: Connection) -> None:
    await stuck(conn)
    assert await close_task_about(conn, NOW, "stuck", "ord_1", "worker")
    assert not await close_task_about(conn, NOW, "stuck", "ord_1", "worker")
    assert await open_tasks(conn, None) == []


async def test_who_sees_what(conn: Connection) -> None:
    await stuck(conn, "ord_1", NOW)
    await stuck(conn, "ord_2", NOW + timedelta(minutes=1), tenant_id=2)
    await stuck(conn, "pi_3", NOW + timedelta(minutes=2), tenant_id=None)

    async def seen(tenant_id: int | None) -> list[str]:
        return [task["subject"] for task in await open_tasks(conn, tenant_id)]

    assert await seen(1) == ["ord_1", "pi_3"]
    assert await seen(2) == ["ord_2", "pi_3"]
    assert await seen(None) == ["ord_1", "ord_2", "pi_3"]
    assert len(await open_tasks(conn, None, limit=2)) == 2
