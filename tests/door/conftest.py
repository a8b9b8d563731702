"""The stage's system behind its own HTTP: bookings are really paid for, and the clock stands."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import dataclass

import httpx
import pytest

from holdfast.app import create_app
from holdfast.bookings.actions import Placed
from holdfast.ids import booking_token
from holdfast.tenants.actions import create_key
from tests.support.system import Row, Stage

BROWSER = {"Sec-Fetch-Site": "same-origin"}


@dataclass
class Entrance:
    """`keys`: scope → clear key of the stage's tenant."""

    stage: Stage
    http: httpx.AsyncClient
    keys: dict[str, str]

    @property
    def event_id(self) -> int:
        return self.stage.event.offering_id

    def as_(self, scope: str) -> dict[str, str]:
        return {"Authorization": f"Bearer {self.keys[scope]}"}

    def link(self, placed: Placed) -> str:
        """What the guest's QR code holds."""
        return f"http://shop.test/b/{booking_token(self.stage.system.settings.secret_key, placed.booking_id)}"

    async def scan(self, code: str, *, event: int | None = None, **more: str) -> Row:
        answer = await self.http.post(
            f"/api/door/{event or self.event_id}/arrivals",
            json={"code": code, **more},
            headers=self.as_("door"),
        )
        assert answer.status_code == 200, answer.text
        return dict(answer.json())

    async def list(self) -> Row:
        answer = await self.http.get(f"/api/door/{self.event_id}/arrivals", headers=self.as_("door"))
        assert answer.status_code == 200
        return dict(answer.json())

    async def sign_in(self, scope: str) -> None:
        answer = await self.http.post("/staff/sign-in", data={"key": self.keys[scope]})
        assert answer.status_code == 303


@pytest.fixture
async def entrance(stage: Stage) -> AsyncIterator[Entrance]:
    app = create_app(stage.system.settings, stage.system)
    transport = httpx.ASGITransport(app)
    keys = {}
    async with stage.system.database.transaction() as conn:
        for scope in ("admin", "door", "bookings"):
            keys[scope], _ = await create_key(
                conn, stage.system.ids, stage.clock.now(), stage.event.tenant_id, "of a test", (scope,)
            )
    async with (
        app.router.lifespan_context(app),
        httpx.AsyncClient(transport=transport, base_url="http://shop.test", headers=BROWSER) as http,
    ):
        yield Entrance(stage, http, keys)
