"""A hundred guests book and pay over HTTP while the web server and the worker are killed again and again. In the end nothing is
lost, nothing is there twice, no seat is sold twice, and Stripe's books and ours agree to the cent."""

from __future__ import annotations

import asyncio
import random
from collections import Counter
from dataclasses import dataclass, field, replace
from functools import partial
from typing import Any

import httpx
import pytest

from holdfast.cli.ports import any_free
from tests.simulation.processes import Program, Web, environment_of, register_endpoint, serving, until
from tests.simulation.town import CARD, EVENT_ID, Row, Stage, Town, opened_stage, opened_town
from tests.support.api import show
from tests.support.sandbox import Sandbox

SEED = 20261120
GUESTS = 100
SEATS = 90  # so that some are told that it is sold out
AT_ONCE = 16
DEATHS = 6
PATIENCE = 40  # how often a guest asks again under one key before it is given up for a new one
PAUSE_S = 0.1
UNITS = [{"label": f"Area {n}", "capacity": SEATS // 3, "price": "20.00"} for n in range(1, 4)]


@dataclass
class Evening:
    town: Town
    web: Web
    worker: Program
    http: httpx.AsyncClient
    booked: dict[int, Row] = field(default_factory=dict)  # by guest
    refused: set[int] = field(default_factory=set)
    paid: set[int] = field(default_factory=set)
    confirmed: set[int] = field(default_factory=set)
    progress: int = 0  # steps that guests have taken, all together
    killed: list[str] = field(default_factory=list)

    async def be_a_guest(self, number: int) -> None:
        booking = await self._book(number)
        if booking is None:
            self.refused.add(number)
            return
        self.booked[number] = booking
        self.progress += 1
        await self._pay(booking["checkout_session_id"])
        self.paid.add(number)
        self.progress += 1
        await until(lambda: self._is_confirmed(booking), f"guest {number} is confirmed", 60)
        self.confirmed.add(number)
        self.progress += 1

    async def _book(self, number: int) -> Row | None:
        """As a page does it: the same request under the same key until there is an answer. A key whose first request died is
        busy for a minute; whoever does not want to wait begins anew."""
        body = {
            "units": [{"unit_id": self.town.units[f"Area {number % 3 + 1}"], "seats": 1}],
            "customer": {"name": f"Guest {number}", "email": f"guest{number}@example.com"},
        }
        for key in range(10):
            for _ in range(PATIENCE):
                headers = {"Idempotency-Key": f"guest {number}, {key}"}
                answer = await self._ask(
                    "POST", f"/api/events/{EVENT_ID}/bookings", json=body, headers=headers
                )
                if answer is not None and answer.status_code == 201 and answer.json()["checkout_session_id"]:
                    return dict(answer.json())
                if answer is not None and answer.json().get("code") == "sold_out":
                    return None
                await asyncio.sleep(PAUSE_S)
        raise AssertionError(f"Guest {number} cannot book.")

    async def _pay(self, session_id: str) -> None:
        data = {"card": CARD, "action": "pay"}
        answer = await self.town.stage.street.post(f"/pay/{session_id}", data=data)
        assert answer.status_code < 400, answer.text

    async def _is_confirmed(self, booking: Row) -> bool:
        await asyncio.sleep(PAUSE_S)
        path = f"/api/bookings/{booking['reference']}?token={booking['token']}"
        answer = await self._ask("GET", path)
        return answer is not None and answer.status_code == 200 and answer.json()["status"] == "confirmed"

    async def _ask(self, method: str, path: str, **options: Any) -> httpx.Response | None:
        """None when the connection broke: nobody knows what became of it."""
        try:
            return await self.http.request(method, f"{self.web.url}{path}", **options)
        except httpx.TransportError:
            return None

    async def be_death(self) -> None:
        """Comes when the guests have taken so many steps: at any moment of what others are doing just then."""
        chance = random.Random(SEED)
        for number, moment in enumerate(sorted(chance.sample(range(5, 2 * SEATS), DEATHS))):
            await until(partial(self._has_come_to, moment), f"the guests take {moment} steps", 60)
            if number % 2:
                self.worker.kill()
                self.worker.start()
            else:
                self.web.program.kill()
                await self.web.start(self.http)
            self.killed.append("worker" if number % 2 else "web")

    async def _has_come_to(self, moment: int) -> bool:
        return self.progress >= moment


@pytest.mark.slow
@pytest.mark.timeout(180)
async def test_killing_web_and_worker_loses_nothing(database_url: str, sandbox: Sandbox) -> None:
    async with (
        opened_stage(sandbox) as stage,
        opened_town(stage, database_url, document=show(units=UNITS, menu=[])) as town,
    ):
        evening = await lived_evening(stage, town)
        assert evening.killed.count("web") == evening.killed.count("worker") == DEATHS // 2
        await the_night_passes(town)
        await assert_nothing_is_lost_and_nothing_twice(town, evening)


async def lived_evening(stage: Stage, town: Town) -> Evening:
    port = any_free("127.0.0.1")
    secret = await register_endpoint(
        stage.street, stage.sandbox, f"http://127.0.0.1:{port}/api/webhooks/stripe"
    )
    # The public address stays the town's: mails are known by it again when the town's own worker finishes what was begun.
    settings = replace(town.settings, stripe_webhook_secret=(secret,))
    worker = Program(("worker",), environment_of(settings))
    async with serving(settings, workers=2, port=port) as ((web,), http):
        worker.start()
        try:
            evening = Evening(town, web, worker, http)
            room = asyncio.Semaphore(AT_ONCE)

            async def guest(number: int) -> None:
                async with room:
                    await evening.be_a_guest(number)

            await asyncio.gather(evening.be_death(), *(guest(number) for number in range(GUESTS)))
        finally:
            worker.stop()
    return evening


async def the_night_passes(town: Town) -> None:
    """The leases of the dead end, holds that nobody knows of lapse, and another worker finishes what was begun. Its clock is
    ahead, so that the test need not wait."""
    town.webhooks_are_lost = True  # the endpoint is gone; what was sent to it is not sent again
    await town.until_quiet()


async def assert_nothing_is_lost_and_nothing_twice(town: Town, evening: Evening) -> None:
    assert evening.confirmed == evening.paid == set(evening.booked)
    assert len(evening.booked) + len(evening.refused) == GUESTS
    statuses = Counter(row["status"] for row in await town.rows("SELECT status FROM orders"))
    assert set(statuses) <= {"confirmed", "expired"}, statuses
    assert statuses["confirmed"] == len(evening.booked)

    confirmed = await town.rows(
        "SELECT b.reference, b.contact_email FROM bookings b WHERE status = 'confirmed' ORDER BY reference"
    )
    assert [row["reference"] for row in confirmed] == sorted(
        one["reference"] for one in evening.booked.values()
    )
    (seats,) = await town.rows("SELECT sum(taken) AS taken, bool_and(taken <= capacity) AS fit FROM units")
    assert seats == {"taken": len(evening.booked), "fit": True}

    ledger = await town.ledger()
    paid = {
        one["payment_intent"]: one["amount_total"]
        for one in ledger["checkout.session"]
        if one["payment_status"] == "paid"
    }
    ours = await town.rows("SELECT payment_intent_id, captured, purpose FROM payments")
    assert {row["payment_intent_id"]: row["captured"] for row in ours} == paid, "to the cent"
    assert {row["purpose"] for row in ours} == {"order"}
    assert not ledger.get("refund")
    assert not [one for one in ledger["checkout.session"] if one["status"] == "open"]

    mails = await town.mails()
    assert Counter(mail["to"][0] for mail in mails) == Counter(row["contact_email"] for row in confirmed), {
        address: [
            (mail["subject"], mail["message_id"], mail["copies"])
            for mail in mails
            if mail["to"][0] == address
        ]
        for address, count in Counter(mail["to"][0] for mail in mails).items()
        if count > 1
    }
    again = sum(mail["copies"] - 1 for mail in mails)
    assert again <= evening.killed.count("worker"), (
        "a mail comes again only if the worker died while sending it"
    )
    assert await town.broken_laws() == []
