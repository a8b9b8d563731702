"""Wake-ups between processes: LISTEN/NOTIFY. They only make things sooner; whatever they tell is found without them too.

A NOTIFY inside a transaction takes a lock that every other notifying commit waits for, so a busy evening's holds would
queue behind each other. Therefore signals are sent after the commit, each process's together, at most one for a subject
every COALESCE_S. One that is lost with its process costs a page a few seconds, never a fact.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator

import psycopg
import structlog

from holdfast.database.connection import Database

CHANNEL = "holdfast"
COALESCE_S = 0.1
RECONNECT_S = 1.0
QUEUE_LENGTH = 100

log = structlog.get_logger()


class Signals:
    """Tells and hears: `availability:<offering_id>`, `booking:<booking_id>`, `work:<queue>`."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._pending: set[str] = set()
        self._subscribers: dict[asyncio.Queue[str], tuple[str, ...]] = {}
        self._tasks: list[asyncio.Task[None]] = []
        self._something = asyncio.Event()

    def tell(self, *subjects: str) -> None:
        """After a commit: something about these subjects changed. Returns at once."""
        self._pending.update(subjects)
        self._something.set()

    @contextlib.asynccontextmanager
    async def hear(self, *prefixes: str) -> AsyncIterator[asyncio.Queue[str]]:
        """A queue of the subjects that begin with one of the prefixes. Slow readers lose the oldest: they read state,
        not history."""
        queue: asyncio.Queue[str] = asyncio.Queue(QUEUE_LENGTH)
        self._subscribers[queue] = prefixes
        try:
            yield queue
        finally:
            del self._subscribers[queue]

    async def __aenter__(self) -> Signals:
        self._tasks = [asyncio.create_task(self._send()), asyncio.create_task(self._listen())]
        return self

    async def __aexit__(self, *_: object) -> None:
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        with contextlib.suppress(Exception):  # a last word is only a convenience
            await self.flush()

    async def flush(self) -> None:
        """Sends what is pending now."""
        subjects, self._pending = sorted(self._pending), set()
        if subjects:
            async with self._database.transaction() as conn:
                await conn.execute(
                    "SELECT pg_notify(%s, s) FROM unnest(%s::text[]) AS s", (CHANNEL, subjects)
                )

    async def _send(self) -> None:
        while True:
            await self._something.wait()
            self._something.clear()
            try:
                await self.flush()
            except Exception as problem:
                log.warning("signals_not_sent", problem=type(problem).__name__)
            await asyncio.sleep(COALESCE_S)

    async def _listen(self) -> None:
        while True:
            try:
                async with await psycopg.AsyncConnection.connect(
                    self._database.conninfo, autocommit=True
                ) as conn:
                    await conn.execute(f"LISTEN {CHANNEL}")
                    async for notification in conn.notifies():
                        self._pass_on(notification.payload)
            except (psycopg.Error, OSError) as problem:
                log.warning("signals_not_heard", problem=type(problem).__name__)
                await asyncio.sleep(RECONNECT_S)

    def _pass_on(self, subject: str) -> None:
        for queue, prefixes in self._subscribers.items():
            if subject.startswith(prefixes):
                if queue.full():
                    queue.get_nowait()
                queue.put_nowait(subject)
