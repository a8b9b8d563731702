"""Where staff work: the stage's system behind its own HTTP, with keys of its tenant and of another one."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass

import httpx

from holdfast.app import create_app
from holdfast.tenants.actions import create_key
from tests.support.system import Stage
from tests.support.world import sample_event

BROWSER = {"Sec-Fetch-Site": "same-origin"}


@dataclass
class Office:
    """`keys`: admin, bookings and door of the stage's tenant; `other` is another tenant's admin."""

    stage: Stage
    http: httpx.AsyncClient
    keys: dict[str, str]

    def as_(self, name: str) -> dict[str, str]:
        return {"Authorization": f"Bearer {self.keys[name]}"}

    async def sign_in(self, name: str = "admin") -> None:
        answer = await self.http.post("/staff/sign-in", data={"key": self.keys[name]})
        assert answer.status_code == 303


@asynccontextmanager
async def open_office(stage: Stage) -> AsyncIterator[Office]:
    app = create_app(stage.system.settings, stage.system)
    keys = {}
    async with stage.system.database.transaction() as conn:
        other = await sample_event(conn, stage.clock.now())
        for name, tenant, scope in (
            ("admin", stage.event.tenant_id, "admin"),
            ("bookings", stage.event.tenant_id, "bookings"),
            ("door", stage.event.tenant_id, "door"),
            ("other", other.tenant_id, "admin"),
        ):
            keys[name], _ = await create_key(
                conn, stage.system.ids, stage.clock.now(), tenant, "of a test", (scope,)
            )
    async with (
        app.router.lifespan_context(app),
        httpx.AsyncClient(
            transport=httpx.ASGITransport(app), base_url="http://shop.test", headers=BROWSER
        ) as http,
    ):
        yield Office(stage, http, keys)
