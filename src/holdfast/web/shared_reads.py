"""The same question from many at once is asked of the database once.

Nothing is cached: whoever asks gets the answer of a read that began after the question came. While one read of a thing is
under way, those who come meanwhile wait for the next, all of them for the same one. So an event that a thousand pages look
at costs the database as many reads as it can do one after the other, and each answer is as fresh as if it were alone.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable


class SharedReads:
    """One a process."""

    def __init__(self) -> None:
        self._next: dict[str, asyncio.Task[bytes]] = {}  # not begun yet
        self._running: dict[str, asyncio.Task[bytes]] = {}

    async def get(self, subject: str, read: Callable[[], Awaitable[bytes]]) -> bytes:
        """Raises what `read` raises, to all who share it."""
        task = self._next.get(subject)
        if task is None:
            task = self._next[subject] = asyncio.create_task(self._in_turn(subject, read))
        return await asyncio.shield(task)  # one who goes away does not take the answer from the others

    async def _in_turn(self, subject: str, read: Callable[[], Awaitable[bytes]]) -> bytes:
        before = self._running.get(subject)
        if before is not None:
            await asyncio.wait([before])
        mine = self._running[subject] = self._next.pop(
            subject
        )  # it begins: whoever comes now waits for the next
        try:
            return await read()
        finally:
            if self._running.get(subject) is mine:
                del self._running[subject]
