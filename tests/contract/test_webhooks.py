"""What Stripe sends: signed, forged, stale, twice, late, shuffled, unknown."""

from __future__ import annotations

import hashlib
import hmac
import json
import time
from typing import Any

import httpx
import pytest

from tests.contract.shop import NUMBERS, Json, Shop, at_once, problem, until

PATHS = ["/api/webhooks/stripe", "/api/stripe/webhook"]


def event_of(kind: str, obj: Json, **more: Any) -> Json:
    return {
        "id": f"evt_contract{next(NUMBERS)}x{time.time_ns()}",
        "object": "event",
        "api_version": "2026-10-28.endive",
        "created": int(time.time()),
        "livemode": False,
        "type": kind,
        "data": {"object": obj},
        "pending_webhooks": 1,
        "request": {"id": None, "idempotency_key": None},
    } | more


def header(shop: Shop, body: bytes, age_s: float = 0, secret: str | None = None, scheme: str = "v1") -> str:
    stamp = int(time.time() - age_s)
    key = (secret or str(shop.told["webhook_secret"])).encode()
    signature = hmac.new(key, f"{stamp}.".encode() + body, hashlib.sha256).hexdigest()
    return f"t={stamp},{scheme}={signature}"


def send(shop: Shop, event: Json | bytes, path: str = PATHS[0], **signed: Any) -> httpx.Response:
    body = event if isinstance(event, bytes) else json.dumps(event).encode()
    return raw(shop, body, header(shop, body, **signed), path)


def raw(shop: Shop, body: bytes, signature: str | None, path: str = PATHS[0]) -> httpx.Response:
    headers = {"Content-Type": "application/json"}
    if signature is not None:
        headers["Stripe-Signature"] = signature
    return shop.ask("POST", path, content=body, headers=headers)


def stored(shop: Shop, event_id: str) -> list[Json]:
    return shop.sql("SELECT * FROM webhook_events WHERE event_id = %s", event_id)


@pytest.mark.parametrize("path", PATHS)
def test_received_and_a_duplicate_is_told(shop: Shop, path: str) -> None:
    event = event_of("customer.created", {"id": "cus_1", "object": "customer"})
    first = send(shop, event, path)
    assert (first.status_code, first.json()) == (200, {"received": True, "duplicate": False})
    other = PATHS[1 - PATHS.index(path)]
    again = send(shop, event, other)
    assert (again.status_code, again.json()) == (200, {"received": True, "duplicate": True})


def test_at_once_one_is_no_duplicate(shop: Shop) -> None:
    event = event_of("customer.updated", {"id": "cus_2", "object": "customer"})
    answers = [answer.json()["duplicate"] for answer in at_once(lambda _: send(shop, event), 10)]
    assert sorted(answers) == [False] + [True] * 9
    assert len(stored(shop, event["id"])) == 1


@pytest.mark.parametrize(
    "signed", [{"age_s": 400}, {"age_s": -400}, {"secret": "whsec_other"}, {"scheme": "v0"}, {"age_s": 10**8}]
)
def test_a_signature_that_is_none_of_ours(shop: Shop, signed: Any) -> None:
    event = event_of("customer.created", {"id": "cus_3", "object": "customer"})
    for path in PATHS:
        problem(send(shop, event, path, **signed), 400)
    assert stored(shop, event["id"]) == []


def test_missing_malformed_or_for_another_body(shop: Shop) -> None:
    body = json.dumps(event_of("customer.created", {"id": "cus_4"})).encode()
    for signature in (
        None,
        "",
        "nonsense",
        "t=,v1=",
        "t=abc,v1=00",
        f"t={int(time.time())}",
        "v1=00",
        "t=9" * 400,
    ):
        problem(raw(shop, body, signature), 400)
    problem(raw(shop, body + b" ", header(shop, body)), 400)
    good = header(shop, body)
    stamp, _, rest = good.partition(",")
    assert raw(shop, body, f"{stamp},v1={'0' * 64},{rest},v0=abc").status_code == 200  # one of several


def test_more_than_a_megabyte(shop: Shop) -> None:
    event = event_of("customer.created", {"id": "cus_5", "description": "x" * ((1 << 20) + 10)})
    for path in PATHS:
        assert send(shop, event, path).status_code == 413
    body = b"x" * (3 << 20)
    assert raw(shop, body, None).status_code in {400, 413}


@pytest.mark.parametrize(
    "body", [b"", b"{", b"[]", b"null", b"\xff\xfe", b'{"id": 5}', b'{"object": "event"}']
)
def test_signed_nonsense_is_no_500(shop: Shop, body: bytes) -> None:
    assert 200 <= send(shop, body).status_code < 500


@pytest.mark.parametrize(
    "changed",
    [
        {"livemode": True},
        {"account": "acct_somebody_else"},
        {"type": "v2.something.new"},
        {"type": "invoice.paid"},
        {"api_version": "2031-01-01.tulip"},
    ],
)
def test_what_is_not_for_us_is_taken_and_changes_nothing(shop: Shop, changed: Json) -> None:
    booking = shop.book(shop.event())
    session = shop.stripe(booking["checkout_session_id"])
    event = event_of("customer.created", {"id": "cus_6", "object": "customer"}) | changed
    if "type" not in changed and "api_version" not in changed:
        # It claims a payment of ours, in another mode or on another account: nothing of ours was paid.
        paid = session | {"status": "complete", "payment_status": "paid", "payment_intent": "pi_none"}
        event |= {"type": "checkout.session.completed", "data": {"object": paid}}
    answer = send(shop, event)
    assert 200 <= answer.status_code < 300, answer.text
    assert len(stored(shop, event["id"])) == 1
    until(lambda: stored(shop, event["id"])[0]["handled_at"] is not None, "it is seen to")
    assert shop.found(booking["reference"])["status"] == "pending"


def test_an_object_that_nobody_knows_yet_is_kept_and_tried_again(shop: Shop) -> None:
    name = f"cs_test_unknown{time.time_ns()}"
    session = {
        "id": name,
        "object": "checkout.session",
        "status": "complete",
        "payment_status": "paid",
        "amount_total": 100,
        "currency": "gbp",
        "client_reference_id": "att_of_nobody",
        "metadata": {},
        "payment_intent": None,
    }
    event = event_of("checkout.session.completed", session)
    assert send(shop, event).json() == {"received": True, "duplicate": False}
    until(lambda: stored(shop, event["id"])[0]["tries"] > 0, "it is tried")
    [row] = stored(shop, event["id"])
    assert row["handled_at"] is not None or row["try_at"] is not None
    assert json.loads(row["payload"])["data"]["object"]["id"] == name


def test_every_webhook_twice_late_and_shuffled(shop: Shop) -> None:
    shop.faults(webhooks={"duplicate": 1, "delay_s": 1, "reorder": True})
    event = shop.event()
    bookings = [shop.book(event, 2), shop.book(event, 1, 1), shop.book(event, 3, 2)]
    for booking in bookings:
        shop.pay(booking)
    for booking in bookings:
        until(lambda b=booking: shop.found(b["reference"])["status"] == "confirmed", "confirmed")  # type: ignore[misc]
    shop.control("flush", {"all": True})
    for booking in bookings:
        email = shop.look(booking)["customer"]["email"]
        until(lambda e=email: len(shop.mails(e)) >= 1, "mailed")  # type: ignore[misc]
        assert len(shop.mails(email)) == 1
        assert len(shop.staff(f"/api/admin/bookings/{booking['reference']}")["payments"]) == 1
    assert shop.availability(event["event_id"])["booked"] == 6


def test_lost_but_the_guest_looks(shop: Shop) -> None:
    shop.faults(webhooks={"lose": 1})
    booking = shop.book(shop.event())
    shop.pay(booking)
    until(lambda: shop.look(booking)["status"] == "confirmed", "looking settles it", 5)


def test_a_forged_success_page_confirms_nothing(shop: Shop) -> None:
    event = shop.event()
    victim, paid = shop.book(event, 1), shop.confirmed(event, 1)
    page = shop.client.get(victim["booking_url"], params={"paid": paid["checkout_session_id"]})
    assert page.status_code == 200
    assert shop.look(victim)["status"] == "pending"
