"""Messages that a person writes: to a booking's guest or to a number, within the limits, once each."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any

import pytest

from tests.messages.desk import NUMBER, inbound, listed, write
from tests.support.office import Office, open_office
from tests.support.system import Stage


@pytest.fixture
async def office(stage: Stage) -> AsyncIterator[Office]:
    async with open_office(stage) as opened:
        yield opened


async def test_written_by_hand_to_a_guest_by_either_channel(office: Office) -> None:
    stage = office.stage
    placed = await stage.paid()
    made = await write(office, booking=placed.reference, text="The kitchen opens\nat six.")
    assert made.status_code == 201, made.text
    no_number = await write(office, booking=placed.reference, text="x", channel="sms")
    assert no_number.status_code == 422
    assert "Nothing is known of this guest" in no_number.json()["detail"]
    await stage.execute(
        "UPDATE bookings SET contact_phone = %s WHERE booking_id = %s", NUMBER, placed.booking_id
    )
    by_sms = await write(office, booking=placed.booking_id, text="The kitchen opens at six.", channel="sms")
    assert by_sms.status_code == 201, by_sms.text
    await stage.run_jobs()
    notes = await listed(office, kind="note")
    assert [(one["channel"], one["recipient"], one["status"]) for one in notes] == [
        ("sms", NUMBER, "sent"),
        ("email", "guest@example.com", "sent"),
    ]
    assert all("kitchen opens" in one["body_text"] for one in notes)
    await stage.assert_all_laws_hold()


async def test_written_to_a_number_that_is_nobodys_and_joined_when_somebody_appears(office: Office) -> None:
    stage = office.stage
    made = await write(office, mobile_number="07700 900123", text="Your table is ready.")
    assert made.status_code == 201, made.text
    await stage.run_jobs()
    [note] = await listed(office, query="07700900123")
    assert (note["recipient"], note["customer_id"], note["booking_id"]) == (NUMBER, None, None)
    assert note["status"] == "sent"
    await inbound(office)
    await stage.execute(
        "INSERT INTO customers (customer_id, tenant_id, phone, created_at) VALUES ('cus_new', %s, %s, %s)",
        stage.event.tenant_id,
        NUMBER,
        stage.clock.now(),
    )
    [note] = await listed(office, customer_id="cus_new")
    assert note["recipient"] == NUMBER
    answers = await office.http.get(
        "/api/admin/messages/answers", params={"customer_id": "cus_new"}, headers=office.as_("admin")
    )
    assert [one["body"] for one in answers.json()["answers"]] == ["Can we bring the dog?"]
    await stage.assert_all_laws_hold()


@pytest.mark.parametrize(
    ("body", "status", "words"),
    [
        ({"text": "Hello"}, 422, "Say to whom"),
        ({"text": "Hello", "booking": "HF-22222222", "mobile_number": NUMBER}, 422, "Say to whom"),
        ({"text": "   ", "mobile_number": NUMBER}, 422, ""),
        ({"text": "x" * 801, "mobile_number": NUMBER}, 422, ""),
        ({"text": "Hello", "booking": "HF-22222222"}, 404, "no such booking"),
        ({"text": "Hello", "mobile_number": "12"}, 422, "not a telephone number"),
        ({"text": "Hello", "mobile_number": "+44 20 7946 0018"}, 422, "landline"),
        ({"text": "Hello", "mobile_number": "+1 212 555 2368"}, 422, ""),
        ({"text": "Hello", "mobile_number": NUMBER, "channel": "email"}, 422, "goes an SMS"),
        ({"text": 5, "mobile_number": NUMBER}, 422, ""),
    ],
)
async def test_what_cannot_be_written_is_refused_with_a_sentence(
    office: Office, body: dict[str, Any], status: int, words: str
) -> None:
    answer = await write(office, **body)
    assert answer.status_code == status, answer.text
    assert words in answer.json()["detail"]
    assert await listed(office) == []


async def test_whoever_opted_out_gets_none_by_hand_either(office: Office) -> None:
    await office.stage.execute(
        "INSERT INTO opt_outs (tenant_id, phone, at, cause) VALUES (%s, %s, %s, 'STOP')",
        office.stage.event.tenant_id,
        NUMBER,
        office.stage.clock.now(),
    )
    answer = await write(office, mobile_number=NUMBER, text="Hello")
    assert (answer.status_code, answer.json()["code"]) == (409, "opted_out")
    await office.sign_in()
    page = await office.http.post(
        "/staff/messages/write", data={"number": NUMBER, "text": "Typed with care", "form_id": "frm_1"}
    )
    assert page.status_code == 409
    assert "no more SMS" in page.text
    assert "Typed with care" in page.text  # nothing typed is lost


async def test_a_number_gets_so_many_an_hour_whoever_writes(office: Office) -> None:
    for n in range(5):
        assert (await write(office, mobile_number=NUMBER, text=f"Number {n}")).status_code == 201
    refused = await write(office, mobile_number=NUMBER, text="One too many")
    assert (refused.status_code, refused.json()["code"]) == (429, "rate_limited")


async def test_pressed_twice_it_is_one_message(office: Office) -> None:
    await office.sign_in()
    form = {"number": NUMBER, "text": "Once", "form_id": "frm_of_this_page"}
    first = await office.http.post("/staff/messages/write", data=form)
    second = await office.http.post("/staff/messages/write", data=form)
    assert first.status_code == 303, first.text
    assert first.headers["location"] == second.headers["location"]
    placed = await office.stage.paid()
    form = {"booking": placed.booking_id, "text": "Once", "form_id": "frm_of_that_page"}
    first = await office.http.post("/staff/messages/write", data=form)
    second = await office.http.post("/staff/messages/write", data=form)
    assert first.headers["location"] == second.headers["location"]
    key = {"Idempotency-Key": "note-1", **office.as_("admin")}
    body = {"booking": placed.reference, "text": "Twice asked"}
    made = [await office.http.post("/api/admin/messages", json=body, headers=key) for _ in range(2)]
    assert made[0].json() == made[1].json()
    assert len(await listed(office, kind="note")) == 3
