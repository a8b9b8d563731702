"""A till that begins bookings by SMS, and the phones of those whom it writes to."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import httpx

from tests.support.office import Office
from tests.support.system import Row, Stage

ADA, BOB = "+447700900123", "+447700900456"
PAGE = {"Accept": "text/html"}


@dataclass
class Till:
    office: Office

    @property
    def stage(self) -> Stage:
        return self.office.stage

    @property
    def event_id(self) -> int:
        return self.stage.event.offering_id

    @property
    def tables(self) -> list[int]:
        return self.stage.event.unit_ids

    # ── the till ──

    async def ask(self, number: Any = "07700 900123", key: str = "bookings", **body: Any) -> httpx.Response:
        wanted = {"event_id": self.event_id, "mobile_number": number, "seats": 2, **body}
        return await self.office.http.post(
            "/api/bookings/initiate", json=wanted, headers=self.office.as_(key)
        )

    async def begun(self, number: str = "07700 900123", **body: Any) -> Row:
        answer = await self.ask(number, **body)
        assert answer.status_code == 201, answer.text
        return dict(answer.json())

    # ── the guest's phone ──

    async def texts(self, number: str = ADA) -> list[str]:
        """What arrived, oldest first."""
        inbox = (await self.stage.http.get("/control/messages")).json()["messages"]
        found = [one for one in inbox if one["channel"] == "sms" and one["to"] == number]
        return [one["text"] for one in sorted(found, key=lambda one: float(one["received_at"]))]

    async def open(self, begun: Row, path: str = "") -> httpx.Response:
        return await self.office.http.get(f"/b/{begun['token']}{path}", headers=PAGE)

    async def send(
        self, begun: Row, seats: dict[int, int] | None = None, *, path: str = "/complete", **fields: Any
    ) -> httpx.Response:
        """The form, as a browser with scripts sends it; `seats` by unit, two at the first table unless told."""
        chosen = {self.tables[0]: 2} if seats is None else seats
        form = {f"seats-{unit_id}": str(count) for unit_id, count in chosen.items()}
        form |= {"step": "book", "name": "Ada Example", "email": "", **fields}
        return await self.office.http.post(f"/b/{begun['token']}{path}", data=form, headers=PAGE)

    async def complete(self, begun: Row, **body: Any) -> httpx.Response:
        """Over HTTP, in JSON."""
        wanted = {"token": begun["token"], "customer": {"name": "Ada Example"}, **body}
        return await self.office.http.post(f"/api/bookings/{begun['reference']}/complete", json=wanted)

    # ── what came of it ──

    async def booking(self, begun: Row) -> Row:
        return await self.stage.row(
            """SELECT b.*, o.amount, o.source, o.customer_id FROM bookings b JOIN orders o USING (order_id)
                WHERE booking_id = %s""",
            begun["pending_booking_id"],
        )

    async def status(self, begun: Row) -> str:
        return str((await self.booking(begun))["status"])

    async def sent(self, begun: Row) -> dict[str, tuple[str, str]]:
        """kind → channel and status of its messages, of which there is one each."""
        rows = await self.stage.rows(
            "SELECT kind, channel, status FROM messages WHERE booking_id = %s", begun["pending_booking_id"]
        )
        found = {row["kind"]: (row["channel"], row["status"]) for row in rows}
        assert len(found) == len(rows), rows
        return found

    async def attempts(self, begun: Row) -> list[Row]:
        return await self.stage.rows(
            """SELECT a.* FROM attempts a JOIN bookings b USING (order_id) WHERE b.booking_id = %s
             ORDER BY a.created_at, a.attempt_id""",
            begun["pending_booking_id"],
        )

    async def make_free(self) -> None:
        """The evening costs nothing from now on."""
        await self.stage.execute("UPDATE units SET price = 0 WHERE offering_id = %s", self.event_id)

    async def bookings(self) -> int:
        return len(await self.stage.rows("SELECT FROM bookings"))
