"""Where a process may die.

Every step of Holdfast is a transaction or an outside call. The proxies here stand outside of it, around its real database, its
real gateway to Stripe and its real mail sender, and count the boundaries between those steps. `Fate` lets the process die at one
of them. From then on nothing of it reaches the world any more, as with a process that was killed: what it has not committed is
rolled back, what it wanted to say is not said.

A boundary is what lies after a commit or after a call that changed something, so that to die before a step is to die after the
one before it: a transaction that did not commit has left nothing. Transactions that wrote nothing and calls that only read
leave the world as it was and make no boundary.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from typing import Any, TypeVar, cast

from holdfast.database.connection import Connection, Database
from holdfast.messages.senders.mail import OutgoingMail
from holdfast.messages.senders.smtp import SmtpBatch, SmtpSender
from holdfast.stripe_gateway.client import StripeGateway
from holdfast.system import System

T = TypeVar("T")

COMMITTED = "committed"
MAIL_TAKEN = "mail taken"
CHANGES_SOMETHING = frozenset(
    {
        "create_checkout_session",
        "expire_checkout_session",
        "create_payment_intent",
        "capture_payment_intent",
        "cancel_payment_intent",
        "create_refund",
    }
)


class Crash(BaseException):
    """The process died here. Nothing that handles errors may handle this one."""


@dataclass
class Fate:
    """`dies_at`: the number of the boundary, from 1; None: it lives for ever."""

    dies_at: int | None = None
    passed: list[str] = field(default_factory=list)
    died: asyncio.Event = field(default_factory=asyncio.Event)

    def reach(self, boundary: str) -> None:
        self.check()
        self.passed.append(boundary)
        if len(self.passed) == self.dies_at:
            self.died.set()
            raise Crash(boundary)

    def check(self) -> None:
        if self.died.is_set():
            raise Crash("it is dead already")

    async def watch(self, work: Awaitable[T]) -> T:
        """Does it, and stops waiting when the process dies: some task of it may have died, and others wait for that one."""
        self.check()
        doing, dying = asyncio.ensure_future(work), asyncio.ensure_future(self.died.wait())
        try:
            await asyncio.wait({doing, dying}, return_when=asyncio.FIRST_COMPLETED)
            if not self.died.is_set():
                return doing.result()
        finally:
            for task in (doing, dying):
                task.cancel()
            await asyncio.gather(doing, dying, return_exceptions=True)
        raise Crash(self.passed[-1])

    @property
    def fell_between_mail_and_its_record(self) -> bool:
        """The one place where a mail may be sent again: the server has it, and we have not written that down."""
        told = [one for one in self.passed if one in {COMMITTED, MAIL_TAKEN}]
        return self.died.is_set() and bool(told) and told[-1] == MAIL_TAKEN


def under(fate: Fate, system: System) -> System:
    """The same system, with its ways into the world watched."""
    return replace(
        system,
        database=WatchedDatabase(system.database, fate),
        stripe=cast(StripeGateway, WatchedStripe(system.stripe, fate)),
        mail=WatchedMail(system.settings.smtp_url, system.settings.mail_from, fate),
    )


class WatchedDatabase(Database):
    """`run` is inherited: its tries again are transactions like all others."""

    def __init__(self, real: Database, fate: Fate) -> None:
        self.conninfo = real.conninfo
        self._real = real
        self._fate = fate

    @asynccontextmanager
    async def transaction(self) -> AsyncIterator[Connection]:
        self._fate.check()
        async with self._real.transaction() as conn:
            yield conn
            self._fate.check()
            written = await _has_written(conn)
        if written:
            self._fate.reach(COMMITTED)

    @asynccontextmanager
    async def statement(self) -> AsyncIterator[Connection]:
        """A transaction as any other, so that one can look whether it has written."""
        async with self.transaction() as conn:
            yield conn

    async def read(self, work: Callable[[Connection], Awaitable[T]]) -> T:
        self._fate.check()
        return await self._real.read(work)


async def _has_written(conn: Connection) -> bool:
    """A transaction that wrote nothing has no number, and to die before or after it is the same."""
    cursor = await conn.execute("SELECT pg_current_xact_id_if_assigned() IS NOT NULL AS written")
    row = await cursor.fetchone()
    return row is not None and bool(row["written"])


class WatchedStripe:
    def __init__(self, real: StripeGateway, fate: Fate) -> None:
        self._real = real
        self._fate = fate

    def __getattr__(self, name: str) -> Callable[..., Awaitable[Any]]:
        call = getattr(self._real, name)

        async def watched(*args: Any, **kwargs: Any) -> Any:
            self._fate.check()
            answer = await call(*args, **kwargs)
            if name in CHANGES_SOMETHING:
                self._fate.reach(f"Stripe has answered: {name}")
            return answer

        return watched


class WatchedMail(SmtpSender):
    def __init__(self, smtp_url: str, mail_from: str, fate: Fate) -> None:
        super().__init__(smtp_url, mail_from)
        self._fate = fate

    @asynccontextmanager
    async def batch(self) -> AsyncIterator[SmtpBatch]:
        async with super().batch() as batch:
            yield WatchedBatch(batch, self._fate)


class WatchedBatch(SmtpBatch):
    def __init__(self, real: SmtpBatch, fate: Fate) -> None:
        self._real = real
        self._fate = fate

    async def send(self, mail: OutgoingMail) -> None:
        self._fate.check()
        await self._real.send(mail)
        self._fate.reach(MAIL_TAKEN)
