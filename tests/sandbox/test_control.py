"""The controls: clock, dashboard, foreign sessions, the ledger's page; and what outlives a restart."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable
from typing import Any

import httpx
import pytest
import stripe

from tests.sandbox.conftest import client_of, session_params
from tests.sandbox.listener import Listener
from tests.support.sandbox import Sandbox

Make = Callable[..., stripe.checkout.Session]


def paid(client: stripe.StripeClient, web: httpx.Client, make_session: Make, **form: str) -> str:
    made = make_session()
    web.post(f"/pay/{made.id}", data=form)
    return str(client.v1.checkout.sessions.retrieve(made.id).payment_intent)


def act(web: httpx.Client, action: str, **more: Any) -> httpx.Response:
    return web.post("/control/dashboard", json={"action": action, **more})


def test_a_refund_in_the_dashboard(
    client: stripe.StripeClient, web: httpx.Client, make_session: Make
) -> None:
    intent = paid(client, web, make_session)
    refund = act(web, "refund", payment=intent, amount=1000).json()
    assert client.v1.refunds.retrieve(refund["id"]).amount == 1000
    event = client.v1.events.list({"type": "refund.created"}).data[0]
    assert event.request is not None
    assert event.request.id is None
    assert act(web, "fail_refund", refund=refund["id"]).json()["status"] == "failed"
    assert act(web, "refund", payment=intent).json()["amount"] == 2500
    assert act(web, "refund", payment=intent).status_code == 400


def test_a_dispute_in_the_dashboard(
    client: stripe.StripeClient, web: httpx.Client, make_session: Make
) -> None:
    intent = paid(client, web, make_session)
    dispute = act(web, "open_dispute", payment=intent, reason="product_not_received").json()
    assert (dispute["status"], dispute["reason"]) == ("needs_response", "product_not_received")
    assert act(web, "open_dispute", payment=intent).status_code == 422
    assert act(web, "close_dispute", dispute=dispute["id"], outcome="won").json()["status"] == "won"
    assert act(web, "close_dispute", dispute=dispute["id"], outcome="lost").status_code == 400


@pytest.mark.parametrize(("outcome", "status"), [("succeed", "succeeded"), ("fail", "failed")])
def test_a_debit_is_settled_now(
    outcome: str, status: str, client: stripe.StripeClient, web: httpx.Client, make_session: Make
) -> None:
    intent = paid(client, web, make_session, method="bank_debit")
    assert act(web, "settle", payment=intent, outcome=outcome).json()["status"] == status
    assert act(web, "settle", payment=intent).status_code == 422


def test_expiring_and_lapsing(client: stripe.StripeClient, web: httpx.Client, make_session: Make) -> None:
    assert act(web, "expire", session=make_session().id).json()["status"] == "expired"
    made = make_session(payment_intent_data={"capture_method": "manual"})
    web.post(f"/pay/{made.id}")
    intent = client.v1.checkout.sessions.retrieve(made.id).payment_intent
    assert act(web, "lapse", payment=intent).json()["cancellation_reason"] == "automatic"


@pytest.mark.parametrize(
    "body", [{}, {"action": "steal"}, {"action": "refund", "payment": "pi_none"}, {"action": "expire"}]
)
def test_what_makes_no_sense_is_refused(body: dict[str, Any], web: httpx.Client) -> None:
    assert web.post("/control/dashboard", json=body).status_code in (404, 422)


def test_a_foreign_session_is_paid_and_says_nothing(
    client: stripe.StripeClient, endpoint: str, listener: Listener, web: httpx.Client
) -> None:
    body = {
        "amount": 17000,
        "currency": "gbp",
        "metadata": {"eventId": "35", "seats": "2"},
        "customer_details": {"email": "guest@example.com", "name": "Guest"},
        "paid": True,
    }
    made = web.post("/control/foreign-session", json=body).json()
    web.post("/control/flush", json={"all": True})
    assert listener.kinds() == []
    assert client.v1.events.list().data == []
    seen = client.v1.checkout.sessions.retrieve(
        made["id"], {"expand": ["payment_intent.latest_charge", "line_items"]}
    )
    assert (seen.status, seen.payment_status, seen.amount_total) == ("complete", "paid", 17000)
    assert seen.metadata is not None
    assert seen.metadata.to_dict() == body["metadata"]
    assert seen.customer_details is not None
    assert (seen.customer_details.email, seen.customer_details.name) == ("guest@example.com", "Guest")
    assert isinstance(seen.payment_intent, stripe.PaymentIntent)
    web.post("/control/foreign-session", json=body | {"webhook": True})
    listener.wait_for_kind("checkout.session.completed")
    open_one = web.post(
        "/control/foreign-session", json={"amount": 500, "currency": "gbp", "paid": False}
    ).json()
    assert web.get(f"/pay/{open_one['id']}").status_code == 200
    assert web.post("/control/foreign-session", json={"amount": "5"}).status_code == 422


def test_the_clock_goes_forward_only(web: httpx.Client) -> None:
    before = web.get("/control/clock").json()["now"]
    after = web.post("/control/clock", json={"advance_s": 100}).json()["now"]
    assert 100 <= after - before < 130
    for junk in ({"advance_s": -1}, {"advance_s": "5"}, {"advance_s": True}, {}):
        assert web.post("/control/clock", json=junk).status_code == 422


def test_a_reset_empties_everything(
    client: stripe.StripeClient, web: httpx.Client, make_session: Make
) -> None:
    web.post(f"/pay/{make_session().id}")
    web.post("/control/clock", json={"advance_s": 5000})
    web.post("/control/reset")
    assert web.get("/control/ledger").json() == {}
    assert web.get("/control/deliveries").json() == {"deliveries": []}
    assert web.get("/control/clock").json()["offset_s"] == 0


def test_the_ledgers_page_and_its_buttons(
    client: stripe.StripeClient, endpoint: str, web: httpx.Client, make_session: Make
) -> None:
    assert "None yet" in web.get("/").text
    intent = paid(client, web, make_session)
    still_open = make_session()
    page = web.get("/")
    assert f"/pay/{still_open.id}" in page.text
    assert "script" not in page.headers["content-security-policy"]
    assert web.post("/", data={"action": "refund", "payment": intent}).status_code == 303
    assert client.v1.refunds.list({"payment_intent": intent}).data[0].amount == 2500
    problem = web.post("/", data={"action": "refund", "payment": intent})
    assert problem.status_code == 422
    assert "already been refunded" in problem.text
    web.post("/", data={"action": "switch", "fault": "lose", "to": "on"})
    assert web.get("/control/faults").json()["webhooks"]["lose"] == 1
    assert "Lose every webhook: on" in web.get("/").text
    web.post("/", data={"action": "switch", "fault": "lose", "to": "off"})
    assert web.get("/control/faults").json()["webhooks"]["lose"] == 0
    event = client.v1.events.list().data[0]
    assert web.post("/", data={"action": "resend", "event_id": event.id}).status_code == 303
    assert web.post("/", data={"action": "advance", "seconds": "60"}).status_code == 303
    assert web.get("/control/clock").json()["offset_s"] == 60


def test_everything_outlives_a_restart(start: Callable[..., Sandbox], listener: Listener) -> None:
    listener.status = 500
    arguments = (
        "--webhook-url",
        listener.url,
        "--webhook-secret",
        "whsec_mine",
        "--secret-key",
        "sk_test_mine",
    )
    first = start(*arguments)
    made = client_of(first).v1.checkout.sessions.create(session_params(), {"idempotency_key": "k"})  # type: ignore[arg-type]
    httpx.post(f"{first.url}/pay/{made.id}")
    httpx.post(f"{first.url}/control/faults", json={"webhooks": {"duplicate": 0.5}})
    httpx.post(f"{first.url}/control/clock", json={"advance_s": 1000})
    listener.wait_for(lambda got: len(got) >= 4)
    listener.status, listener.secret = 200, "whsec_mine"
    seen = len(listener.received)
    second = start(*arguments)
    client = client_of(second)
    assert client.v1.checkout.sessions.retrieve(made.id).payment_status == "paid"
    again = client.v1.checkout.sessions.create(session_params(), {"idempotency_key": "k"})  # type: ignore[arg-type]
    assert again.id == made.id
    assert len(client.v1.webhook_endpoints.list().data) == 1
    assert httpx.get(f"{second.url}/control/faults").json()["webhooks"]["duplicate"] == 0.5
    assert httpx.get(f"{second.url}/control/clock").json()["offset_s"] == 1000
    httpx.post(f"{second.url}/control/clock", json={"advance_s": 600})
    got = listener.wait_for(lambda all_: len({one.json["id"] for one in all_[seen:]}) >= 4)
    assert listener.event(got[-1]).id.startswith("evt_")


def test_a_seed_repeats_ids(start: Callable[..., Sandbox]) -> None:
    first = start("--seed", "5")
    made = client_of(first).v1.checkout.sessions.create(session_params()).id  # type: ignore[arg-type]
    httpx.post(f"{first.url}/control/reset")
    second = start("--seed", "5")
    client = client_of(second)
    assert client.v1.checkout.sessions.create(session_params()).id == made  # type: ignore[arg-type]


def test_faults_from_the_command_line(sandbox: Sandbox, web: httpx.Client) -> None:
    def run(*arguments: str) -> subprocess.CompletedProcess[str]:
        command = [sys.executable, "-m", "holdfast.sandbox", "faults", "--url", sandbox.url, *arguments]
        return subprocess.run(command, capture_output=True, text=True, check=False)

    done = run("--webhooks-lose", "1", "--api-only", "POST /v1/refunds", "--webhooks-reorder", "true")
    assert json.loads(done.stdout)["webhooks"]["lose"] == 1
    now = web.get("/control/faults").json()
    assert (now["webhooks"]["reorder"], now["api"]["only"]) == (True, ["POST /v1/refunds"])
    assert run("--webhooks-lose", "7").returncode == 2
    assert json.loads(run("--none").stdout)["webhooks"]["lose"] == 0
    assert run("--url", "http://127.0.0.1:1").returncode == 1
