"""Receive, store, answer (rule 6): the signature is checked on the raw bytes, the event is stored word for word, then Stripe
gets its 2xx. What it means is worked out later, by whoever is free.

Events that arrive together are stored together: one statement for all that wait, so that a burst costs few commits. An answer
is given only after the commit that holds its event.
"""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from typing import Any

from holdfast.clock import rfc3339
from holdfast.errors import DatabaseUnavailable, ValidationFailed
from holdfast.inbox import store
from holdfast.inbox.rules import Incoming, mark_at_receipt, parse
from holdfast.stripe_gateway.signature import verify
from holdfast.system import System

MOST_AT_ONCE = 200
LARGEST_BODY = 1024 * 1024


@dataclass(frozen=True)
class Received:
    event_id: str
    duplicate: bool


@dataclass
class _Waiting:
    row: dict[str, Any]
    answer: asyncio.Future[bool]


class Receiver:
    """One a process. `receive` returns when the event is safely stored."""

    def __init__(self, system: System) -> None:
        self._system = system
        self._waiting: list[_Waiting] = []
        self._storing: asyncio.Task[None] | None = None

    async def receive(self, body: bytes, signature: str | None) -> Received:
        """Raises SignatureRefused (400), ValidationFailed (a signed body that is no event), DatabaseUnavailable (503: Stripe
        will send it again)."""
        now = self._system.clock.now()
        verify(body, signature, self._system.settings.stripe_webhook_secret, now.timestamp())
        incoming = parse(body)
        waiting = _Waiting(self._row(incoming, body), asyncio.get_running_loop().create_future())
        self._waiting.append(waiting)
        if self._storing is None or self._storing.done():
            self._storing = asyncio.create_task(self._store_all())
        return Received(incoming.event_id, duplicate=not await waiting.answer)

    def _row(self, incoming: Incoming, body: bytes) -> dict[str, Any]:
        now = rfc3339(self._system.clock.now())
        try:
            text = body.decode()
        except UnicodeDecodeError as problem:
            raise ValidationFailed("The body is signed, but it is not UTF-8.") from problem
        foreign = mark_at_receipt(incoming, self._system.settings.livemode)
        return {
            "event_id": incoming.event_id,
            "type": incoming.type,
            "object_id": incoming.object_id,
            "livemode": incoming.livemode,
            "account": incoming.account,
            "api_version": incoming.api_version,
            "created_at": rfc3339(incoming.created_at),
            "payload": text.replace("\x00", ""),
            "received_at": now,
            "try_at": None if foreign else now,
            "handled_at": now if foreign else None,
            "outcome": foreign,
        }

    async def _store_all(self) -> None:
        while self._waiting:
            batch, self._waiting = self._waiting[:MOST_AT_ONCE], self._waiting[MOST_AT_ONCE:]
            await self._store(batch)

    async def _store(self, batch: list[_Waiting]) -> None:
        first_of = {waiting.row["event_id"]: waiting for waiting in reversed(batch)}
        # In one order everywhere: two processes may hold the same events in their hands.
        rows = [first_of[event_id].row for event_id in sorted(first_of)]
        try:
            new = await self._system.database.run_statement(lambda conn: store.insert_events(conn, rows))
        except Exception as problem:
            for waiting in batch:
                _answer(
                    waiting,
                    DatabaseUnavailable(
                        f"The event could not be stored ({type(problem).__name__}); send it again."
                    ),
                )
            return
        for waiting in batch:
            # The same event twice in one batch is stored once; the second of them is told that it is a duplicate.
            _answer(waiting, new[waiting.row["event_id"]] and first_of[waiting.row["event_id"]] is waiting)
        self._system.signals.tell("work:inbox")


def _answer(waiting: _Waiting, outcome: bool | Exception) -> None:
    if waiting.answer.done():  # the caller has gone
        return
    if isinstance(outcome, Exception):
        waiting.answer.set_exception(outcome)
    else:
        waiting.answer.set_result(outcome)
