"""Dinner and show: availability, booking, the guest's and the staff's view, cancelling, the kitchen."""

from __future__ import annotations

from datetime import datetime

import httpx
import pytest

from tests.contract.shop import Json, Shop, at_once, guest, has_types, in_the_future, problem, until, utc

PLACED = {
    "order_id": str,
    "booking_id": str,
    "reference": str,
    "token": str,
    "status": str,
    "amount": int,
    "currency": str,
    "expires_at": str,
    "checkout_session_id": str,
    "checkout_url": str,
    "booking_url": str,
}
UNIT = {
    "unit_id": int,
    "label": str,
    "capacity": int,
    "booked": int,
    "held": int,
    "available": int,
    "status": str,
}
SHOWN = {
    "reference",
    "status",
    "amount",
    "amount_paid",
    "amount_refunded",
    "units",
    "menu",
    "customer",
    "messages",
}


def test_availability(shop: Shop) -> None:
    event = shop.event()
    shop.book(event, seats=2)
    shop.confirmed(event, seats=2, unit=1)
    shop.confirmed(event, seats=1, unit=2)
    found = shop.availability(event["event_id"])
    assert set(found) >= {"event_id", "capacity", "booked", "held", "available", "units", "as_of"}
    assert (found["event_id"], found["capacity"]) == (event["event_id"], 16)
    assert (found["booked"], found["held"], found["available"]) == (3, 2, 11)
    for unit in found["units"]:
        has_types(unit, UNIT)
    assert [unit["status"] for unit in found["units"]] == ["partial", "booked", "partial"]
    utc(found["as_of"])
    shop.book(event, seats=2)
    assert shop.availability(event["event_id"])["units"][0]["status"] == "held"
    problem(shop.get("/api/events/999999/availability"), 404, "not_found")
    problem(shop.get("/api/events/abc/availability"), 404, "not_found")


def test_the_events_of_the_demo_are_what_the_api_says(shop: Shop) -> None:
    assert 35 in {event["id"] for event in shop.told["events"]}
    assert shop.availability(35)["event_id"] == 35


def test_a_booking_is_placed_paid_and_shown(shop: Shop) -> None:
    event = shop.event()
    food, _, wine = event["menu"]
    menu = [{"item_id": food["item_id"], "quantity": 2}, {"item_id": wine["item_id"], "quantity": 1}]
    customer = guest() | {"phone": "07700 900123"}
    before = datetime.now().astimezone()
    booking = shop.book(event, menu=menu, customer=customer)
    has_types(booking, PLACED)
    assert booking["status"] == "pending"
    assert (booking["amount"], booking["currency"]) == (2 * 5000 + 2 * 1200 + 2500, "GBP")
    assert booking["checkout_session_id"].startswith("cs_")
    assert booking["checkout_url"] == f"{shop.told['sandbox']}/pay/{booking['checkout_session_id']}"
    assert booking["booking_url"] == f"{shop.told['web']}/b/{booking['token']}"
    assert 29 * 60 < (utc(booking["expires_at"]) - before).total_seconds() < 31 * 60
    session = shop.stripe(booking["checkout_session_id"])
    assert (session["amount_total"], session["currency"], session["status"]) == (14900, "gbp", "open")
    assert session["metadata"], "the booking travels with the money"

    held = shop.look(booking)
    assert set(held) >= SHOWN
    assert (held["status"], held["amount_paid"]) == ("pending", 0)
    back = shop.pay(booking).headers["location"]
    assert back.startswith(f"{shop.told['web']}/b/{booking['token']}")
    until(lambda: shop.look(booking)["status"] == "confirmed", "paid and confirmed")
    until(lambda: [m["status"] for m in shop.look(booking)["messages"]] == ["sent"], "the mail is sent")
    shown = shop.look(booking)
    assert (shown["amount"], shown["amount_paid"], shown["amount_refunded"]) == (14900, 14900, 0)
    assert (shown["units"][0]["unit_id"], shown["units"][0]["seats"]) == (event["units"][0]["unit_id"], 2)
    assert {(line["item_id"], line["quantity"]) for line in shown["menu"]} == {
        (food["item_id"], 2),
        (wine["item_id"], 1),
    }
    assert shown["customer"]["email"] == customer["email"]
    assert shown["customer"]["phone"] == "+447700900123"
    assert (shown["messages"][0]["kind"], shown["messages"][0]["channel"]) == ("booking_confirmed", "email")
    seats = shop.availability(event["event_id"])
    assert (seats["booked"], seats["held"]) == (2, 0)


def test_the_mail_has_text_html_qr_calendar_and_link(shop: Shop) -> None:
    booking = shop.confirmed(event := shop.event())
    email = shop.look(booking)["customer"]["email"]
    until(lambda: len(shop.mails(email)) == 1, "one mail")
    [mail] = shop.mails(email)
    assert booking["reference"] in mail["subject"]
    for part in ("text", "html"):
        assert booking["booking_url"] in mail[part]
        assert event["title"] in mail[part]
    kinds = {attached["content_type"].partition(";")[0] for attached in mail["attachments"]}
    assert "text/calendar" in kinds
    assert "image/png" in kinds


def test_the_link_opens_the_page_with_qr_and_calendar(shop: Shop) -> None:
    booking = shop.confirmed(shop.event())
    page = shop.client.get(booking["booking_url"], headers={"Accept": "text/html"})
    assert page.status_code == 200
    assert booking["reference"] in page.text
    assert ".svg" in page.text or "<svg" in page.text
    assert ".ics" in page.text
    assert shop.get("/b/0123456789abcdefABCDEF01").status_code == 404


def test_a_free_booking_is_confirmed_at_once_without_stripe(shop: Shop) -> None:
    event = shop.event(units=[{"label": "Floor", "capacity": 5, "price": 0}])
    sessions = len(shop.ledger("checkout.session"))
    booking = shop.book(event, seats=1)
    assert (booking["status"], booking["amount"]) == ("confirmed", 0)
    assert booking["checkout_session_id"] is None
    assert booking["checkout_url"] is None
    assert len(shop.ledger("checkout.session")) == sessions
    email = shop.look(booking)["customer"]["email"]
    until(lambda: len(shop.mails(email)) == 1, "its mail comes too")


def test_a_whole_table(shop: Shop) -> None:
    event = shop.event(
        units=[{"label": "Round", "capacity": 6, "price": 15000, "pricing": "per_unit", "kind": "table"}]
    )
    booking = shop.book(event, seats=4)
    assert booking["amount"] == 15000
    assert shop.availability(event["event_id"])["available"] == 0
    sold_out = problem(shop.try_booking(event, seats=1), 409, "sold_out")
    assert sold_out["free"] == []


def test_sold_out_says_what_is_free(shop: Shop) -> None:
    event = shop.event()
    shop.book(event, seats=3)
    refused = problem(shop.try_booking(event, seats=2), 409, "sold_out")
    free = {unit["unit_id"]: unit["available"] for unit in refused["free"]}
    assert free == {unit["unit_id"]: left for unit, left in zip(event["units"], (1, 2, 10), strict=True)}


@pytest.mark.parametrize("card", ["4000000000000002", "4000000000009995", "4000000000000069", "1234"])
def test_a_declined_card_keeps_the_hold_and_may_be_tried_again(shop: Shop, card: str) -> None:
    booking = shop.book(event := shop.event())
    declined = shop.hosted(booking, card=card, action="pay")
    assert declined.status_code != 303
    assert "declin" in declined.text.lower() or "card" in declined.text.lower()
    assert shop.look(booking)["status"] == "pending"
    assert shop.availability(event["event_id"])["held"] == 2
    shop.pay(booking)
    until(lambda: shop.look(booking)["status"] == "confirmed", "the second card pays")
    assert len(shop.staff(f"/api/admin/bookings/{booking['reference']}")["payments"]) == 1


def test_a_token_that_does_not_fit(shop: Shop, room: Json) -> None:
    one, other = shop.book(room, 1), shop.book(room, 1)
    path = f"/api/bookings/{one['reference']}"
    for token in ("", "x", other["token"], one["token"] + "x", one["token"].swapcase()):
        problem(shop.get(path, params={"token": token}), 404, "not_found")
    problem(shop.get("/api/bookings/HF-NOTHERE1", params={"token": one["token"]}), 404, "not_found")
    problem(shop.get(path), 404)
    answer = shop.post(f"{path}/cancel", {"preview": True, "token": other["token"]})
    problem(answer, 404)
    assert shop.look(one)["status"] == "pending"
    for booking in (one, other):
        shop.post(f"/api/bookings/{booking['reference']}/cancel", {"token": booking["token"]})


def test_the_staffs_view(shop: Shop) -> None:
    booking = shop.confirmed(shop.event())
    for which in (booking["reference"], booking["booking_id"]):
        view = shop.staff(f"/api/admin/bookings/{which}")
        assert view["booking_id"] == booking["booking_id"]
        assert view["order_id"] == booking["order_id"]
        assert isinstance(view["metadata"], dict)
        for part in ("timeline", "payments", "refunds", "messages"):
            assert isinstance(view[part], list), part
        assert len(view["payments"]) == 1
        assert {"at", "actor", "what"} <= set(view["timeline"][0])
    problem(shop.get("/api/admin/bookings/HF-NOTHERE1", key=shop.key()), 404, "not_found")
    problem(shop.get(f"/api/admin/bookings/{booking['reference']}"), 401, "unauthorized")


@pytest.mark.parametrize(("hours", "percent"), [(30, 100), (5, 50), (1, 0)])
def test_cancelling_gives_back_by_notice_and_once(shop: Shop, hours: int, percent: int) -> None:
    event = shop.event(starts_at=in_the_future(hours=hours))
    booking = shop.confirmed(event)
    amount = booking["amount"] * percent // 100
    path, body = f"/api/bookings/{booking['reference']}/cancel", {"token": booking["token"]}
    preview = shop.post(path, body | {"preview": True})
    assert preview.status_code == 200, preview.text
    assert preview.json()["refund"]["amount"] == amount
    assert shop.look(booking)["status"] == "confirmed"

    answers = at_once(lambda _: shop.post(path, body), 4)
    assert {answer.status_code for answer in answers} <= {200, 409}, [a.text for a in answers]
    again = shop.post(path, body)
    assert again.status_code in {200, 409}
    until(lambda: shop.look(booking)["status"] == "cancelled", "cancelled")
    until(lambda: shop.look(booking)["amount_refunded"] == amount, "the refund is carried out")
    refunds = shop.refunds_of(booking["checkout_session_id"])
    assert [refund["amount"] for refund in refunds] == ([amount] if amount else [])
    assert shop.availability(event["event_id"])["available"] == 16


def test_cancelling_an_unpaid_hold_frees_the_seats_and_closes_the_payment_page(shop: Shop) -> None:
    booking = shop.book(event := shop.event())
    answer = shop.post(f"/api/bookings/{booking['reference']}/cancel", {"token": booking["token"]})
    assert answer.status_code == 200, answer.text
    until(lambda: shop.availability(event["event_id"])["available"] == 16, "the seats are free again")
    assert shop.stripe(booking["checkout_session_id"])["status"] == "expired"
    assert shop.hosted(booking, card="4242424242424242", action="pay").status_code != 303


def test_staff_cancels_with_a_key_and_refunds_no_more_than_was_paid(shop: Shop) -> None:
    booking = shop.confirmed(shop.event())
    path = f"/api/admin/bookings/{booking['reference']}/refund"
    problem(shop.post(path, {"amount": booking["amount"] + 1}, key=shop.key()), 409)
    for amount in (0, -5, 1.5, "10"):
        problem(shop.post(path, {"amount": amount}, key=shop.key()), 422)
    problem(shop.post(path, {"amount": 1}, key=shop.key("bookings")), 403, "forbidden")
    assert shop.refunds_of(booking["checkout_session_id"]) == []
    cancelled = shop.post(f"/api/bookings/{booking['reference']}/cancel", {}, key=shop.key("bookings"))
    assert cancelled.status_code == 200, cancelled.text
    until(lambda: shop.look(booking)["amount_refunded"] == booking["amount"], "all of it back")


def test_the_kitchens_list(shop: Shop) -> None:
    event = shop.event()
    food, other, wine = event["menu"]
    menu = [{"item_id": food["item_id"], "quantity": 2}, {"item_id": wine["item_id"], "quantity": 1}]
    shop.confirmed(event, menu=menu)
    shop.confirmed(event, 2, 1, menu=[{"item_id": food["item_id"], "quantity": 1}])
    shop.book(event, 1, menu=[{"item_id": other["item_id"], "quantity": 5}])  # not paid: nothing to cook
    found = shop.get(f"/api/admin/events/{event['event_id']}/kitchen", key=shop.key("door")).json()
    assert {(one["name"], one["quantity"]) for one in found["totals"]} == {
        ("Onion tart", 3),
        ("House red", 1),
    }
    assert found["guests"] == 4


def test_two_hundred_buy_fifty_seats(shop: Shop) -> None:
    event = shop.event(units=[{"label": f"Row {n}", "capacity": 10, "price": 3000} for n in range(5)])

    def buy(number: int) -> httpx.Response:
        unit = event["units"][number % 5]["unit_id"]
        body = {"units": [{"unit_id": unit, "seats": 1}], "menu": [], "customer": guest()}
        return shop.post(f"/api/events/{event['event_id']}/bookings", body)

    answers = at_once(buy, 200, 40)
    codes = [answer.status_code for answer in answers]
    assert codes.count(201) == 50, {code: codes.count(code) for code in set(codes)}
    assert codes.count(409) == 150
    assert all(answer.json()["code"] == "sold_out" for answer in answers if answer.status_code == 409)
    references = {answer.json()["reference"] for answer in answers if answer.status_code == 201}
    assert len(references) == 50
    assert shop.availability(event["event_id"])["available"] == 0
    placed = [answer.json() for answer in answers if answer.status_code == 201]
    at_once(lambda number: shop.pay(placed[number]), 20, 10)
    until(lambda: shop.availability(event["event_id"])["booked"] == 20, "who paid is booked", 30)
