"""An outbox with its database, a real SMTP server, and a clock that stands still."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

import pytest

from holdfast.clock import ManualClock
from holdfast.messages import store
from holdfast.settings import Settings
from holdfast.system import System, open_system
from tests.messages.server import Mailbox, Server
from tests.messages.telephone import Telephone, running_telephone
from tests.support.world import SampleEvent, hold, pay, sample_event

NOW = datetime(2026, 11, 20, 12, 0, tzinfo=UTC)


@dataclass(frozen=True)
class Outbox:
    """A system with one evening, and shortcuts to put mails into its outbox and to look at them."""

    system: System
    clock: ManualClock
    event: SampleEvent

    async def confirmed(self, **about_the_guest: Any) -> dict[str, Any]:
        """A guest has paid, and the confirmation is queued."""
        async with self.system.database.transaction() as conn:
            booking = await hold(conn, self.clock.now(), self.event, **about_the_guest)
            await pay(conn, self.clock.now(), booking)
            message_id = await self.enqueue(conn, booking, "booking_confirmed")
        return {**booking, "message_id": message_id}

    async def enqueue(self, conn: Any, booking: dict[str, Any], kind: str, **more: Any) -> str | None:
        return await store.enqueue(
            conn, self.system.ids, self.clock.now(), booking=booking, kind=kind, cause="settle", **more
        )

    async def rows(self, statement: Any, *parameters: Any) -> list[dict[str, Any]]:
        async with self.system.database.transaction() as conn:
            return await (await conn.execute(statement, parameters)).fetchall()

    async def message(self, message_id: str) -> dict[str, Any]:
        return (await self.rows("SELECT * FROM messages WHERE message_id = %s", message_id))[0]

    async def tries(self, message_id: str) -> list[str]:
        async with self.system.database.transaction() as conn:
            return [row["outcome"] for row in await store.tries_of(conn, message_id)]

    async def open_tasks(self) -> list[dict[str, Any]]:
        return await self.rows("SELECT * FROM tasks WHERE done_at IS NULL ORDER BY kind, subject")


OpenOutbox = Callable[..., AbstractAsyncContextManager[Outbox]]


@pytest.fixture
def mailbox() -> Mailbox:
    return Mailbox()


@pytest.fixture
def smtp(mailbox: Mailbox) -> Iterator[Server]:
    server = Server(mailbox)
    server.start()
    yield server
    server.stop()


@pytest.fixture
def open_outbox(database_url: str) -> OpenOutbox:
    """Opens a system on the test's database: outbox = open_outbox(smtp_url=…); several may be open at
    once."""

    @asynccontextmanager
    async def opened(
        smtp_url: str, *, event: SampleEvent | None = None, seats: int = 4, **tenant: Any
    ) -> AsyncIterator[Outbox]:
        clock = ManualClock(NOW)
        settings = Settings(
            database_url=database_url,
            public_url="https://book.example",
            secret_key="a secret of sixteen or more",
            smtp_url=smtp_url,
            mail_from="bookings@book.example",
            stripe_secret_key="sk_test_none",
        )
        async with open_system(settings, clock=clock, most_connections=4) as system:
            if event is None:
                async with system.database.transaction() as conn:
                    event = await sample_event(conn, NOW, seats=seats, **tenant)
            yield Outbox(system, clock, event)

    return opened


@pytest.fixture
async def outbox(open_outbox: OpenOutbox, smtp: Server) -> AsyncIterator[Outbox]:
    async with open_outbox(f"smtp://127.0.0.1:{smtp.port}", seats=100) as opened:
        yield opened


@pytest.fixture
async def telephone() -> AsyncIterator[Telephone]:
    async with running_telephone() as started:
        yield started
