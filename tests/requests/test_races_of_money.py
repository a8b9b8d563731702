"""A capture and a lapsing authorisation, a card that is authorised and a hold that ends, two workers on one capture: money is
taken once or not at all, and our books say what Stripe's say. Failure modes F09, F13, F15, F28, F30, F63."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from functools import partial
from typing import Any, cast

import pytest

from holdfast.bookings.cancelling import request_cancel
from holdfast.errors import Conflict, StripeRefused
from holdfast.inbox.jobs import handle_due
from holdfast.payments.captures import carry_out_due
from holdfast.payments.jobs import ask_about_due, let_due_lapse
from holdfast.payments.settle import look_at, settle
from holdfast.requests.actions import PlacedRequest
from holdfast.requests.answers import accept, decline
from holdfast.stripe_gateway.client import StripeGateway
from holdfast.stripe_gateway.evidence import from_event
from holdfast.system import System
from tests.requests.racing import (
    Racer,
    all_at_once,
    assert_one_decision,
    let_it_end,
    one_after_the_other,
    raised,
)
from tests.support.appointments import Diary, diary
from tests.support.system import Row, Stage

ROUNDS = 4


@pytest.fixture
async def expert(stage: Stage) -> Diary:
    return await diary(stage)


async def attempt_of(stage: Stage, placed: PlacedRequest) -> str:
    row = await stage.row("SELECT attempt_id FROM attempts WHERE order_id = %s", placed.order_id)
    return str(row["attempt_id"])


async def told_by(stage: Stage, placed: PlacedRequest, *types: str) -> list[Row]:
    events = await stage.events(*types)
    return [one for one in events if one["data"]["object"]["id"] == placed.payment_intent_id]


class StripeWhere:
    """Stripe, but that something else happens there just before it is asked to `call`: what comes between two of our own
    transactions, at the worst moment."""

    def __init__(self, real: StripeGateway, call: str, happens: Racer) -> None:
        self._real, self._call, self._happens = real, call, happens

    def __getattr__(self, name: str) -> Any:
        call = getattr(self._real, name)

        async def asked(*args: Any, **kwargs: Any) -> Any:
            if name == self._call:
                self._call = ""  # once
                await self._happens()
            return await call(*args, **kwargs)

        return asked


def where(stage: Stage, call: str, happens: Racer) -> System:
    stripe = cast(StripeGateway, StripeWhere(stage.system.stripe, call, happens))
    return replace(stage.system, stripe=stripe)


# ── the authorisation lapses while the provider says yes ──


@pytest.mark.parametrize("action", ["lapse", "lapse_at_bank", "cancel"])
async def test_it_lapses_between_the_yes_and_the_capture(stage: Stage, expert: Diary, action: str) -> None:
    """The yes is committed, then the money is gone: nothing is taken, the time is free, both are told."""
    placed = await expert.requested(await expert.service(), expert.at())
    system = where(
        stage,
        "capture_payment_intent",
        partial(stage.dashboard, action, payment=placed.payment_intent_id),
    )
    answer = await accept(system, placed.booking_id, "provider:1")
    if action == "lapse_at_bank":
        # Stripe learns of it by asking the bank; no later try could succeed, so it is let go now.
        assert (answer.status, answer.accepted) == ("requested", True)
    await let_it_end(stage)
    assert await assert_one_decision(stage, expert, placed) == "expired"
    assert {"authorisation_lost", "provider_authorisation_lost"} <= set(await expert.messages(placed))
    assert await expert.slots_taken() == 0
    assert await stage.rows("SELECT 1 FROM payments") == []
    await stage.assert_all_laws_hold()


async def test_a_capture_that_is_refused_again_and_again(stage: Stage, expert: Diary) -> None:
    """F30: a refusal that may pass is tried again; after the third the money is let go, and a person hears of it."""
    placed = await expert.requested(await expert.service(), expert.at())

    async def refuse() -> None:
        raise StripeRefused("Your card was declined.", stripe_code="card_declined")

    await accept(where(stage, "capture_payment_intent", refuse), placed.booking_id, "provider:1")
    for _ in range(2):
        assert await expert.status(placed) == "requested"
        await stage.advance(minutes=61)
        assert await carry_out_due(where(stage, "capture_payment_intent", refuse)) == 1
    await let_it_end(stage)
    assert await assert_one_decision(stage, expert, placed) == "expired"
    assert await stage.rows("SELECT 1 FROM tasks WHERE kind = 'capture_refused'")
    assert {"authorisation_lost", "provider_authorisation_lost"} <= set(await expert.messages(placed))
    await stage.assert_all_laws_hold()


@pytest.mark.parametrize("lapse_first", [True, False])
async def test_the_news_of_the_lapse_and_the_yes(stage: Stage, expert: Diary, lapse_first: bool) -> None:
    """Lapsed at Stripe already; its webhook and the yes stand in line for the order."""
    placed = await expert.requested(await expert.service(), expert.at())
    await stage.dashboard("lapse", payment=placed.payment_intent_id)
    [event] = await told_by(stage, placed, "payment_intent.canceled")
    told = partial(
        settle,
        stage.system,
        await attempt_of(stage, placed),
        evidence=from_event(event),
        found_by="webhook",
    )
    yes = partial(accept, stage.system, placed.booking_id, "provider:1")
    racers: list[Racer] = [told, yes] if lapse_first else [yes, told]
    results = await one_after_the_other(stage, placed, *racers)
    assert len(raised(results, Conflict)) == (1 if lapse_first else 0)
    await let_it_end(stage)
    assert await assert_one_decision(stage, expert, placed) == "expired"
    assert (await expert.messages(placed)).count("authorisation_lost") == 1
    await stage.assert_all_laws_hold()


async def test_captured_before_the_lapse_cannot_lapse(stage: Stage, expert: Diary) -> None:
    placed = await expert.requested(await expert.service(), expert.at())
    assert (await accept(stage.system, placed.booking_id, "provider:1")).status == "confirmed"
    refused = await stage.http.post(
        "/control/dashboard", json={"action": "lapse", "payment": placed.payment_intent_id}
    )
    assert refused.status_code >= 400
    await stage.advance(days=1)
    await let_it_end(stage)
    assert await assert_one_decision(stage, expert, placed) == "confirmed"
    await stage.assert_all_laws_hold()


async def test_lapse_and_capture_truly_at_once(stage: Stage, expert: Diary) -> None:
    service = await expert.service()
    for number in range(ROUNDS):
        placed = await expert.requested(service, expert.at(hour=9 + number), email=f"fan{number}@example.com")
        await all_at_once(
            partial(accept, stage.system, placed.booking_id, "provider:1"),
            partial(stage.dashboard, "lapse", payment=placed.payment_intent_id),
        )
        await let_it_end(stage)
        taken = await expert.intent(placed) == "succeeded"
        assert await assert_one_decision(stage, expert, placed) == ("confirmed" if taken else "expired")
    await stage.assert_all_laws_hold()


# ── it is captured or cancelled in Stripe's dashboard meanwhile ──


async def test_captured_in_the_dashboard_just_before_the_no_is_carried_out(
    stage: Stage, expert: Diary
) -> None:
    """The no stands; what was taken goes back whole (F16)."""
    placed = await expert.requested(await expert.service(), expert.at())
    system = where(
        stage,
        "cancel_payment_intent",
        partial(stage.dashboard, "capture", payment=placed.payment_intent_id),
    )
    assert (await decline(system, placed.booking_id, "provider:1")).status == "declined"
    await let_it_end(stage)
    assert await expert.status(placed) == "declined"
    refund = await stage.row("SELECT amount, status FROM refunds")
    assert (refund["amount"], refund["status"]) == (5000, "succeeded")
    assert await expert.slots_taken() == 0
    await stage.assert_all_laws_hold()


async def test_captured_in_the_dashboard_just_before_our_capture(stage: Stage, expert: Diary) -> None:
    """F30: refused, because it is done. It is taken for done."""
    placed = await expert.requested(await expert.service(), expert.at())
    system = where(
        stage,
        "capture_payment_intent",
        partial(stage.dashboard, "capture", payment=placed.payment_intent_id),
    )
    assert (await accept(system, placed.booking_id, "provider:1")).status == "confirmed"
    await let_it_end(stage)
    assert await assert_one_decision(stage, expert, placed) == "confirmed"
    assert await stage.tasks() == []
    await stage.assert_all_laws_hold()


async def test_the_worker_and_the_page_carry_out_one_capture(stage: Stage, expert: Diary) -> None:
    placed = await expert.requested(await expert.service(), expert.at())
    await stage.stripe_away()
    await accept(stage.system, placed.booking_id, "provider:1")
    await stage.stripe_back()
    await stage.advance(minutes=10)
    done = await asyncio.gather(
        *(carry_out_due(stage.system) for _ in range(4)),
        accept(stage.system, placed.booking_id, "provider:1"),
    )
    assert sum(one for one in done if isinstance(one, int)) <= 1
    await let_it_end(stage)
    assert await assert_one_decision(stage, expert, placed) == "confirmed"
    assert len(await told_by(stage, placed, "payment_intent.succeeded")) == 1
    assert (await expert.messages(placed)).count("booking_confirmed") == 1
    await stage.assert_all_laws_hold()


# ── the card is authorised in the last second of the hold ──


@pytest.mark.parametrize("webhook_first", [True, False])
async def test_authorised_in_time_and_the_hold_ends(stage: Stage, expert: Diary, webhook_first: bool) -> None:
    """F13, F15: the webhook and the sweep with its fence stand in line; whoever is first, the provider is asked, once."""
    placed = await expert.ask(await expert.service(hold_minutes=10), expert.at())
    assert await expert.authorise(placed)
    await stage.advance(minutes=11)
    await stage.deliver()
    webhook, sweep = partial(handle_due, stage.system), partial(ask_about_due, stage.system)
    racers: list[Racer] = [webhook, sweep] if webhook_first else [sweep, webhook]
    results = await one_after_the_other(stage, placed, *racers)
    assert not [one for one in results if isinstance(one, BaseException)]
    assert await let_due_lapse(stage.system) == 0
    await let_it_end(stage)
    assert await assert_one_decision(stage, expert, placed) == "requested"
    assert (await expert.messages(placed)).count("request_to_answer") == 1
    await stage.assert_all_laws_hold()


async def test_webhook_sweep_and_page_truly_at_once(stage: Stage, expert: Diary) -> None:
    service = await expert.service(hold_minutes=10)
    for number in range(ROUNDS):
        placed = await expert.ask(service, expert.at(hour=9 + number), email=f"fan{number}@example.com")
        assert await expert.authorise(placed)
        await stage.advance(minutes=11)
        await stage.deliver()
        attempt_id = await attempt_of(stage, placed)
        results = await all_at_once(
            partial(handle_due, stage.system),
            partial(ask_about_due, stage.system),
            partial(look_at, stage.system, attempt_id, "page"),
            partial(let_due_lapse, stage.system),
        )
        assert not [one for one in results if isinstance(one, BaseException)], results
        await let_it_end(stage)
        assert await assert_one_decision(stage, expert, placed) == "requested"
        assert (await expert.messages(placed)).count("request_received") == 1
    await stage.assert_all_laws_hold()


async def test_authorised_between_the_fences_look_and_its_closing(stage: Stage, expert: Diary) -> None:
    """The hold is over, Stripe was read and nobody had paid; then the card is authorised, and then the fence closes it. Nothing
    was charged, nobody has the time, and no authorisation is left."""
    placed = await expert.ask(await expert.service(hold_minutes=10), expert.at())
    await stage.advance(minutes=11)

    async def at_this_moment() -> None:
        assert await expert.authorise(placed)

    system = where(stage, "cancel_payment_intent", at_this_moment)
    await look_at(system, await attempt_of(stage, placed), "sweep")
    await let_it_end(stage)
    assert await assert_one_decision(stage, expert, placed) == "expired"
    assert await expert.intent(placed) == "canceled"
    assert await expert.slots_taken() == 0
    assert await stage.rows("SELECT 1 FROM payments") == []
    await stage.assert_all_laws_hold()


async def test_authorised_and_told_between_the_fences_look_and_its_closing(
    stage: Stage, expert: Diary
) -> None:
    """As before, and its webhook is faster than the fence: the provider was asked, the fence takes the authorisation away, and
    both hear of it. Nobody believes in a request that cannot be charged."""
    placed = await expert.ask(await expert.service(hold_minutes=10), expert.at())
    await stage.advance(minutes=11)

    async def at_this_moment() -> None:
        assert await expert.authorise(placed)
        await stage.deliver()
        await handle_due(stage.system)
        assert await expert.status(placed) == "requested"

    system = where(stage, "cancel_payment_intent", at_this_moment)
    await look_at(system, await attempt_of(stage, placed), "sweep")
    await let_it_end(stage)
    status = await assert_one_decision(stage, expert, placed)
    assert (status, await expert.intent(placed)) == ("expired", "canceled")
    assert {"authorisation_lost", "provider_authorisation_lost"} <= set(await expert.messages(placed))
    await stage.assert_all_laws_hold()


@pytest.mark.parametrize("cancel_first", [True, False])
async def test_authorised_and_cancelled_while_pending(
    stage: Stage, expert: Diary, cancel_first: bool
) -> None:
    """F16: the card was authorised at Stripe; its news and the customer's cancellation stand in line."""
    placed = await expert.ask(await expert.service(), expert.at())
    assert await expert.authorise(placed)
    await stage.deliver()
    told = partial(handle_due, stage.system)
    back = partial(request_cancel, stage.system, placed.booking_id, "customer")
    racers: list[Racer] = [back, told] if cancel_first else [told, back]
    results = await one_after_the_other(stage, placed, *racers)
    assert not [one for one in results if isinstance(one, BaseException)], results
    await let_it_end(stage)
    assert await assert_one_decision(stage, expert, placed) == "cancelled"
    assert await expert.intent(placed) == "canceled"
    assert await expert.slots_taken() == 0
    await stage.assert_all_laws_hold()
