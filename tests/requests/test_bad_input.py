"""What nobody may ask for over HTTP, and what is said then: a sentence, a machine's word, never a 500; and nothing was taken.
Failure modes F21, F37."""

from __future__ import annotations

from collections.abc import AsyncIterator
from datetime import timedelta

import pytest

from holdfast.clock import rfc3339
from holdfast.providers.rules import slot_id
from tests.requests.counter import ADA, Shop, problem
from tests.requests.practice import FREE_CHAT, LESSON, MEETING, MESSAGE, open_practice
from tests.support.appointments import Diary, diary
from tests.support.system import Row, Stage


@pytest.fixture
async def shop(stage: Stage) -> AsyncIterator[Shop]:
    async with open_practice(stage) as practice:
        yield Shop(practice)


async def test_a_taken_slot_is_a_conflict_that_names_the_nearest_free_ones(shop: Shop) -> None:
    assert (await shop.ask(shop.wanted())).status_code == 201
    told = problem(
        await shop.ask(shop.wanted(customer={**ADA, "email": "two@example.com"})), 409, "slot_taken"
    )
    assert len(told["free"]) == 5
    assert {set(slot) == {"slot_id", "starts_at", "ends_at"} for slot in told["free"]} == {True}
    chosen = told["free"][0]["slot_id"]
    again = await shop.ask(shop.wanted(slot_id=chosen, customer={**ADA, "email": "two@example.com"}))
    assert again.status_code == 201
    assert await shop.slots_taken() == 2
    await shop.stage.assert_all_laws_hold()


@pytest.mark.parametrize(
    ("by", "says"),
    [
        (timedelta(days=-1), "past"),
        (timedelta(0), "past"),
        (timedelta(minutes=119, seconds=59), "too soon: this service is booked at least 2 hours ahead"),
        (timedelta(days=90), "at most 90 days ahead"),
        (timedelta(days=3650), "at most 90 days ahead"),
    ],
)
@pytest.mark.parametrize("title", [LESSON, MEETING])
async def test_a_time_that_is_past_too_soon_or_too_far(
    shop: Shop, title: str, by: timedelta, says: str
) -> None:
    told = problem(await shop.ask(shop.wanted(title, shop.stage.clock.now() + by)), 422, "validation_failed")
    assert says in told["detail"]
    assert await shop.orders() == 0
    await shop.stage.assert_all_laws_hold()


async def test_the_lead_and_the_horizon_at_their_very_boundaries(shop: Shop) -> None:
    """Exactly the lead from now is early enough; exactly the horizon is too far."""
    now = shop.stage.clock.now()
    earliest = shop.wanted(MEETING, now + timedelta(minutes=120))
    latest = shop.wanted(MEETING, now + timedelta(days=90, seconds=-1))
    assert (await shop.ask(earliest)).status_code == 201
    assert (await shop.ask(latest)).status_code == 201
    await shop.stage.assert_all_laws_hold()


async def test_times_that_are_not_offered(shop: Shop) -> None:
    """At night, not on the quarter where lessons begin, over the end of the day."""
    for hour, minute in ((3, 0), (10, 7), (16, 45), (17, 0), (23, 30)):
        told = problem(
            await shop.ask(shop.wanted(at=shop.practice.at(hour=hour, minute=minute))),
            422,
            "validation_failed",
        )
        assert "not offered" in told["detail"]
    assert await shop.orders() == 0
    await shop.stage.assert_all_laws_hold()


async def test_slots_of_others(shop: Shop) -> None:
    other: Diary = await diary(shop.stage)
    theirs = await other.service()
    lesson = shop.practice.services[LESSON]
    # A slot of another service; another provider's service; another provider's slot.
    chat = shop.wanted(slot_id=slot_id(shop.practice.services[FREE_CHAT], shop.practice.at()))
    assert "another service" in problem(await shop.ask(chat), 422, "validation_failed")["detail"]
    problem(
        await shop.ask(shop.wanted(offering_id=theirs, slot_id=slot_id(theirs, other.at()))), 404, "not_found"
    )
    problem(await shop.ask(shop.wanted(provider_id=other.provider_id)), 404, "not_found")
    problem(await shop.ask(shop.wanted(slot_id=slot_id(theirs, other.at()))), 422, "validation_failed")
    problem(await shop.ask(shop.wanted(provider_id=999_999)), 404, "not_found")
    problem(
        await shop.ask(shop.wanted(offering_id=999_999, slot_id=slot_id(999_999, other.at()))),
        404,
        "not_found",
    )
    event = shop.stage.event.offering_id
    problem(
        await shop.ask(shop.wanted(offering_id=event, slot_id=slot_id(event, other.at()))), 404, "not_found"
    )
    assert lesson != theirs
    assert await shop.orders() == 0
    await shop.stage.assert_all_laws_hold()


@pytest.mark.parametrize(
    "changes",
    [
        {"slot_id": "nonsense"},
        {"slot_id": "zzzzzzzzzzzzz-zzzzzzzz"},
        {"slot_id": "0-0"},
        {"slot_id": ""},
        {"slot_id": 5},
        {"slot_id": "' OR 1=1 --"},
        {"slot_id": None},
        {"slot_id": None, "starts_at": "2027-03-28T02:30:00"},
        {"slot_id": None, "starts_at": "tomorrow"},
        {"slot_id": None, "starts_at": "9999-12-31T23:59:59Z"},
        {"starts_at": "2027-03-28T02:30:00Z"},
        {"details": "x" * 2001},
        {"details": "a bell \x07"},
        {"details": "\x00"},
        {"details": 5},
        {"customer": {"name": "Ada", "email": "nowhere"}},
        {"customer": {"name": "", "email": "ada@example.com"}},
        {"customer": {**ADA, "phone": "12"}},
        {"customer": None},
        {"provider_id": -1},
        {"provider_id": 10**30},
        {"provider_id": "one"},
        {"offering_id": True},
    ],
    ids=lambda changes: str(changes)[:50],
)
async def test_what_makes_no_sense(shop: Shop, changes: Row) -> None:
    problem(await shop.ask(shop.wanted(**changes)), 422, "validation_failed")
    assert await shop.orders() == 0
    await shop.stage.assert_all_laws_hold()


async def test_a_time_where_there_is_none_and_none_where_there_must_be_one(shop: Shop) -> None:
    told = problem(
        await shop.ask(shop.wanted(MESSAGE, starts_at=rfc3339(shop.practice.at()))), 422, "validation_failed"
    )
    assert "no time" in told["detail"]
    told = problem(await shop.ask(shop.wanted(MEETING, starts_at=None)), 422, "validation_failed")
    assert "Choose a time" in told["detail"]
    assert await shop.orders() == 0
    await shop.stage.assert_all_laws_hold()


async def test_a_request_for_oneself(shop: Shop) -> None:
    """By the provider's e-mail, however it is written, or by the phone."""
    await shop.stage.execute("UPDATE providers SET phone = '+447700900111'")
    for customer in (
        {**ADA, "email": "expert@example.com"},
        {**ADA, "email": "  EXPERT@Example.com "},
        {**ADA, "phone": "07700 900111"},
        {**ADA, "phone": "+44 7700 900 111"},
    ):
        told = problem(await shop.ask(shop.wanted(customer=customer)), 422, "validation_failed")
        assert "themselves" in told["detail"]
    assert await shop.orders() == 0
    await shop.stage.assert_all_laws_hold()


async def test_a_price_that_the_client_sends_changes_nothing(shop: Shop) -> None:
    """F21."""
    answer = await shop.ask(shop.wanted(amount=1, price=1, currency="JPY", status="confirmed"))
    assert answer.status_code == 201
    assert (answer.json()["amount"], answer.json()["currency"], answer.json()["status"]) == (
        4500,
        "GBP",
        "pending",
    )
    [intent] = await shop.stage.ledger("payment_intent")
    assert (intent["amount"], intent["currency"], intent["capture_method"]) == (4500, "gbp", "manual")
    await shop.stage.assert_all_laws_hold()


async def test_details_as_long_as_they_may_be(shop: Shop) -> None:
    details = "å" * 1999 + "\n"
    assert (await shop.ask(shop.wanted(details=f"{details}!"[:2000]))).status_code == 201
    row = await shop.stage.row("SELECT details FROM orders")
    assert row["details"] == "å" * 1999
    await shop.stage.assert_all_laws_hold()


async def test_not_on_sale(shop: Shop) -> None:
    await shop.stage.execute("UPDATE offerings SET status = 'closed' WHERE kind = 'appointment'")
    problem(await shop.ask(shop.wanted()), 409, "not_on_sale")
    await shop.stage.execute("UPDATE offerings SET status = 'draft' WHERE kind = 'appointment'")
    problem(await shop.ask(shop.wanted()), 404, "not_found")
    await shop.stage.execute("UPDATE offerings SET status = 'on_sale' WHERE kind = 'appointment'")
    await shop.stage.execute("UPDATE providers SET active = false")
    assert (await shop.ask(shop.wanted())).status_code in {404, 409}
    assert await shop.orders() == 0
    await shop.stage.assert_all_laws_hold()


async def test_the_same_key_with_another_body(shop: Shop) -> None:
    path, key = "/api/create-payment-intent", {"Idempotency-Key": "one"}
    first = await shop.post(path, shop.wanted(), **key)
    again = await shop.post(path, shop.wanted(), **key)
    assert (first.status_code, again.status_code) == (201, 201)
    assert first.json() == again.json()  # the client secret too
    problem(await shop.post(path, shop.wanted(details="another"), **key), 409, "conflict")
    assert (await shop.orders(), await shop.slots_taken()) == (1, 1)
    assert len(await shop.stage.ledger("payment_intent")) == 1
    await shop.stage.assert_all_laws_hold()
