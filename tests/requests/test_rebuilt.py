"""F25: the database has lost a request, and the money still knows what it was for."""

from __future__ import annotations

from typing import Any

import pytest

from holdfast.payments.recover import recover
from holdfast.requests.actions import PlacedRequest
from holdfast.requests.answers import accept
from tests.support.appointments import Diary, diary
from tests.support.system import Stage

TABLES = "message_tries, messages, timeline, action_links, captures, payments, attempts, claims, bookings, order_lines, orders"


@pytest.fixture
async def expert(stage: Stage) -> Diary:
    return await diary(stage)


async def forget_everything(stage: Stage) -> None:
    """As a backup from before the request would be."""
    await stage.execute(f"TRUNCATE {TABLES}, refunds, disputes, arrivals, webhook_events, tasks CASCADE")
    await stage.execute("DELETE FROM units WHERE kind = 'slot'")


async def authorised(stage: Stage, expert: Diary, **service: Any) -> PlacedRequest:
    placed = await expert.ask(await expert.service(**service), expert.at(), details="About bridges")
    assert await expert.authorise(placed)
    await stage.deliver()
    await stage.run_jobs()
    return placed


async def test_an_authorised_request_waits_for_its_answer_again(stage: Stage, expert: Diary) -> None:
    placed = await authorised(stage, expert)
    await forget_everything(stage)
    recovered = await recover(stage.system, str(placed.payment_intent_id), "operator")
    assert (recovered.result, recovered.booking_id) == ("recovered", placed.booking_id)
    order = await expert.order(placed)
    assert (order["status"], order["starts_at"], order["details"]) == (
        "requested",
        expert.at(),
        "About bridges",
    )
    assert await expert.slots_taken() == 1
    assert (
        await recover(stage.system, str(placed.payment_intent_id), "operator")
    ).result == "already_confirmed"
    assert (await accept(stage.system, placed.booking_id, "provider:1")).status == "confirmed"
    await stage.settle_down()
    await stage.assert_all_laws_hold()


async def test_a_captured_one_is_confirmed_again(stage: Stage, expert: Diary) -> None:
    placed = await authorised(stage, expert)
    await accept(stage.system, placed.booking_id, "provider:1")
    await forget_everything(stage)
    recovered = await recover(stage.system, str(placed.payment_intent_id), "operator")
    assert recovered.result == "recovered"
    assert await expert.status(placed) == "confirmed"
    assert await expert.slots_taken() == 1
    await stage.settle_down()
    await stage.assert_all_laws_hold()


async def test_whose_time_is_taken_meanwhile_gets_the_authorisation_back(stage: Stage, expert: Diary) -> None:
    service = await expert.service()
    placed = await expert.ask(service, expert.at())
    assert await expert.authorise(placed)
    await forget_everything(stage)
    await expert.requested(service, expert.at(), email="other@example.com")
    recovered = await recover(stage.system, str(placed.payment_intent_id), "operator")
    assert recovered.result == "refunded"
    await stage.settle_down()
    assert await expert.intent(placed) == "canceled"
    assert await expert.slots_taken() == 1
    await stage.assert_all_laws_hold()


async def test_without_a_time(stage: Stage, expert: Diary) -> None:
    placed = await expert.requested(await expert.service("none"))
    await forget_everything(stage)
    assert (await recover(stage.system, str(placed.payment_intent_id), "operator")).result == "recovered"
    assert await expert.status(placed) == "requested"
    await stage.assert_all_laws_hold()
