"""What every address has in common: health, headers, errors, the document that describes them."""

from __future__ import annotations

import json
from datetime import timedelta
from typing import Any

import httpx
import pytest
from fastapi import APIRouter

from holdfast.database.connection import SCHEMA_VERSION
from holdfast.web.deployments import deployment
from tests.support.api import Api, running_api
from tests.support.database import TestDatabases


async def test_health_and_version(api: Api) -> None:
    assert (await api.http.get("/healthz")).json() == {"status": "ok"}
    version = (await api.http.get("/version")).json()
    assert (version["commit"], version["schema"]) == ("0123456789abcdef", SCHEMA_VERSION)
    assert version["started_at"].endswith("Z")
    assert version["version"]


async def test_ready_means_that_a_worker_lives(api: Api) -> None:
    alone = await api.http.get("/readyz")
    assert (alone.status_code, alone.headers["retry-after"]) == (503, "5")
    assert "worker" in alone.json()["reasons"][0]
    async with deployment(api.system, "worker"):
        ready = await api.http.get("/readyz")
        assert (ready.status_code, ready.json()) == (200, {"status": "ready", "reasons": []})
        async with api.system.database.transaction() as conn:
            await conn.execute(
                "UPDATE deployments SET heartbeat_at = heartbeat_at - %s", (timedelta(seconds=40),)
            )
        assert "silent" in (await api.http.get("/readyz")).json()["reasons"][0]
    assert (await api.http.get("/readyz")).status_code == 503, "one that has stopped is not alive"


async def test_the_start_is_on_record(api: Api) -> None:
    async with api.system.database.transaction() as conn:
        row = await (await conn.execute("SELECT * FROM deployments WHERE role = 'web'")).fetchone()
    assert row is not None
    assert (row["commit"], row["schema"], row["stopped_at"]) == ("0123456789abcdef", SCHEMA_VERSION, None)


async def test_a_schema_of_another_release_is_not_ready(api: Api) -> None:
    async with api.system.database.transaction() as conn:
        await conn.execute("INSERT INTO schema_versions (version) VALUES (%s)", (SCHEMA_VERSION + 1,))
    answer = await api.http.get("/readyz")
    assert any("this is old code" in reason for reason in answer.json()["reasons"])
    async with api.system.database.transaction() as conn:
        await conn.execute("DELETE FROM schema_versions WHERE version >= %s", (SCHEMA_VERSION,))
    answer = await api.http.get("/readyz")
    assert any("holdfast migrate" in reason for reason in answer.json()["reasons"])


async def test_a_database_that_is_gone_is_a_503_and_never_a_500(databases: TestDatabases) -> None:
    url = databases.clone()
    async with running_api(url) as api:
        databases.drop(url)
        ready = await api.http.get("/readyz")
        assert (ready.status_code, ready.json()["reasons"]) == (503, ["The database cannot be reached."])
        answer = await api.http.get("/api/events/35/availability")
        assert (answer.status_code, answer.json()["code"]) == (503, "database_unavailable")
        assert int(answer.headers["retry-after"]) > 0
        assert (await api.http.get("/healthz")).status_code == 200, "the process itself is there"


async def test_metrics_are_for_this_machine_and_for_keys(api: Api) -> None:
    assert (await api.http.get("/metrics")).status_code == 403
    assert (await api.http.get("/metrics", headers=api.as_("door"))).status_code == 403
    assert (await api.http.get("/metrics", headers={"X-API-Key": "hf_wrong"})).status_code == 401
    for scope in ("metrics", "admin"):
        told = await api.http.get("/metrics", headers=api.as_(scope))
        assert told.status_code == 200
        assert "holdfast_http_requests_total{" in told.text
        assert 'holdfast_build_info{commit="0123456789abcdef"' in told.text
    near = httpx.AsyncClient(
        transport=httpx.ASGITransport(api.app, client=("127.0.0.1", 1)), base_url="http://api.test"
    )
    async with near:
        assert (await near.get("/metrics")).status_code == 200
        assert (await near.get("/metrics", headers={"X-Forwarded-For": "198.51.100.1"})).status_code == 403


async def test_routes_are_counted_by_their_pattern_and_never_by_their_address(api: Api) -> None:
    await api.http.get("/api/bookings/HF-SECRET?token=very-secret")
    await api.http.get("/wp-login.php")
    told = (await api.http.get("/metrics", headers=api.as_("metrics"))).text
    assert 'route="/api/bookings/{reference}"' in told
    assert "SECRET" not in told
    assert "wp-login" not in told


async def test_headers_of_every_answer(api: Api) -> None:
    for path in ("/healthz", "/docs", "/nothing", "/api/events/35/availability"):
        headers = (await api.http.get(path)).headers
        policy = headers["content-security-policy"]
        assert "default-src 'none'" in policy
        assert "unsafe" not in policy
        assert "frame-ancestors 'none'" in policy
        assert headers["x-content-type-options"] == "nosniff"
        assert headers["cache-control"] == "no-store"


async def test_the_payment_page_may_be_gone_to(database_url: str) -> None:
    async with running_api(
        database_url, stripe_api_base="https://api.stripe.com", public_url="https://book.example"
    ) as api:
        headers = (await api.http.get("/healthz")).headers
    assert "form-action 'self' https://checkout.stripe.com" in headers["content-security-policy"]
    assert "max-age" in headers["strict-transport-security"]


@pytest.mark.parametrize(
    ("headers", "passes"),
    [
        ({"Sec-Fetch-Site": "cross-site"}, False),
        ({"Sec-Fetch-Site": "same-site"}, False),
        ({"Sec-Fetch-Site": "same-origin"}, True),
        ({"Origin": "https://evil.example"}, False),
        ({"Origin": "null"}, False),
        ({"Origin": "http://api.test"}, True),
        ({"Cookie": "holdfast_staff=x"}, False),
        ({}, True),
    ],
)
async def test_forms_are_taken_from_our_own_pages_only(
    api: Api, headers: dict[str, str], passes: bool
) -> None:
    answer = await api.http.post("/events/35/book", headers=headers, data={})
    assert (answer.status_code != 403) is passes


async def test_addresses_and_methods_that_are_not_there(api: Api) -> None:
    missing = await api.http.get("/api/nothing")
    assert (missing.status_code, missing.json()["code"]) == (404, "not_found")
    wrong = await api.http.delete("/api/events/35/availability")
    assert (wrong.status_code, wrong.json()["code"]) == (405, "method_not_allowed")


async def test_people_get_a_page_and_programs_a_problem(api: Api) -> None:
    page = await api.http.get("/nothing", headers={"Accept": "text/html,application/xhtml+xml"})
    assert (page.status_code, page.headers["content-type"]) == (404, "text/html; charset=utf-8")
    problem = await api.http.get("/api/nothing", headers={"Accept": "text/html"})
    assert problem.headers["content-type"] == "application/problem+json"


async def test_what_nobody_foresaw_is_a_clear_500_without_a_trace(
    api: Api, capsys: pytest.CaptureFixture[str]
) -> None:
    broken = APIRouter()

    async def break_down() -> None:
        raise RuntimeError("ada@example.com")

    broken.add_api_route("/broken", break_down)
    api.app.include_router(broken)
    answer = await api.http.get("/broken")
    assert (answer.status_code, answer.json()["code"]) == (500, "internal")
    assert "RuntimeError" not in answer.text
    logged = capsys.readouterr().out
    assert "break_down" in logged, "the log says where"
    assert "ada@example.com" not in logged, "but not with whose data"


async def test_the_log_holds_no_personal_data(api: Api, capsys: pytest.CaptureFixture[str]) -> None:
    units = (await api.http.get("/api/events/35/availability")).json()["units"]
    body = {
        "units": [{"unit_id": units[0]["unit_id"], "seats": 1}],
        "customer": {"name": "Ada Example", "email": "ada@example.com", "phone": "07700 900123"},
    }
    placed = (await api.http.post("/api/events/35/bookings", json=body)).json()  # Stripe is away here
    await api.http.get(f"/api/bookings/{placed['reference']}?token={placed['token']}")
    await api.http.get(f"/b/{placed['token']}")
    logged = capsys.readouterr().out
    assert "/api/bookings/{reference}" in logged
    for secret in (
        placed["token"],
        placed["reference"],
        "ada@example.com",
        "Ada Example",
        "7700",
        "203.0.113.7",
    ):
        assert secret not in logged, secret


async def test_creating_is_limited_by_address_but_webhooks_are_not(database_url: str) -> None:
    async with running_api(database_url, rate_limit_per_minute=3) as api:
        statuses = [(await api.http.post("/api/events/99/bookings", json={})).status_code for _ in range(5)]
        assert statuses == [422, 422, 422, 429, 429]
        refused = await api.http.post("/api/events/99/bookings", json={})
        assert (refused.json()["code"], int(refused.headers["retry-after"]) > 0) == ("rate_limited", True)
        assert (await api.http.get("/api/events/35/availability")).status_code == 200
        assert (await api.http.post("/api/webhooks/stripe", content=b"{}")).status_code == 400


CONTRACT = {
    ("get", "/api/events/{event_id}/availability"): 200,
    ("post", "/api/events/{event_id}/bookings"): 201,
    ("get", "/api/bookings/{reference}"): 200,
    ("get", "/api/admin/bookings/{which}"): 200,
    ("post", "/api/bookings/{reference}/cancel"): 200,
    ("post", "/api/webhooks/stripe"): 200,
    ("post", "/api/stripe/webhook"): 200,
    ("post", "/api/admin/recover-booking"): 200,
    ("post", "/api/admin/sync-all-availability"): 200,
    ("get", "/api/admin/promises"): 200,
    ("get", "/api/events/{event_id}/live"): 200,
    ("get", "/healthz"): 200,
    ("get", "/readyz"): 200,
    ("get", "/version"): 200,
    ("get", "/metrics"): 200,
}


async def test_the_document_names_every_address_of_the_contract(api: Api) -> None:
    document = (await api.http.get("/openapi.json")).json()
    for (method, path), status in CONTRACT.items():
        assert str(status) in document["paths"][path][method]["responses"], path
    references = set(_references(document))
    assert references
    for reference in references:
        assert reference.rpartition("/")[2] in document["components"]["schemas"], reference
    operations = [operation for methods in document["paths"].values() for operation in methods.values()]
    assert len({operation["operationId"] for operation in operations}) == len(operations)
    assert "HTTPValidationError" not in json.dumps(document)
    for path, methods in document["paths"].items():
        for method, operation in methods.items():
            if path.startswith("/api/admin"):
                assert operation["security"], f"{method} {path} needs a key and does not say so"


async def test_answers_are_as_the_document_describes_them(api: Api) -> None:
    document = (await api.http.get("/openapi.json")).json()
    units = (await api.http.get("/api/events/35/availability")).json()
    shapes = document["components"]["schemas"]
    assert set(units) == set(shapes["Availability"]["properties"])
    assert set(units["units"][0]) == set(shapes["UnitAvailability"]["properties"])
    body = {
        "units": [{"unit_id": units["units"][0]["unit_id"], "seats": 1}],
        "customer": {"name": "Ada", "email": "ada@example.com"},
        "checkout": False,
    }
    placed = (await api.http.post("/api/events/35/bookings", json=body)).json()
    assert set(placed) == set(shapes["BookingPlaced"]["properties"])
    shown = (await api.http.get("/api/events/35")).json()
    assert set(shown) == set(shapes["Event"]["properties"])
    assert set(shown["menu"][0]) == set(shapes["Item"]["properties"])
    listed = (await api.http.get("/api/events")).json()["events"][0]
    assert set(listed) == set(shapes["ListedEvent"]["properties"])


async def test_the_docs_page_needs_nothing_from_elsewhere(api: Api) -> None:
    page = (await api.http.get("/docs")).text
    assert "POST /api/events/{event_id}/bookings" in page
    assert "<script" not in page
    assert "http://" not in page
    assert "https://" not in page


async def test_every_admin_address_asks_for_a_key(api: Api) -> None:
    document = (await api.http.get("/openapi.json")).json()
    for path, methods in document["paths"].items():
        for method in methods:
            if path.startswith("/api/admin"):
                address = path.replace("{event_id}", "35")
                answer = await api.http.request(method, address, json={})
                assert (answer.status_code, answer.json()["code"]) == (401, "unauthorized"), (
                    f"{method} {path}"
                )
                answer = await api.http.request(method, address, json={}, headers=api.as_("metrics"))
                assert answer.status_code == 403, f"{method} {path}"


def _references(part: Any) -> list[str]:
    if isinstance(part, dict):
        own = [part["$ref"]] if isinstance(part.get("$ref"), str) else []
        return own + [found for value in part.values() for found in _references(value)]
    if isinstance(part, list):
        return [found for value in part for found in _references(value)]
    return []
