"""`Idempotency-Key`: the same request sent again does its work once and gets the first answer again.

Same key and body: the first answer, word for word. Same key, other body: 409. The first still being worked on: its answer is
waited for a few seconds, since who pressed twice wants the booking and no error; then 409 with Retry-After. Kept for 24 hours.
A 5xx is no answer and is not kept.

There are two kinds of work:

- `in_one_transaction`: the work and its answer are committed together, so a crash leaves neither.
- `resumable`: work with outside calls between its transactions. The id of what will be made (`subject`) is committed before
  the work begins. A request that is repeated after a crash or a 503 gets that id again and goes on with it instead of making
  a second one: whatever has been made has that id, and the primary key lets nobody make it twice.

Answers are kept without the secrets in them (a booking's token, a new key); `reveal` puts back what can be derived.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any, TypeVar

from fastapi import Request
from pydantic_core import to_json
from starlette.responses import Response

from holdfast.database.connection import Connection
from holdfast.errors import Conflict, HoldfastError, ValidationFailed
from holdfast.ids import sha256
from holdfast.system import System
from holdfast.web import store
from holdfast.web.problems import PROBLEM, problem_document, problem_response

KEPT = timedelta(hours=24)
LEASE = timedelta(seconds=20)  # longer than a request takes: Stripe's time-out is 8 s, tried twice
LONGEST_KEY = 255
IN_PROGRESS_RETRY_S = 2
LOOK_AGAIN_S = 0.1
LOOKS = 30  # so the first answer is waited for three seconds; no connection is held meanwhile
JSON = "application/json"

T = TypeVar("T")

Secrets = dict[str, Any]
Reveal = Callable[[dict[str, Any]], Awaitable[Secrets]]


@dataclass(frozen=True)
class Answer:
    """`secrets` are sent with the body but not kept."""

    status: int
    body: dict[str, Any]
    secrets: Secrets = field(default_factory=dict)


@dataclass(frozen=True)
class RequestKey:
    scope: str
    key: str
    request_hash: bytes

    @property
    def lock(self) -> int:
        """An advisory lock's number."""
        return int.from_bytes(sha256(f"{self.scope}\n{self.key}")[:8], "big", signed=True)


async def request_key(request: Request, scope: str) -> RequestKey | None:
    """The caller's key; None when there is none. `scope`: who asks, a key's id or `public`."""
    key = request.headers.get("idempotency-key")
    if key is None:
        return None
    if not 1 <= len(key) <= LONGEST_KEY or not key.isascii() or not key.isprintable():
        raise ValidationFailed(f"Idempotency-Key must have 1 to {LONGEST_KEY} printable ASCII characters.")
    where = f"{request.method} {request.url.path}"
    body = await request.body()
    return RequestKey(f"{scope} {where}"[:1000], key, sha256(request.url.query + "\n" + body.hex()))


async def in_one_transaction(
    system: System, request: Request, scope: str, work: Callable[[Connection], Awaitable[Answer]]
) -> Response:
    """`work` writes with the connection it gets and nothing else."""
    key = await request_key(request, scope)
    if key is None:
        return _response(await system.database.run(work))

    async def once(conn: Connection) -> Response:
        if not await store.take_key_for_itself(conn, key.lock):
            raise _InProgress
        before = await store.remembered(conn, key.scope, key.key, system.clock.now() - KEPT)
        if before is not None:
            return await _again(key, before, None)
        answer = await work(conn)
        await _remember(conn, system, key, answer)
        return _response(answer)

    return await _waiting_for_the_first(lambda: system.database.run(once))


async def resumable(
    system: System,
    request: Request,
    scope: str,
    prefix: str,
    work: Callable[[str, bool], Awaitable[Answer]],
    reveal: Reveal | None,
) -> Response:
    """`work(subject, continued)`: the id to make it with, and whether an earlier request may have made it already."""
    key = await request_key(request, scope)
    subject = system.ids.new(prefix)
    if key is None:
        return _response(await work(subject, False))
    begun = await _waiting_for_the_first(
        lambda: system.database.run(lambda conn: _begin(conn, system, key, subject))
    )
    if begun["answered"]:
        return await _again(key, begun, reveal)
    try:
        answer = await work(begun["subject"], begun["continued"])
    except HoldfastError as refused:
        return await _refused(system, key, refused)
    except Exception:
        await system.database.run(lambda conn: store.end_lease(conn, key.scope, key.key, system.clock.now()))
        raise
    await system.database.run(lambda conn: _remember(conn, system, key, answer))
    return _response(answer)


async def forget_old_answers(system: System, limit: int = 10_000) -> int:
    """A job: deletes what is older than 24 hours. Says how many."""
    before = system.clock.now() - KEPT
    return await system.database.run(lambda conn: store.forget_answers(conn, before, limit))


async def _waiting_for_the_first(attempt: Callable[[], Awaitable[T]]) -> T:
    for _ in range(LOOKS):
        try:
            return await attempt()
        except _InProgress:
            await asyncio.sleep(LOOK_AGAIN_S)
    return await attempt()


async def _begin(conn: Connection, system: System, key: RequestKey, subject: str) -> dict[str, Any]:
    now = system.clock.now()
    mine = await store.begin_or_continue(
        conn,
        key.scope,
        key.key,
        key.request_hash,
        subject=subject,
        now=now,
        leased_until=now + LEASE,
        since=now - KEPT,
    )
    if mine is not None:
        return {**mine, "answered": False}
    before = await store.remembered(conn, key.scope, key.key, now - KEPT)
    if before is None:  # it was forgotten between the two statements
        raise _InProgress
    _refuse_other(key, before)
    if before["answer"] is None:
        raise _InProgress
    return {**before, "answered": True}


async def _refused(system: System, key: RequestKey, refused: HoldfastError) -> Response:
    """A refusal is an answer; "not available" is none, and what was begun can be continued at once."""
    now = system.clock.now()
    if refused.status >= 500 or refused.retry_after is not None:
        await system.database.run(lambda conn: store.end_lease(conn, key.scope, key.key, now))
        raise refused
    answer = Answer(refused.status, problem_document(refused))
    await system.database.run(lambda conn: _remember(conn, system, key, answer))
    return problem_response(refused)


async def _remember(conn: Connection, system: System, key: RequestKey, answer: Answer) -> None:
    text = to_json(answer.body).decode()
    await store.remember(conn, key.scope, key.key, key.request_hash, answer.status, text, system.clock.now())


async def _again(key: RequestKey, before: dict[str, Any], reveal: Reveal | None) -> Response:
    _refuse_other(key, before)
    if before["answer"] is None:
        raise _InProgress
    body = json.loads(before["answer"])
    secrets = await reveal(body) if reveal and before["status"] < 400 else {}
    return _response(Answer(before["status"], body, secrets), replayed=True)


def _refuse_other(key: RequestKey, before: dict[str, Any]) -> None:
    if bytes(before["request_hash"]) != key.request_hash:
        raise Conflict(
            "This Idempotency-Key was used before with another request. Use a new key for a new request."
        )


class _InProgress(Conflict):
    def __init__(self) -> None:
        super().__init__("The first request with this Idempotency-Key is still being worked on.")
        self.retry_after = IN_PROGRESS_RETRY_S


def _response(answer: Answer, *, replayed: bool = False) -> Response:
    headers = {"Idempotent-Replayed": "true"} if replayed else None
    media_type = JSON if answer.status < 400 else PROBLEM
    return Response(
        to_json({**answer.body, **answer.secrets}), answer.status, headers=headers, media_type=media_type
    )
