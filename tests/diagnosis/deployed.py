"""An installation as a deployment leaves it: starts as rows, and the address that answers for them."""

from __future__ import annotations

import json
import random
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

import httpx

from holdfast.clock import SystemClock
from holdfast.database.connection import SCHEMA_VERSION
from holdfast.diagnosis.deployment import Asked, Report, diagnose_deployment
from holdfast.diagnosis.deployment_rules import Line
from holdfast.ids import Ids
from holdfast.inbox.jobs import handle_due
from holdfast.settings import Settings
from holdfast.system import System
from tests.support.api import WEBHOOK_SECRET, Api, running_api

OLD, NEW = "0123456789abcdef", "fedcba9876543210"
URL = "http://api.test"


@dataclass
class Site:
    """A web process that answers at URL. `works`: a worker handles what comes in whenever the address has answered."""

    api: Api
    works: bool = True

    @property
    def system(self) -> System:
        return self.api.system

    @asynccontextmanager
    async def open_http(self) -> AsyncIterator[httpx.AsyncClient]:
        transport = httpx.ASGITransport(self.api.app, client=("203.0.113.7", 4711))
        async with httpx.AsyncClient(transport=transport, base_url=URL) as http:
            yield http
        if self.works:
            await handle_due(self.system)

    async def diagnosed(self, *, with_key: bool = True, **asked: Any) -> Report:
        wanted: dict[str, Any] = {
            "url": URL,
            "settings": Settings(stripe_webhook_secret=(WEBHOOK_SECRET,)),
            "key": self.api.keys["admin"] if with_key else None,
            "open_http": self.open_http,
            **asked,
        }
        return await diagnose_deployment(Asked(**wanted))

    async def start(self, role: str, commit: str, **changed: Any) -> str:
        """A process that started earlier, or was refused; it lives until `stop`."""
        now = SystemClock().now()
        ago = changed.pop("ago", timedelta(minutes=5))
        row = {
            "deployment_id": Ids(SystemClock(), random.Random().randbytes).new("dep"),
            "role": role,
            "host": "other-host",
            "pid": 4712,
            "version": "0.1.0",
            "commit": commit,
            "schema": SCHEMA_VERSION,
            "started_at": now - ago,
            "heartbeat_at": now + timedelta(hours=1),  # it lives as long as the test
            "public_url": URL,
            "refused": None,
            "stopped_at": None,
            "settings_missing": [],
            **changed,
        }
        names = ", ".join(row)
        places = ", ".join(f"%({name})s" for name in row)
        await self.execute(f"INSERT INTO deployments ({names}) VALUES ({places})", row)
        return str(row["deployment_id"])

    async def execute(self, query: str, values: Any = ()) -> None:
        async with self.system.database.transaction() as conn:
            await conn.execute(query, values)

    async def rows(self, query: str) -> list[dict[str, Any]]:
        async with self.system.database.transaction() as conn:
            return await (await conn.execute(query)).fetchall()


@asynccontextmanager
async def site(database_url: str, **settings: Any) -> AsyncIterator[Site]:
    """The web process runs OLD, which was deployed; a worker of the same release lives on another machine."""
    async with running_api(database_url, release_commit=OLD, **settings) as api:
        yield Site(api)


def line(report: Report, name: str) -> Line:
    [found] = [one for one in report.lines if one.name == name]
    return found


def red(report: Report) -> dict[str, str]:
    """What is wrong or unknown, by name; Stripe is nowhere in these tests, unless one says so."""
    return {
        one.name: one.sentence
        for one in report.lines
        if one.state.value in ("wrong", "unknown") and one.name != "webhook_endpoint"
    }


def body_of(event_id: str, kind: str = "holdfast.canary") -> bytes:
    event = {"id": event_id, "object": "event", "type": kind, "created": 1_700_000_000, "livemode": False}
    return json.dumps({**event, "data": {"object": {"id": "canary_1", "object": "canary"}}}).encode()
