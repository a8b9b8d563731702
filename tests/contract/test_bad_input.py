"""What nobody may book, and what is said then: never a 500, never a seat taken."""

from __future__ import annotations

import pytest

from tests.contract.shop import Json, Shop, in_the_future, problem, wanted


def test_prices_of_the_client_are_not_taken(shop: Shop) -> None:
    event = shop.event()
    body = wanted(event)
    body["units"][0]["price"] = 1
    body |= {"amount": 1, "total": 1, "currency": "JPY", "price": 0}
    answer = shop.post(f"/api/events/{event['event_id']}/bookings", body)
    if answer.status_code == 201:
        assert (answer.json()["amount"], answer.json()["currency"]) == (10000, "GBP")
    else:
        problem(answer, 422, "validation_failed")


@pytest.mark.parametrize("seats", [0, -1, 10**9, 10**30, 1.5, "2", "two", None, True, [2], {}])
def test_seats_that_are_no_number_of_seats(shop: Shop, room: Json, seats: object) -> None:
    body = wanted(room) | {"units": [{"unit_id": room["units"][0]["unit_id"], "seats": seats}]}
    problem(shop.post(f"/api/events/{room['event_id']}/bookings", body), 422, "validation_failed")


@pytest.mark.parametrize(
    "customer",
    [
        None,
        {},
        "Ada",
        {"name": "Ada"},
        {"name": "", "email": "ada@example.com"},
        {"name": "Ada", "email": "ada"},
        {"name": "Ada", "email": "ada@"},
        {"name": "Ada", "email": "ada@example.com\nBcc: all@example.com"},
        {"name": "Ada", "email": "ada@example.com", "phone": "12"},
        {"name": "Ada", "email": "ada@example.com", "phone": "not a number"},
        {"name": "A" * 100_000, "email": "ada@example.com"},
        {"name": 5, "email": ["ada@example.com"]},
    ],
)
def test_a_customer_that_cannot_be_reached(shop: Shop, room: Json, customer: object) -> None:
    body = wanted(room) | {"customer": customer}
    refused = problem(shop.post(f"/api/events/{room['event_id']}/bookings", body), 422, "validation_failed")
    assert refused["detail"]


@pytest.mark.parametrize(
    ("changed", "status"),
    [
        ({"units": []}, 422),
        ({"units": None}, 422),
        ({"units": "all"}, 422),
        ({"units": [{"unit_id": 10**30, "seats": 1}]}, 422),
        ({"units": [{"unit_id": 999_999, "seats": 1}]}, 422),
        ({"units": [{"unit_id": "x", "seats": 1}]}, 422),
        ({"menu": [{"item_id": 999_999, "quantity": 1}]}, 422),
        ({"menu": [{"item_id": 1, "quantity": 1}]}, 422),  # event 35's
        ({"menu": "soup"}, 422),
    ],
)
def test_units_and_items_that_are_none_of_this_event(
    shop: Shop, room: Json, changed: Json, status: int
) -> None:
    answer = shop.post(f"/api/events/{room['event_id']}/bookings", wanted(room) | changed)
    assert answer.status_code in {status, 404}, answer.text
    problem(answer, answer.status_code)


def test_menu_quantities_and_repeats(shop: Shop, room: Json) -> None:
    path, item = f"/api/events/{room['event_id']}/bookings", room["menu"][0]["item_id"]
    for quantity in (0, -3, 1.5, "1", 10**12, None):
        menu = [{"item_id": item, "quantity": quantity}]
        problem(shop.post(path, wanted(room) | {"menu": menu}), 422, "validation_failed")
    unit = wanted(room)["units"][0]
    problem(shop.post(path, wanted(room) | {"units": [unit, unit]}), 422, "validation_failed")
    held = shop.availability(room["event_id"])["held"]
    problem(shop.try_booking(room, seats=5), 422)  # the table has four
    assert shop.availability(room["event_id"])["held"] == held == 0


@pytest.mark.parametrize("body", [b"", b"{", b"null", b"[]", b'"x"', b"\xff\xfe", b"1" * 100])
def test_a_body_that_is_no_object(shop: Shop, room: Json, body: bytes) -> None:
    path = f"/api/events/{room['event_id']}/bookings"
    answer = shop.ask("POST", path, content=body, headers={"Content-Type": "application/json"})
    assert answer.status_code in {400, 422}, answer.text
    problem(answer, answer.status_code)


def test_a_body_that_is_too_large(shop: Shop, room: Json) -> None:
    body = wanted(room) | {"note": "x" * (2 << 20)}
    problem(shop.post(f"/api/events/{room['event_id']}/bookings", body), 413, "too_large")


def test_what_is_past_or_not_on_sale(shop: Shop) -> None:
    problem(shop.post("/api/events/999999/bookings", wanted(shop.event())), 404, "not_found")
    event = shop.event(on_sale_from=in_the_future(days=1))
    refused = shop.try_booking(event)
    assert problem(refused, 409)["code"] == "not_on_sale"
    closed = shop.event(status="closed")
    problem(shop.try_booking(closed), 409, "not_on_sale")
    past = shop.event()
    shop.sql(
        "UPDATE offerings SET starts_at = now() - interval '1 day', ends_at = NULL WHERE offering_id = %s",
        past["event_id"],
    )
    problem(shop.try_booking(past), 409, "not_on_sale")
