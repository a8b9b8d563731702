"""A practice in front of which people stand who speak JSON, well or badly."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any

import httpx

from holdfast.clock import rfc3339
from holdfast.providers.rules import slot_id
from holdfast.requests.actions import PlacedRequest
from holdfast.tenants.actions import create_key
from tests.requests.practice import FREE_CHAT, LESSON, MEETING, Practice
from tests.support.system import Row, Stage

ADA = {"name": "Ada", "email": "ada@example.com"}


@dataclass
class Shop:
    """The practice, spoken to in JSON."""

    practice: Practice

    @property
    def stage(self) -> Stage:
        return self.practice.stage

    async def post(
        self, path: str, body: Any = None, key: str | None = None, **headers: str
    ) -> httpx.Response:
        told = {"Accept": "application/json", **headers}
        if key:
            told["Authorization"] = f"Bearer {self.practice.keys.get(key, key)}"
        return await self.practice.http.post(path, json=body, headers=told)

    def wanted(self, title: str = LESSON, at: datetime | None = None, **changes: Any) -> Row:
        service = self.practice.services[title]
        body: Row = {"provider_id": self.practice.provider_id, "offering_id": service, "customer": ADA}
        if title in {LESSON, FREE_CHAT}:
            body["slot_id"] = slot_id(service, at or self.practice.at())
        if title == MEETING:
            body["starts_at"] = rfc3339(at or self.practice.at())
        return {**body, **changes}

    async def ask(self, body: Row) -> httpx.Response:
        return await self.post("/api/create-payment-intent", body)

    async def answer(
        self, placed: PlacedRequest, answer: str, key: str = "provider", body: Any = None
    ) -> Any:
        return await self.post(f"/api/booking-requests/{placed.booking_id}/{answer}", body, key)

    async def move(self, placed: PlacedRequest, to: datetime | str, **more: Any) -> httpx.Response:
        slot = to if isinstance(to, str) else slot_id(self.practice.services[LESSON], to)
        body = {"slot_id": slot, "token": placed.token, **more}
        return await self.post(f"/api/bookings/{placed.reference}/reschedule", body)

    async def orders(self) -> int:
        return len(await self.stage.rows("SELECT 1 FROM orders"))

    async def slots_taken(self) -> int:
        return len(await self.stage.rows("SELECT 1 FROM units WHERE kind = 'slot' AND taken > 0"))

    async def key(self, *scopes: str, provider_id: int | None = None, tenant_id: int | None = None) -> str:
        async with self.stage.system.database.transaction() as conn:
            clear, _ = await create_key(
                conn, self.stage.system.ids, self.stage.clock.now(), tenant_id or self.practice.tenant_id,
                "of a test", scopes, provider_id,
            )  # fmt: skip
        return clear


def problem(answer: httpx.Response, status: int, code: str) -> Row:
    assert answer.status_code == status, answer.text
    assert answer.headers["content-type"].startswith("application/problem+json")
    told: Row = answer.json()
    assert (told["status"], told["code"]) == (status, code)
    assert told["detail"]
    assert "Traceback" not in answer.text
    return told
