"""Stripe's webhooks and the operator's recovery, as they come in over HTTP."""

from __future__ import annotations

import json
import time
from typing import Any

import pytest
import stripe

from tests.support.api import WEBHOOK_SECRET, Api

PATHS = ("/api/webhooks/stripe", "/api/stripe/webhook")


def event(event_id: str = "evt_1", **changes: Any) -> bytes:
    body = {
        "id": event_id,
        "object": "event",
        "type": "customer.created",
        "created": int(time.time()),
        "livemode": False,
        "api_version": "2026-10-28.endive",
        "data": {"object": {"id": "cus_1", "object": "customer"}},
        **changes,
    }
    return json.dumps(body).encode()


def signature(body: bytes, secret: str = WEBHOOK_SECRET, age_s: int = 0) -> dict[str, str]:
    stamp = int(time.time()) - age_s
    signed = stripe.WebhookSignature.generate_signature_header(body.decode("utf-8", "replace"), secret, stamp)
    return {"Stripe-Signature": signed}


async def stored(api: Api) -> int:
    async with api.system.database.transaction() as conn:
        row = await (await conn.execute("SELECT count(*) AS n FROM webhook_events")).fetchone()
    assert row is not None
    return int(row["n"])


@pytest.mark.parametrize("path", PATHS)
async def test_an_event_is_stored_once_and_each_delivery_is_answered(api: Api, path: str) -> None:
    body = event()
    first = await api.http.post(path, content=body, headers=signature(body))
    assert (first.status_code, first.json()) == (200, {"received": True, "duplicate": False})
    second = await api.http.post(path, content=body, headers=signature(body))
    assert (second.status_code, second.json()) == (200, {"received": True, "duplicate": True})
    assert await stored(api) == 1


@pytest.mark.parametrize(
    "headers",
    [
        {},
        {"Stripe-Signature": ""},
        {"Stripe-Signature": "nonsense"},
        {"Stripe-Signature": "t=1,v1=00"},
        signature(event(), "whsec_of_somebody_else"),
        signature(event(), age_s=301),
        signature(event(), age_s=-301),
        signature(event("evt_2")),
    ],
    ids=[
        "none",
        "empty",
        "nonsense",
        "old and wrong",
        "other secret",
        "stale",
        "from the future",
        "other body",
    ],
)
async def test_what_is_not_signed_by_stripe_just_now_is_refused(api: Api, headers: dict[str, str]) -> None:
    answer = await api.http.post(PATHS[0], content=event(), headers=headers)
    assert (answer.status_code, answer.json()["code"]) == (400, "bad_signature")
    assert await stored(api) == 0


async def test_more_than_a_mebibyte_is_refused_before_it_is_read(api: Api) -> None:
    body = b"x" * (1024 * 1024 + 1)
    answer = await api.http.post(PATHS[0], content=body, headers={"Stripe-Signature": "t=1,v1=00"})
    assert (answer.status_code, answer.json()["code"]) == (413, "too_large")


@pytest.mark.parametrize("body", [b"", b"{", b"[]", b"null", b"{}", b'{"id": 5}', b"[" * 50_000])
async def test_a_signed_body_that_is_no_event_is_refused_and_never_a_500(api: Api, body: bytes) -> None:
    answer = await api.http.post(PATHS[0], content=body, headers=signature(body))
    assert 400 <= answer.status_code < 500, answer.text
    assert await stored(api) == 0


@pytest.mark.parametrize(
    "body",
    [
        {},
        {"sessionId": ""},
        {"sessionId": 5},
        {"sessionId": None},
        {"sessionId": "cus_1"},
        {"sessionId": "cs_\x00"},
        {"sessionId": "cs_../../x"},
        {"session_id": "cs_1"},
    ],
)
async def test_recovering_needs_the_id_of_a_session_or_intent(api: Api, body: dict[str, Any]) -> None:
    answer = await api.http.post("/api/admin/recover-booking", json=body, headers=api.as_("admin"))
    assert (answer.status_code, answer.json()["code"]) == (422, "validation_failed")


async def test_recovering_while_stripe_is_away_is_a_503(api: Api) -> None:
    for wanted in ("cs_test_a1", "pi_123"):
        answer = await api.http.post(
            "/api/admin/recover-booking", json={"sessionId": wanted}, headers=api.as_("admin")
        )
        assert (answer.status_code, answer.json()["code"]) == (503, "stripe_unavailable")
        assert int(answer.headers["retry-after"]) > 0


async def test_replaying(api: Api) -> None:
    for event_id in ("evt_1", "evt_2"):
        body = event(event_id)
        await api.http.post(PATHS[0], content=body, headers=signature(body))
    path, key = "/api/admin/webhook-events/replay", api.as_("admin")
    one = await api.http.post(path, json={"event_ids": ["evt_1"]}, headers=key)
    assert one.json() == {"replayed": 1, "event_ids": ["evt_1"]}
    every = await api.http.post(path, json={"since": "2020-01-01T00:00:00Z"}, headers=key)
    assert every.json()["replayed"] == 2
    assert (await api.http.post(path, json={"event_ids": ["evt_9"]}, headers=key)).status_code == 404
    assert (await api.http.post(path, json={}, headers=key)).status_code == 422
    assert (await api.http.post(path, json={"failed": True}, headers=key)).json()["replayed"] == 0
