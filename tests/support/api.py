"""The application as clients meet it: its HTTP, in this process, on a database of the test's own."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

import httpx
from fastapi import FastAPI

from holdfast.app import create_app
from holdfast.catalog.actions import load_catalog
from holdfast.settings import Settings
from holdfast.system import System
from holdfast.tenants.actions import create_key

WEBHOOK_SECRET = "whsec_of_tests"
NOWHERE = "http://127.0.0.1:9"  # the discard port: nobody answers there


@dataclass
class Api:
    """`keys`: scope → clear key of the tenant `default`."""

    app: FastAPI
    http: httpx.AsyncClient
    keys: dict[str, str] = field(default_factory=dict)

    @property
    def system(self) -> System:
        system: System = self.app.state.system
        return system

    def as_(self, scope: str) -> dict[str, str]:
        return {"Authorization": f"Bearer {self.keys[scope]}"}

    async def load(self, document: dict[str, Any]) -> list[int]:
        """Event ids, in the document's order."""
        now = self.system.clock.now()
        return (await self.system.database.run(lambda conn: load_catalog(conn, now, document))).events

    async def make_key(self, slug: str, *scopes: str) -> str:
        async with self.system.database.transaction() as conn:
            found = await (
                await conn.execute("SELECT tenant_id FROM tenants WHERE slug = %s", (slug,))
            ).fetchone()
            assert found is not None
            clear, _ = await create_key(
                conn, self.system.ids, self.system.clock.now(), found["tenant_id"], "of a test", scopes
            )
        return clear


@asynccontextmanager
async def running_api(database_url: str, **settings: Any) -> AsyncIterator[Api]:
    """The catalogue is `show()`; there is a key for each of admin, bookings, door and metrics."""
    chosen: dict[str, Any] = {
        "database_url": database_url,
        "public_url": "http://api.test",
        "secret_key": "only for tests, and long enough",
        "stripe_secret_key": "sk_test_of_tests",
        "stripe_webhook_secret": (WEBHOOK_SECRET,),
        "stripe_api_base": NOWHERE,
        "smtp_url": "smtp://127.0.0.1:9",
        "mail_from": "box-office@example.com",
        "rate_limit_per_minute": 0,
        "release_commit": "0123456789abcdef",
        **settings,
    }
    app = create_app(Settings(**chosen))
    transport = httpx.ASGITransport(app, client=("203.0.113.7", 4711))
    async with (
        app.router.lifespan_context(app),
        httpx.AsyncClient(transport=transport, base_url="http://api.test") as http,
    ):
        api = Api(app, http)
        await api.load(show())
        for scope in ("admin", "bookings", "door", "metrics"):
            api.keys[scope] = await api.make_key("default", scope)
        yield api


def show(**changes: Any) -> dict[str, Any]:
    """A tenant `default` with an evening that has a number of everybody's liking."""
    event = {
        "id": 35,
        "title": "A show",
        "venue": "1 Sample Street",
        "starts_in_days": 35,
        "lasts_minutes": 180,
        "units": [
            {"label": "Table 1", "capacity": 4, "price": "85.00"},
            {"label": "Table 2", "capacity": 2, "price": "85.00"},
            {"label": "Box", "capacity": 6, "pricing": "per_unit", "price": "300.00"},
            {"label": "Reserve", "capacity": 4, "price": "85.00", "buffer": True},
        ],
        "menu": [
            {"name": "Pie", "price": "18.50"},
            {"name": "Red", "category": "wine", "price": "32.00"},
            {"name": "Off today", "price": "9.00", "active": False},
        ],
        **changes,
    }
    return {"tenant": {"slug": "default", "name": "The Sample Room"}, "events": [event]}
