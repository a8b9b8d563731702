"""One sandbox: its books, its clock, its dice and its faults, and the transactions in which they change."""

import asyncio
import logging
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

from holdfast.sandbox import database, faults
from holdfast.sandbox.chance import Chance
from holdfast.sandbox.clock import Clock
from holdfast.sandbox.database import Pool
from holdfast.sandbox.ledger import Ledger, Told
from holdfast.sandbox.options import Options
from holdfast.sandbox.stripe_api import API_VERSION, due, endpoints
from holdfast.sandbox.webhooks import Dispatcher

LOG = logging.getLogger(__name__)
BACKGROUND_TICK_S = 0.5


class World:
    """Built once; the doors (API, pages, control, mail) share it."""

    def __init__(self, options: Options, pool: Pool, clock: Clock | None = None) -> None:
        self.options = options
        self.pool = pool
        self.clock = clock or Clock()
        self.chance = Chance(options.seed)
        self.faults = faults.fresh()
        self.dispatcher = Dispatcher(self)
        self.next_due: float | None = 0.0
        self._catching_up = asyncio.Lock()

    async def load(self) -> None:
        """Take up the books where the last run left them."""
        async with self.pool.connection() as connection:
            self.clock.offset = await database.setting(connection, "clock_offset") or 0.0
            stored = await database.setting(connection, "faults")
            cursor = await connection.execute("SELECT coalesce(max(seq), 0) AS seq FROM sandbox.object")
            row = await cursor.fetchone()
        self.chance = Chance(self.options.seed, salt=str(row["seq"] if row else 0))
        self.faults = faults.merged(faults.fresh(), stored or {})
        await self.configure_endpoint()

    async def configure_endpoint(self) -> None:
        """The endpoint of the command line: made once, and kept in step with what this start says."""
        async with self.transaction() as ledger:
            known = await database.setting(ledger.connection, "endpoint")
            row = await ledger.find(known, lock=True) if known else None
            if self.options.webhook_url is None:
                return
            if row is None:
                row = endpoints.add(ledger, self.options.webhook_url, list(self.options.webhook_events))
                await database.set_setting(ledger.connection, "endpoint", row.id)
            ledger.update(row, url=self.options.webhook_url, api_version=API_VERSION)
            row.hidden |= {"secret": self.options.webhook_secret, "payload": self.options.webhook_payload}
        self.dispatcher.forget_endpoints()

    @asynccontextmanager
    async def transaction(
        self, request_id: str | None = None, key: str | None = None, told: bool = True
    ) -> AsyncIterator[Ledger]:
        """A ledger whose changes, events and deliveries are committed together, or not at all.

        `told=False` keeps the changes to itself: no event ever existed.
        """
        async with self.pool.connection() as connection, connection.pipeline(), connection.transaction():
            hold = self.faults["payments"]["authorised_for_s"]
            ledger = Ledger(connection, self.clock.seconds(), self.chance, request_id, key, hold)
            yield ledger
            await ledger.write()
            if ledger.told:
                kept = await ledger.write_events(self._keeps if told else _keeps_nothing, API_VERSION)
                await self.dispatcher.enqueue(connection, kept)
        self._note_due(ledger)
        self.dispatcher.wake()

    def _keeps(self, told: Told) -> bool:
        return not self.chance.strikes(self.faults["webhooks"]["never_generate"])

    def _note_due(self, ledger: Ledger) -> None:
        if ledger.earliest_due is not None:
            self.next_due = min(ledger.earliest_due, self.next_due or ledger.earliest_due)

    async def catch_up(self) -> None:
        """Do what time alone has made due: expiries, settlements, lapses. Cheap when there is nothing."""
        if self.next_due is None or self.next_due > self.clock.now():
            return
        async with self._catching_up:
            self.next_due = None
            try:
                await due.run(self)
            except BaseException:
                self.next_due = 0.0
                raise
            async with self.pool.connection() as connection:
                cursor = await connection.execute(
                    "SELECT min(due_at) AS at FROM sandbox.object WHERE due_at IS NOT NULL"
                )
                row = await cursor.fetchone()
            dues = [at for at in (self.next_due, row["at"] if row else None) if at is not None]
            self.next_due = min(dues, default=None)

    async def background(self) -> None:
        """Time passes even when nobody asks."""
        while True:
            try:
                await self.catch_up()
            except Exception:
                LOG.exception("what was due could not be done; it is tried again")
            await asyncio.sleep(BACKGROUND_TICK_S)

    async def change_faults(self, change: object) -> dict[str, Any]:
        self.faults = faults.merged(self.faults, change)
        if isinstance(change, dict) and change.get("seed") is not None:
            self.chance.reseed(self.faults["seed"])
        async with self.pool.connection() as connection:
            await database.set_setting(connection, "faults", self.faults)
        return self.faults

    async def advance(self, seconds: float) -> float:
        """Move the clock, and everything that is due with it."""
        self.clock.offset += seconds
        async with self.pool.connection() as connection:
            await database.set_setting(connection, "clock_offset", self.clock.offset)
        await self.catch_up()
        self.dispatcher.wake()
        return self.clock.now()

    async def reset(self) -> None:
        """An empty ledger, no faults, the wall's time; the endpoint that the command line named stays."""
        await self.dispatcher.pause()
        try:
            async with self.pool.connection() as connection, connection.transaction():
                await database.empty(connection)
            self.clock.offset = 0.0
            self.faults = faults.fresh()
            self.next_due = None
            await self.configure_endpoint()
        finally:
            self.dispatcher.resume()


def _keeps_nothing(told: Told) -> bool:
    return False
