"""A booking from the hold to the money and back, over HTTP, against the sandbox's Stripe."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any

import httpx
import pytest

from tests.support.api import Api, running_api
from tests.support.sandbox import Sandbox

CUSTOMER = {"name": "Ada Example", "email": "ada@example.com"}


@pytest.fixture
async def paying(database_url: str, sandbox: Sandbox) -> AsyncIterator[Api]:
    async with running_api(
        database_url,
        stripe_api_base=sandbox.url,
        stripe_secret_key=sandbox.secret_key,
        stripe_webhook_secret=(sandbox.webhook_secret,),
    ) as running:
        yield running


async def hold(api: Api, key: str | None = None) -> dict[str, Any]:
    event = (await api.http.get("/api/events/35")).json()
    body = {
        "units": [{"unit_id": event["units"][0]["unit_id"], "seats": 2}],
        "menu": [{"item_id": event["menu"][0]["item_id"], "quantity": 1}],
        "customer": CUSTOMER,
    }
    headers = {"Idempotency-Key": key} if key else {}
    answer = await api.http.post("/api/events/35/bookings", json=body, headers=headers)
    assert answer.status_code == 201, answer.text
    placed: dict[str, Any] = answer.json()
    return placed


async def pay(placed: dict[str, Any]) -> None:
    async with httpx.AsyncClient() as guest:
        paid = await guest.post(placed["checkout_url"], data={"card": "4242424242424242", "action": "pay"})
        assert paid.status_code in {200, 302, 303}, paid.text


async def shown(api: Api, placed: dict[str, Any]) -> dict[str, Any]:
    answer = await api.http.get(f"/api/bookings/{placed['reference']}", params={"token": placed["token"]})
    found: dict[str, Any] = answer.json()
    return found


async def recover(api: Api, wanted: str) -> httpx.Response:
    return await api.http.post(
        "/api/admin/recover-booking", json={"sessionId": wanted}, headers=api.as_("admin")
    )


async def test_reading_a_paid_booking_settles_it_without_any_webhook(paying: Api) -> None:
    placed = await hold(paying)
    assert placed["checkout_session_id"].startswith("cs_")
    assert (await shown(paying, placed))["status"] == "pending"
    await pay(placed)
    booking = await until_confirmed(paying, placed)
    assert (booking["status"], booking["amount_paid"]) == ("confirmed", placed["amount"])
    assert [message["kind"] for message in booking["messages"]] == ["booking_confirmed"]
    unit = (await paying.http.get("/api/events/35/availability")).json()["units"][0]
    assert (unit["booked"], unit["held"]) == (2, 0)
    kitchen = (await paying.http.get("/api/admin/events/35/kitchen", headers=paying.as_("door"))).json()
    assert kitchen["guests"] == 2
    assert kitchen["totals"][0]["quantity"] == 1


async def until_confirmed(api: Api, placed: dict[str, Any]) -> dict[str, Any]:
    """Stripe is asked at most once in two seconds; the recovery button asks at once."""
    booking = await shown(api, placed)
    if booking["status"] == "pending":
        await recover(api, placed["checkout_session_id"])
        booking = await shown(api, placed)
    return booking


async def test_a_repeat_gets_the_same_payment_page(paying: Api) -> None:
    first, second = await hold(paying, "key"), await hold(paying, "key")
    assert first == second
    assert first["checkout_url"]


async def test_recovery_finds_the_booking_of_a_payment_that_nobody_told_us_of(paying: Api) -> None:
    placed = await hold(paying)
    unpaid = await recover(paying, placed["checkout_session_id"])
    assert (unpaid.status_code, unpaid.json()["code"]) == (409, "not_paid")
    await pay(placed)
    found = (await recover(paying, placed["checkout_session_id"])).json()
    assert (found["result"], found["booking_id"], found["reference"]) == (
        "recovered",
        placed["booking_id"],
        placed["reference"],
    )
    assert found["repairs"]
    again = (await recover(paying, placed["checkout_session_id"])).json()
    assert (again["result"], again["repairs"]) == ("already_confirmed", [])
    unknown = await recover(paying, "cs_test_nobody_made_this")
    assert (unknown.status_code, unknown.json()["code"]) == (404, "not_found")


async def test_cancelling_what_is_paid_shows_the_sum_and_owes_it(paying: Api) -> None:
    placed = await hold(paying)
    await pay(placed)
    await until_confirmed(paying, placed)
    path = f"/api/bookings/{placed['reference']}/cancel?token={placed['token']}"
    preview = (await paying.http.post(path, json={"preview": True})).json()
    assert (preview["refund"]["amount"], preview["refund"]["percent"]) == (placed["amount"], 100)
    done = (await paying.http.post(path)).json()
    assert (done["status"], done["refund"]["amount"]) == ("cancelled", placed["amount"])
    staff = await paying.http.get(
        f"/api/admin/bookings/{placed['booking_id']}", headers=paying.as_("bookings")
    )
    assert [refund["amount"] for refund in staff.json()["refunds"]] == [placed["amount"]]


async def test_staff_give_back_a_part_once_and_never_more_than_was_paid(paying: Api) -> None:
    placed = await hold(paying)
    await pay(placed)
    await until_confirmed(paying, placed)
    path = f"/api/admin/bookings/{placed['reference']}/refund"
    headers = {**paying.as_("admin"), "Idempotency-Key": "a part"}
    first = await paying.http.post(path, json={"amount": 1000}, headers=headers)
    second = await paying.http.post(path, json={"amount": 1000}, headers=headers)
    assert (first.status_code, first.json()) == (201, second.json())
    too_much = await paying.http.post(path, json={"amount": placed["amount"]}, headers=paying.as_("admin"))
    assert (too_much.status_code, too_much.json()["left"]) == (409, placed["amount"] - 1000)
