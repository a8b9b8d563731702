"""Providers on the stage: a celebrity and an expert with their services, and what customers ask of them."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from psycopg.types.json import Jsonb

from holdfast.requests.actions import PlacedRequest, RequestWanted, place_request
from tests.support.system import GOOD_CARD, Row, Stage

TIERS = [{"notice_hours": 24, "percent": 100}, {"notice_hours": 2, "percent": 50}]


@dataclass
class Diary:
    """One provider, open every day from nine to five in their own time zone."""

    stage: Stage
    provider_id: int
    time_zone: str

    async def service(self, timing: str = "slot", **more: Any) -> int:
        """A service of 30 minutes at 50 pounds; `more` are columns of services, and hold_minutes and refund_tiers."""
        stage = self.stage
        hold = more.pop("hold_minutes", 30)
        tiers = more.pop("refund_tiers", TIERS)
        currency = more.pop("currency", "GBP")
        row = await stage.row(
            """INSERT INTO offerings (tenant_id, kind, title, time_zone, currency, hold_minutes, refund_tiers, provider_id,
                                      created_at)
               VALUES (%s, 'appointment', 'Half an hour (sample)', %s, %s, %s, %s, %s, %s) RETURNING offering_id""",
            stage.event.tenant_id, self.time_zone, currency, hold, Jsonb(tiers), self.provider_id, stage.clock.now(),
        )  # fmt: skip
        columns = {
            "price": 5000, "duration_minutes": 30, "step_minutes": 30, "lead_minutes": 60, "horizon_days": 60, **more,
        }  # fmt: skip
        names = ", ".join(columns)
        await stage.execute(
            f"INSERT INTO services (offering_id, tenant_id, provider_id, timing, {names}) "
            f"VALUES ({', '.join(['%s'] * (len(columns) + 4))})",
            row["offering_id"], stage.event.tenant_id, self.provider_id, timing, *columns.values(),
        )  # fmt: skip
        return int(row["offering_id"])

    def at(self, days: int = 3, hour: int = 10, minute: int = 0) -> datetime:
        """A slot so many days from now, in UTC."""
        day = self.stage.clock.now() + timedelta(days=days)
        return day.replace(hour=hour, minute=minute, second=0, microsecond=0)

    async def ask(
        self,
        offering_id: int,
        starts_at: datetime | None = None,
        *,
        email: str = "fan@example.com",
        **more: Any,
    ) -> PlacedRequest:
        wanted = RequestWanted(
            offering_id=offering_id, starts_at=starts_at, name="Sample Fan", email=email, phone=None, source="api",
            provider_id=self.provider_id, **more,
        )  # fmt: skip
        return await place_request(self.stage.system, wanted)

    async def requested(
        self, offering_id: int, starts_at: datetime | None = None, **more: Any
    ) -> PlacedRequest:
        """Asked, authorised, and told by webhook."""
        placed = await self.ask(offering_id, starts_at, **more)
        if placed.payment_intent_id:
            assert await self.authorise(placed)
        await self.stage.deliver()
        await self.stage.run_jobs()
        assert await self.status(placed) == "requested"
        return placed

    async def authorise(self, placed: PlacedRequest, card: str = GOOD_CARD) -> bool:
        """What the card form comes to: whether the card was authorised."""
        await self.stage.http.post(
            f"/pay/{placed.payment_intent_id}",
            params={"client_secret": placed.client_secret or ""},
            data={"action": "pay", "card": card, "method": "card"},
        )
        return await self.intent(placed) == "requires_capture"

    async def status(self, placed: PlacedRequest) -> str:
        row = await self.stage.row("SELECT status FROM bookings WHERE booking_id = %s", placed.booking_id)
        return str(row["status"])

    async def order(self, placed: PlacedRequest) -> Row:
        return await self.stage.row("SELECT * FROM orders WHERE order_id = %s", placed.order_id)

    async def intent(self, placed: PlacedRequest) -> str:
        """The intent's status in Stripe's books."""
        [intent] = [
            one for one in await self.stage.ledger("payment_intent") if one["id"] == placed.payment_intent_id
        ]
        return str(intent["status"])

    async def slots_taken(self) -> int:
        row = await self.stage.row(
            "SELECT count(*) AS n FROM units WHERE provider_id = %s AND taken > 0", self.provider_id
        )
        return int(row["n"])

    async def messages(self, placed: PlacedRequest) -> list[str]:
        rows = await self.stage.rows(
            "SELECT kind FROM messages WHERE booking_id = %s AND channel = 'email' ORDER BY kind",
            placed.booking_id,
        )
        return [row["kind"] for row in rows]


async def diary(
    stage: Stage, *, time_zone: str = "UTC", phone: str | None = None, name: str = "Expert (sample)"
) -> Diary:
    """A provider who is open every day from nine to five."""
    row = await stage.row(
        """INSERT INTO providers (tenant_id, name, email, phone, time_zone, created_at)
           VALUES (%s, %s, %s, %s, %s, %s) RETURNING provider_id""",
        stage.event.tenant_id, name, f"{name.split()[0].lower()}@example.com", phone, time_zone, stage.clock.now(),
    )  # fmt: skip
    for weekday in range(1, 8):
        await stage.execute(
            "INSERT INTO opening_hours (tenant_id, provider_id, weekday, opens, closes) VALUES (%s, %s, %s, '09:00', '17:00')",
            stage.event.tenant_id, row["provider_id"], weekday,
        )  # fmt: skip
    return Diary(stage, row["provider_id"], time_zone)
