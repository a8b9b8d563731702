"""`POST /api/cron/cleanup-bookings`: whom it refuses, what it lets go, what it keeps and why, and that twice is as once
(F15, F38, F39, F69)."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from typing import Any

import httpx
import pytest

from holdfast.app import create_app
from holdfast.payments.jobs import ask_about_due
from holdfast.requests.cron import clean_up
from tests.support.appointments import Diary, diary
from tests.support.system import Row, Stage

PATH = "/api/cron/cleanup-bookings"
SECRET = "a long secret of whoever runs cron"
BEARER = {"Authorization": f"Bearer {SECRET}"}


@pytest.fixture
async def expert(stage: Stage) -> Diary:
    return await diary(stage)


@asynccontextmanager
async def served(stage: Stage, **settings: Any) -> AsyncIterator[httpx.AsyncClient]:
    system = replace(stage.system, settings=replace(stage.system.settings, **settings))
    app = create_app(system.settings, system)
    async with (
        app.router.lifespan_context(app),
        httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://shop.test") as http,
    ):
        yield http


async def call(stage: Stage) -> Row:
    async with served(stage, cron_secret=SECRET) as http:
        answer = await http.post(PATH, headers=BEARER)
    assert answer.status_code == 200, answer.text
    return dict(answer.json())


@pytest.mark.parametrize(
    "headers",
    [
        {},
        {"Authorization": "Bearer"},
        {"Authorization": "Bearer wrong"},
        {"Authorization": f"Bearer {SECRET}x"},
        {"Authorization": f"Basic {SECRET}"},
        {"Authorization": SECRET},
        {"Authorization": "Bearer \u00e4\u00f6\u00fc"},
        {"X-API-Key": SECRET},
    ],
    ids=["none", "empty", "wrong", "longer", "another kind", "bare", "not ASCII", "another header"],
)
async def test_a_wrong_secret_is_refused_and_nothing_is_done(stage: Stage, headers: dict[str, str]) -> None:
    placed = await stage.book(with_checkout=False)
    await stage.advance(minutes=31)
    encoded = {name.encode(): value.encode("latin-1") for name, value in headers.items()}
    async with served(stage, cron_secret=SECRET) as http:
        answer = await http.post(PATH, headers=encoded)
    assert (answer.status_code, answer.json()["code"]) == (401, "unauthorized")
    assert SECRET not in answer.text
    assert await stage.status(placed) == "pending"
    await stage.assert_all_laws_hold()


@pytest.mark.parametrize("headers", [{}, {"Authorization": "Bearer "}, BEARER])
async def test_without_a_secret_nobody_may(stage: Stage, headers: dict[str, str]) -> None:
    async with served(stage) as http:
        answer = await http.post(PATH, headers=headers)
    assert (answer.status_code, answer.json()["code"]) == (503, "unavailable")
    assert "CRON_SECRET is not set" in answer.json()["detail"]


async def test_what_is_over_goes_and_what_is_not_stays(stage: Stage, expert: Diary) -> None:
    service = await expert.service(respond_minutes=60)
    unanswered = await expert.requested(service, expert.at(hour=9), email="one@example.com")
    await stage.advance(minutes=30)
    page, none = await stage.book(2), await stage.book(3, table=1, with_checkout=False)
    form = await expert.ask(service, expert.at(hour=10))
    await stage.advance(minutes=31)
    young = await stage.book(1, table=2)

    said = await call(stage)

    assert said == {"expired": 3, "released": 6, "declined": 1, "orphaned_slots": 0, "kept": []}
    assert [await stage.status(one) for one in (page, none, young)] == ["expired", "expired", "pending"]
    assert [await expert.status(one) for one in (form, unanswered)] == ["expired", "declined"]
    assert await expert.slots_taken() == 0
    assert [await stage.taken(table) for table in range(3)] == [0, 0, 1]
    assert [one["status"] for one in await stage.ledger("checkout.session")] == ["expired", "open"]
    assert {await expert.intent(one) for one in (form, unanswered)} == {"canceled"}
    again = await call(stage)
    assert again == {"expired": 0, "released": 0, "declined": 0, "orphaned_slots": 0, "kept": []}
    await stage.deliver()
    await stage.assert_all_laws_hold()


async def test_who_paid_in_the_last_second_is_confirmed_and_not_let_go(stage: Stage, expert: Diary) -> None:
    """F15: Stripe is asked first, whatever the clock says."""
    placed = await stage.book()
    asked = await expert.ask(await expert.service(), expert.at())
    assert await stage.pay(placed.checkout_session_id) == 303
    await expert.authorise(asked)
    await stage.advance(minutes=31)
    said = await call(stage)
    assert (said["expired"], said["kept"]) == (0, [])
    assert (await stage.status(placed), await expert.status(asked)) == ("confirmed", "requested")
    await stage.deliver()
    await stage.assert_all_laws_hold()


async def test_while_stripe_is_away_holds_are_kept_with_the_reason(stage: Stage, expert: Diary) -> None:
    placed = await stage.book(2)
    asked = await expert.ask(await expert.service(), expert.at())
    free = await stage.book(3, table=1, with_checkout=False)
    await stage.advance(minutes=31)
    await stage.stripe_away()

    said = await call(stage)

    assert (said["expired"], said["released"]) == (1, 3)
    assert {one["booking_id"] for one in said["kept"]} == {placed.booking_id, asked.booking_id}
    assert all("Stripe" in one["why"] for one in said["kept"])
    assert [await stage.status(one) for one in (placed, free)] == ["pending", "expired"]
    await stage.stripe_back()
    await stage.advance(minutes=2)
    said = await call(stage)
    assert (said["expired"], said["released"], said["kept"]) == (2, 3, [])
    await stage.deliver()
    await stage.assert_all_laws_hold()


async def test_two_at_once_beside_a_worker_let_each_hold_go_once(stage: Stage, expert: Diary) -> None:
    service = await expert.service()
    for hour in (9, 10, 11):
        await expert.ask(service, expert.at(hour=hour), email=f"fan{hour}@example.com")
    for table in range(3):
        await stage.book(1, table=table, with_checkout=table < 2)
    await stage.advance(minutes=31)
    one, other, _ = await asyncio.gather(
        clean_up(stage.system), clean_up(stage.system), ask_about_due(stage.system)
    )
    last = await clean_up(stage.system)
    assert last.kept == []
    ended = await stage.rows("SELECT order_id, what FROM timeline WHERE what = 'expired'")
    assert len(ended) == len({row["order_id"] for row in ended}) == 6
    assert one.expired + other.expired + last.expired <= 6
    assert await stage.rows("SELECT 1 FROM units WHERE taken <> 0") == []
    await stage.deliver()
    await stage.assert_all_laws_hold()


async def test_slots_that_nobody_has_are_free_again(stage: Stage, expert: Diary) -> None:
    service = await expert.service()
    placed = await expert.requested(service, expert.at())
    await stage.execute(
        """INSERT INTO units (tenant_id, offering_id, kind, label, capacity, taken, price, provider_id, during, blocked)
           SELECT tenant_id, offering_id, 'slot', 'nobody''s', 1, 1, price, provider_id,
                  tstzrange(upper(during), upper(during) + interval '30 minutes'),
                  tstzrange(upper(during), upper(during) + interval '30 minutes') FROM units WHERE kind = 'slot'"""
    )
    said = await call(stage)
    assert (said["orphaned_slots"], said["kept"]) == (1, [])
    assert (await expert.slots_taken(), await expert.status(placed)) == (1, "requested")
    await stage.assert_all_laws_hold()
