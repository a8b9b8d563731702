"""A town for one run of a story: a database, Stripe and a mail server (the sandbox), two clocks that move together, and a
process of Holdfast that may die and is started again.

Guests and Stripe speak to the process over its HTTP. What they do is done again until it is answered, as people reload a page
and Stripe repeats a webhook; the process is another one after each death. The jobs are those of schedule.py, without the
laws': everything here must mend without them.
"""

from __future__ import annotations

import asyncio
import hashlib
import hmac
import json
import random
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from typing import Any, TypeVar

import httpx
from fastapi import FastAPI

from holdfast.app import create_app
from holdfast.catalog.actions import load_catalog
from holdfast.catalog.owners import EventOwners
from holdfast.clock import ManualClock, SystemClock
from holdfast.ids import Ids
from holdfast.inbox.receive import Receiver
from holdfast.laws.check import check_all
from holdfast.laws.law import Severity
from holdfast.laws.registry import all_laws
from holdfast.schedule import JOBS
from holdfast.settings import Settings
from holdfast.stripe_gateway.client import SdkGateway
from holdfast.system import System, open_system
from holdfast.tenants.actions import create_key
from holdfast.web.live import LiveStreams
from tests.simulation.fate import Crash, Fate, under
from tests.support.api import show
from tests.support.sandbox import Sandbox

T = TypeVar("T")
Row = dict[str, Any]

EVENT_ID = 35
PUBLIC_URL = "http://town.test"
WEBHOOK_SECRET = "whsec_of_the_town"
CARD = "4242424242424242"
WORKING_JOBS = tuple(job for job in JOBS if job.name != "check the laws")
LEASE_S = 61
# Enough for every lease, every pause after trouble and every question about an attempt to come due.
UNTIL_QUIET_S = (0, LEASE_S, LEASE_S, 4 * 60, 10 * 60, 20 * 60, 40 * 60)
MOST_TRIES = 12
MOST_ROUNDS = 12


@dataclass
class Stage:
    """What all towns of a test share, because it is slow to build and remembers nothing."""

    sandbox: Sandbox
    app: FastAPI
    stripe: SdkGateway
    street: httpx.AsyncClient  # how people and this test reach the sandbox


@dataclass
class Process:
    """One life of Holdfast: web and worker in one."""

    system: System
    http: httpx.AsyncClient
    fate: Fate
    stack: AsyncExitStack


@dataclass
class Town:
    stage: Stage
    settings: Settings
    clock: ManualClock
    ids: Ids
    fates: list[Fate] = field(default_factory=list)  # of the lives to come; when they are used up, lives last
    units: dict[str, int] = field(default_factory=dict)
    admin_key: str = ""
    lived: list[Fate] = field(default_factory=list)
    taken_in: set[str] = field(default_factory=set)  # events that were answered 2xx
    webhooks_are_lost: bool = False
    _process: Process | None = None

    # ── the process ──

    async def do(self, work: Callable[[Process], Awaitable[T]]) -> T:
        """Until it is done: after a death the same again, with another process."""
        for _ in range(MOST_TRIES):
            process = self._process or await self._start()
            try:
                return await process.fate.watch(work(process))
            except Crash:
                await self.bury()
        raise AssertionError("It dies again and again.")

    async def _start(self) -> Process:
        fate = self.fates.pop(0) if self.fates else Fate()
        self.lived.append(fate)
        stack = AsyncExitStack()
        real = await stack.enter_async_context(
            open_system(
                self.settings, clock=self.clock, ids=self.ids, stripe=self.stage.stripe, most_connections=8
            )
        )
        system = under(fate, real)
        # What the lifespan would do, but for its heartbeat: that beats by the wall's clock.
        state = self.stage.app.state
        state.system, state.event_owners = system, EventOwners()
        state.receiver, state.live = Receiver(system), LiveStreams(system)
        transport = httpx.ASGITransport(self.stage.app, client=("203.0.113.7", 4711))
        http = await stack.enter_async_context(
            httpx.AsyncClient(transport=transport, base_url=PUBLIC_URL, verify=False)
        )
        self._process = Process(system, http, fate, stack)
        return self._process

    async def bury(self) -> None:
        """What is left of the process goes; a new one is started when it is needed."""
        process, self._process = self._process, None
        if process is not None:
            await process.stack.aclose()

    # ── time ──

    async def pass_time(self, seconds: float) -> None:
        if seconds:
            self.clock.advance(seconds=seconds)
            await self._control("clock", {"advance_s": seconds})

    # ── guests ──

    async def book(self, who: str = "ada", units: dict[str, int] | None = None, menu: bool = True) -> Row:
        """As a client does that repeats a request until it is answered, always with the same Idempotency-Key."""
        wanted = units or {"Table 1": 2}
        body = {
            "units": [{"unit_id": self.units[label], "seats": seats} for label, seats in wanted.items()],
            "menu": [{"item_id": self.units["Pie"], "quantity": 2}] if menu else [],
            "customer": {"name": who.title(), "email": f"{who}@example.com"},
        }
        headers = {"Idempotency-Key": f"booking of {who}"}
        answer = await self.repeat("POST", f"/api/events/{EVENT_ID}/bookings", json=body, headers=headers)
        assert answer.status_code == 201, answer.text
        return dict(answer.json())

    async def repeat(self, method: str, path: str, **options: Any) -> httpx.Response:
        """Again while the answer is that it is being worked on, or cannot be done now."""
        for _ in range(MOST_TRIES):
            answer = await self.do(lambda process: process.http.request(method, path, **options))
            if answer.status_code < 500 and "retry-after" not in answer.headers:
                return answer
            await self.pass_time(LEASE_S)
        raise AssertionError(f"No answer to {method} {path}.")

    async def pay(self, booking: Row, card: str = CARD) -> None:
        await self.pay_session(booking["checkout_session_id"], card)

    async def pay_session(self, session_id: str, card: str = CARD) -> None:
        answer = await self.stage.street.post(f"/pay/{session_id}", data={"card": card, "action": "pay"})
        assert answer.status_code < 400, answer.text

    async def look(self, booking: Row) -> Row:
        """The guest's page, reloaded."""
        path = f"/api/bookings/{booking['reference']}?token={booking['token']}"
        return dict((await self.repeat("GET", path)).json())

    async def cancel(self, booking: Row) -> Row:
        path = f"/api/bookings/{booking['reference']}/cancel"
        answer = await self.repeat("POST", path, json={"token": booking["token"]})
        assert answer.status_code == 200, answer.text
        return dict(answer.json())

    async def recover(self, session_or_intent: str) -> Row:
        headers = {"Authorization": f"Bearer {self.admin_key}"}
        body = {"sessionId": session_or_intent}
        answer = await self.repeat("POST", "/api/admin/recover-booking", json=body, headers=headers)
        assert answer.status_code == 200, answer.text
        return dict(answer.json())

    # ── Stripe's webhooks ──

    async def deliver(self, order: Callable[[list[Row]], list[Row]] = lambda events: events) -> None:
        """Every event that was not answered yet, signed as Stripe signs, in the order that `order` puts them in."""
        if self.webhooks_are_lost:
            return
        events = [one for one in (await self.ledger()).get("event", []) if one["id"] not in self.taken_in]
        for event in order(events):
            body = json.dumps(event).encode()
            answer = await self.do(lambda process, body=body: self._webhook(process, body))  # type: ignore[misc]
            if answer.status_code == 200:
                self.taken_in.add(event["id"])

    async def _webhook(self, process: Process, body: bytes) -> httpx.Response:
        stamp = int(self.clock.now().timestamp())
        mac = hmac.new(WEBHOOK_SECRET.encode(), f"{stamp}.".encode() + body, hashlib.sha256).hexdigest()
        headers = {"Stripe-Signature": f"t={stamp},v1={mac}", "Content-Type": "application/json"}
        return await process.http.post("/api/webhooks/stripe", content=body, headers=headers)

    # ── the worker ──

    async def work(self) -> None:
        """All jobs, again and again until none finds anything to do."""
        for _ in range(MOST_ROUNDS):
            if not await self.do(_round_of_jobs):
                return

    async def until_quiet(self) -> None:
        """Hours pass; Stripe repeats what was not answered, the worker works."""
        for seconds in UNTIL_QUIET_S:
            await self.pass_time(seconds)
            await self.deliver()
            await self.work()

    # ── what is true in the end ──

    async def ledger(self) -> dict[str, list[Row]]:
        return dict((await self.stage.street.get("/control/ledger")).json())

    async def mails(self) -> list[Row]:
        return list((await self.stage.street.get("/control/messages")).json()["messages"])

    async def rows(self, statement: str, *values: Any) -> list[Row]:
        async def read(process: Process) -> list[Row]:
            async with process.system.database.transaction() as conn:
                return await (await conn.execute(statement.encode(), values)).fetchall()

        return await self.do(read)

    async def change(self, statement: str) -> None:
        """Somebody changes the database by hand."""

        async def write(process: Process) -> None:
            async with process.system.database.transaction() as conn:
                await conn.execute(statement.encode())

        await self.do(write)

    async def forget_orders(self) -> None:
        """As a restored backup from before: the catalogue and the installation are there, all orders are gone, and with
        them whatever belongs to one."""
        await self.change(
            "TRUNCATE orders, customers, timeline, webhook_events, tasks, idempotency_keys CASCADE"
        )
        await self.change("UPDATE units SET taken = 0")

    async def broken_laws(self) -> list[str]:
        """All laws but those about running processes, and those that only give notice of what the story is about."""
        laws = [law for law in all_laws() if not law.needs_processes and law.severity is not Severity.NOTICE]
        findings = await self.do(lambda process: check_all(process.system, laws))
        return [
            f"{one.law.name}: {one.violations} {one.error or ''} {one.sample}"
            for one in findings
            if not one.holds
        ]

    async def faults(self, **change: Any) -> None:
        await self._control("faults", change)

    async def _control(self, what: str, body: Row) -> Row:
        answer = await self.stage.street.post(f"/control/{what}", json=body)
        assert answer.status_code == 200, answer.text
        return dict(answer.json())

    async def foreign_session(self, **body: Any) -> Row:
        return await self._control("foreign-session", body)


async def _round_of_jobs(process: Process) -> int:
    done = 0
    for job in WORKING_JOBS:
        done += await job.run(process.system)
    return done


@asynccontextmanager
async def opened_stage(sandbox: Sandbox) -> AsyncIterator[Stage]:
    stripe = SdkGateway(sandbox.secret_key, sandbox.url)
    app = create_app(settings_for(sandbox, "postgresql:///of-no-town"))
    async with httpx.AsyncClient(base_url=sandbox.url, timeout=30, verify=False) as street:
        try:
            yield Stage(sandbox, app, stripe, street)
        finally:
            await stripe.close()


@asynccontextmanager
async def opened_town(
    stage: Stage, database_url: str, *, seed: int = 0, document: Row | None = None
) -> AsyncIterator[Town]:
    """With Stripe's books and the mailbox empty, and both clocks at the wall's time."""
    (await stage.street.post("/control/reset")).raise_for_status()
    clock = ManualClock(SystemClock().now())
    ids = Ids(clock, random.Random(seed).randbytes)
    town = Town(stage, settings_for(stage.sandbox, database_url), clock, ids)
    try:
        await town.do(lambda process: _furnish(town, process.system, document or show()))
        yield town
    finally:
        await town.bury()


def settings_for(sandbox: Sandbox, database_url: str) -> Settings:
    return Settings(
        database_url=database_url,
        public_url=PUBLIC_URL,
        secret_key="only for the simulation, long enough",
        stripe_secret_key=sandbox.secret_key,
        stripe_webhook_secret=(WEBHOOK_SECRET,),
        stripe_api_base=sandbox.url,
        smtp_url=f"smtp://127.0.0.1:{sandbox.smtp_port}",
        mail_from="box-office@example.com",
        rate_limit_per_minute=0,
        release_commit="0123456789abcdef",
    )


async def _furnish(town: Town, system: System, document: Row) -> None:
    now = system.clock.now()
    await system.database.run(lambda conn: load_catalog(conn, now, document))
    async with system.database.transaction() as conn:
        found = await (await conn.execute("SELECT unit_id AS id, label FROM units")).fetchall()
        found += await (await conn.execute("SELECT item_id AS id, name AS label FROM menu_items")).fetchall()
        tenants = await (await conn.execute("SELECT tenant_id FROM tenants")).fetchall()
        town.admin_key, _ = await create_key(
            conn, system.ids, now, tenants[0]["tenant_id"], "of the town", ("admin",)
        )
    town.units = {row["label"]: row["id"] for row in found}


async def gather_all(*work: Awaitable[T]) -> list[T]:
    """All of them at once; the first failure is raised when all have ended."""
    results = await asyncio.gather(*work, return_exceptions=True)
    for result in results:
        if isinstance(result, BaseException):
            raise result
    return [result for result in results if not isinstance(result, BaseException)]
