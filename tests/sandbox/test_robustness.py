"""What must not bring the sandbox down: odd requests, a database that goes away, an object in disorder."""

from __future__ import annotations

import httpx
import psycopg
import pytest
import stripe

from tests.sandbox.conftest import client_of, session_params, started
from tests.sandbox.listener import Listener
from tests.support.database import TestDatabases


def test_a_null_byte_is_refused(client: stripe.StripeClient, web: httpx.Client) -> None:
    with pytest.raises(stripe.InvalidRequestError, match="null byte"):
        client.v1.checkout.sessions.create(session_params(metadata={"a": "\x00"}))  # type: ignore[arg-type]
    assert (
        web.post("/control/foreign-session", json={"amount": 5, "metadata": {"a": "\x00"}}).status_code == 422
    )


def test_head_has_no_body_and_the_connection_lives_on(web: httpx.Client) -> None:
    for path in ("/inbox", "/static/sandbox.css"):
        answer = web.head(path)
        assert (answer.status_code, answer.content) == (200, b"")
    assert web.get("/healthz").text == "ok"


@pytest.mark.parametrize(
    "path", ["/inbox/99999999999999999999", "/nothing", "/pay/x", "/static/../schema.sql"]
)
def test_odd_addresses(path: str, web: httpx.Client) -> None:
    assert web.get(path).status_code in (404, 422)


def test_a_retry_after_a_lost_answer_finds_it(client: stripe.StripeClient, web: httpx.Client) -> None:
    """The connection hangs for long, but the key is free as soon as the effect is in the books."""
    web.post("/control/faults", json={"api": {"timeout_after": 1, "timeout_s": 20, "only": ["POST /v1/*"]}})
    params = {"amount": "500", "currency": "gbp"}
    headers = {"Authorization": "Bearer sk_test_sandbox", "Idempotency-Key": "again"}
    with pytest.raises(httpx.ReadTimeout):
        web.post("/v1/payment_intents", data=params, headers=headers, timeout=0.5)
    web.post("/control/faults", json={"api": {"timeout_after": 0}})
    again = web.post("/v1/payment_intents", data=params, headers=headers)
    assert again.headers["idempotent-replayed"] == "true"
    assert [one.id for one in client.v1.payment_intents.list().data] == [again.json()["id"]]


def test_the_database_may_go_away_and_come_back(databases: TestDatabases, listener: Listener) -> None:
    url = databases.empty()
    with started(url, "--webhook-url", listener.url) as sandbox:
        client = client_of(sandbox)
        made = client.v1.checkout.sessions.create(session_params())  # type: ignore[arg-type]
        with psycopg.connect(url, autocommit=True) as connection:
            connection.execute(
                "SELECT pg_terminate_backend(pid) FROM pg_stat_activity "
                "WHERE datname = current_database() AND pid <> pg_backend_pid()"
            )
        tries = [pay(f"{sandbox.url}/pay/{made.id}") for _ in range(40)]
        assert 303 in tries
        listener.wait_for_kind("checkout.session.completed")
        assert client.v1.checkout.sessions.retrieve(made.id).payment_status == "paid"
    databases.drop(url)


def pay(address: str) -> int:
    return httpx.post(address, timeout=30).status_code


def test_an_object_in_disorder_does_not_stop_time(databases: TestDatabases) -> None:
    url = databases.empty()
    with started(url) as sandbox:
        mine = client_of(sandbox)
        broken = mine.v1.checkout.sessions.create(session_params())  # type: ignore[arg-type]
        fine = mine.v1.checkout.sessions.create(session_params())  # type: ignore[arg-type]
        with psycopg.connect(url, autocommit=True) as connection:
            change = (
                """UPDATE sandbox.object SET body = body || '{"payment_intent": "pi_gone"}' WHERE id = %s"""
            )
            connection.execute(change, [broken.id])
        httpx.post(f"{sandbox.url}/control/clock", json={"advance_s": 90_000}).raise_for_status()
        assert mine.v1.checkout.sessions.retrieve(fine.id).status == "expired"
    databases.drop(url)
