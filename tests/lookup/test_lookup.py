"""A guest who paid asks: Stripe is asked, the booking is put right, and the link goes to the address on record only."""

from __future__ import annotations

import json
from datetime import timedelta
from typing import Any

from holdfast.ids import booking_token
from holdfast.lookup.actions import Question, ask, sentence
from holdfast.lookup.jobs import answer_due
from tests.payments.test_recover import restore_yesterdays_backup
from tests.support.system import Row, Stage

GUEST = "guest@example.com"


async def asked(stage: Stage, contact: str = GUEST, **proof: Any) -> str:
    """Asked and answered; says the sentence."""
    tenant = await stage.row("SELECT * FROM tenants WHERE tenant_id = %s", stage.event.tenant_id)
    said = await ask(stage.system, Question(contact, **(proof or {"card_last4": "4242"})), tenant)
    await answer_due(stage.system)
    assert said == sentence(tenant)
    return said


async def outcome(stage: Stage) -> Row:
    return (await stage.rows("SELECT * FROM lookups ORDER BY created_at DESC, lookup_id DESC"))[0]


async def links(stage: Stage) -> list[Row]:
    return await stage.rows("SELECT * FROM messages WHERE kind = 'booking_link' ORDER BY created_at")


async def test_paid_and_nobody_told_us(stage: Stage) -> None:
    placed = await stage.book()
    assert await stage.pay(placed.checkout_session_id) == 303
    await asked(stage, paid="£170.00")
    assert await stage.status(placed) == "confirmed"
    assert await stage.messages(placed) == ["booking_confirmed", "booking_link"]
    await stage.run_jobs()
    [message] = await links(stage)
    assert (message["status"], message["recipient"]) == ("sent", GUEST)
    assert "[secret]" in message["body_text"]  # the link itself is not kept
    mails = (await stage.http.get("/control/messages")).json()
    token = booking_token(stage.system.settings.secret_key, placed.booking_id)
    assert f"http://shop.test/b/{token}" in json.dumps(mails)
    done = await outcome(stage)
    assert (done["outcome"], done["contact"], done["proof"]) == ("sent", None, {})
    await stage.assert_all_laws_hold()


async def test_f25_the_database_lost_it(stage: Stage) -> None:
    """Drill 11, found by the guest: Stripe lists the session by its address, the snapshot in it brings the booking back."""
    placed = await stage.book(email="ada@example.com")
    assert await stage.pay(placed.checkout_session_id) == 303
    await restore_yesterdays_backup(stage)
    await asked(stage, "ADA@example.com", amount=placed.amount)
    assert await stage.status(placed) == "confirmed"
    assert [one["recipient"] for one in await links(stage)] == ["ada@example.com"]
    await stage.assert_all_laws_hold()


async def test_money_of_another_system_is_booked_or_becomes_a_task(stage: Stage) -> None:
    mapped = {"eventId": str(stage.event.offering_id), "seats": "2", "customerName": "Ada Example"}
    await stage.foreign_session(customer_details={"email": GUEST}, metadata=mapped)
    await stage.foreign_session(customer_details={"email": GUEST}, metadata={"cart": "17"}, amount=500)
    await asked(stage)
    found = await stage.row("SELECT status, contact_email FROM bookings")
    assert (found["status"], found["contact_email"]) == ("confirmed", GUEST)
    assert await stage.tasks() == ["unexplained_money"]
    assert len(await links(stage)) == 1
    await stage.assert_all_laws_hold()


async def test_another_installations_money_is_left_to_it(stage: Stage) -> None:
    """F58: two installations share the account."""
    await stage.foreign_session(customer_details={"email": GUEST}, metadata={"app_instance": "hfother"})
    await asked(stage)
    assert await stage.tasks() == []
    assert (await outcome(stage))["outcome"] == "nothing"


async def test_a_stranger_learns_nothing_and_sends_nothing(stage: Stage) -> None:
    placed = await stage.paid()
    right = await asked(stage, card_last4="4242")
    wrong = await asked(stage, card_last4="9999")
    nobody = await asked(stage, "nobody@example.com", paid="1.00")
    assert right == wrong == nobody
    assert len(await links(stage)) == 1
    assert await stage.messages(placed) == ["booking_confirmed", "booking_link"]
    assert await stage.tasks() == []


async def test_one_link_an_hour(stage: Stage) -> None:
    await stage.paid()
    await stage.advance_to(stage.clock.now().replace(minute=0) + timedelta(hours=1))
    await asked(stage)
    await asked(stage)
    assert len(await links(stage)) == 1
    await stage.advance(hours=1)
    await asked(stage)
    assert len(await links(stage)) == 2
    await stage.assert_all_laws_hold("message_is_sent_once")


async def test_stripe_is_away_and_comes_back(stage: Stage) -> None:
    """F23: not knowing is not finding nothing. A person is told, the question stays, and the answer comes by itself."""
    placed = await stage.book()
    assert await stage.pay(placed.checkout_session_id) == 303
    await stage.stripe_away()
    await asked(stage)
    waiting = await outcome(stage)
    assert (waiting["outcome"], waiting["tries"], waiting["contact"]) == (None, 1, GUEST)
    [task] = await stage.rows("SELECT * FROM tasks")
    assert (task["kind"], task["done_at"], task["tenant_id"]) == (
        "customer_asks",
        None,
        stage.event.tenant_id,
    )
    assert GUEST not in task["sentence"] + task["subject"]
    assert task["detail"]["contact"] == GUEST
    await asked(stage)
    assert await stage.tasks() == ["customer_asks"]  # one a contact and day
    await stage.stripe_back()
    assert await answer_due(stage.system) == 0  # not due yet
    await stage.advance(minutes=1)
    assert await answer_due(stage.system) == 2
    assert await stage.status(placed) == "confirmed"
    assert len(await links(stage)) == 1
    [task] = await stage.rows("SELECT * FROM tasks")
    assert task["done_by"] == "worker"
    await stage.assert_all_laws_hold()


async def test_after_a_day_a_person_has_it(stage: Stage) -> None:
    await stage.stripe_away()
    await asked(stage)
    await stage.advance(hours=25)
    await answer_due(stage.system)
    given_up = await outcome(stage)
    assert (given_up["outcome"], given_up["contact"]) == ("unanswered", None)
    [task] = await stage.rows("SELECT * FROM tasks")
    assert task["done_at"] is None


async def test_a_worker_that_dies_loses_no_question(stage: Stage) -> None:
    placed = await stage.paid()
    tenant = await stage.row("SELECT * FROM tenants WHERE tenant_id = %s", stage.event.tenant_id)
    await ask(stage.system, Question(GUEST, card_last4="4242"), tenant)
    await stage.execute(
        "UPDATE lookups SET tries = 1, try_at = %s", stage.clock.now() + timedelta(minutes=5)
    )  # claimed, then dead
    assert await answer_due(stage.system) == 0
    await stage.advance(minutes=5)
    assert await answer_due(stage.system) == 1
    assert "booking_link" in await stage.messages(placed)


async def test_by_telephone_and_without_an_address_the_link_goes_by_sms_and_a_person_sees_to_it(
    stage: Stage,
) -> None:
    placed = await stage.paid()
    await stage.execute(
        "UPDATE bookings SET contact_email = NULL, contact_phone = '+447700900123' WHERE booking_id = %s",
        placed.booking_id,
    )
    await asked(stage, "07700 900123")
    [task] = await stage.rows("SELECT * FROM tasks")
    assert (task["kind"], task["order_id"]) == ("customer_asks", placed.order_id)
    assert [(one["channel"], one["status"]) for one in await links(stage)] == [("sms", "queued")]


async def test_another_tenants_guests_are_not_asked_about(stage: Stage) -> None:
    await stage.paid()
    other = await stage.row(
        """INSERT INTO tenants (slug, name, created_at) VALUES ('other', 'Another', %s) RETURNING *""",
        stage.clock.now(),
    )
    await ask(stage.system, Question(GUEST, card_last4="4242"), other)
    await answer_due(stage.system)
    assert await links(stage) == []
    await ask(stage.system, Question(GUEST, card_last4="4242"), None)  # whichever business it was
    await answer_due(stage.system)
    assert len(await links(stage)) == 1


async def test_what_is_over_is_forgotten(stage: Stage) -> None:
    await asked(stage)
    await stage.advance(days=8)
    await answer_due(stage.system)
    assert await stage.rows("SELECT * FROM lookups") == []
