"""A load generator that costs little: requests are bytes made beforehand, answers are read just far enough to be counted.

It runs in a process of its own and says how much of a processor it used, so that a result that it limited is seen as such.
"""

from __future__ import annotations

import asyncio
import multiprocessing
import time
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from multiprocessing.connection import Connection

HEAD_ENDS = b"\r\n\r\n"
LENGTH = b"content-length:"
ANSWER_WITHIN_S = 30.0

Requests = Callable[
    [int, int], Iterator[bytes]
]  # number of the connection, how many there are → its requests, without end


@dataclass(frozen=True)
class Load:
    """Latencies in milliseconds, of answers. `processor`: the share of one that the generator used."""

    answers: int
    seconds: float
    statuses: dict[int, int]
    median_ms: float
    p99_ms: float
    processor: float

    @property
    def a_second(self) -> float:
        return self.answers / self.seconds

    @property
    def good(self) -> int:
        return sum(count for status, count in self.statuses.items() if 200 <= status < 300)


def request_bytes(
    method: str, path: str, body: bytes = b"", headers: tuple[tuple[str, str], ...] = ()
) -> bytes:
    told = "".join(f"{name}: {value}\r\n" for name, value in headers)
    kind = "Content-Type: application/json\r\n" if body else ""
    head = f"{method} {path} HTTP/1.1\r\nHost: 127.0.0.1\r\n{kind}{told}Content-Length: {len(body)}\r\n\r\n"
    return head.encode() + body


def drive(
    port: int, requests: Requests, *, connections: int, seconds: float, most: int | None = None
) -> Load:
    """Keeps that many requests under way for so long, or until `most` were answered. From another process."""
    here, there = multiprocessing.get_context("fork").Pipe()
    process = multiprocessing.get_context("fork").Process(
        target=_driver, args=(there, port, requests, connections, seconds, most)
    )
    process.start()
    there.close()
    try:
        outcome = here.recv()
    finally:
        process.join()
    if isinstance(outcome, str):
        raise RuntimeError(f"The load generator failed: {outcome}")
    assert isinstance(outcome, Load)
    return outcome


def _driver(
    told: Connection, port: int, requests: Requests, connections: int, seconds: float, most: int | None
) -> None:
    try:
        told.send(asyncio.run(_drive(port, requests, connections, seconds, most)))
    except Exception as problem:
        told.send(f"{type(problem).__name__}: {problem}")


class Line(asyncio.Protocol):
    """One connection: the next request goes out when the last answer is complete."""

    def __init__(self, requests: Iterator[bytes], log: Log) -> None:
        self._requests = requests
        self._log = log
        self._received = bytearray()
        self._sent_at = 0.0
        self.closed: asyncio.Future[None] = asyncio.get_running_loop().create_future()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self._transport = transport
        self._next()

    def _next(self) -> None:
        request = None if self._log.is_over() else next(self._requests, None)
        if request is None:
            self._transport.close()
            return
        self._sent_at = time.perf_counter()
        self._transport.write(request)

    def data_received(self, data: bytes) -> None:
        self._received += data
        head, ends, body = self._received.partition(HEAD_ENDS)
        if not ends:
            return
        at = head.lower().find(LENGTH)
        length = int(head[at + len(LENGTH) :].split(b"\r\n", 1)[0]) if at >= 0 else 0
        if len(body) < length:
            return
        self._received.clear()
        self._log.note(int(head[9:12]), time.perf_counter() - self._sent_at)
        self._next()

    def connection_lost(self, exc: Exception | None) -> None:
        if not self.closed.done():
            if exc is None:
                self.closed.set_result(None)
            else:
                self.closed.set_exception(exc)


class Log:
    def __init__(self, seconds: float, most: int | None) -> None:
        self._ends_at = time.perf_counter() + seconds
        self._most = most
        self.statuses: Counter[int] = Counter()
        self.took: list[float] = []

    def is_over(self) -> bool:
        return time.perf_counter() >= self._ends_at or (
            self._most is not None and len(self.took) >= self._most
        )

    def note(self, status: int, seconds: float) -> None:
        self.statuses[status] += 1
        self.took.append(seconds)


async def _drive(port: int, requests: Requests, connections: int, seconds: float, most: int | None) -> Load:
    loop = asyncio.get_running_loop()
    log = Log(seconds, most)
    began, used = time.perf_counter(), time.process_time()
    lines = []
    for number in range(connections):
        mine = requests(number, connections)
        _, line = await loop.create_connection(lambda mine=mine: Line(mine, log), "127.0.0.1", port)  # type: ignore[misc]
        lines.append(line)
    async with asyncio.timeout(seconds + ANSWER_WITHIN_S):
        await asyncio.gather(*(line.closed for line in lines))
    took, used = time.perf_counter() - began, time.process_time() - used
    return Load(
        len(log.took), took, dict(log.statuses), *_quantiles(log.took), processor=round(used / took, 2)
    )


def _quantiles(took: list[float]) -> tuple[float, float]:
    if not took:
        return 0.0, 0.0
    ordered = sorted(took)
    return (
        round(ordered[len(ordered) // 2] * 1000, 2),
        round(ordered[min(len(ordered) - 1, len(ordered) * 99 // 100)] * 1000, 2),
    )
