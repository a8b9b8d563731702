"""Charged, and nothing here: the order in the database, only our signed metadata, or only another system's plain words."""

from __future__ import annotations

import json
from typing import Any

import httpx
import psycopg
import pytest

from tests.contract.shop import Json, Shop, at_once, guest, problem, until, wanted

RESULTS = {"recovered", "already_confirmed", "refunded", "unexplained"}


def recover(shop: Shop, what: str) -> httpx.Response:
    return shop.post("/api/admin/recover-booking", {"sessionId": what}, key=shop.key())


def recovered(shop: Shop, what: str, result: str = "recovered") -> Json:
    answer = recover(shop, what)
    assert answer.status_code == 200, answer.text
    body = answer.json()
    assert set(body) >= {"result", "booking_id", "reference", "repairs"}
    assert body["result"] == result, body
    assert isinstance(body["repairs"], list)
    return dict(body)


def foreign(shop: Shop, metadata: dict[str, Any], amount: int = 10000, **more: Any) -> str:
    body = {"amount": amount, "currency": "gbp", "metadata": metadata} | more
    answer = shop.control("foreign-session", body)
    assert answer.status_code == 200, answer.text
    return str(answer.json()["id"])


def paid_unheard(shop: Shop, event: Json) -> Json:
    """Paid, every webhook lost, nobody looked."""
    shop.faults(webhooks={"lose": 1})
    menu = [{"item_id": event["menu"][0]["item_id"], "quantity": 2}]
    booking = shop.book(event, 2, menu=menu)
    shop.pay(booking)
    return booking


def test_the_order_is_in_the_database(shop: Shop) -> None:
    booking = paid_unheard(shop, event := shop.event())
    body = recovered(shop, booking["checkout_session_id"])
    assert (body["booking_id"], body["reference"]) == (booking["booking_id"], booking["reference"])
    assert body["repairs"]
    again = recovered(shop, booking["checkout_session_id"], "already_confirmed")
    assert (again["repairs"], again["reference"]) == ([], booking["reference"])
    intent = shop.stripe(booking["checkout_session_id"])["payment_intent"]
    assert recovered(shop, intent, "already_confirmed")["reference"] == booking["reference"]
    assert shop.look(booking)["status"] == "confirmed"
    assert shop.availability(event["event_id"])["booked"] == 2
    email = shop.look(booking)["customer"]["email"]
    until(lambda: len(shop.mails(email)) == 1, "one mail")


def test_only_our_signed_metadata_is_left(shop: Shop) -> None:
    event = shop.event()
    booking = paid_unheard(shop, event)
    before = shop.look(booking)
    until(lambda: shop.look(booking)["messages"][0]["status"] == "sent", "the mail is sent")
    forget(shop, booking["order_id"], event["event_id"])
    problem(
        shop.get(f"/api/bookings/{booking['reference']}", params={"token": booking["token"]}),
        404,
        "not_found",
    )
    answers = at_once(lambda _: recover(shop, booking["checkout_session_id"]), 5)
    assert {answer.status_code for answer in answers} <= {200, 409}, [a.text for a in answers]
    assert "recovered" in {answer.json().get("result") for answer in answers}
    assert recovered(shop, booking["checkout_session_id"], "already_confirmed")["repairs"] == []
    after = shop.look(booking)  # the same reference, the same token: the guest's link works again
    for name in ("status", "amount", "amount_paid", "units", "customer"):
        assert after[name] == before[name]
    assert [(line["item_id"], line["quantity"]) for line in after["menu"]] == [
        (event["menu"][0]["item_id"], 2)
    ]
    assert shop.availability(event["event_id"])["booked"] == 2
    assert len(shop.staff(f"/api/admin/bookings/{booking['reference']}")["payments"]) == 1


def forget(shop: Shop, order_id: str, event_id: int) -> None:
    """As a restored backup of an hour ago: nothing of the order is there."""
    with psycopg.connect(shop.database_url, autocommit=True) as connection, connection.transaction():
        connection.execute("SET LOCAL session_replication_role = replica")
        bookings = "booking_id IN (SELECT booking_id FROM bookings WHERE order_id = %s)"
        connection.execute("UPDATE units SET taken = 0 WHERE offering_id = %s", (event_id,))
        connection.execute(f"DELETE FROM messages WHERE {bookings}", (order_id,))
        connection.execute(f"DELETE FROM claims WHERE {bookings}", (order_id,))
        for table in (
            "refunds",
            "payments",
            "attempts",
            "bookings",
            "order_lines",
            "timeline",
            "tasks",
            "orders",
        ):
            connection.execute(f"DELETE FROM {table} WHERE order_id = %s", (order_id,))


# ─── another system's metadata: every name that the contract lists ─────────────────────────────────────────────────────────


def variants() -> list[Any]:
    """Metadata as functions of the event; `2` seats each, unless a table says otherwise."""

    def base(event: Json) -> Json:
        return {"eventId": str(event["event_id"]), "seats": "2", "customerName": "Ada Example"}

    made: dict[str, Any] = {"eventId": base}
    made["event_id"] = lambda e: {"event_id": str(e["event_id"]), "seats": "2", "name": "Ada Example"}
    for name in ("guests", "guestCount", "partySize", "quantity"):
        made[name] = lambda e, name=name: {"eventId": str(e["event_id"]), name: "2"}
    for name in ("tableId", "tableIds", "table", "tables", "unitId"):
        made[f"{name} by id"] = lambda e, name=name: base(e) | {name: str(e["units"][0]["unit_id"])}
        made[f"{name} by label"] = lambda e, name=name: base(e) | {name: e["units"][0]["label"]}
        made[f"{name} list of ids"] = lambda e, name=name: (
            base(e) | {name: json.dumps([e["units"][0]["unit_id"]])}
        )
        made[f"{name} list of labels"] = lambda e, name=name: (
            base(e) | {name: json.dumps([e["units"][0]["label"]])}
        )
        made[f"{name} without seats"] = lambda e, name=name: {
            "eventId": str(e["event_id"]),
            name: e["units"][1]["label"],
        }
    return [pytest.param(make, id=name) for name, make in made.items()]


@pytest.mark.parametrize("make", variants())
def test_seats_and_tables_of_another_system(shop: Shop, make: Any) -> None:
    event = shop.event()
    email = guest()["email"]
    metadata = make(event)
    session = foreign(shop, metadata, customer_details={"email": email, "name": "Ada Example"})
    body = recovered(shop, session)
    view = shop.staff(f"/api/admin/bookings/{body['reference']}")
    assert (view["status"], view["amount"], view["amount_paid"]) == ("confirmed", 10000, 10000)
    assert view["seats"] == 2
    assert view["customer"]["email"] == email
    assert view["customer"]["name"] == "Ada Example"
    assert shop.availability(event["event_id"])["booked"] == 2
    named = {"tableId", "tableIds", "table", "tables", "unitId"} & set(metadata)
    if named and "seats" in metadata:
        assert [unit["label"] for unit in view["units"]] == [event["units"][0]["label"]]
    assert recovered(shop, session, "already_confirmed")["reference"] == body["reference"]


@pytest.mark.parametrize("name", ["foodItems", "food", "items", "menu", "wineItems", "wine"])
@pytest.mark.parametrize("by", ["id", "name"])
@pytest.mark.parametrize("count", ["quantity", "qty"])
def test_food_and_wine_of_another_system(shop: Shop, dinner: Json, name: str, by: str, count: str) -> None:
    item = dinner["menu"][2 if "wine" in name else 0]
    line = {by: item["item_id"] if by == "id" else item["name"], count: 2}
    email = guest()["email"]
    metadata = {"eventId": str(dinner["event_id"]), "seats": "1", name: json.dumps([line]), "email": email}
    body = recovered(shop, foreign(shop, metadata))
    view = shop.staff(f"/api/admin/bookings/{body['reference']}")
    assert [(one["item_id"], one["quantity"]) for one in view["menu"]] == [(item["item_id"], 2)]
    kitchen = shop.staff(f"/api/admin/events/{dinner['event_id']}/kitchen")
    assert item["name"] in {one["name"] for one in kitchen["totals"]}


@pytest.mark.parametrize("prefix", ["customer", ""])
def test_the_customer_of_another_system(shop: Shop, dinner: Json, prefix: str) -> None:
    def name(word: str) -> str:
        return f"customer{word.title()}" if prefix else word

    email = guest()["email"]
    metadata = {"eventId": str(dinner["event_id"]), "seats": "1"}
    metadata |= {name("name"): "Bo Example", name("email"): email, name("phone"): "07700 900123"}
    body = recovered(
        shop, foreign(shop, metadata, customer_details={"email": "other@example.com", "name": "X"})
    )
    customer = shop.staff(f"/api/admin/bookings/{body['reference']}")["customer"]
    assert (customer["name"], customer["email"], customer["phone"]) == ("Bo Example", email, "+447700900123")
    until(lambda: len(shop.mails(email)) == 1, "the guest gets the mail")


def test_five_at_once_make_one_booking(shop: Shop) -> None:
    event = shop.event()
    email = guest()["email"]
    session = foreign(shop, {"eventId": str(event["event_id"]), "seats": "2", "email": email})
    answers = at_once(lambda _: recover(shop, session), 5)
    assert {answer.status_code for answer in answers} == {200}, [answer.text for answer in answers]
    assert len({answer.json()["reference"] for answer in answers}) == 1
    assert {answer.json()["result"] for answer in answers} <= {"recovered", "already_confirmed"}
    assert shop.availability(event["event_id"])["booked"] == 2
    until(lambda: len(shop.mails(email)) >= 1, "mailed")
    assert len(shop.mails(email)) == 1


@pytest.mark.parametrize(
    "metadata",
    [
        {},
        {"eventId": "999999", "seats": "2"},
        {"eventId": "35"},
        {"seats": "2"},
        {"eventId": "35", "table": "No such table"},
        {"eventId": "35", "seats": "0"},
        {"eventId": "35", "seats": "-1"},
        {"eventId": "35", "seats": "1e9"},
        {"eventId": "'; DROP TABLE orders; --", "seats": "2"},
    ],
)
def test_what_cannot_be_mapped_is_never_guessed(shop: Shop, metadata: Json) -> None:
    session = foreign(shop, metadata, customer_details={"email": guest()["email"]})
    body = recovered(shop, session, "unexplained")
    assert (body["booking_id"], body["reference"]) == (None, None)
    assert session in json.dumps(
        shop.sql("SELECT detail FROM tasks WHERE kind = 'unexplained_money'"), default=str
    )
    recovered(shop, session, "unexplained")


def test_money_for_an_evening_that_is_full_goes_back(shop: Shop) -> None:
    event = shop.event(units=[{"label": "Only", "capacity": 2, "price": 5000}])
    shop.confirmed(event, 2)
    metadata = {"eventId": str(event["event_id"]), "table": "Only", "seats": "2"}
    session = foreign(shop, metadata, customer_details={"email": guest()["email"]})
    body = recover(shop, session).json()
    assert body["result"] in {"refunded", "unexplained"}, body
    assert shop.availability(event["event_id"])["booked"] == 2


def test_unknown_unpaid_and_nonsense(shop: Shop) -> None:
    for what in ("cs_test_nobodys", "cs_live_nobodys", "pi_nobodys"):
        problem(recover(shop, what), 404, "not_found")
    nonsense: list[Any] = [
        {},
        {"sessionId": None},
        {"sessionId": 5},
        {"sessionId": ""},
        {"sessionId": "x" * 10_000},
        [],
    ]
    for body in nonsense:
        answer = shop.post("/api/admin/recover-booking", body, key=shop.key())
        assert answer.status_code in {404, 422}, answer.text
        problem(answer, answer.status_code)
    for what in ("../../v1/charges", "cs_test_a/../../x", "cs_test_a?x=1", "ch_abc", "evt_1", "cs_ "):
        answer = recover(shop, what)
        assert answer.status_code in {404, 422}, answer.text
    event = shop.event()
    unpaid = shop.book(event)
    problem(recover(shop, unpaid["checkout_session_id"]), 409, "not_paid")
    assert shop.look(unpaid)["status"] == "pending"
    open_one = foreign(shop, {"eventId": str(event["event_id"]), "seats": "1"}, paid=False)
    problem(recover(shop, open_one), 409, "not_paid")


def test_a_cancelled_and_refunded_booking_stays_cancelled(shop: Shop) -> None:
    booking = shop.confirmed(shop.event())
    shop.post(f"/api/bookings/{booking['reference']}/cancel", {"token": booking["token"]})
    until(lambda: shop.look(booking)["amount_refunded"] == booking["amount"], "refunded")
    recovered(shop, booking["checkout_session_id"], "refunded")
    assert shop.look(booking)["status"] == "cancelled"
    assert len(shop.refunds_of(booking["checkout_session_id"])) == 1


def test_from_the_command_line(shop: Shop) -> None:
    booking = paid_unheard(shop, shop.event())
    done = shop.cli_json("recover", booking["checkout_session_id"])
    assert (done["result"], done["reference"]) == ("recovered", booking["reference"])
    assert shop.cli_json("recover", booking["checkout_session_id"])["result"] == "already_confirmed"
    assert shop.cli("recover", "cs_test_nobodys").returncode == 1
    assert shop.cli("recover").returncode == 2


@pytest.fixture(scope="session")
def dinner(one_demo: Shop) -> Json:
    """With seats for every variant of the metadata."""
    units = [{"label": f"Hall {n}", "capacity": 30, "price": 5000} for n in range(2)]
    return one_demo.event(units=units)


def test_sync_all_availability_says_before_and_after(shop: Shop) -> None:
    event = shop.event()
    shop.confirmed(event, 3)
    shop.book(event, 1)
    unit = event["units"][0]["unit_id"]
    right = shop.post("/api/admin/sync-all-availability", key=shop.key())
    assert right.status_code == 200, right.text
    assert set(right.json()) >= {"checked", "corrected", "corrections"}
    shop.sql("UPDATE units SET taken = 1 WHERE unit_id = %s", unit)
    body = shop.post("/api/admin/sync-all-availability", key=shop.key()).json()
    mine = [one for one in body["corrections"] if one["unit_id"] == unit]
    assert [(one["before"], one["after"]) for one in mine] == [(1, 4)]
    assert body["corrected"] == len(body["corrections"])
    assert body["checked"] >= 24
    shop.sql("UPDATE units SET taken = 0 WHERE unit_id = %s", unit)
    fixed = shop.cli_json("fix", "availability")
    assert {one["unit_id"]: (one["before"], one["after"]) for one in fixed["corrections"]}[unit] == (0, 4)
    found = shop.availability(event["event_id"])["units"][0]
    assert (found["booked"], found["held"], found["available"]) == (3, 1, 0)
    assert problem(shop.post(f"/api/events/{event['event_id']}/bookings", wanted(event, 1)), 409, "sold_out")
