"""Bookings over HTTP: the shapes of the contract, and every bad input answered clearly with nothing changed."""

from __future__ import annotations

import asyncio
import copy
from typing import Any

import pytest

from tests.support.api import Api, show

CUSTOMER = {"name": "Ada Example", "email": "ada@example.com", "phone": "07700 900123"}


async def units_of(api: Api, event_id: int = 35) -> dict[str, int]:
    shown = (await api.http.get(f"/api/events/{event_id}/availability")).json()
    return {unit["label"]: unit["unit_id"] for unit in shown["units"]}


async def free_seats(api: Api) -> int:
    free: int = (await api.http.get("/api/events/35/availability")).json()["available"]
    return free


async def a_request(api: Api, **changes: Any) -> dict[str, Any]:
    units = await units_of(api)
    return {
        "units": [{"unit_id": units["Table 1"], "seats": 2}],
        "menu": [],
        "customer": copy.deepcopy(CUSTOMER),
        "checkout": False,
        **changes,
    }


async def place(api: Api, **changes: Any) -> dict[str, Any]:
    answer = await api.http.post("/api/events/35/bookings", json=await a_request(api, **changes))
    assert answer.status_code == 201, answer.text
    placed: dict[str, Any] = answer.json()
    return placed


async def count(api: Api, table: str) -> int:
    async with api.system.database.transaction() as conn:
        row = await (await conn.execute(f"SELECT count(*) AS n FROM {table}")).fetchone()
    assert row is not None
    return int(row["n"])


async def test_a_hold_is_a_booking_at_once(api: Api) -> None:
    menu = (await api.http.get("/api/events/35")).json()["menu"]
    placed = await place(api, menu=[{"item_id": menu[0]["item_id"], "quantity": 2}])
    assert placed["amount"] == 2 * 8500 + 2 * menu[0]["price"]
    assert (placed["status"], placed["currency"], placed["checkout_url"]) == ("pending", "GBP", None)
    assert placed["booking_url"] == f"http://api.test/b/{placed['token']}"

    shown = await api.http.get(f"/api/bookings/{placed['reference']}", params={"token": placed["token"]})
    booking = shown.json()
    assert (booking["status"], booking["amount"], booking["amount_paid"]) == ("pending", placed["amount"], 0)
    assert booking["customer"] == {
        "name": "Ada Example",
        "email": "ada@example.com",
        "phone": "+447700900123",
    }
    assert booking["menu"][0]["quantity"] == 2

    unit = (await api.http.get("/api/events/35/availability")).json()["units"][0]
    assert (unit["held"], unit["booked"], unit["available"], unit["status"]) == (2, 0, 2, "partial")


async def test_ids_may_be_text_and_prices_of_the_client_change_nothing(api: Api) -> None:
    units = await units_of(api)
    placed = await place(api, units=[{"unit_id": str(units["Table 1"]), "seats": 1, "price": 1}], amount=1)
    assert placed["amount"] == 8500


async def test_a_unit_that_is_sold_whole_costs_its_price_and_is_taken_whole(api: Api) -> None:
    units = await units_of(api)
    placed = await place(api, units=[{"unit_id": units["Box"], "seats": 2}])
    assert placed["amount"] == 30000
    box = next(
        u for u in (await api.http.get("/api/events/35/availability")).json()["units"] if u["label"] == "Box"
    )
    assert (box["held"], box["available"], box["status"]) == (6, 0, "held")


async def test_what_costs_nothing_is_confirmed_at_once_without_stripe(api: Api) -> None:
    free = show(id=37, units=[{"label": "Benches", "kind": "area", "capacity": 3, "price": "0"}], menu=[])
    await api.load(free)
    units = await units_of(api, 37)
    body = {"units": [{"unit_id": units["Benches"], "seats": 3}], "customer": CUSTOMER}
    placed = (await api.http.post("/api/events/37/bookings", json=body)).json()
    assert (placed["status"], placed["amount"], placed["checkout_url"]) == ("confirmed", 0, None)
    bench = (await api.http.get("/api/events/37/availability")).json()["units"][0]
    assert (bench["booked"], bench["held"], bench["status"]) == (3, 0, "booked")
    shown = await api.http.get(f"/api/bookings/{placed['reference']}?token={placed['token']}")
    assert shown.json()["messages"][0]["kind"] == "booking_confirmed"


async def test_when_stripe_is_away_the_hold_is_kept_and_the_answer_says_how_to_come_back(api: Api) -> None:
    answer = await api.http.post("/api/events/35/bookings", json=await a_request(api, checkout=True))
    problem = answer.json()
    assert (answer.status_code, problem["code"]) == (503, "stripe_unavailable")
    assert int(answer.headers["retry-after"]) > 0
    shown = await api.http.get(f"/api/bookings/{problem['reference']}?token={problem['token']}")
    assert shown.json()["status"] == "pending"
    assert problem["booking_url"].endswith(problem["token"])
    assert await free_seats(api) == 10


async def test_repeating_after_a_503_goes_on_with_the_same_booking(api: Api) -> None:
    body, key = await a_request(api, checkout=True), {"Idempotency-Key": "again"}
    first = (await api.http.post("/api/events/35/bookings", json=body, headers=key)).json()
    second = (await api.http.post("/api/events/35/bookings", json=body, headers=key)).json()
    assert (first["booking_id"], first["token"]) == (second["booking_id"], second["token"])
    assert await count(api, "bookings") == 1
    assert await free_seats(api) == 10


async def test_the_same_key_and_body_is_one_booking_and_the_same_answer(api: Api) -> None:
    body, key = await a_request(api), {"Idempotency-Key": "once"}
    first = await api.http.post("/api/events/35/bookings", json=body, headers=key)
    second = await api.http.post("/api/events/35/bookings", json=body, headers=key)
    assert (first.status_code, second.status_code) == (201, 201)
    assert first.json() == second.json()
    assert await count(api, "bookings") == 1
    other = await api.http.post(
        "/api/events/35/bookings",
        json=await a_request(api, customer={**CUSTOMER, "name": "Eve"}),
        headers=key,
    )
    assert (other.status_code, other.json()["code"]) == (409, "conflict")


async def test_the_remembered_answer_holds_no_secret(api: Api) -> None:
    placed = (
        await api.http.post(
            "/api/events/35/bookings", json=await a_request(api), headers={"Idempotency-Key": "s"}
        )
    ).json()
    async with api.system.database.transaction() as conn:
        row = await (await conn.execute("SELECT answer FROM idempotency_keys")).fetchone()
    assert row is not None
    assert placed["reference"] in row["answer"]
    assert placed["token"] not in row["answer"]


async def test_the_same_key_at_the_same_time_is_one_booking(api: Api) -> None:
    body, key = await a_request(api), {"Idempotency-Key": "race"}
    answers = await asyncio.gather(
        *(api.http.post("/api/events/35/bookings", json=body, headers=key) for _ in range(6))
    )
    assert {answer.status_code for answer in answers} <= {201, 409}
    assert await count(api, "bookings") == 1
    for refused in (answer for answer in answers if answer.status_code == 409):
        assert refused.headers["retry-after"]


@pytest.mark.parametrize(
    ("change", "field"),
    [
        ({"units": []}, "units"),
        ({"units": None}, "units"),
        ({"units": "all"}, "units"),
        ({"units": [{"unit_id": 1}]}, "units.0.seats"),
        ({"units": [{"unit_id": 1, "seats": 0}]}, "units.0.seats"),
        ({"units": [{"unit_id": 1, "seats": -2}]}, "units.0.seats"),
        ({"units": [{"unit_id": 1, "seats": 2.5}]}, "units.0.seats"),
        ({"units": [{"unit_id": 1, "seats": 2.0}]}, "units.0.seats"),
        ({"units": [{"unit_id": 1, "seats": "2"}]}, "units.0.seats"),
        ({"units": [{"unit_id": 1, "seats": True}]}, "units.0.seats"),
        ({"units": [{"unit_id": 1, "seats": 10**30}]}, "units.0.seats"),
        ({"units": [{"unit_id": True, "seats": 1}]}, "units.0.unit_id"),
        ({"units": [{"unit_id": 2**63, "seats": 1}]}, "units.0.unit_id"),
        ({"units": [{"unit_id": "1e3", "seats": 1}]}, "units.0.unit_id"),
        ({"units": [{"unit_id": 1, "seats": 1}, {"unit_id": "1", "seats": 1}]}, "units"),
        ({"menu": [{"item_id": 1, "quantity": 0}]}, "menu.0.quantity"),
        ({"menu": [{"item_id": 1, "quantity": 1000}]}, "menu.0.quantity"),
        ({"menu": [{"item_id": 1, "quantity": 1}, {"item_id": 1, "quantity": 2}]}, "menu"),
        ({"customer": {}}, "customer.name"),
        ({"customer": {**CUSTOMER, "name": "   "}}, "customer.name"),
        ({"customer": {**CUSTOMER, "name": "x" * 121}}, "customer.name"),
        ({"customer": {**CUSTOMER, "name": "Ada\nBcc: all@example.com"}}, "customer.name"),
        ({"customer": {**CUSTOMER, "name": "Ada\x00"}}, "customer.name"),
        ({"customer": {**CUSTOMER, "name": "\u202eadA"}}, "customer.name"),
        ({"customer": {**CUSTOMER, "name": 5}}, "customer.name"),
        ({"customer": {**CUSTOMER, "email": "nobody"}}, "customer.email"),
        ({"customer": {**CUSTOMER, "email": None}}, "customer.email"),
        ({"customer": {**CUSTOMER, "phone": "hello"}}, "customer.phone"),
        ({"checkout": "no"}, "checkout"),
    ],
)
async def test_what_is_not_valid_is_named_and_nothing_happens(
    api: Api, change: dict[str, Any], field: str
) -> None:
    answer = await api.http.post("/api/events/35/bookings", json=await a_request(api, **change))
    problem = answer.json()
    assert (answer.status_code, problem["code"]) == (422, "validation_failed"), answer.text
    assert answer.headers["content-type"] == "application/problem+json"
    assert problem["errors"][0]["field"] == field
    assert await count(api, "orders") == 0
    assert await free_seats(api) == 12


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"{",
        b"null",
        b"[]",
        b'"text"',
        b"{\xff}",
        b"[" * 100_000,
        b'{"units": ' + b"[" * 5_000 + b"]" * 5_000 + b"}",
        b'{"units": ' + b"9" * 10_000 + b"}",
    ],
    ids=["empty", "cut off", "null", "list", "text", "not UTF-8", "deep", "deep and closed", "long number"],
)
async def test_a_body_that_is_no_request_is_refused(api: Api, body: bytes) -> None:
    answer = await api.http.post(
        "/api/events/35/bookings", content=body, headers={"Content-Type": "application/json"}
    )
    assert (answer.status_code, answer.json()["code"]) == (422, "validation_failed"), answer.text


async def test_lone_surrogates_are_refused(api: Api) -> None:
    body = b'{"units":[{"unit_id":1,"seats":1}],"customer":{"name":"\\ud800","email":"ada@example.com"}}'
    answer = await api.http.post(
        "/api/events/35/bookings", content=body, headers={"Content-Type": "application/json"}
    )
    assert (answer.status_code, answer.json()["errors"][0]["field"]) == (422, "customer.name")


async def test_a_body_that_says_it_is_a_form_is_told_what_is_wanted(api: Api) -> None:
    answer = await api.http.post("/api/events/35/bookings", data={"units": "1"})
    assert answer.status_code == 422
    assert "application/json" in answer.json()["detail"]


@pytest.mark.parametrize("event_id", ["36", "0", "-1", "abc", "9" * 30, "35.0", "%00", "35%00"])
async def test_an_event_that_is_not_there(api: Api, event_id: str) -> None:
    for answer in (
        await api.http.post(f"/api/events/{event_id}/bookings", json=await a_request(api)),
        await api.http.get(f"/api/events/{event_id}/availability"),
        await api.http.get(f"/api/events/{event_id}"),
    ):
        assert (answer.status_code, answer.json()["code"]) == (404, "not_found"), answer.text


async def test_units_and_items_of_another_event_are_not_sold_here(api: Api) -> None:
    await api.load(show(id=36, title="Another"))
    other = (await api.http.get("/api/events/36")).json()
    for change in (
        {"units": [{"unit_id": other["units"][0]["unit_id"], "seats": 1}]},
        {"units": [{"unit_id": 4_000_000, "seats": 1}]},
        {"menu": [{"item_id": other["menu"][0]["item_id"], "quantity": 1}]},
    ):
        answer = await api.http.post("/api/events/35/bookings", json=await a_request(api, **change))
        assert (answer.status_code, answer.json()["code"]) == (422, "validation_failed"), answer.text
    assert await count(api, "orders") == 0


async def test_the_buffer_is_neither_shown_nor_sold(api: Api) -> None:
    assert "Reserve" not in await units_of(api)
    staff = (await api.http.get("/api/admin/events/35", headers=api.as_("admin"))).json()
    reserve = next(unit for unit in staff["units"] if unit["label"] == "Reserve")
    answer = await api.http.post(
        "/api/events/35/bookings",
        json=await a_request(api, units=[{"unit_id": reserve["unit_id"], "seats": 1}]),
    )
    assert answer.status_code == 422


async def test_sold_out_says_what_is_free(api: Api) -> None:
    await place(api)
    answer = await api.http.post(
        "/api/events/35/bookings",
        json=await a_request(api, units=[{"unit_id": (await units_of(api))["Table 1"], "seats": 3}]),
    )
    problem = answer.json()
    assert (answer.status_code, problem["code"]) == (409, "sold_out")
    assert {unit["label"]: unit["available"] for unit in problem["free"]} == {
        "Table 1": 2,
        "Table 2": 2,
        "Box": 6,
    }


@pytest.mark.parametrize(
    "change",
    [
        {"starts_in_days": -1},
        {"status": "closed"},
        {"status": "cancelled"},
        {"on_sale_from": "2099-01-01T00:00:00Z"},
        {"on_sale_until": "2020-01-01T00:00:00Z"},
    ],
)
async def test_what_is_not_on_sale(api: Api, change: dict[str, Any]) -> None:
    await api.load(show(id=40, title="Not on sale", **change))
    units = await units_of(api, 40)
    body = {"units": [{"unit_id": units["Table 1"], "seats": 1}], "customer": CUSTOMER}
    answer = await api.http.post("/api/events/40/bookings", json=body)
    assert (answer.status_code, answer.json()["code"]) == (409, "not_on_sale"), answer.text


async def test_a_draft_does_not_exist_for_the_public(api: Api) -> None:
    await api.load(show(id=41, title="Draft", status="draft"))
    for path in ("/api/events/41", "/api/events/41/availability", "/api/events/41/live"):
        assert (await api.http.get(path)).status_code == 404
    assert (await api.http.post("/api/events/41/bookings", json=await a_request(api))).status_code == 404


async def test_a_token_opens_only_its_own_booking(api: Api) -> None:
    one, other = await place(api), await place(api)
    for token in ("", "x", other["token"], one["token"][:-1], "x" * 5000, one["token"] + "\u00e9"):
        for path in (f"/api/bookings/{one['reference']}", f"/api/bookings/{one['reference']}/live"):
            answer = await api.http.get(path, params={"token": token})
            assert answer.status_code in {404, 422}, token
            assert one["booking_id"] not in answer.text


async def test_cancelling_shows_the_refund_first_and_gives_the_seats_back(api: Api) -> None:
    placed = await place(api)
    path = f"/api/bookings/{placed['reference']}/cancel?token={placed['token']}"
    preview = (await api.http.post(path, json={"preview": True})).json()
    assert (preview["preview"], preview["status"], preview["refund"]["amount"]) == (True, "pending", 0)
    assert await free_seats(api) == 10
    done = (await api.http.post(path)).json()
    assert (done["status"], done["preview"]) == ("cancelled", False)
    assert await free_seats(api) == 12
    again = (await api.http.post(path)).json()
    assert again["status"] == "cancelled"
    assert await free_seats(api) == 12


async def test_cancelling_needs_the_token_or_a_key_of_the_same_tenant(api: Api) -> None:
    placed = await place(api)
    path = f"/api/bookings/{placed['reference']}/cancel"
    assert (await api.http.post(path)).status_code == 401
    assert (await api.http.post(path, json={"token": "wrong"})).status_code == 404
    assert (await api.http.post(path, headers=api.as_("metrics"))).status_code == 401
    foreign = {"tenant": {"slug": "other", "name": "Other"}, "events": []}
    await api.load(foreign)
    other_key = {"X-API-Key": await api.make_key("other", "admin")}
    assert (await api.http.post(path, headers=other_key)).status_code == 404
    assert (await api.http.post(path, headers=api.as_("bookings"), json={"preview": True})).status_code == 200


async def test_staff_see_all_of_their_own_and_nothing_of_others(api: Api) -> None:
    placed = await place(api)
    await api.load({"tenant": {"slug": "other", "name": "Other"}, "events": []})
    foreign = {"X-API-Key": await api.make_key("other", "admin")}
    for which in (placed["reference"], placed["booking_id"]):
        mine = await api.http.get(f"/api/admin/bookings/{which}", headers=api.as_("bookings"))
        assert mine.json()["booking_id"] == placed["booking_id"]
        assert mine.json()["timeline"][0]["what"] == "held"
        for path in (f"/api/admin/bookings/{which}", "/api/admin/events/35", "/api/admin/events/35/kitchen"):
            assert (await api.http.get(path, headers=foreign)).status_code == 404
        refund = await api.http.post(f"/api/admin/bookings/{which}/refund", headers=foreign)
        assert refund.status_code == 404


async def test_a_refund_of_what_was_never_paid_is_refused(api: Api) -> None:
    placed = await place(api)
    path = f"/api/admin/bookings/{placed['booking_id']}/refund"
    assert (await api.http.post(path, headers=api.as_("admin"), json={"amount": 100})).status_code == 409
    for amount in (0, -5, 1.5, "100", True):
        answer = await api.http.post(path, headers=api.as_("admin"), json={"amount": amount})
        assert answer.status_code == 422, amount
    assert (await api.http.post(path, headers=api.as_("bookings"))).status_code == 403


async def test_sync_all_availability_says_what_it_corrected(api: Api) -> None:
    placed = await place(api)
    units = await units_of(api)
    async with api.system.database.transaction() as conn:
        await conn.execute("UPDATE units SET taken = 4 WHERE unit_id = %s", (units["Table 1"],))
    report = (await api.http.post("/api/admin/sync-all-availability", headers=api.as_("admin"))).json()
    assert (report["checked"], report["corrected"]) == (4, 1)
    correction = report["corrections"][0]
    assert (correction["unit_id"], correction["before"], correction["after"]) == (units["Table 1"], 4, 2)
    again = (await api.http.post("/api/admin/sync-all-availability", headers=api.as_("admin"))).json()
    assert again["corrected"] == 0
    assert placed["status"] == "pending"


async def test_searching_bookings(api: Api) -> None:
    placed = await place(api)
    for query in ("ada", "ADA@example.com", placed["reference"], ""):
        found = await api.http.get(
            "/api/admin/bookings", params={"query": query}, headers=api.as_("bookings")
        )
        assert [one["reference"] for one in found.json()["bookings"]] == [placed["reference"]], query
    none = await api.http.get("/api/admin/bookings", params={"query": "%_'"}, headers=api.as_("bookings"))
    assert none.json()["bookings"] == []
