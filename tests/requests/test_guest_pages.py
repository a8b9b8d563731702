"""A customer's own pages of a request: the card form, the states of the booking's page, moving to another time. F23, F27, F28."""

from __future__ import annotations

import re
from collections.abc import AsyncIterator
from datetime import timedelta

import pytest

from holdfast.providers.rules import slot_id
from holdfast.requests.actions import PlacedRequest
from holdfast.requests.answers import accept, decline
from holdfast.requests.guest_pages import card_security, script_address
from holdfast.settings import Settings
from holdfast.web.rendering import moment, short_moment
from tests.requests.practice import FREE_CHAT, LESSON, MEETING, MESSAGE, Practice, open_practice
from tests.support.sandbox import Sandbox
from tests.support.system import open_stage


@pytest.fixture
async def practice(database_url: str, sandbox: Sandbox) -> AsyncIterator[Practice]:
    async with (
        open_stage(database_url, sandbox, stripe_publishable_key=sandbox.publishable_key) as stage,
        open_practice(stage) as opened,
    ):
        yield opened


async def page(practice: Practice, placed: PlacedRequest, more: str = "") -> str:
    answer = await practice.http.get(f"/b/{placed.token}{more}")
    assert answer.status_code == 200, answer.headers.get("location")
    return answer.text


def heading(text: str) -> str:
    found = re.search(r"<h1>([^<]+)</h1>", text)
    assert found
    return found[1]


async def confirm_card(practice: Practice, placed: PlacedRequest, card: str = "pm_card_visa") -> str:
    answer = await practice.stage.http.post(
        f"/v1/payment_intents/{placed.payment_intent_id}/confirm",
        data={"payment_method": card},
        auth=(practice.stage.sandbox.secret_key, ""),
    )
    body = answer.json()
    return str(body["status"] if "status" in body else body["error"]["payment_intent"]["status"])


async def test_the_card_form_names_one_intent_however_often_it_is_loaded(practice: Practice) -> None:
    placed = await practice.ask()
    first, second = await page(practice, placed, "/card"), await page(practice, placed, "/card")
    for text in (first, second):
        assert f'data-secret="{placed.client_secret}"' in text
        assert practice.stage.sandbox.publishable_key in text
        assert f'data-script="{practice.stage.sandbox.url}/v3/"' in text
    assert len(await practice.stage.ledger("payment_intent")) == 1
    await practice.stage.assert_all_laws_hold()


async def test_back_from_the_form_it_settles_at_once_whatever_the_address_claims(practice: Practice) -> None:
    """F27: without any webhook. The address is not believed: only Stripe is."""
    placed = await practice.ask()
    claimed = await practice.http.get(f"/b/{placed.token}?card=1&redirect_status=succeeded")
    assert claimed.headers["location"] == f"/b/{placed.token}/card?again=1"
    assert "Your card is not authorised yet" in await page(practice, placed, "/card?again=1")
    assert await confirm_card(practice, placed) == "requires_capture"
    # Less than two seconds after the last question.
    text = await page(practice, placed, "?card=1&redirect_status=failed")
    assert heading(text).startswith("Your request was sent to")
    assert await practice.status(placed) == "requested"
    assert (await practice.http.get(f"/b/{placed.token}/card")).headers["location"] == f"/b/{placed.token}"
    await practice.stage.deliver()
    await practice.stage.assert_all_laws_hold()


async def test_unknown_is_not_failed(practice: Practice) -> None:
    """F23: Stripe does not answer after the card was given: the page waits and never asks for another card."""
    placed = await practice.ask()
    assert await confirm_card(practice, placed) == "requires_capture"
    await practice.stage.stripe_away()
    text = await page(practice, placed, "?card=1")
    assert heading(text) == "We are checking with the bank"
    assert "Authorise my card" not in text
    assert 'data-waiting="yes"' in text
    await practice.stage.stripe_back()
    await practice.stage.advance(seconds=3)
    assert heading(await page(practice, placed, "?card=1")).startswith("Your request was sent to")
    await practice.stage.deliver()
    await practice.stage.assert_all_laws_hold()


async def test_a_declined_card_leaves_the_form(practice: Practice) -> None:
    placed = await practice.ask()
    assert await confirm_card(practice, placed, "pm_card_visa_chargeDeclined") == "requires_payment_method"
    answer = await practice.http.get(f"/b/{placed.token}?card=1")
    assert answer.headers["location"] == f"/b/{placed.token}/card?again=1"
    assert await confirm_card(practice, placed) == "requires_capture"
    await practice.stage.deliver()
    await practice.stage.assert_all_laws_hold()


async def test_every_state_has_its_own_words(practice: Practice) -> None:
    pending = await practice.ask(at=practice.at(days=4))
    text = await page(practice, pending)
    assert (heading(text), "Authorise my card for £45.00" in text) == ("One step is left", True)

    requested = await practice.requested(at=practice.at(days=5))
    text = await page(practice, requested)
    assert heading(text) == "Your request was sent to Sample Expert (demo)"
    assert "Your card is authorised, not charged. You are charged only if it is accepted." in text
    assert "Authorised, not charged" in text

    await practice.stage.stripe_away()
    await accept(practice.stage.system, requested.booking_id, "staff:test")
    text = await page(practice, requested)
    assert (heading(text), 'data-accepted="yes"' in text) == ("Sample Expert (demo) has accepted", True)
    assert "Take my request back" not in text
    await practice.stage.stripe_back()
    await practice.stage.advance(minutes=10)
    await practice.stage.run_jobs()
    text = await page(practice, requested)
    assert heading(text) == "Sample Expert (demo) has accepted: it is confirmed"
    assert "calendar.ics" in text
    assert "Visa ending 4242" in text
    await practice.stage.settle_down()
    await practice.stage.assert_all_laws_hold()


async def test_every_time_is_on_the_customers_clock(practice: Practice) -> None:
    placed = await practice.requested()
    agreed = practice.at()
    await practice.stage.advance(days=1, hours=1)
    await accept(practice.stage.system, placed.booking_id, "staff:test")
    await practice.stage.run_jobs()
    order = await practice.stage.row("SELECT accepted_at FROM orders WHERE order_id = %s", placed.order_id)
    practice.http.cookies.set("holdfast_zone", "Pacific%2FAuckland", domain="shop.test")
    text = await page(practice, placed)
    assert f"{moment(agreed, 'Pacific/Auckland')}</time>" in text
    assert f"{moment(agreed, 'Europe/Berlin')} for Sample Expert" in text
    assert f'sums-detail">{short_moment(order["accepted_at"], "Pacific/Auckland")}</span>' in text, (
        "taken then"
    )
    for more in ("/cancel", "/reschedule"):
        assert moment(agreed, "Pacific/Auckland") in await page(practice, placed, more)
    await practice.stage.assert_all_laws_hold()


async def test_a_no_with_a_reason_and_silence_are_told_apart(practice: Practice) -> None:
    declined, unanswered = await practice.requested(MESSAGE), await practice.requested(MESSAGE)
    await decline(practice.stage.system, declined.booking_id, "staff:test", "On <i>tour</i>")
    text = await page(practice, declined)
    assert heading(text) == "Sample Expert (demo) could not accept"
    assert "On &lt;i&gt;tour&lt;/i&gt;" in text
    assert "Nothing was charged" in text
    await practice.stage.advance(days=2, minutes=1)
    await practice.stage.run_jobs()
    text = await page(practice, unanswered)
    assert heading(text) == "Sample Expert (demo) did not answer in time"
    assert "<dt>Reason</dt>" not in text
    assert f"/p/{practice.provider_id}/{practice.services[MESSAGE]}?from=" in text
    await practice.stage.deliver()
    await practice.stage.assert_all_laws_hold()


async def test_a_hold_that_lapsed_and_an_authorisation_that_is_gone_are_told_apart(
    practice: Practice,
) -> None:
    """F28: the bank let it go before the provider answered."""
    lapsed, lost = await practice.ask(at=practice.at(days=4)), await practice.requested(MESSAGE)
    await practice.stage.http.post(
        f"/v1/payment_intents/{lost.payment_intent_id}/cancel", auth=(practice.stage.sandbox.secret_key, "")
    )
    await practice.stage.deliver()
    await practice.stage.advance(minutes=50)
    await practice.stage.run_jobs()
    assert heading(await page(practice, lapsed)) == "The time to finish is over"
    text = await page(practice, lost)
    assert heading(text) == "The authorisation of your card is gone"
    assert "Ask again" in text
    assert (await practice.http.get(f"/b/{lapsed.token}/card")).status_code == 303
    await practice.stage.settle_down()
    await practice.stage.assert_all_laws_hold()


async def test_take_it_back_before_the_answer(practice: Practice) -> None:
    placed = await practice.requested()
    preview = await page(practice, placed, "/cancel")
    assert "Your card is authorised, not charged" in preview
    done = await practice.http.post(f"/b/{placed.token}/cancel", data={"agreed": "0"})
    assert done.status_code == 303
    text = await page(practice, placed)
    assert (heading(text), "Nothing was charged." in text) == ("This is cancelled", True)
    await practice.stage.run_jobs()
    await practice.stage.deliver()
    await practice.stage.assert_all_laws_hold()


async def test_messages_to_the_provider_are_not_shown_to_the_customer(practice: Practice) -> None:
    placed = await practice.requested()
    text = await page(practice, placed)
    assert "expert@example.com" not in text
    view = (await practice.http.get(f"/api/bookings/{placed.reference}?token={placed.token}")).json()
    assert [one["kind"] for one in view["messages"]] == ["request_received"]
    assert view["appointment"]["provider"] == {
        "provider_id": practice.provider_id,
        "name": "Sample Expert (demo)",
        "time_zone": "Europe/Berlin",
    }
    assert view["event"]["starts_at"] == view["appointment"]["starts_at"]


async def test_move_within_the_rules(practice: Practice) -> None:
    placed = await practice.requested(at=practice.at(days=4))
    await accept(practice.stage.system, placed.booking_id, "staff:test")
    await practice.stage.run_jobs()
    offering = practice.services[LESSON]
    text = await page(practice, placed, "/reschedule")
    assert "Move to this time" in text
    wanted = {"slot": slot_id(offering, practice.at(days=5))}
    for _ in range(2):  # a second click finds it there
        moved = await practice.http.post(f"/b/{placed.token}/reschedule", data=wanted)
        assert moved.headers["location"] == f"/b/{placed.token}"
    text = await page(practice, placed)
    assert practice.at(days=5).strftime("%H:%M") in text
    assert "Moved to another time" in text
    assert 'data-moved="1"' in text
    await practice.stage.assert_all_laws_hold()


async def test_moving_into_nothing(practice: Practice) -> None:
    """Taken, not offered, none at all, another service's: said beside the calendar, and the booking stays where it was."""
    await practice.ask(at=practice.at(days=6))
    placed = await practice.requested(at=practice.at(days=4))
    address, offering = f"/b/{placed.token}/reschedule", practice.services[LESSON]
    taken = await practice.http.post(address, data={"slot": slot_id(offering, practice.at(days=6))})
    assert (taken.status_code, "Somebody was quicker" in taken.text) == (409, True)
    assert re.search(r'id="near-[0-9a-z-]+"', taken.text)
    for slot, sentence in (
        ("", "Choose a time."),
        ("?", "This time is not one of those below."),
        (slot_id(practice.services[FREE_CHAT], practice.at(days=5)), "belongs to another service"),
        (slot_id(offering, practice.at(days=5, hour=3)), "not offered"),
        (slot_id(offering, practice.at(days=-1)), "past"),
    ):
        answer = await practice.http.post(address, data={"slot": slot})
        assert (answer.status_code, sentence in answer.text) == (422, True), sentence
    row = await practice.stage.row("SELECT starts_at FROM orders WHERE order_id = %s", placed.order_id)
    assert row["starts_at"] == practice.at(days=4)
    await practice.stage.assert_all_laws_hold()


async def test_moving_too_late_is_refused_with_the_rule(practice: Practice) -> None:
    placed = await practice.requested(at=practice.at(days=4))
    await accept(practice.stage.system, placed.booking_id, "staff:test")
    await practice.stage.run_jobs()
    await practice.stage.advance_to(practice.at(days=4) - timedelta(hours=23))
    text = await page(practice, placed, "/reschedule")
    assert "It cannot be moved" in text
    assert "<form" not in text
    wanted = {"slot": slot_id(practice.services[LESSON], practice.at(days=6))}
    refused = await practice.http.post(f"/b/{placed.token}/reschedule", data=wanted)
    assert refused.headers["location"] == f"/b/{placed.token}?moved=1"
    assert "Move to another time" not in await page(practice, placed)
    await practice.stage.assert_all_laws_hold()


async def test_a_proposal_moves_too(practice: Practice) -> None:
    placed = await practice.requested(MEETING, at=practice.at(days=4))
    text = await page(practice, placed, "/reschedule")
    assert 'name="date"' in text
    day = practice.at(days=6).date().isoformat()
    wanted = {"date": day, "time": "11:00", "zone": "Europe/Berlin"}
    moved = await practice.http.post(f"/b/{placed.token}/reschedule", data=wanted)
    assert moved.status_code == 303
    row = await practice.stage.row("SELECT starts_at FROM orders WHERE order_id = %s", placed.order_id)
    assert row["starts_at"] == practice.at(days=6, hour=11)
    await practice.stage.assert_all_laws_hold()


async def test_pages_of_another_kind_and_forged_links(practice: Practice) -> None:
    evening = await practice.stage.book()
    for path in ("card", "reschedule"):
        answer = await practice.http.get(f"/b/{evening.token}/{path}")
        assert answer.headers["location"] == f"/b/{evening.token}"
        assert (await practice.http.get(f"/b/forged-{path}/{path}")).status_code == 404
    answer = await practice.http.post(f"/b/{evening.token}/reschedule", data={"slot": "1-1"})
    assert answer.headers["location"] == f"/b/{evening.token}"


async def test_without_a_publishable_key_the_page_says_so(database_url: str, sandbox: Sandbox) -> None:
    async with (
        open_stage(database_url, sandbox, stripe_publishable_key="") as stage,
        open_practice(stage) as practice,
    ):
        placed = await practice.ask()
        text = await page(practice, placed, "/card")
        assert "Cards cannot be taken here yet" in text
        assert "STRIPE_PUBLISHABLE_KEY" in text
        assert "card.js" not in text


def test_with_real_keys_the_script_is_stripes_own() -> None:
    """docs.stripe.com/security/guide#content-security-policy"""
    real = Settings(stripe_secret_key="sk_live_sample")
    assert script_address(real) == "https://js.stripe.com/v3/"
    policy = card_security(real)
    assert "script-src 'self' https://js.stripe.com https://*.js.stripe.com;" in policy
    assert "connect-src 'self' https://api.stripe.com;" in policy
    assert "frame-src https://js.stripe.com https://*.js.stripe.com https://hooks.stripe.com" in policy
    assert "unsafe" not in policy
