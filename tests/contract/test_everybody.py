"""Health, version, metrics, the API's own document, live updates and the promises."""

from __future__ import annotations

import json
import re
import threading
from typing import Any

import httpx
import pytest

from tests.contract.shop import Json, Shop, until

PATHS = {
    "/api/events/{}/availability": {"get"},
    "/api/events/{}/bookings": {"post"},
    "/api/bookings/{}": {"get"},
    "/api/bookings/{}/cancel": {"post"},
    "/api/admin/bookings/{}": {"get"},
    "/api/webhooks/stripe": {"post"},
    "/api/stripe/webhook": {"post"},
    "/api/admin/recover-booking": {"post"},
    "/api/admin/sync-all-availability": {"post"},
    "/api/events/{}/live": {"get"},
    "/api/admin/promises": {"get"},
    "/api/providers/{}/slots": {"get"},
    "/api/create-payment-intent": {"post"},
    "/api/providers/{}/booking-requests": {"get"},
    "/api/celebrity/booking-requests": {"get"},
    "/api/booking-requests/{}/accept": {"post"},
    "/api/booking-requests/{}/decline": {"post"},
    "/api/cron/cleanup-bookings": {"post"},
    "/healthz": {"get"},
    "/readyz": {"get"},
    "/version": {"get"},
    "/metrics": {"get"},
}


def test_health_and_version(shop: Shop) -> None:
    assert shop.get("/healthz").status_code == 200
    ready = shop.get("/readyz")
    assert (ready.status_code, ready.json()["reasons"]) == (200, [])
    version = shop.get("/version").json()
    assert set(version) >= {"version", "commit", "schema", "started_at"}
    assert re.fullmatch(r"\d+\.\d+\.\d+.*", version["version"])
    assert version["started_at"].endswith("Z")


def test_metrics_are_for_prometheus(shop: Shop) -> None:
    shop.confirmed(shop.event())
    answer = shop.get("/metrics")
    assert answer.status_code == 200
    assert answer.headers["content-type"].startswith("text/plain")
    for line in answer.text.splitlines():
        assert line.startswith("#") or re.fullmatch(r"[a-zA-Z_:][\w:]*(\{.*\})? [-+\w.]+", line), line
    assert "holdfast_" in answer.text


def document(shop: Shop) -> Json:
    return dict(shop.get("/openapi.json").json())


def test_the_document_agrees_with_the_contract(shop: Shop) -> None:
    said = document(shop)
    assert said["openapi"].startswith("3.")
    served = {re.sub(r"\{[^}]*\}", "{}", path): set(methods) for path, methods in said["paths"].items()}
    for path, methods in PATHS.items():
        assert methods <= served.get(path, set()), path
    assert shop.get("/docs").status_code == 200


def resolved(said: Json, schema: Any) -> Json:
    while "$ref" in schema:
        schema = said["components"]["schemas"][schema["$ref"].rpartition("/")[2]]
    return dict(schema)


@pytest.mark.parametrize(
    ("path", "method", "status", "fields"),
    [
        (
            "/api/events/{}/availability",
            "get",
            "200",
            {"event_id", "capacity", "booked", "held", "available", "units", "as_of"},
        ),
        (
            "/api/events/{}/bookings",
            "post",
            "201",
            {
                "order_id",
                "booking_id",
                "reference",
                "token",
                "status",
                "amount",
                "currency",
                "expires_at",
                "checkout_session_id",
                "checkout_url",
                "booking_url",
            },
        ),
        (
            "/api/bookings/{}",
            "get",
            "200",
            {
                "reference",
                "status",
                "amount",
                "amount_paid",
                "amount_refunded",
                "units",
                "menu",
                "customer",
                "messages",
            },
        ),
        ("/api/webhooks/stripe", "post", "200", {"received", "duplicate"}),
        ("/api/stripe/webhook", "post", "200", {"received", "duplicate"}),
        ("/api/admin/recover-booking", "post", "200", {"result", "booking_id", "reference", "repairs"}),
        ("/api/admin/sync-all-availability", "post", "200", {"checked", "corrected", "corrections"}),
        ("/version", "get", "200", {"version", "commit", "schema", "started_at"}),
    ],
)
def test_the_document_names_the_fields(
    shop: Shop, path: str, method: str, status: str, fields: set[str]
) -> None:
    said = document(shop)
    operations = {re.sub(r"\{[^}]*\}", "{}", name): methods for name, methods in said["paths"].items()}
    answer = operations[path][method]["responses"][status]
    schema = resolved(said, answer["content"]["application/json"]["schema"])
    assert fields <= set(schema["properties"])


def test_seats_that_go_are_told_at_once(shop: Shop) -> None:
    event = shop.event()
    seen: list[Json] = []
    path = f"{shop.told['web']}/api/events/{event['event_id']}/live"

    def listen() -> None:
        with (
            httpx.Client(trust_env=False, timeout=30) as client,
            client.stream("GET", path, headers={"Accept": "text/event-stream"}) as stream,
        ):
            assert stream.headers["content-type"].startswith("text/event-stream")
            for line in stream.iter_lines():
                if line.startswith("data:"):
                    seen.append(json.loads(line.removeprefix("data:")))
                if len(seen) > 1 and seen[-1]["booked"]:
                    return

    listener = threading.Thread(target=listen, daemon=True)
    listener.start()
    until(lambda: bool(seen), "what is free now, first of all")
    assert seen[0]["available"] == 16
    booking = shop.book(event)
    until(lambda: seen[-1]["held"] == 2, "the hold", 5)
    shop.pay(booking)
    until(lambda: seen[-1]["booked"] == 2, "the payment", 5)
    listener.join(5)
    assert not listener.is_alive()


def test_every_promise_is_kept_and_was_checked(shop: Shop) -> None:
    promises = shop.staff("/api/admin/promises")["promises"]
    assert len(promises) > 20
    for promise in promises:
        assert set(promise) >= {"statement", "violations", "oldest", "last_checked"}
        assert promise["statement"].strip()
    checked = [promise for promise in promises if promise["last_checked"]]
    assert len(checked) == len(promises)


def test_a_broken_promise_is_seen_and_mended(shop: Shop) -> None:
    event = shop.event()
    shop.confirmed(event, 2)
    shop.sql("UPDATE units SET taken = 4 WHERE unit_id = %s", event["units"][0]["unit_id"])
    found = shop.cli("doctor", "unit_count_is_true", "--json")
    assert found.returncode in {0, 1}  # 0: the worker mended it before we looked
    shop.cli("doctor", "--fix", "unit_count_is_true", "--json")
    assert shop.availability(event["event_id"])["units"][0]["available"] == 2
    assert shop.cli("doctor", "unit_count_is_true").returncode == 0
