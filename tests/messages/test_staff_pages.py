"""Messages as staff see them, by key and in the browser: every one with its statuses, again, the other way, answers."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any

import pytest

from holdfast.messages.inbound import Inbound, take_in
from tests.messages.desk import NUMBER, inbound, listed, write
from tests.support.office import Office, open_office
from tests.support.system import Stage


@pytest.fixture
async def office(stage: Stage) -> AsyncIterator[Office]:
    async with open_office(stage) as opened:
        yield opened


async def test_a_message_is_on_record_with_every_status_and_its_time(office: Office) -> None:
    placed = await office.stage.paid()
    [told] = await listed(office, kind="booking_confirmed")
    assert (told["channel"], told["recipient"], told["status"]) == ("email", "guest@example.com", "sent")
    assert told["reference"] == placed.reference
    assert told["customer_id"] == placed.customer_id
    assert told["cause"]
    history = [(entry["status"], entry["source"]) for entry in told["history"]]
    assert history[0][0] == "queued"
    assert history[-1] == ("sent", "worker")
    times = [entry["at"] for entry in told["history"]]
    assert times == sorted(times)
    one = await office.http.get(f"/api/admin/messages/{told['message_id']}", headers=office.as_("admin"))
    assert one.json() == told
    assert placed.token not in one.text  # staff see the words, not the secret of the guest's link
    await office.sign_in()
    page = await office.http.get("/staff/messages")
    assert placed.reference in page.text
    assert "Words and history" in page.text
    await office.stage.assert_all_laws_hold()


@pytest.mark.parametrize(
    ("asked", "fits"),
    [
        ({"status": "sent"}, True),
        ({"status": "failed"}, False),
        ({"channel": "email"}, True),
        ({"channel": "sms"}, False),
        ({"kind": "booking_confirmed"}, True),
        ({"kind": "reminder"}, False),
        ({"query": "GUEST@EXAMPLE"}, True),
        ({"query": "nobody at all"}, False),
        ({"query": "%"}, False),
        ({"event_id": "own"}, True),
        ({"event_id": 4711}, False),
    ],
)
async def test_filters(office: Office, asked: dict[str, Any], fits: bool) -> None:
    placed = await office.stage.paid()
    if asked.get("event_id") == "own":
        asked = {"event_id": office.stage.event.offering_id}
    found = await listed(office, **asked)
    if asked.get("query") == "%":  # it means itself, and may stand in a body
        assert all("%" in str(one["body_text"]) for one in found)
        return
    assert (placed.reference in {one["reference"] for one in found}) is fits
    await office.sign_in()
    params = {("event" if name == "event_id" else name): value for name, value in asked.items()}
    page = await office.http.get("/staff/messages", params=params)
    assert page.status_code == 200
    assert (f"/staff/bookings/{placed.booking_id}" in page.text) is fits


async def test_pages_of_many(office: Office) -> None:
    for table in range(3):
        await office.stage.paid(table=table, email=f"guest{table}@example.com")
    first = await listed(office, kind="booking_confirmed", limit=2)
    rest = await listed(office, kind="booking_confirmed", limit=2, after=first[-1]["message_id"])
    assert [one["recipient"] for one in first + rest] == [f"guest{table}@example.com" for table in (2, 1, 0)]


async def test_nobody_else_learns_of_a_message(office: Office) -> None:
    await office.stage.paid()
    [told] = await listed(office, kind="booking_confirmed")
    paths = (
        "/api/admin/messages",
        "/api/admin/messages/answers",
        f"/api/admin/messages/{told['message_id']}",
    )
    for path in paths:
        assert (await office.http.get(path)).status_code == 401, path
        assert (await office.http.get(path, headers=office.as_("bookings"))).status_code == 403, path
    foreign = await office.http.get("/api/admin/messages", headers=office.as_("other"))
    assert foreign.json() == {"messages": []}
    assert (await office.http.get(paths[2], headers=office.as_("other"))).status_code == 404
    again = f"/api/admin/messages/{told['message_id']}/again"
    assert (await office.http.post(again, json={}, headers=office.as_("other"))).status_code == 404
    await office.sign_in("door")
    for page in ("/staff/messages", "/staff/messages/write", "/staff/messages/answers"):
        assert (await office.http.get(page)).status_code == 403, page
    await office.sign_in("other")
    assert (await office.http.get(f"/staff/messages/{told['message_id']}")).status_code == 404
    assert "guest@example.com" not in (await office.http.get("/staff/messages")).text


async def test_bad_filters_get_a_clear_answer(office: Office) -> None:
    for params in (
        {"status": "gone"},
        {"channel": "pigeon"},
        {"event_id": 0},
        {"limit": 1000},
        {"query": "\0"},
    ):
        answer = await office.http.get("/api/admin/messages", params=params, headers=office.as_("admin"))
        assert answer.status_code == 422, params
    await office.sign_in()
    for query in ("status=gone", "event=x", "event=99999999999999999999", "after=msg_none", "kind=%27"):
        assert (await office.http.get(f"/staff/messages?{query}")).status_code == 200, query


async def test_send_again_by_the_same_and_by_the_other_channel(office: Office) -> None:
    stage = office.stage
    placed = await stage.paid()
    [told] = await listed(office, kind="booking_confirmed")
    address = f"/api/admin/messages/{told['message_id']}/again"
    again = await office.http.post(address, json={}, headers=office.as_("admin"))
    assert again.status_code == 201, again.text
    other = await office.http.post(address, json={"channel": "other"}, headers=office.as_("admin"))
    assert (other.status_code, other.json()["detail"]) == (422, "No telephone number is known for it.")
    await stage.execute(
        "UPDATE bookings SET contact_phone = %s WHERE booking_id = %s", NUMBER, placed.booking_id
    )
    other = await office.http.post(address, json={"channel": "other"}, headers=office.as_("admin"))
    assert other.status_code == 201, other.text
    await stage.run_jobs()
    one = (
        await office.http.get(
            f"/api/admin/messages/{other.json()['message_id']}", headers=office.as_("admin")
        )
    ).json()
    assert (one["channel"], one["recipient"], one["status"]) == ("sms", NUMBER, "sent")
    assert one["instead_of"] == told["message_id"]
    assert one["segments"] >= 1
    assert one["provider_id"].startswith("SM")
    assert one["cause"].startswith("staff:")
    old = (
        await office.http.get(f"/api/admin/messages/{told['message_id']}", headers=office.as_("admin"))
    ).json()
    assert old["replaced_by"] == one["message_id"]
    view = await stage.story(placed)
    assert [m["kind"] for m in view["messages"]].count("booking_confirmed") == 3
    await stage.assert_all_laws_hold()


async def test_buttons_on_the_page(office: Office) -> None:
    placed = await office.stage.paid()
    [told] = await listed(office, kind="booking_confirmed")
    await office.sign_in()
    page = f"/staff/messages/{told['message_id']}"
    done = await office.http.post(f"{page}/again", data={"back": f"/staff/bookings/{placed.booking_id}"})
    assert done.headers["location"] == f"/staff/bookings/{placed.booking_id}?said=sent-again"
    for elsewhere in ("https://evil.example/", "//evil.example/staff/", "/staff/../x\\y", "/elsewhere"):
        await office.stage.run_jobs()
        done = await office.http.post(f"{page}/again", data={"back": elsewhere})
        assert done.headers["location"].startswith("/staff/messages?"), elsewhere
    refused = await office.http.post(f"{page}/other-channel", data={"back": "/staff/messages"})
    assert refused.status_code == 422
    assert "No telephone number is known" in refused.text


async def test_answers_are_shown_and_marked_as_read(office: Office) -> None:
    inbound_id = await inbound(office)
    await inbound(office, "STOP", meaning="stop")
    await office.sign_in()
    page = await office.http.get("/staff/messages")
    assert "Unread answers" in page.text
    assert "Can we bring the dog?" in page.text
    done = await office.http.post(
        f"/staff/messages/answers/{inbound_id}/read", data={"back": "/staff/messages/answers"}
    )
    assert done.headers["location"] == "/staff/messages/answers?said=read"
    assert "Unread answers" not in (await office.http.get("/staff/messages")).text
    all_of_them = await office.http.get("/staff/messages/answers")
    assert "Can we bring the dog?" in all_of_them.text
    assert "Wants no more SMS" in all_of_them.text
    [one] = await office.stage.rows("SELECT * FROM inbound_messages WHERE inbound_id = %s", inbound_id)
    assert one["read_by"].startswith("staff:")
    before = one["read_at"]
    await office.stage.advance(minutes=5)
    twice = await office.http.post(
        f"/api/admin/messages/answers/{inbound_id}/read", headers=office.as_("admin")
    )
    assert twice.status_code == 204
    [one] = await office.stage.rows("SELECT * FROM inbound_messages WHERE inbound_id = %s", inbound_id)
    assert one["read_at"] == before
    unread = await office.http.get(
        "/api/admin/messages/answers", params={"unread": True}, headers=office.as_("admin")
    )
    assert unread.json() == {"answers": []}
    for who, status in (("other", 404), ("bookings", 403)):
        refused = await office.http.post(
            f"/api/admin/messages/answers/{inbound_id}/read", headers=office.as_(who)
        )
        assert refused.status_code == status


async def test_reading_an_answer_is_doing_its_task(office: Office) -> None:
    stage = office.stage
    placed = await stage.paid()
    await stage.execute(
        "UPDATE bookings SET contact_phone = %s WHERE booking_id = %s", NUMBER, placed.booking_id
    )
    assert (await write(office, booking=placed.reference, channel="sms", text="See you")).status_code == 201
    async with stage.system.database.transaction() as conn:
        told = Inbound("SM1", NUMBER, "We are one more")
        assert await take_in(conn, stage.system.ids, stage.clock.now(), told) == placed.booking_id
    assert await stage.tasks() == ["sms_answer"]
    await office.sign_in()
    page = await office.http.get(f"/staff/bookings/{placed.booking_id}")
    assert "We are one more" in page.text
    assert "Answered by SMS" in page.text
    [one] = await stage.rows("SELECT inbound_id FROM inbound_messages")
    await office.http.post(f"/staff/messages/answers/{one['inbound_id']}/read")
    [task] = await stage.rows("SELECT done_by FROM tasks")
    assert task["done_by"].startswith("staff:")
    await stage.assert_all_laws_hold()


async def test_what_somebody_wrote_is_text_and_nothing_else(office: Office) -> None:
    await inbound(office, "<script>alert(1)</script>")
    await office.sign_in()
    page = await office.http.get("/staff/messages")
    assert "<script>alert(1)" not in page.text
    assert "&lt;script&gt;" in page.text


async def test_messages_of_one_booking_on_its_page_and_of_one_event(office: Office) -> None:
    placed = await office.stage.paid()
    other = await office.stage.paid(table=1, email="other@example.com")
    await inbound(office, "We come later", booking_id=placed.booking_id)
    await office.sign_in()
    page = await office.http.get(f"/staff/bookings/{placed.booking_id}")
    assert "Words and history" in page.text
    assert "We come later" in page.text
    assert f"/staff/customers/{placed.customer_id}" in page.text
    assert "other@example.com" not in page.text
    [told] = await listed(office, booking_id=placed.booking_id)
    again = await office.http.post(f"/staff/bookings/{placed.reference}/messages/{told['message_id']}/again")
    assert again.headers["location"] == f"/staff/bookings/{placed.booking_id}?said=sent-again"
    of_event = await office.http.get("/staff/messages", params={"event": office.stage.event.offering_id})
    assert placed.reference in of_event.text
    assert other.reference in of_event.text
    assert (
        f"/staff/messages?event={office.stage.event.offering_id}"
        in (await office.http.get("/staff/today")).text
    )
    await office.stage.assert_all_laws_hold()
