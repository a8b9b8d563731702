"""Every start of a process is a row, and while it lives it gives a sign of life: what `/readyz` and the diagnosis read."""

from __future__ import annotations

import asyncio
import contextlib
import os
import socket
from collections.abc import AsyncIterator
from datetime import datetime
from typing import Literal

import structlog

from holdfast import __version__
from holdfast.database.connection import SCHEMA_VERSION
from holdfast.system import System
from holdfast.version import running_commit
from holdfast.web import store

HEARTBEAT_S = 10.0

log = structlog.get_logger()


@contextlib.asynccontextmanager
async def deployment(system: System, role: Literal["web", "worker"]) -> AsyncIterator[datetime]:
    """Records the start, keeps the heartbeat, and records the end. Gives the time of the start."""
    started_at, deployment_id = system.clock.now(), system.ids.new("dep")
    row = {
        "deployment_id": deployment_id,
        "role": role,
        "host": socket.gethostname(),
        "pid": os.getpid(),
        "version": __version__,
        "commit": running_commit(system.settings),
        "schema": SCHEMA_VERSION,
        "started_at": started_at,
    }
    await system.database.run(lambda conn: store.insert_deployment(conn, row))
    heart = asyncio.create_task(_keep_beating(system, deployment_id))
    try:
        yield started_at
    finally:
        heart.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await heart
        with contextlib.suppress(
            Exception
        ):  # the database may be gone before us; then the heartbeat's age tells
            now = system.clock.now()
            await system.database.run(lambda conn: store.end_deployment(conn, deployment_id, now))


async def _keep_beating(system: System, deployment_id: str) -> None:
    while True:
        await asyncio.sleep(HEARTBEAT_S)
        try:
            now = system.clock.now()
            await system.database.run(lambda conn: store.beat(conn, deployment_id, now))  # noqa: B023  # awaited here
        except Exception as problem:
            log.warning("heartbeat_not_written", problem=type(problem).__name__)
