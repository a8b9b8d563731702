"""Idempotency keys, keys of the API, and what an answer says about itself."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from typing import Any

import httpx
import pytest
import stripe

from tests.sandbox.conftest import client_of, session_params
from tests.support.sandbox import Sandbox

SESSIONS = "/v1/checkout/sessions"
REFUNDS = "/v1/refunds"
KEY = {"Authorization": "Bearer sk_test_sandbox"}


def create(client: stripe.StripeClient, key: str, **more: Any) -> stripe.checkout.Session:
    return client.v1.checkout.sessions.create(session_params(**more), {"idempotency_key": key})  # type: ignore[arg-type]


def header(made: Any, name: str) -> str | None:
    value: str | None = made.last_response.headers.get(name)
    return value


def test_the_same_key_brings_the_same_answer(client: stripe.StripeClient) -> None:
    first, second = create(client, "k1"), create(client, "k1")
    assert first.to_dict() == second.to_dict()
    assert header(first, "Idempotent-Replayed") is None
    assert header(second, "Idempotent-Replayed") == "true"
    assert header(second, "Original-Request") == header(first, "Request-Id")
    assert len(client.v1.checkout.sessions.list().data) == 1


def test_other_parameters_are_refused(client: stripe.StripeClient) -> None:
    create(client, "k2")
    with pytest.raises(stripe.IdempotencyError, match="same parameters"):
        create(client, "k2", metadata={"a": "1"})
    with pytest.raises(stripe.IdempotencyError):
        client.v1.payment_intents.create({"amount": 100, "currency": "gbp"}, {"idempotency_key": "k2"})


def test_many_at_once_make_one(sandbox: Sandbox, client: stripe.StripeClient) -> None:
    def one(_: int) -> tuple[int | None, str | None]:
        try:
            return 200, create(client_of(sandbox), "k3").id
        except stripe.APIError as error:
            return error.http_status, error.error.code if error.error else None

    with ThreadPoolExecutor(8) as pool:
        answers = set(pool.map(one, range(24)))
    assert {status for status, _ in answers} <= {200, 409}
    assert len([id for status, id in answers if status == 200]) == 1
    assert {code for status, code in answers if status == 409} <= {"idempotency_key_in_use"}
    assert len(client.v1.checkout.sessions.list().data) == 1


def test_validation_failures_are_not_kept(client: stripe.StripeClient) -> None:
    with pytest.raises(stripe.InvalidRequestError):
        create(client, "k4", mode="nonsense")
    assert create(client, "k4").status == "open"


def test_a_refused_state_is_kept(client: stripe.StripeClient, web: httpx.Client) -> None:
    made = create(client, "k5")
    web.post(f"/pay/{made.id}")
    intent = str(client.v1.checkout.sessions.retrieve(made.id).payment_intent)
    client.v1.refunds.create({"payment_intent": intent})
    form = {"payment_intent": intent}
    answers = [web.post(REFUNDS, data=form, headers=KEY | {"Idempotency-Key": "r"}) for _ in range(2)]
    assert [answer.status_code for answer in answers] == [400, 400]
    assert answers[0].text == answers[1].text
    assert answers[1].headers["idempotent-replayed"] == "true"


def test_a_decline_is_kept(client: stripe.StripeClient) -> None:
    params: Any = {
        "amount": 500,
        "currency": "gbp",
        "confirm": True,
        "payment_method": "pm_card_chargeDeclined",
    }
    for _ in range(2):
        with pytest.raises(stripe.CardError):
            client.v1.payment_intents.create(params, {"idempotency_key": "d"})
    assert len(client.v1.payment_intents.list().data) == 1


def test_a_500_stays_a_500(client: stripe.StripeClient, web: httpx.Client) -> None:
    web.post("/control/faults", json={"api": {"error_500": 1}})
    with pytest.raises(stripe.APIError):
        create(client, "k6")
    web.post("/control/faults", json={"api": {"error_500": 0}})
    with pytest.raises(stripe.APIError) as caught:
        create(client, "k6")
    assert caught.value.headers is not None
    assert caught.value.headers["Idempotent-Replayed"] == "true"
    assert client.v1.checkout.sessions.list().data == []
    assert create(client, "k6-again").status == "open"


def test_keys_are_forgotten_after_a_day(client: stripe.StripeClient, web: httpx.Client) -> None:
    first = create(client, "k7")
    web.post("/control/clock", json={"advance_s": 86_500})
    assert create(client, "k7").id != first.id


def test_a_key_may_not_be_endless(client: stripe.StripeClient) -> None:
    create(client, "k" * 255)
    with pytest.raises(stripe.IdempotencyError, match="255"):
        create(client, "k" * 256)


def test_the_api_key_is_asked_for(sandbox: Sandbox, web: httpx.Client) -> None:
    with pytest.raises(stripe.AuthenticationError, match="Invalid API Key"):
        client_of(sandbox, "sk_test_somebody_else").v1.events.list()
    assert web.get("/v1/events").status_code == 401
    assert web.get("/v1/events", auth=("sk_test_sandbox", "")).status_code == 200


def test_errors_have_stripes_shape(web: httpx.Client) -> None:
    missing = web.get("/v1/checkout/sessions/cs_test_none", headers=KEY)
    assert missing.status_code == 404
    error = missing.json()["error"]
    assert (error["type"], error["code"]) == ("invalid_request_error", "resource_missing")
    assert error["message"] == "No such checkout.session: 'cs_test_none'"
    assert missing.headers["request-id"] in error["request_log_url"]
    assert missing.headers["stripe-version"] == "2026-10-28.endive"
    assert web.get("/v1/unicorns", headers=KEY).status_code == 404
    assert web.delete("/v1/checkout/sessions", headers=KEY).status_code == 404
