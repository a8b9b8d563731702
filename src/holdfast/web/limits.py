"""Limits on what comes in: size, time to arrive, how often, and characters that nothing here can store."""

from __future__ import annotations

import asyncio
import contextlib
import ipaddress
from collections import OrderedDict

from starlette.datastructures import Headers
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from holdfast.clock import monotonic
from holdfast.errors import HoldfastError, NotFound, RateLimited, TooLarge, ValidationFailed
from holdfast.web.problems import problem_response
from holdfast.web.security import SAFE_METHODS

MOST_BODY_BYTES = 1024 * 1024
MOST_THROWN_AWAY_BYTES = 8 << 20
THROW_AWAY_S = 5.0
BODY_TIMEOUT_S = 20.0
MOST_ADDRESSES = 20_000
WEBHOOKS = ("/api/webhooks/", "/api/stripe/webhook")  # signed, and never refused for coming often


class BodyTooSlow(HoldfastError):
    status, code, title = 408, "too_slow", "The request took too long to arrive"


class RequestLimits:
    """Reads the whole body (at most 1 MiB, within 20 s) before anything else happens, and counts unsafe requests by
    address."""

    def __init__(self, app: ASGIApp, rate_limit_per_minute: int) -> None:
        self._app = app
        self._limiter = RateLimiter(rate_limit_per_minute)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        try:
            self._refuse_odd_address(scope)
            if scope["method"] not in SAFE_METHODS:
                self._refuse_too_many(scope)
                receive = await _body_read(scope, receive)
        except HoldfastError as refused:
            await problem_response(refused)(scope, receive, send)
            return
        await self._app(scope, receive, send)

    def _refuse_odd_address(self, scope: Scope) -> None:
        if "\x00" in scope["path"] or not _is_text(scope["path"]):
            raise NotFound("There is nothing at this address.")
        if b"%00" in scope["query_string"] or b"\x00" in scope["query_string"]:
            raise ValidationFailed("The address holds a NUL character, which nothing here can be named with.")

    def _refuse_too_many(self, scope: Scope) -> None:
        if scope["path"].startswith(WEBHOOKS):
            return
        address = client_address(scope)
        if address is not None and not self._limiter.allows(address, monotonic()):
            raise RateLimited("Too many requests from this address; wait half a minute.")


class RateLimiter:
    """A bucket an address: holds a minute's worth, refills evenly. 0 a minute is no limit. Each process counts by itself,
    and forgets the address it has not heard of for longest, so that nobody can fill its memory."""

    def __init__(self, per_minute: int) -> None:
        self._per_minute = per_minute
        self._buckets: OrderedDict[str, tuple[float, float]] = OrderedDict()

    def allows(self, address: str, at: float) -> bool:
        """`at`: monotonic seconds."""
        if self._per_minute == 0:
            return True
        left, before = self._buckets.pop(address, (float(self._per_minute), at))
        left = min(float(self._per_minute), left + (at - before) * self._per_minute / 60)
        self._buckets[address] = (max(left - 1, 0.0) if left >= 1 else left, at)
        if len(self._buckets) > MOST_ADDRESSES:
            self._buckets.popitem(last=False)
        return left >= 1


def client_address(scope: Scope) -> str | None:
    """Who is calling, for counting; None for this machine itself. X-Forwarded-For is believed only from a loopback peer,
    and of it only the last address, which that proxy wrote itself."""
    peer = scope["client"][0] if scope.get("client") else ""
    if not is_loopback(peer):
        return str(peer)
    forwarded = Headers(scope=scope).get("x-forwarded-for", "").split(",")[-1].strip()
    return forwarded[:64] or None


def is_loopback(address: str) -> bool:
    try:
        return ipaddress.ip_address(address).is_loopback
    except ValueError:
        return address == ""  # a Unix socket


async def _body_read(scope: Scope, receive: Receive) -> Receive:
    announced = Headers(scope=scope).get("content-length", "")
    if announced.isdigit() and int(announced) > MOST_BODY_BYTES:
        await _throw_away(receive)
        raise TooLarge(f"The body may have at most {MOST_BODY_BYTES} bytes.")
    body = await _whole_body(receive)
    if body is None:
        return receive
    unread = True

    async def again() -> Message:
        nonlocal unread
        if unread:
            unread = False
            return {"type": "http.request", "body": body, "more_body": False}
        return await receive()

    return again


async def _throw_away(receive: Receive) -> None:
    """What is still coming, up to a limit: whoever is still sending when the connection ends does not read the answer."""
    size = 0
    with contextlib.suppress(TimeoutError):
        async with asyncio.timeout(THROW_AWAY_S):
            while size < MOST_THROWN_AWAY_BYTES:
                message = await receive()
                size += len(message.get("body", b""))
                if message["type"] != "http.request" or not message.get("more_body", False):
                    return


async def _whole_body(receive: Receive) -> bytes | None:
    """None when the client went away."""
    parts, size = [], 0
    try:
        async with asyncio.timeout(BODY_TIMEOUT_S):
            while True:
                message = await receive()
                if message["type"] != "http.request":
                    return None
                part = message.get("body", b"")
                size += len(part)
                if size > MOST_BODY_BYTES:
                    if message.get("more_body", False):
                        await _throw_away(receive)
                    raise TooLarge(f"The body may have at most {MOST_BODY_BYTES} bytes.")
                parts.append(part)
                if not message.get("more_body", False):
                    return b"".join(parts)
    except TimeoutError:
        raise BodyTooSlow(f"The body did not arrive within {BODY_TIMEOUT_S:.0f} seconds.") from None


def _is_text(path: str) -> bool:
    return path.isascii() or not any("\ud800" <= character <= "\udfff" for character in path)
