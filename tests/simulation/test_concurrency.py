"""Many at once, for the same seats: on one process, and on two servers of several processes with one database."""

from __future__ import annotations

from collections import Counter
from collections.abc import AsyncIterator, Callable
from dataclasses import replace
from itertools import cycle
from typing import Any

import httpx
import pytest

from tests.simulation.processes import serving
from tests.simulation.town import EVENT_ID, Row, Town, gather_all, opened_stage, opened_town
from tests.support.api import show
from tests.support.sandbox import Sandbox

SEATS = 50
BUYERS = 200
UNITS = [
    {"label": "Standing", "capacity": SEATS, "price": "20.00"},
    {"label": "Box", "capacity": 6, "pricing": "per_unit", "price": "300.00"},
    {"label": "Left", "capacity": BUYERS, "price": "20.00"},
    {"label": "Right", "capacity": BUYERS, "price": "20.00"},
]
Send = Callable[[Row, dict[str, str]], Any]


@pytest.fixture
async def town(database_url: str, sandbox: Sandbox) -> AsyncIterator[Town]:
    async with (
        opened_stage(sandbox) as stage,
        opened_town(stage, database_url, document=show(units=UNITS, menu=[])) as opened,
    ):
        yield opened


def order(town: Town, number: int, seats: dict[str, int]) -> Row:
    return {
        "units": [{"unit_id": town.units[label], "seats": wanted} for label, wanted in seats.items()],
        "customer": {"name": f"Buyer {number}", "email": f"buyer{number}@example.com"},
        "checkout": False,
    }


async def at_once(town: Town, send: Send, orders: list[Row], key: str | None = None) -> list[httpx.Response]:
    headers = {"Idempotency-Key": key} if key else {}
    return await gather_all(*(send(one, headers) for one in orders))


def in_process(town: Town) -> Send:
    path = f"/api/events/{EVENT_ID}/bookings"
    return lambda body, headers: town.do(lambda process: process.http.post(path, json=body, headers=headers))


async def assert_counts_are_right(town: Town, label: str, taken: int) -> None:
    rows = await town.rows(
        """SELECT u.taken, coalesce(sum(c.seats), 0) AS live, count(DISTINCT c.booking_id) AS bookings
             FROM units u LEFT JOIN claims c ON c.unit_id = u.unit_id AND c.released_at IS NULL
            WHERE label = %s GROUP BY u.unit_id""",
        label,
    )
    assert (rows[0]["taken"], rows[0]["live"]) == (taken, taken)
    assert await town.broken_laws() == []


async def sell_out(town: Town, send: Send) -> None:
    answers = await at_once(town, send, [order(town, n, {"Standing": 1}) for n in range(BUYERS)])
    assert Counter(answer.status_code for answer in answers) == {201: SEATS, 409: BUYERS - SEATS}
    refused = [answer.json() for answer in answers if answer.status_code == 409]
    assert {problem["code"] for problem in refused} == {"sold_out"}
    assert len({answer.json()["reference"] for answer in answers if answer.status_code == 201}) == SEATS
    await assert_counts_are_right(town, "Standing", SEATS)


async def sell_the_box(town: Town, send: Send) -> None:
    """It is sold whole, however few come; wanted together with seats of another unit, it is all or nothing."""
    orders = [
        order(town, n, {"Box": 1 + n % 6} if n % 2 else {"Box": 2, "Left": 1, "Right": 1}) for n in range(40)
    ]
    answers = await at_once(town, send, orders)
    assert Counter(answer.status_code for answer in answers) == {201: 1, 409: 39}
    won = next(number for number, answer in enumerate(answers) if answer.status_code == 201)
    await assert_counts_are_right(town, "Box", 6)
    await assert_counts_are_right(town, "Left", 0 if won % 2 else 1)


async def cross_over(town: Town, send: Send) -> None:
    """Half of them name the units in the one order, half in the other: nobody waits for somebody who waits for him."""
    there, back = {"Left": 1, "Right": 1}, {"Right": 1, "Left": 1}
    answers = await at_once(town, send, [order(town, n, there if n % 2 else back) for n in range(60)])
    assert {answer.status_code for answer in answers} == {201}
    await assert_counts_are_right(town, "Right", 60)


async def repeat_one(town: Town, send: Send) -> None:
    """The same request twenty times at the same moment, under one key: one booking, and nobody hears of another."""
    body = order(town, 1, {"Left": 2})
    answers = await at_once(town, send, [body] * 20, key="one and the same")
    told = Counter(answer.status_code for answer in answers)
    assert set(told) <= {201, 409}
    assert told[201] >= 1
    assert len({answer.json()["booking_id"] for answer in answers if answer.status_code == 201}) == 1
    assert {answer.json()["code"] for answer in answers if answer.status_code == 409} <= {"conflict"}
    (again,) = await at_once(town, send, [body], key="one and the same")
    assert again.status_code == 201
    assert again.json()["booking_id"] in {a.json().get("booking_id") for a in answers}
    await assert_counts_are_right(town, "Left", 2)


CROWDS = (sell_out, sell_the_box, cross_over, repeat_one)
by_crowd = pytest.mark.parametrize("crowd", CROWDS, ids=lambda crowd: crowd.__name__)


@by_crowd
async def test_on_one_process(town: Town, crowd: Callable[[Town, Send], Any]) -> None:
    await crowd(town, in_process(town))


@pytest.mark.slow
@by_crowd
async def test_on_two_servers_with_one_database(town: Town, crowd: Callable[[Town, Send], Any]) -> None:
    async with serving(replace(town.settings, smtp_url=""), 2, workers=2) as (webs, http):
        turn = cycle(f"{web.url}/api/events/{EVENT_ID}/bookings" for web in webs)
        await crowd(town, lambda body, headers: http.post(next(turn), json=body, headers=headers))
