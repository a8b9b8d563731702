"""While a request waits: what it costs in reads of Stripe, what a time that has come means, and one that cannot be reminded."""

from __future__ import annotations

from datetime import timedelta

import pytest

from holdfast.payments.settle import settle_booking
from holdfast.requests.answers import accept
from holdfast.requests.expiry import remind_providers
from holdfast.stripe_gateway.client import SdkGateway
from tests.support.appointments import Diary, diary
from tests.support.system import Stage


@pytest.fixture
async def expert(stage: Stage) -> Diary:
    return await diary(stage)


def reads(stage: Stage) -> int:
    assert isinstance(stage.system.stripe, SdkGateway)
    return stage.system.stripe.reads


async def test_f72_a_day_of_waiting_costs_few_reads(stage: Stage, expert: Diary) -> None:
    """Rule 13: Stripe allows 500 reads for a payment, and of many requests nothing is ever paid."""
    placed = await expert.requested(await expert.service("none", respond_minutes=8640))
    await stage.advance(minutes=1)
    before = reads(stage)
    for _ in range(48):
        await stage.advance(minutes=30)
        await stage.run_jobs()
    assert await expert.status(placed) == "requested"
    assert reads(stage) - before <= 5
    await stage.assert_all_laws_hold()


async def test_f72_a_page_left_open_costs_few_reads(stage: Stage, expert: Diary) -> None:
    """The page looks at the booking every 15 seconds for as long as it waits."""
    placed = await expert.requested(await expert.service("none", respond_minutes=8640))
    before = reads(stage)
    for _ in range(480):
        stage.clock.advance(seconds=15)
        assert await settle_booking(stage.system, placed.booking_id, "page") == "settled"
    assert reads(stage) - before <= 3  # in two hours
    await stage.assert_all_laws_hold()


async def test_a_charge_under_way_is_looked_at_as_often_as_ever(stage: Stage, expert: Diary) -> None:
    placed = await expert.requested(await expert.service("none"))
    await stage.stripe_away()
    await accept(stage.system, placed.booking_id, "provider:1")
    await stage.stripe_back()
    await stage.dashboard("capture", payment=placed.payment_intent_id)
    await stage.advance(seconds=3)
    assert await settle_booking(stage.system, placed.booking_id, "page") == "settled"
    assert await expert.status(placed) == "confirmed"
    await stage.assert_all_laws_hold()


async def test_authorised_after_its_time_had_come(stage: Stage, expert: Diary) -> None:
    """A long hold outlives the time that it is for: nobody is asked for what is past, and nothing is charged."""
    starts_at = stage.clock.now().replace(minute=0, second=0) + timedelta(hours=3)
    placed = await expert.ask(await expert.service("proposed", hold_minutes=1440), starts_at)
    await stage.advance_to(starts_at + timedelta(seconds=1))
    assert await expert.authorise(placed)
    await stage.deliver()
    await stage.run_jobs()
    assert await expert.status(placed) == "expired"
    await stage.settle_down()
    assert await expert.intent(placed) == "canceled"
    assert await expert.slots_taken() == 0
    told = await expert.messages(placed)
    assert "request_to_answer" not in told
    assert "booking_cancelled" in told
    await stage.assert_all_laws_hold()


async def test_one_that_cannot_be_reminded_does_not_silence_the_others(stage: Stage, expert: Diary) -> None:
    """Poison: PostgreSQL refuses the first one's message."""
    service = await expert.service("none", respond_minutes=240)
    first = await expert.requested(service, email="first@example.com")
    second = await expert.requested(service, email="second@example.com")
    await stage.execute(
        f"ALTER TABLE messages ADD CONSTRAINT poison CHECK (kind <> 'request_reminder' OR booking_id <> '{first.booking_id}')"
    )
    await stage.advance(hours=3, minutes=1)
    assert await remind_providers(stage.system) == 1
    assert "request_reminder" in await expert.messages(second)
    assert await remind_providers(stage.system) == 0
    await stage.execute("ALTER TABLE messages DROP CONSTRAINT poison")
    assert await remind_providers(stage.system) == 1
    assert "request_reminder" in await expert.messages(first)
    await stage.assert_all_laws_hold()
