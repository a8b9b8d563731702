"""Server-sent events. Pages show what is true now; the stream only says it sooner.

However many pages watch the same thing, a process reads it once for each change: a Channel reads when it is told, at the
latest every 15 seconds, and hands the same bytes to all who watch. It lives as long as somebody does.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Awaitable, Callable

import structlog
from starlette.responses import StreamingResponse

from holdfast.clock import monotonic
from holdfast.errors import Unavailable
from holdfast.system import System

REREAD_S = 15.0
LONGEST_STREAM_S = (
    600.0  # then the browser connects again by itself, and a server that is stopping is not held up
)
MOST_STREAMS = 2_000
HEARTBEAT = b": still here\n\n"
CLOSED = b""

log = structlog.get_logger()

Read = Callable[[], Awaitable[bytes]]


class LiveStreams:
    """All the channels of a process."""

    def __init__(self, system: System) -> None:
        self._system = system
        self._channels: dict[str, _Channel] = {}
        self._closing = False

    async def stream(self, subject: str, event: str, read: Read) -> StreamingResponse:
        """`subject` is what signals call it; `read` gives the JSON now. Raises Unavailable when too many watch."""
        if self._closing or sum(len(channel.watchers) for channel in self._channels.values()) >= MOST_STREAMS:
            raise Unavailable(
                "Too many pages are being kept up to date just now; this one asks again by itself."
            )
        headers = {"X-Accel-Buffering": "no"}  # nginx would collect the events
        return StreamingResponse(
            self._events(subject, event, read), media_type="text/event-stream", headers=headers
        )

    async def close(self) -> None:
        """Ends every stream: the process is stopping."""
        self._closing = True
        for channel in list(self._channels.values()):
            channel.hand(CLOSED)

    async def _events(self, subject: str, event: str, read: Read) -> AsyncIterator[bytes]:
        until = monotonic() + LONGEST_STREAM_S
        async with self._watching(subject, event, read) as queue:
            yield f"retry: 3000\n\nevent: {event}\ndata: ".encode() + await read() + b"\n\n"
            while monotonic() < until:
                try:
                    told = await asyncio.wait_for(queue.get(), REREAD_S)
                except TimeoutError:
                    told = HEARTBEAT
                if told == CLOSED:
                    return
                yield told

    @contextlib.asynccontextmanager
    async def _watching(self, subject: str, event: str, read: Read) -> AsyncIterator[asyncio.Queue[bytes]]:
        channel = self._channels.get(subject)
        if channel is None:
            channel = self._channels[subject] = _Channel(self._system, subject, event, read)
        queue: asyncio.Queue[bytes] = asyncio.Queue(1)
        channel.watchers.add(queue)
        try:
            yield queue
        finally:
            channel.watchers.discard(queue)
            if not channel.watchers:
                channel.stop()
                if self._channels.get(subject) is channel:
                    del self._channels[subject]


class _Channel:
    def __init__(self, system: System, subject: str, event: str, read: Read) -> None:
        self.watchers: set[asyncio.Queue[bytes]] = set()
        self._system = system
        self._subject = subject
        self._event = event
        self._read = read
        self._last = b""
        self._task = asyncio.create_task(self._follow())

    def stop(self) -> None:
        self._task.cancel()

    def hand(self, told: bytes) -> None:
        """Only the newest matters: what a slow reader has not taken yet is replaced."""
        for queue in self.watchers:
            if queue.full():
                queue.get_nowait()
            queue.put_nowait(told)

    async def _follow(self) -> None:
        async with self._system.signals.hear(self._subject) as heard:
            while True:
                await self._tell()
                with contextlib.suppress(TimeoutError):
                    while await asyncio.wait_for(heard.get(), REREAD_S) != self._subject:
                        pass  # `availability:35` is heard as a prefix: `availability:350` is another event

    async def _tell(self) -> None:
        try:
            now = await self._read()
        except Exception as problem:  # whatever it is, those who watch are told again in 15 seconds
            log.warning(
                "live_not_read", subject=self._subject.partition(":")[0], problem=type(problem).__name__
            )
            return
        if now != self._last:
            self._last = now
            self.hand(f"event: {self._event}\ndata: ".encode() + now + b"\n\n")
