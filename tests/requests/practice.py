"""A provider with services, requests that were asked for and authorised, and the pages in front of them."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import datetime, time, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import httpx

from holdfast.app import create_app
from holdfast.ids import action_token
from holdfast.providers import actions, store
from holdfast.providers.rules import OpeningHours
from holdfast.providers.schemas import ProviderIn, ServiceIn
from holdfast.requests.actions import PlacedRequest, RequestWanted, place_request
from holdfast.tenants.actions import create_key
from tests.support.system import SECRET_KEY, Stage

BROWSER = {"Sec-Fetch-Site": "same-origin", "Accept": "text/html"}
ZONE = "Europe/Berlin"
LESSON, MEETING, MESSAGE, FREE_CHAT = (
    "A lesson (demo)",
    "A meeting (demo)",
    "A video message (demo)",
    "A chat (demo)",
)
SERVICES = (
    ServiceIn(title=LESSON, price=4500, timing="slot", duration_minutes=30, most_reschedules=2),
    ServiceIn(title=MEETING, price=90000, timing="proposed", duration_minutes=60),
    ServiceIn(title=MESSAGE, price=12000, timing="none"),
    ServiceIn(title=FREE_CHAT, price=0, timing="slot", duration_minutes=15),
)


@dataclass
class Practice:
    """`http` is a browser that follows no redirects. `services`: title → offering id."""

    stage: Stage
    http: httpx.AsyncClient
    provider_id: int
    services: dict[str, int]
    keys: dict[str, str]

    @property
    def tenant_id(self) -> int:
        return self.stage.event.tenant_id

    def at(self, days: int = 3, hour: int = 10, minute: int = 0) -> datetime:
        """A time on the provider's clocks, so many days from today."""
        today = self.stage.clock.now().astimezone(ZoneInfo(ZONE)).date()
        return datetime.combine(today + timedelta(days=days), time(hour, minute), ZoneInfo(ZONE))

    async def ask(
        self, title: str = LESSON, *, at: datetime | None = None, name: str = "Sample Fan", details: str = ""
    ) -> PlacedRequest:
        """Held; nothing is authorised yet."""
        starts_at = None if title == MESSAGE else at or self.at()
        return await place_request(
            self.stage.system,
            RequestWanted(
                tenant_id=self.tenant_id,
                provider_id=self.provider_id,
                offering_id=self.services[title],
                starts_at=starts_at,
                name=name,
                email="fan@example.com",
                phone=None,
                details=details,
                source="api",
            ),
        )

    async def requested(self, title: str = LESSON, **how: Any) -> PlacedRequest:
        """Asked for, the card authorised, and the provider told."""
        placed = await self.ask(title, **how)
        if placed.payment_intent_id:
            answer = await self.stage.http.post(
                f"/v1/payment_intents/{placed.payment_intent_id}/confirm",
                data={"payment_method": "pm_card_visa"},
                auth=(self.stage.sandbox.secret_key, ""),
            )
            assert answer.json()["status"] == "requires_capture", answer.text
            await self.stage.deliver()
        await self.stage.run_jobs()
        assert await self.status(placed) == "requested"
        return placed

    async def status(self, placed: PlacedRequest) -> str:
        row = await self.stage.row("SELECT status FROM bookings WHERE booking_id = %s", placed.booking_id)
        return str(row["status"])

    async def answer_token(self, placed: PlacedRequest) -> str:
        """The secret of the link in the message to the provider."""
        row = await self.stage.row("SELECT link_id FROM action_links WHERE order_id = %s", placed.order_id)
        return action_token(SECRET_KEY, row["link_id"])

    async def sign_in(self, scope: str = "provider") -> None:
        answer = await self.http.post("/provider/sign-in", data={"key": self.keys[scope]})
        assert answer.status_code == 303, answer.text


@asynccontextmanager
async def open_practice(stage: Stage) -> AsyncIterator[Practice]:
    now, tenant_id = stage.clock.now(), stage.event.tenant_id
    async with stage.system.database.transaction() as conn:
        wanted = ProviderIn(name="Sample Expert (demo)", email="expert@example.com", time_zone=ZONE)
        provider_id = await actions.create_provider(conn, now, tenant_id, wanted)
        provider = await store.provider(conn, provider_id)
        assert provider
        services = {
            one.title: await actions.create_service(conn, now, provider, one, hold_minutes=30)
            for one in SERVICES
        }
        week = [OpeningHours(day, 9 * 60, 17 * 60) for day in range(1, 8)]
        await actions.replace_hours(conn, provider_id, week)
        keys = {}
        for scope, bound in (("provider", provider_id), ("admin", None), ("door", None)):
            keys[scope], _ = await create_key(
                conn, stage.system.ids, now, tenant_id, f"{scope} of a test", (scope,), bound
            )
    app = create_app(stage.system.settings, stage.system)
    transport = httpx.ASGITransport(app)
    async with (
        app.router.lifespan_context(app),
        httpx.AsyncClient(transport=transport, base_url="http://shop.test", headers=BROWSER) as http,
    ):
        yield Practice(stage, http, provider_id, services, keys)
