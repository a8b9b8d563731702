"""Every start of a process is a row, and while it lives it gives a sign of life: what `/readyz` and the diagnosis read."""

from __future__ import annotations

import asyncio
import contextlib
import os
import socket
from collections.abc import AsyncIterator, Awaitable, Callable
from datetime import datetime
from typing import Any, Literal

import structlog

from holdfast import __version__
from holdfast.database.connection import SCHEMA_VERSION
from holdfast.settings import Settings, missing_for_production
from holdfast.system import System
from holdfast.version import UNKNOWN, commit_at_start, commit_on_disk, running_commit
from holdfast.web import store

HEARTBEAT_S = 10.0
BEATS_BETWEEN_LOOKS = 6

Role = Literal["web", "worker"]
# What every process does beside its work: it looks whether the others run the same code (diagnosis/deployment_watch.py). It gets
# the id of its own start.
Watch = Callable[[System, str], Awaitable[None]]

log = structlog.get_logger()


@contextlib.asynccontextmanager
async def deployment(system: System, role: Role, watch: Watch | None = None) -> AsyncIterator[datetime]:
    """Records the start, keeps the heartbeat, and records the end. Gives the time of the start. `watch` is called at the
    start and once a minute."""
    started_at, deployment_id = system.clock.now(), system.ids.new("dep")
    row = start_of(system.settings, role, deployment_id, started_at)
    commit_at_start()  # before anything else can be brought into the folder
    await system.database.run(lambda conn: store.insert_deployment(conn, row))
    heart = asyncio.create_task(_keep_beating(system, deployment_id, watch))
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


def start_of(settings: Settings, role: Role, deployment_id: str, started_at: datetime) -> dict[str, Any]:
    """The row of a start, of this process."""
    return {
        "deployment_id": deployment_id,
        "role": role,
        "host": socket.gethostname(),
        "pid": os.getpid(),
        "version": __version__,
        "commit": running_commit(settings),
        "schema": SCHEMA_VERSION,
        "started_at": started_at,
        "public_url": settings.public_url,
        "settings_missing": [sentence.partition(" ")[0] for sentence in missing_for_production(settings)],
    }


async def _keep_beating(system: System, deployment_id: str, watch: Watch | None) -> None:
    beats = 0
    while True:
        if beats % BEATS_BETWEEN_LOOKS == 0:
            await _look_around(system, deployment_id, watch, at_start=beats == 0)
        await asyncio.sleep(HEARTBEAT_S)
        beats += 1
        try:
            now = system.clock.now()
            await system.database.run(lambda conn: store.beat(conn, deployment_id, now))  # noqa: B023  # awaited here
        except Exception as problem:
            log.warning("heartbeat_not_written", problem=type(problem).__name__)


async def _look_around(system: System, deployment_id: str, watch: Watch | None, *, at_start: bool) -> None:
    """Never raises: a look that failed is taken again a minute later."""
    try:
        if not at_start and not system.settings.release_commit:  # whoever sets that says what runs
            await _note_code_on_disk(system, deployment_id)
        if watch is not None:
            await watch(system, deployment_id)
    except Exception as problem:
        log.warning("deployment_not_watched", problem=type(problem).__name__)


async def _note_code_on_disk(system: System, deployment_id: str) -> None:
    """Code that was pushed and brought here, and that nobody started: exactly what nobody could tell otherwise."""
    commit, now = await asyncio.to_thread(commit_on_disk), system.clock.now()
    fresh = None if commit in (UNKNOWN, commit_at_start()) else commit
    await system.database.run(lambda conn: store.note_code_on_disk(conn, deployment_id, fresh, now))
