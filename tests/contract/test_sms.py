"""Bookings by SMS, as a till and a phone see them: the contract's section, and all that a stranger may get wrong."""

from __future__ import annotations

import itertools
from datetime import UTC, datetime
from typing import Any

import httpx
import pytest

from tests.contract.shop import Json, Shop, at_once, has_types, problem, until, utc

NUMBERS = itertools.count(300)
INITIATED = {
    "pending_booking_id": str,
    "reference": str,
    "sms_sent": bool,
    "message_id": str,
    "booking_url": str,
    "expires_at": str,
}
FIRST_SMS = {"message_id", "provider_sid", "to", "body", "status", "sent_at"}
PATH = "/api/bookings/initiate"


def a_number() -> str:
    return f"07700 900{next(NUMBERS)}"


def international(number: str) -> str:
    return "+44" + number.replace(" ", "")[1:]


def ask(shop: Shop, event: Json, number: Any, key: str | None = "bookings", **more: Any) -> httpx.Response:
    body = {"event_id": event["event_id"], "mobile_number": number, "seats": 2, **more}
    return shop.post(PATH, body, key=None if key is None else shop.key(key))


def begin(shop: Shop, event: Json, number: str | None = None, **more: Any) -> Json:
    answer = ask(shop, event, number or a_number(), **more)
    assert answer.status_code == 201, answer.text
    return dict(answer.json())


def texts(shop: Shop, number: str) -> list[Json]:
    messages = shop.control("messages").json()["messages"]
    return [one for one in messages if one["channel"] == "sms" and one["to"] == international(number)]


def staffs(shop: Shop, begun: Json) -> Json:
    return shop.staff(f"/api/admin/bookings/{begun['pending_booking_id']}")


def test_a_booking_begins_with_an_sms_and_holds_its_seats(shop: Shop) -> None:
    event, number = shop.event(), a_number()
    begun = begin(shop, event, number)
    has_types(begun, INITIATED)
    assert begun["sms_sent"] is True
    assert utc(begun["expires_at"]) > datetime.now(UTC)
    [text] = texts(shop, number)
    assert begun["booking_url"] in text["text"]
    seats = shop.availability(event["event_id"])
    assert (seats["held"], seats["booked"]) == (2, 0)
    shown = staffs(shop, begun)
    assert (shown["status"], shown["source"]) == ("pending", "sms")
    first = shown["metadata"]["initial_sms"]
    assert set(first) == FIRST_SMS
    assert (first["message_id"], first["to"]) == (begun["message_id"], international(number))
    assert first["provider_sid"] == text["sid"]
    until(lambda: staffs(shop, begun)["metadata"]["initial_sms"]["status"] == "delivered", "its receipt")
    page = shop.client.get(begun["booking_url"], headers={"Accept": "text/html"})
    assert page.status_code == 200
    assert event["title"] in page.text


@pytest.mark.parametrize("header", ["Authorization", "X-API-Key"])
def test_the_key_in_either_header(shop: Shop, room: Json, header: str) -> None:
    value = shop.key("bookings")
    headers = {header: f"Bearer {value}" if header == "Authorization" else value}
    body = {"event_id": str(room["event_id"]), "mobile_number": a_number()}
    assert shop.post(PATH, body, headers=headers).status_code == 201


def test_two_ways_to_write_a_number_are_one_person(shop: Shop) -> None:
    event, number = shop.event(), a_number()
    first = begin(shop, event, number)
    for same in (number, international(number), number.replace(" ", "")):
        assert begin(shop, event, same)["pending_booking_id"] == first["pending_booking_id"]
    assert len(texts(shop, number)) == 1
    assert shop.availability(event["event_id"])["held"] == 2


def test_twenty_calls_at_once_are_one_booking(shop: Shop) -> None:
    event, number = shop.event(), a_number()
    answers = at_once(lambda _: ask(shop, event, number), 20)
    assert {answer.status_code for answer in answers} <= {201, 202}, [a.text for a in answers]
    assert len({answer.json()["pending_booking_id"] for answer in answers}) == 1
    until(lambda: len(texts(shop, number)) == 1, "one SMS")
    assert shop.availability(event["event_id"])["held"] == 2


def test_completed_and_paid_the_guest_hears_by_sms(shop: Shop) -> None:
    event, number = shop.event(), a_number()
    begun = begin(shop, event, number)
    token = begun["booking_url"].rpartition("/")[2]
    unit = event["units"][1]["unit_id"]
    path = f"/api/bookings/{begun['reference']}/complete"
    body = {
        "token": token,
        "units": [{"unit_id": unit, "seats": 1}],
        "menu": [{"item_id": event["menu"][0]["item_id"], "quantity": 1}],
        "customer": {"name": "Texted Guest (demo)"},
    }
    placed = shop.post(path, body)
    assert placed.status_code == 200, placed.text
    booking = dict(placed.json())
    assert (booking["status"], booking["amount"]) == ("pending", 5000 + 1200)
    shop.pay(booking)
    until(lambda: shop.look(booking)["status"] == "confirmed", "paid and confirmed")
    until(lambda: len(texts(shop, number)) == 2, "the confirmation by SMS")
    assert {(one["kind"], one["channel"]) for one in shop.look(booking)["messages"]} == {
        ("booking_started", "sms"),
        ("booking_confirmed", "sms"),
    }
    problem(shop.post(path, body), 409, "conflict")


def test_a_free_event_waits_for_the_guests_yes(shop: Shop) -> None:
    event = shop.event(units=[{"label": "Floor", "capacity": 5, "price": 0}])
    begun = begin(shop, event)
    assert staffs(shop, begun)["status"] == "pending"
    body = {"token": begun["booking_url"].rpartition("/")[2], "customer": {"name": "Yes (demo)"}}
    done = shop.post(f"/api/bookings/{begun['reference']}/complete", body)
    assert (done.status_code, done.json()["status"]) == (200, "confirmed"), done.text


def test_looking_at_the_link_changes_nothing(shop: Shop) -> None:
    begun = begin(shop, shop.event())
    before = staffs(shop, begun)
    for _ in range(3):
        shop.client.get(begun["booking_url"], headers={"User-Agent": "facebookexternalhit/1.1"})
    after = staffs(shop, begun)
    for part in ("status", "timeline", "attempts", "units"):
        assert after[part] == before[part]


def test_the_provider_is_away_and_nothing_is_lost(shop: Shop) -> None:
    event, number = shop.event(), a_number()
    shop.faults(sms={"error": 1})
    try:
        answer = ask(shop, event, number)
    finally:
        shop.faults(sms={"error": 0})
    assert (answer.status_code, answer.json()["sms_sent"]) == (202, False), answer.text
    assert staffs(shop, answer.json())["metadata"]["initial_sms"]["status"] in {"queued", "sending"}
    assert shop.availability(event["event_id"])["held"] == 2


def test_who_may_not(shop: Shop, room: Json) -> None:
    problem(ask(shop, room, a_number(), key=None), 401, "unauthorized")
    body = {"event_id": room["event_id"], "mobile_number": a_number()}
    problem(shop.post(PATH, body, key="hf_nobody"), 401, "unauthorized")
    problem(ask(shop, room, a_number(), key="door"), 403, "forbidden")


@pytest.mark.parametrize(
    "number",
    ["020 7946 0018", "+1 212 555 0123", "12", "hello", "", None, 7700900123, ["07700 900123"], "9" * 4000],
    ids=lambda number: str(number)[:20],
)
def test_numbers_that_get_no_sms(shop: Shop, room: Json, number: Any) -> None:
    refused = problem(ask(shop, room, number), 422, "validation_failed")
    assert refused["detail"]


@pytest.mark.parametrize("seats", [0, -1, 1.5, "2", 10**9, None, True])
def test_seats_that_are_no_number_of_seats(shop: Shop, room: Json, seats: Any) -> None:
    problem(ask(shop, room, a_number(), seats=seats), 422, "validation_failed")


def test_events_that_cannot_be_had(shop: Shop) -> None:
    problem(ask(shop, {"event_id": 999_999_999}, a_number()), 404, "not_found")
    problem(ask(shop, {"event_id": 34}, a_number()), 409)
    full = shop.event(units=[{"label": "Nook", "capacity": 2, "price": 5000}])
    begin(shop, full)
    refused = problem(ask(shop, full, a_number()), 409, "sold_out")
    assert refused["free"] == []


@pytest.mark.parametrize("body", [b"", b"[]", b"null", b"{", b'{"event_id": 35}', b"\xff\xfe"])
def test_no_request_at_all(shop: Shop, body: bytes) -> None:
    headers = {"Content-Type": "application/json", "Authorization": f"Bearer {shop.key('bookings')}"}
    answer = shop.client.post(f"{shop.told['web']}{PATH}", content=body, headers=headers)
    assert answer.status_code in {400, 422}, answer.text
    assert answer.headers["content-type"].startswith("application/problem+json")


def test_forged_receipts_are_refused(shop: Shop) -> None:
    begun = begin(shop, shop.event())
    sid = staffs(shop, begun)["metadata"]["initial_sms"]["provider_sid"]
    forged = shop.client.post(
        f"{shop.told['web']}/api/webhooks/twilio",
        data={"MessageSid": sid, "MessageStatus": "failed", "ErrorCode": "30005"},
        headers={"X-Twilio-Signature": "AAAAAAAAAAAAAAAAAAAAAAAAAAA="},
    )
    assert forged.status_code in {400, 401, 403}, forged.text
    assert staffs(shop, begun)["metadata"]["initial_sms"]["status"] in {"sent", "delivered"}
