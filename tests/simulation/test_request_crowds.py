"""Many requests at once, with Stripe at its worst, and a hundred people on one slot over two servers: everybody gets one clear
answer, one has the time, and what was taken is what was agreed."""

from __future__ import annotations

from collections import Counter
from collections.abc import AsyncIterator, Callable
from dataclasses import replace
from datetime import timedelta
from itertools import cycle
from typing import Any

import httpx
import pytest

from holdfast.clock import rfc3339
from tests.simulation.processes import serving
from tests.simulation.request_stories import FEE, HURRY, LESSON, PROVIDER_ID, PROVIDERS
from tests.simulation.town import CARD, LEASE_S, Row, Town, gather_all, opened_stage, opened_town
from tests.support.api import show
from tests.support.sandbox import Sandbox

SEED = 20261120
CROWD = 100
FANS = 16
ANSWERS = (
    "accept",
    "accept",
    "decline",
    "silence",
)  # the first fan gets the first one, and so on, over again
PATH = "/api/create-payment-intent"
MOST_PASSES = 12
API_FAULTS: dict[str, dict[str, float]] = {
    "nobody answers before the effect": {"timeout_before": 0.3},
    "the effect is there, the answer is lost": {"timeout_after": 0.3},
    "errors": {"error_500": 0.2, "error_500_after": 0.2},
    "too many requests": {"error_429": 0.3},
}


@pytest.fixture
async def town(database_url: str, sandbox: Sandbox) -> AsyncIterator[Town]:
    document = {**show(), "providers": PROVIDERS}
    async with (
        opened_stage(sandbox) as stage,
        opened_town(stage, database_url, seed=SEED, document=document) as opened,
    ):
        yield opened


async def free_slots(town: Town, service: int) -> list[Row]:
    moment = rfc3339(town.clock.now() + timedelta(days=3))
    path = f"/api/providers/{PROVIDER_ID}/slots"
    answer = await town.repeat("GET", path, params={"offering_id": service, "from": moment})
    return list(answer.json()["slots"])


def request_of(service: int, slot_id: str, number: int) -> Row:
    customer = {"name": f"Fan {number}", "email": f"fan{number}@example.com"}
    return {"provider_id": PROVIDER_ID, "offering_id": service, "slot_id": slot_id, "customer": customer}


# ── one slot ──


async def one_gets_it(town: Town, send: Callable[[Row], Any]) -> None:
    slot = (await free_slots(town, LESSON))[4]
    answers: list[httpx.Response] = await gather_all(
        *(send(request_of(LESSON, slot["slot_id"], number)) for number in range(CROWD))
    )
    assert Counter(answer.status_code for answer in answers) == {201: 1, 409: CROWD - 1}
    refused = [answer.json() for answer in answers if answer.status_code == 409]
    assert {problem["code"] for problem in refused} == {"slot_taken"}
    named = {free["slot_id"] for problem in refused for free in problem["free"]}
    assert named
    assert slot["slot_id"] not in named
    (row,) = await town.rows(
        """SELECT (SELECT count(*) FROM orders) AS orders, (SELECT count(*) FROM customers) AS customers,
                  (SELECT count(*) FROM units WHERE kind = 'slot' AND taken > 0) AS taken"""
    )
    assert row == {"orders": 1, "customers": 1, "taken": 1}
    assert len((await town.ledger())["payment_intent"]) == 1
    assert await town.broken_laws() == []


async def test_a_hundred_people_on_one_slot_of_one_process(town: Town) -> None:
    await one_gets_it(town, lambda body: town.do(lambda process: process.http.post(PATH, json=body)))


@pytest.mark.slow
async def test_a_hundred_people_on_one_slot_over_two_servers(town: Town) -> None:
    async with serving(replace(town.settings, smtp_url=""), 2, workers=2) as (webs, http):
        turn = cycle(f"{web.url}{PATH}" for web in webs)
        await one_gets_it(town, lambda body: http.post(next(turn), json=body))


# ── Stripe at its worst ──


@pytest.mark.slow
@pytest.mark.timeout(240)
@pytest.mark.parametrize("faults", API_FAULTS.values(), ids=[name.replace(" ", "_") for name in API_FAULTS])
async def test_stripes_api_fails_again_and_again(town: Town, faults: dict[str, float]) -> None:
    slots = await free_slots(town, HURRY)
    await town.faults(api={**faults, "timeout_s": 0}, seed=SEED)
    requests = await gather_all(*(ask(town, slots[number]["slot_id"], number) for number in range(FANS)))
    for request in requests:
        await authorise(town, request)
    await town.deliver()
    await until_all_are_asked(town)
    for number, request in enumerate(requests):
        if ANSWERS[number % len(ANSWERS)] != "silence":
            await answer(town, request, ANSWERS[number % len(ANSWERS)])
    for seconds in (LEASE_S, 30 * 60, LEASE_S, 20 * 60):  # with the faults still there: the deadline passes
        await town.pass_time(seconds)
        await town.deliver()
        await town.work()
    await town.faults(api=dict.fromkeys(faults, 0))
    await town.until_quiet()
    await assert_all_is_well(town)


async def ask(town: Town, slot_id: str, number: int) -> Row:
    """As a client does that sends it again, always with the same Idempotency-Key, until it is answered."""
    headers = {"Idempotency-Key": f"request of fan {number}"}
    for _ in range(MOST_PASSES):
        given = await town.repeat("POST", PATH, json=request_of(HURRY, slot_id, number), headers=headers)
        assert given.status_code == 201, given.text
        if given.json()["client_secret"]:
            return dict(given.json())
    raise AssertionError("no card form")


async def authorise(town: Town, request: Row) -> None:
    given = await town.stage.street.post(
        f"/pay/{request['payment_intent_id']}",
        params={"client_secret": request["client_secret"]},
        data={"card": CARD, "action": "pay", "method": "card"},
    )
    assert given.status_code < 400, given.text


async def until_all_are_asked(town: Town) -> None:
    for _ in range(MOST_PASSES):
        await town.work()
        (row,) = await town.rows("SELECT count(*) AS n FROM orders WHERE status = 'requested'")
        if row["n"] == FANS:
            return
        await town.pass_time(LEASE_S)
    raise AssertionError("some are never asked")


async def answer(town: Town, request: Row, what: str) -> None:
    path = f"/api/booking-requests/{request['booking_id']}/{what}"
    given = await town.repeat("POST", path, headers={"Authorization": f"Bearer {town.admin_key}"})
    assert given.status_code == 200, given.text


async def assert_all_is_well(town: Town) -> None:
    each = FANS // len(ANSWERS)
    statuses = Counter(row["status"] for row in await town.rows("SELECT status FROM orders"))
    assert statuses == {"confirmed": 2 * each, "declined": 2 * each}
    ledger = await town.ledger()
    intents = ledger["payment_intent"]
    assert Counter(one["status"] for one in intents) == {"succeeded": 2 * each, "canceled": 2 * each}
    assert sum(one["amount_received"] for one in intents) == 2 * each * FEE
    assert ledger.get("refund", []) == []
    (ours,) = await town.rows(
        """SELECT (SELECT sum(captured) FROM payments)::bigint AS taken, (SELECT count(*) FROM refunds) AS refunds,
                  (SELECT count(*) FROM units WHERE kind = 'slot' AND taken > 0) AS slots,
                  (SELECT count(*) FROM captures WHERE status <> 'done') AS undone"""
    )
    assert ours == {"taken": 2 * each * FEE, "refunds": 0, "slots": 2 * each, "undone": 0}
    kinds = Counter(row["kind"] for row in await town.rows("SELECT kind FROM messages WHERE status = 'sent'"))
    assert (kinds["booking_confirmed"], kinds["provider_booking_confirmed"]) == (2 * each, 2 * each)
    assert kinds["request_declined"] == 2 * each
    assert await town.broken_laws() == []
