"""Whatever is not handled is handled: the inbox is the queue."""

from __future__ import annotations

import asyncio
from datetime import timedelta
from typing import Any

from holdfast.inbox import store
from holdfast.inbox.actions import handle_event
from holdfast.system import System

LEASE = timedelta(seconds=60)
AT_ONCE = 100
TOGETHER = 6  # below the pool's size, so that pages are never starved


async def handle_due(system: System) -> int:
    """Claims events and handles them: those of one object one after the other, different objects side by side."""
    now = system.clock.now()
    rows = await system.database.run(lambda conn: store.claim_due(conn, now, LEASE, AT_ONCE))
    lanes: dict[str, list[dict[str, Any]]] = {}
    for row in rows:
        lanes.setdefault(row["object_id"] or row["event_id"], []).append(row)
    room = asyncio.Semaphore(TOGETHER)

    async def run(lane: list[dict[str, Any]]) -> None:
        async with room:
            for row in lane:
                await handle_event(system, row)

    async with asyncio.TaskGroup() as group:
        for lane in lanes.values():
            group.create_task(run(lane))
    return len(rows)
