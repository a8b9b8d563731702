"""Deliveries: signed, retried, and lost, doubled, late or shuffled as the faults want it.

https://docs.stripe.com/webhooks. The rows of sandbox.delivery are the queue, so a restart loses nothing.
"""

from __future__ import annotations

import asyncio
import contextlib
import hashlib
import hmac
import json
import logging
from typing import TYPE_CHECKING, Any

import httpx
import psycopg

from holdfast.sandbox.database import Connection
from holdfast.sandbox.ledger import Json, Row, Told
from holdfast.sandbox.options import RETRY_FOR_SECONDS
from holdfast.sandbox.stripe_api import endpoints, events

if TYPE_CHECKING:
    from holdfast.sandbox.world import World

LOG = logging.getLogger(__name__)
AFTER_TROUBLE_S = 1.0
AT_ONCE = 16
POLL_S = 0.25
REORDER_WITHIN_S = 0.5


def signature(body: bytes, secret: str, timestamp: int) -> str:
    """The `Stripe-Signature` header: HMAC-SHA256 over `t.body`. https://docs.stripe.com/webhooks/signature"""
    signed = f"{timestamp}.".encode() + body
    digest = hmac.new(secret.encode(), signed, hashlib.sha256).hexdigest()
    return f"t={timestamp},v1={digest}"


class Dispatcher:
    """Sends what is due. One task finds the work, up to `AT_ONCE` deliveries run side by side."""

    def __init__(self, world: World) -> None:
        self.world = world
        self.client = httpx.AsyncClient(timeout=world.options.webhook_timeout_s, follow_redirects=False)
        self._wake = asyncio.Event()
        self._may_run = asyncio.Event()
        self._may_run.set()
        self._busy = asyncio.Semaphore(AT_ONCE)
        self._claimed: dict[int, asyncio.Task[None]] = {}
        self._endpoints: list[Row] | None = None
        self._waiting: dict[str, asyncio.Event] = {}

    def wake(self) -> None:
        self._wake.set()

    def forget_endpoints(self) -> None:
        self._endpoints = None

    async def enqueue(self, connection: Connection, told: list[Told]) -> None:
        """Plan a delivery for every endpoint that wants to hear of an event, in the event's own transaction."""
        rows = [plan for event in told for plan in await self._plans(connection, event)]
        if rows:
            async with connection.cursor() as cursor:
                await cursor.executemany(
                    "INSERT INTO sandbox.delivery (event_id, event_type, endpoint_id, status, due_at, first_at) "
                    "VALUES (%s, %s, %s, %s, %s, %s)",
                    rows,
                )

    async def _plans(self, connection: Connection, event: Told) -> list[list[Any]]:
        wanting = [row for row in await self._all_endpoints(connection) if endpoints.wants(row, event.kind)]
        return [plan for endpoint in wanting for plan in self._plan(event, endpoint)]

    def _plan(self, event: Told, endpoint: Row) -> list[list[Any]]:
        rules, chance, now = self.world.faults["webhooks"], self.world.chance, self.world.clock.now()
        if chance.strikes(rules["lose"]):
            return [[event.row.id, event.kind, endpoint.id, "lost", None, now]]
        copies = 2 if chance.strikes(rules["duplicate"]) else 1
        due = now + rules["delay_s"]
        shuffle = REORDER_WITHIN_S if rules["reorder"] else 0
        return [
            [event.row.id, event.kind, endpoint.id, "pending", due + chance.faults.uniform(0, shuffle), now]
            for _ in range(copies)
        ]

    async def _all_endpoints(self, connection: Connection) -> list[Row]:
        cursor = await connection.execute(
            "SELECT id, type, created, body, hidden FROM sandbox.object WHERE type = 'webhook_endpoint' ORDER BY seq"
        )
        return [Row(**row) for row in await cursor.fetchall()]

    async def run(self) -> None:
        """Deliver until cancelled."""
        while True:
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(self._wake.wait(), POLL_S)
            self._wake.clear()
            await self._may_run.wait()
            try:
                await self._start(await self._due())
            except psycopg.Error:
                LOG.exception("the queue of webhooks cannot be read; it is tried again")
                await asyncio.sleep(AFTER_TROUBLE_S)

    async def flush(self, everything: bool = False) -> int:
        """Deliver all that is due (or all that is planned) now; returns when each has been tried once."""
        deliveries = await self._due(everything)
        if self.world.faults["webhooks"]["reorder"]:
            self.world.chance.faults.shuffle(deliveries)
        await self._start(deliveries)
        running = list(self._claimed.values())
        await asyncio.gather(*running, return_exceptions=True)
        return len(running)

    async def pause(self) -> None:
        """Start nothing more, and wait for what is on its way."""
        self._may_run.clear()
        for task in list(self._claimed.values()):
            task.cancel()
        await asyncio.gather(*self._claimed.values(), return_exceptions=True)

    def resume(self) -> None:
        self._may_run.set()
        self.wake()

    async def close(self) -> None:
        await self.pause()
        await self.client.aclose()

    async def answered(self, event_id: str, timeout_s: float) -> bool:
        """Wait until an endpoint has answered 2xx to the event; not at all when nothing is on its way."""
        arrived = self._waiting.setdefault(event_id, asyncio.Event())
        try:
            if not await self._is_on_its_way(event_id):
                return False
            async with asyncio.timeout(timeout_s):
                await arrived.wait()
            return True
        except TimeoutError:
            return False
        finally:
            self._waiting.pop(event_id, None)

    async def _is_on_its_way(self, event_id: str) -> bool:
        async with self.world.pool.connection() as connection:
            cursor = await connection.execute(
                "SELECT FROM sandbox.delivery WHERE event_id = %s AND status = 'pending'", [event_id]
            )
            return await cursor.fetchone() is not None

    async def _due(self, everything: bool = False) -> list[dict[str, Any]]:
        until = float("inf") if everything else self.world.clock.now()
        async with self.world.pool.connection() as connection:
            cursor = await connection.execute(
                "SELECT delivery.id, event_id, attempts, first_at, event.body AS event, endpoint.body AS endpoint, "
                "endpoint.hidden AS secrets FROM sandbox.delivery JOIN sandbox.object AS event ON event.id = event_id "
                "LEFT JOIN sandbox.object AS endpoint ON endpoint.id = endpoint_id "
                "WHERE delivery.due_at <= %s AND NOT delivery.id = ANY (%s) ORDER BY delivery.due_at, delivery.id LIMIT 200",
                [until, list(self._claimed)],
            )
            return await cursor.fetchall()

    async def _start(self, deliveries: list[dict[str, Any]]) -> None:
        for delivery in deliveries:
            if delivery["id"] in self._claimed:
                continue
            task = asyncio.create_task(self._deliver(delivery))
            self._claimed[delivery["id"]] = task
            task.add_done_callback(lambda _, id=delivery["id"]: self._claimed.pop(id, None))  # type: ignore[misc]

    async def _deliver(self, delivery: dict[str, Any]) -> None:
        async with self._busy:
            if delivery["endpoint"] is None or delivery["endpoint"]["status"] != "enabled":
                await self._give_up(delivery, "the endpoint is gone or disabled")
            else:
                await self._record(delivery, *await self._post(delivery))

    async def _post(self, delivery: dict[str, Any]) -> tuple[int | None, str | None]:
        body = json.dumps(
            payload(delivery["event"], delivery["endpoint"], delivery["secrets"]), indent=2
        ).encode()
        # Each try is signed afresh. The receiver judges the stamp by its own clock, so it is the wall's time.
        stamp = int(self.world.clock.wall() + self.world.faults["webhooks"]["clock_skew_s"])
        headers = {
            "Content-Type": "application/json; charset=utf-8",
            "User-Agent": "Stripe/1.0 (+https://stripe.com/docs/webhooks)",
            "Stripe-Signature": signature(body, delivery["secrets"]["secret"], stamp),
        }
        try:
            response = await self.client.post(delivery["endpoint"]["url"], content=body, headers=headers)
        except (httpx.HTTPError, httpx.InvalidURL) as error:
            return None, f"{type(error).__name__}: {error}"
        return response.status_code, None if response.is_success else response.text[:500]

    async def _record(self, delivery: dict[str, Any], status: int | None, error: str | None) -> None:
        """2xx is success and nothing else is, not even a redirect."""
        delivered = status is not None and 200 <= status < 300
        next_at = None if delivered else self._next_try(delivery)
        state = "delivered" if delivered else "pending" if next_at is not None else "failed"
        async with self.world.pool.connection() as connection:
            await connection.execute(
                "UPDATE sandbox.delivery SET status = %s, due_at = %s, attempts = attempts + 1, last_status = %s, "
                "last_error = %s WHERE id = %s AND status = 'pending'",
                [state, next_at, status, error, delivery["id"]],
            )
        if delivered and delivery["event_id"] in self._waiting:
            self._waiting[delivery["event_id"]].set()

    def _next_try(self, delivery: dict[str, Any]) -> float | None:
        now = self.world.clock.now()
        if now - delivery["first_at"] >= RETRY_FOR_SECONDS:
            return None
        schedule = self.world.options.retry_schedule
        tried: int = delivery["attempts"]
        return now + schedule[min(tried, len(schedule) - 1)]

    async def _give_up(self, delivery: dict[str, Any], error: str) -> None:
        async with self.world.pool.connection() as connection:
            await connection.execute(
                "UPDATE sandbox.delivery SET status = 'failed', due_at = NULL, last_error = %s WHERE id = %s",
                [error, delivery["id"]],
            )


def payload(event: Json, endpoint: Json, secrets: Json) -> Json:
    """What an endpoint gets: the snapshot rendered in the endpoint's version, or the thin notification."""
    if secrets.get("payload") == "thin":
        return events.thin(event)
    return event | {"api_version": endpoints.version_of(endpoint), "pending_webhooks": 1}
