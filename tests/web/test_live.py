"""Server-sent events: what changes is told at once, and read once however many watch."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from typing import Any

import pytest
from starlette.responses import StreamingResponse

from holdfast.errors import Unavailable
from holdfast.web.live import LiveStreams
from tests.support.api import Api

SOON_S = 10


async def started(live: LiveStreams, subject: str, read: Any) -> AsyncIterator[bytes]:
    response: StreamingResponse = await live.stream(subject, "availability", read)
    assert response.media_type == "text/event-stream"
    return aiter(response.body_iterator)  # type: ignore[arg-type]  # ours gives bytes


async def next_data(events: AsyncIterator[bytes]) -> Any:
    async with asyncio.timeout(SOON_S):
        while True:
            told = (await anext(events)).decode()
            if "data: " in told:
                return json.loads(told.rpartition("data: ")[2])


async def test_a_change_is_told_to_all_who_watch_and_read_once(api: Api) -> None:
    state, reads = {"n": 0}, 0

    async def read() -> bytes:
        nonlocal reads
        reads += 1
        return json.dumps(state).encode()

    live = LiveStreams(api.system)
    watchers = [await started(live, "availability:35", read) for _ in range(20)]
    assert [await next_data(events) for events in watchers] == [{"n": 0}] * 20
    before = reads
    state["n"] = 1
    api.system.signals.tell("availability:35")
    for events in watchers:
        while await next_data(events) != {"n": 1}:
            pass
    assert reads - before <= 3, "not once for each of them"
    await live.close()
    for events in watchers:
        async with asyncio.timeout(SOON_S):
            assert [told async for told in events if b"data" in told] == []
    with pytest.raises(Unavailable):
        await live.stream("availability:35", "availability", read)


async def test_a_booking_moves_the_public_count(api: Api) -> None:
    async def read() -> bytes:
        return (await api.http.get("/api/events/35/availability")).content

    events = await started(LiveStreams(api.system), "availability:35", read)
    first = await next_data(events)
    body = {
        "units": [{"unit_id": first["units"][0]["unit_id"], "seats": 2}],
        "customer": {"name": "Ada", "email": "ada@example.com"},
        "checkout": False,
    }
    assert (await api.http.post("/api/events/35/bookings", json=body)).status_code == 201
    seen = await next_data(events)
    while seen["held"] != 2:
        seen = await next_data(events)
    assert seen["available"] == first["available"] - 2


async def test_a_stream_begins_with_what_is_true_now(api: Api) -> None:
    """Over ASGI, as a browser gets it: the head and the first event come at once, though the stream does not end."""
    heads: list[Any] = []
    got_event, gone = asyncio.Event(), asyncio.Event()
    bodies: list[bytes] = []

    async def receive() -> dict[str, Any]:
        await gone.wait()
        return {"type": "http.disconnect"}

    async def send(message: Any) -> None:
        if message["type"] == "http.response.start":
            heads.append(message)
        elif message.get("body"):
            bodies.append(message["body"])
            got_event.set()

    scope = {
        "type": "http",
        "http_version": "1.1",
        "method": "GET",
        "scheme": "http",
        "path": "/api/events/35/live",
        "query_string": b"",
        "headers": [(b"host", b"api.test")],
        "client": ("203.0.113.7", 1),
    }
    task = asyncio.create_task(api.app(scope, receive, send))
    async with asyncio.timeout(SOON_S):
        await got_event.wait()
    assert heads[0]["status"] == 200
    assert b"event: availability\ndata: {" in bodies[0]
    gone.set()
    async with asyncio.timeout(SOON_S):
        await task
