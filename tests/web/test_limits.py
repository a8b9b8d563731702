from __future__ import annotations

from collections.abc import MutableMapping
from typing import Any

from holdfast.web.limits import MOST_BODY_BYTES, RateLimiter, RequestLimits, client_address


async def app(scope: Any, receive: Any, send: Any) -> None:
    body = (await receive())["body"]
    await send({"type": "http.response.start", "status": 200, "headers": []})
    await send({"type": "http.response.body", "body": str(len(body)).encode()})


async def ask(
    *parts: bytes, path: str = "/", query: bytes = b"", headers: tuple[tuple[bytes, bytes], ...] = ()
) -> int:
    """The status that the limits answer a POST with, whose body comes in these parts."""
    left = list(parts) or [b""]
    statuses: list[int] = []

    async def receive() -> dict[str, Any]:
        part = left.pop(0)
        return {"type": "http.request", "body": part, "more_body": bool(left)}

    async def send(message: MutableMapping[str, Any]) -> None:
        if message["type"] == "http.response.start":
            statuses.append(message["status"])

    scope = {
        "type": "http",
        "method": "POST",
        "path": path,
        "query_string": query,
        "headers": list(headers),
        "client": ("203.0.113.7", 1),
    }
    await RequestLimits(app, 0)(scope, receive, send)
    return statuses[0]


async def test_a_body_of_one_mebibyte_passes_and_one_byte_more_does_not() -> None:
    assert await ask(b"x" * MOST_BODY_BYTES) == 200
    assert await ask(b"x" * MOST_BODY_BYTES, b"x") == 413
    assert await ask(b"x" * MOST_BODY_BYTES, b"x", b"what is still coming", b"is read and thrown away") == 413


async def test_a_body_that_announces_too_much_is_not_kept() -> None:
    assert await ask(b"", headers=((b"content-length", b"1048577"),)) == 413


async def test_nul_characters_name_nothing() -> None:
    assert await ask(path="/api/bookings/HF\x00") == 404
    assert await ask(query=b"token=%00") == 422
    assert await ask(path="/api/bookings/\ud800") == 404


def test_a_bucket_holds_a_minutes_worth_and_refills() -> None:
    limiter = RateLimiter(60)
    assert [limiter.allows("a", 0.0) for _ in range(61)] == [True] * 60 + [False]
    assert limiter.allows("b", 0.0), "each address has its own"
    assert limiter.allows("a", 1.0), "one a second comes back"
    assert not limiter.allows("a", 1.0)


def test_no_limit_is_no_limit() -> None:
    limiter = RateLimiter(0)
    assert all(limiter.allows("a", 0.0) for _ in range(10_000))


def address(peer: str, forwarded: str | None = None) -> str | None:
    headers = [(b"x-forwarded-for", forwarded.encode())] if forwarded else []
    return client_address({"type": "http", "client": (peer, 1), "headers": headers})


def test_a_forwarded_address_is_believed_only_from_this_machine() -> None:
    assert address("203.0.113.7", "198.51.100.1") == "203.0.113.7"
    assert address("127.0.0.1", "198.51.100.1") == "198.51.100.1"
    assert address("::1", "6.6.6.6, 198.51.100.1") == "198.51.100.1", "only what our own proxy wrote"
    assert address("127.0.0.1") is None
