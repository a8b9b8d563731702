"""What nobody may answer, capture or move over HTTP, and what is said then: a sentence, a machine's word, never a 500. Failure
modes F29, F30, F73."""

from __future__ import annotations

from collections.abc import AsyncIterator
from datetime import timedelta
from typing import Any

import psycopg
import pytest

from holdfast.providers.rules import slot_id
from tests.requests.counter import Shop, problem
from tests.requests.practice import FREE_CHAT, LESSON, MESSAGE, open_practice
from tests.support.appointments import diary
from tests.support.system import Stage


@pytest.fixture
async def shop(stage: Stage) -> AsyncIterator[Shop]:
    async with open_practice(stage) as practice:
        yield Shop(practice)


async def test_accepted_twice_is_the_same_answer_and_declined_after_it_a_conflict(shop: Shop) -> None:
    placed = await shop.practice.requested()
    first, again = await shop.answer(placed, "accept"), await shop.answer(placed, "accept")
    assert (first.status_code, again.status_code) == (200, 200)
    assert first.json() == again.json()
    assert first.json()["status"] == "confirmed"
    told = problem(await shop.answer(placed, "decline"), 409, "conflict")
    assert "accepted" in told["detail"]
    assert len(await shop.stage.rows("SELECT 1 FROM captures")) == 1
    await shop.stage.deliver()
    await shop.stage.assert_all_laws_hold()


async def test_declined_twice_is_the_same_answer_and_accepted_after_it_a_conflict(shop: Shop) -> None:
    placed = await shop.practice.requested()
    reason = {"reason": "I am away."}
    first, again = await shop.answer(placed, "decline", body=reason), await shop.answer(placed, "decline")
    assert (first.status_code, again.status_code) == (200, 200)
    assert first.json() == again.json()
    assert again.json()["decline_reason"] == "I am away."  # the second time changes nothing
    told = problem(await shop.answer(placed, "accept"), 409, "conflict")
    assert "declined" in told["detail"]
    await shop.stage.deliver()
    await shop.stage.assert_all_laws_hold()


async def test_answers_to_what_waits_for_none(shop: Shop) -> None:
    held = await shop.practice.ask()
    for answer in ("accept", "decline"):
        told = problem(await shop.answer(held, answer), 409, "conflict")
        assert "not authorised yet" in told["detail"]
    withdrawn = await shop.practice.requested(at=shop.practice.at(hour=12))
    cancelled = await shop.post(f"/api/bookings/{withdrawn.reference}/cancel", {"token": withdrawn.token})
    assert cancelled.json()["status"] == "cancelled"
    for answer in ("accept", "decline"):
        told = problem(await shop.answer(withdrawn, answer), 409, "conflict")
        assert "taken this request back" in told["detail"]
    await shop.stage.deliver()
    await shop.stage.assert_all_laws_hold()


async def test_whose_key_may_answer(shop: Shop) -> None:
    """Another provider's request does not exist for a key; a key without the scope is told so; without a key, 401."""
    placed = await shop.practice.requested()
    other = await diary(shop.stage)
    elsewhere = await shop.stage.row(
        """INSERT INTO tenants (slug, name, created_at) VALUES ('elsewhere', 'Elsewhere', now()) RETURNING tenant_id"""
    )
    theirs = await shop.key("provider", provider_id=other.provider_id)
    foreign = await shop.key("admin", tenant_id=elsewhere["tenant_id"])
    nobodys = await shop.key("provider")
    path = f"/api/booking-requests/{placed.booking_id}"
    for answer in ("accept", "decline"):
        problem(await shop.answer(placed, answer, theirs), 404, "not_found")
        problem(await shop.answer(placed, answer, foreign), 404, "not_found")
        problem(await shop.answer(placed, answer, nobodys), 403, "forbidden")
        problem(await shop.answer(placed, answer, "door"), 403, "forbidden")
        problem(await shop.answer(placed, answer, "no such key"), 401, "unauthorized")
        problem(await shop.post(f"{path}/{answer}"), 401, "unauthorized")
        problem(
            await shop.post(f"/api/booking-requests/bkg_unknown/{answer}", key="provider"), 404, "not_found"
        )
    for address in (
        f"/api/providers/{shop.practice.provider_id}/booking-requests",
        "/api/providers/999/booking-requests",
    ):
        answer_ = await shop.practice.http.get(address, headers={"Authorization": f"Bearer {theirs}"})
        problem(answer_, 404, "not_found")
    own = await shop.practice.http.get(
        "/api/celebrity/booking-requests", headers={"Authorization": f"Bearer {theirs}"}
    )
    assert own.json() == {"requests": []}
    assert await shop.practice.status(placed) == "requested"
    assert (await shop.answer(placed, "accept", "admin")).status_code == 200
    await shop.stage.deliver()
    await shop.stage.assert_all_laws_hold()


@pytest.mark.parametrize("body", [{"reason": "x" * 501}, {"reason": 5}, {"reason": "\x00"}, [], "no"])
async def test_a_reason_that_cannot_be_told(shop: Shop, body: Any) -> None:
    placed = await shop.practice.requested()
    problem(await shop.answer(placed, "decline", body=body), 422, "validation_failed")
    assert await shop.practice.status(placed) == "requested"
    await shop.stage.assert_all_laws_hold()


# ── more than was authorised ──


async def test_nobody_captures_more_than_was_authorised(shop: Shop) -> None:
    """F29: PostgreSQL refuses the intention, and Stripe the deed."""
    placed = await shop.practice.requested()
    insert = """INSERT INTO captures (capture_id, order_id, attempt_id, tenant_id, action, amount, currency, status, reason,
                                      actor, try_at, created_at)
                SELECT 'cap_by_hand', order_id, attempt_id, tenant_id, %s, %s, currency, 'owed', 'staff', 'operator', now(), now()
                  FROM attempts"""
    for action, amount in (("capture", 4501), ("cancel", 4501), ("capture", 0)):
        with pytest.raises(psycopg.Error) as refused:
            await shop.stage.execute(insert, action, amount)
        assert refused.value.sqlstate == "HF007"
    answer = await shop.stage.http.post(
        f"/v1/payment_intents/{placed.payment_intent_id}/capture",
        data={"amount_to_capture": 4501},
        auth=(shop.stage.sandbox.secret_key, ""),
    )
    assert answer.status_code == 400
    assert answer.json()["error"]["code"] == "amount_too_large"
    assert (await shop.answer(placed, "accept")).status_code == 200
    with pytest.raises(psycopg.Error) as raised:
        await shop.stage.execute("UPDATE captures SET amount = amount + 1")
    assert raised.value.sqlstate == "HF007"
    await shop.stage.deliver()
    await shop.stage.assert_all_laws_hold()


# ── moving ──


async def test_moved_into_nothing(shop: Shop) -> None:
    placed = await shop.practice.requested()
    at, lesson = shop.practice.at, shop.practice.services[LESSON]
    taken = await shop.practice.ask(at=at(hour=14))
    said = {
        "It is at that time already.": at(),
        "That time is past.": at(days=-1),
        "That time is not offered; choose one of the free ones.": at(hour=3),
    }
    for sentence, to in said.items():
        assert problem(await shop.move(placed, to), 422, "validation_failed")["detail"] == sentence
    told = problem(await shop.move(placed, at(hour=14)), 409, "slot_taken")
    assert len(told["free"]) == 5
    chat = slot_id(shop.practice.services[FREE_CHAT], at(hour=12))
    for slot in ("nonsense", chat, slot_id(lesson, at(days=400))):
        problem(await shop.move(placed, slot), 422, "validation_failed")
    problem(await shop.post(f"/api/bookings/{placed.reference}/reschedule", {"token": placed.token}), 422,
            "validation_failed")  # fmt: skip
    row = await shop.stage.row(
        "SELECT starts_at, times_rescheduled FROM orders WHERE order_id = %s", placed.order_id
    )
    assert row == {"starts_at": at(), "times_rescheduled": 0}
    assert await shop.practice.status(taken) == "pending"
    await shop.stage.assert_all_laws_hold()


async def test_moved_by_whom_it_does_not_belong_to(shop: Shop) -> None:
    placed = await shop.practice.requested()
    other = await shop.practice.ask(at=shop.practice.at(hour=12))
    to = shop.practice.at(hour=15)
    problem(await shop.move(placed, to, token=other.token), 404, "not_found")
    problem(await shop.move(placed, to, token="forged"), 404, "not_found")
    problem(await shop.move(placed, to, token=None), 401, "unauthorized")
    path, slot = f"/api/bookings/{placed.reference}/reschedule", slot_id(shop.practice.services[LESSON], to)
    problem(await shop.post(path, {"slot_id": slot}, "door"), 401, "unauthorized")
    problem(await shop.post("/api/bookings/NOSUCH/reschedule", {"slot_id": slot}, "admin"), 404, "not_found")
    assert (await shop.post(path, {"slot_id": slot}, "admin")).status_code == 200
    await shop.stage.assert_all_laws_hold()


async def test_moved_too_often_and_too_late(shop: Shop) -> None:
    placed = await shop.practice.requested()
    for hour, left in ((12, 1), (14, 0)):
        preview = await shop.move(placed, shop.practice.at(hour=hour), preview=True)
        done = await shop.move(placed, shop.practice.at(hour=hour))
        assert (preview.json()["moves_left"], done.json()["moves_left"]) == (left, left)
    told = problem(await shop.move(placed, shop.practice.at(hour=16)), 409, "conflict")
    assert told["detail"] == "It was moved 2 times already, and that is the most."
    late = await shop.practice.requested(at=shop.practice.at(days=5))
    assert (await shop.answer(late, "accept")).status_code == 200
    await shop.stage.deliver()
    # A day before it begins it may still be moved; a second later not any more.
    await shop.stage.advance_to(shop.practice.at(days=5) - timedelta(days=1))
    assert (await shop.move(late, shop.practice.at(days=5, hour=15), preview=True)).status_code == 200
    await shop.stage.advance(seconds=1)
    told = problem(await shop.move(late, shop.practice.at(days=5, hour=15)), 409, "conflict")
    assert "until 1 day before" in told["detail"]
    await shop.stage.deliver()
    await shop.stage.assert_all_laws_hold()


async def test_moved_what_has_no_time_or_is_over(shop: Shop) -> None:
    message = await shop.practice.requested(MESSAGE)
    told = problem(
        await shop.move(message, slot_id(shop.practice.services[MESSAGE], shop.practice.at())),
        409,
        "conflict",
    )
    assert "no time" in told["detail"]
    declined = await shop.practice.requested()
    assert (await shop.answer(declined, "decline")).status_code == 200
    told = problem(await shop.move(declined, shop.practice.at(hour=14)), 409, "conflict")
    assert "declined" in told["detail"]
    await shop.stage.deliver()
    await shop.stage.assert_all_laws_hold()
