"""What holds everywhere: problems, keys, scopes, tenants, Idempotency-Key."""

from __future__ import annotations

from typing import Any

import httpx
import pytest

from tests.contract.shop import Json, Shop, at_once, guest, in_the_future, problem, until, wanted

ADMIN_READS = [
    "/api/admin/bookings",
    "/api/admin/events",
    "/api/admin/keys",
    "/api/admin/promises",
    "/api/admin/tasks",
]
ADMIN_WRITES = [
    "/api/admin/sync-all-availability",
    "/api/admin/recover-booking",
    "/api/admin/events",
    "/api/admin/keys",
]


@pytest.fixture(scope="session")
def other_tenant(one_demo: Shop) -> str:
    """A second business's admin key, made as an operator makes it."""
    made = one_demo.post(
        "/api/admin/tenants", {"slug": "second-house", "name": "Second House (demo)"}, key=one_demo.key()
    )
    assert made.status_code == 201, made.text
    return str(one_demo.cli_json("keys", "create", "--scope", "admin", "--tenant", "second-house")["key"])


@pytest.mark.parametrize("path", ADMIN_READS)
def test_reading_needs_a_key(shop: Shop, path: str) -> None:
    problem(shop.get(path), 401, "unauthorized")
    problem(shop.get(path, key="hf_wrong"), 401, "unauthorized")
    problem(shop.get(path, headers={"Authorization": "Basic eDp5"}), 401, "unauthorized")
    problem(shop.get(path, headers={"X-API-Key": "hf_wrong"}), 401, "unauthorized")
    assert shop.get(path, key=shop.key()).status_code == 200
    assert shop.get(path, headers={"X-API-Key": shop.key()}).status_code == 200


@pytest.mark.parametrize("path", ADMIN_WRITES)
def test_writing_needs_the_scope(shop: Shop, path: str) -> None:
    problem(shop.post(path, {}), 401, "unauthorized")
    for scope in ("bookings", "provider", "door"):
        problem(shop.post(path, {}, key=shop.key(scope)), 403, "forbidden")


def test_scopes_of_reading(shop: Shop) -> None:
    assert shop.get("/api/admin/bookings", key=shop.key("bookings")).status_code == 200
    problem(shop.get("/api/admin/bookings", key=shop.key("provider")), 403, "forbidden")
    problem(shop.get("/api/admin/bookings", key=shop.key("door")), 403, "forbidden")


def test_unknown_addresses_and_methods(shop: Shop) -> None:
    problem(shop.get("/api/nothing/here"), 404, "not_found")
    problem(shop.ask("DELETE", "/api/events/35/availability"), 405)


def test_a_foreign_tenants_key_sees_nothing(shop: Shop, other_tenant: str) -> None:
    event = shop.event()
    booking = shop.confirmed(event)
    for path in (
        f"/api/admin/bookings/{booking['reference']}",
        f"/api/admin/bookings/{booking['booking_id']}",
        f"/api/admin/events/{event['event_id']}",
        f"/api/admin/events/{event['event_id']}/kitchen",
    ):
        problem(shop.get(path, key=other_tenant), 404, "not_found")
    assert shop.get("/api/admin/bookings", key=other_tenant).json()["bookings"] == []
    cancel = f"/api/bookings/{booking['reference']}/cancel"
    problem(shop.post(cancel, {}, key=other_tenant), 404, "not_found")
    problem(
        shop.post(f"/api/admin/bookings/{booking['reference']}/refund", {}, key=other_tenant),
        404,
        "not_found",
    )
    recover = {"sessionId": booking["checkout_session_id"]}
    problem(shop.post("/api/admin/recover-booking", recover, key=other_tenant), 404, "not_found")
    patched = shop.ask(
        "PATCH", f"/api/admin/events/{event['event_id']}", json={"title": "x"}, key=other_tenant
    )
    problem(patched, 404, "not_found")
    synced = shop.post("/api/admin/sync-all-availability", key=other_tenant)
    assert (synced.status_code, synced.json()["checked"]) == (200, 0)
    problem(
        shop.post("/api/admin/tenants", {"slug": "third", "name": "Third"}, key=other_tenant),
        403,
        "forbidden",
    )
    assert shop.look(booking)["status"] == "confirmed"


def test_a_foreign_tenant_cannot_recover_money_of_this_one(shop: Shop, other_tenant: str) -> None:
    event = shop.event()
    body = {
        "amount": 5000,
        "currency": "gbp",
        "metadata": {"eventId": str(event["event_id"]), "seats": "1"} | {"email": guest()["email"]},
    }
    session = shop.control("foreign-session", body).json()["id"]
    problem(
        shop.post("/api/admin/recover-booking", {"sessionId": session}, key=other_tenant), 404, "not_found"
    )
    mine = shop.post("/api/admin/recover-booking", {"sessionId": session}, key=shop.key()).json()
    assert mine["result"] == "recovered"


# ─── Idempotency-Key, on every POST that creates ───────────────────────────────────────────────────────────────────────────


def creations(shop: Shop) -> list[tuple[str, Json, Json, str | None]]:
    """Path, body, another body, key."""
    event = shop.event()
    paid = shop.confirmed(shop.event())
    new_event: Json = {"title": "Once (demo)", "starts_at": in_the_future(days=3)}
    new_event["units"] = [{"label": "A", "capacity": 2, "price": 100}]
    number = event["event_id"]
    return [
        (f"/api/events/{number}/bookings", wanted(event, 1), wanted(event, 1), None),
        ("/api/admin/events", new_event, new_event | {"title": "Other (demo)"}, shop.key()),
        ("/api/admin/keys", {"name": "k", "scopes": ["door"]}, {"name": "l", "scopes": ["door"]}, shop.key()),
        (
            "/api/admin/tenants",
            {"slug": f"once-{number}", "name": "Once"},
            {"slug": f"twice-{number}", "name": "Twice"},
            shop.key(),
        ),
        (f"/api/admin/bookings/{paid['reference']}/refund", {"amount": 7}, {"amount": 8}, shop.key()),
    ]


def test_the_same_key_is_the_same_answer_and_another_body_a_conflict(shop: Shop) -> None:
    for number, (path, body, other, key) in enumerate(creations(shop)):
        headers = {"Idempotency-Key": f"once-{number}-{path}"}
        first = shop.post(path, body, key=key, headers=headers)
        assert first.status_code == 201, f"{path}: {first.text}"
        again = shop.post(path, body, key=key, headers=headers)
        assert again.status_code == 201, f"{path}: {again.text}"
        assert without_secret(again) == without_secret(first), path
        problem(shop.post(path, other, key=key, headers=headers), 409, "conflict")
        different = shop.post(path, other, key=key, headers={"Idempotency-Key": f"other-{number}-{path}"})
        assert different.status_code == 201, f"{path}: {different.text}"
        assert different.json() != first.json()


def without_secret(answer: httpx.Response) -> Json:
    """A new key is shown once and never kept, so it alone is missing when it is asked for again."""
    return {name: value for name, value in answer.json().items() if name != "key"}


def test_a_refusal_is_an_answer_too(shop: Shop) -> None:
    event = shop.event()
    headers = {"Idempotency-Key": "refused"}
    full = wanted(event, 2, 1)
    shop.book(event, 2, 1)
    path = f"/api/events/{event['event_id']}/bookings"
    first = problem(shop.post(path, full, headers=headers), 409, "sold_out")
    assert problem(shop.post(path, full, headers=headers), 409, "sold_out") == first


def test_at_once_with_one_key_makes_one_booking(shop: Shop) -> None:
    event = shop.event()
    path, body = f"/api/events/{event['event_id']}/bookings", wanted(event, 2)
    headers = {"Idempotency-Key": f"at-once-{event['event_id']}"}
    answers = at_once(lambda _: shop.post(path, body, headers=headers), 12)
    assert [answer.status_code for answer in answers] == [201] * 12, [
        a.text for a in answers if a.status_code != 201
    ]
    assert len({answer.text for answer in answers}) == 1
    assert shop.availability(event["event_id"])["held"] == 2


def test_a_key_belongs_to_its_caller_and_its_address(shop: Shop) -> None:
    one, other = shop.event(), shop.event()
    headers = {"Idempotency-Key": "same-word"}
    first = shop.try_booking(one, 1, headers=headers)
    second = shop.try_booking(other, 1, headers=headers)
    assert (first.status_code, second.status_code) == (201, 201)
    assert first.json()["order_id"] != second.json()["order_id"]


@pytest.mark.parametrize("key", ["", "x" * 300, "ключ"])
def test_a_key_that_is_none(shop: Shop, key: str) -> None:
    headers: Any = {"Idempotency-Key": key.encode()}
    problem(shop.try_booking(shop.event(), 1, headers=headers), 422, "validation_failed")


def test_times_are_utc_and_amounts_are_integers_everywhere(shop: Shop) -> None:
    booking = shop.confirmed(shop.event())
    until(lambda: bool(shop.look(booking)["messages"]), "mailed")

    def walk(value: Any, name: str = "") -> None:
        if isinstance(value, dict):
            for key, part in value.items():
                walk(part, key)
        elif isinstance(value, list):
            for part in value:
                walk(part, name)
        elif name.endswith("_at") and value is not None:
            assert str(value).endswith("Z"), f"{name}: {value}"
        elif "amount" in name:
            assert type(value) is int, f"{name}: {value!r}"

    for view in (booking, shop.look(booking), shop.staff(f"/api/admin/bookings/{booking['reference']}")):
        walk(view)
        assert view["currency"] == "GBP"
