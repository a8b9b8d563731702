"""Each fault does what it says, a wrong change changes nothing, and a seed makes chance repeatable."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import httpx
import pytest
import stripe

from holdfast.sandbox.faults import NO_FAULTS, applies
from tests.sandbox.conftest import session_params
from tests.sandbox.listener import Listener

Make = Callable[..., stripe.checkout.Session]
KEY = {"Authorization": "Bearer sk_test_sandbox"}


def set_faults(web: httpx.Client, **change: Any) -> None:
    web.post("/control/faults", json=change).raise_for_status()


def test_nothing_goes_wrong_at_first(web: httpx.Client) -> None:
    assert web.get("/control/faults").json() == NO_FAULTS


def test_a_change_is_merged(web: httpx.Client) -> None:
    set_faults(web, webhooks={"lose": 0.5})
    after = web.post("/control/faults", json={"webhooks": {"reorder": True}, "api": {"error_429": 1}}).json()
    assert after["webhooks"] == NO_FAULTS["webhooks"] | {"lose": 0.5, "reorder": True}
    assert after["api"] == NO_FAULTS["api"] | {"error_429": 1}
    web.post("/control/reset")
    assert web.get("/control/faults").json() == NO_FAULTS


JUNK: list[Any] = [
    [],
    "lose",
    {"webhook": {"lose": 1}},
    {"webhooks": {"loose": 1}},
    {"webhooks": {"lose": 2}},
    {"webhooks": {"lose": -0.1}},
    {"webhooks": {"lose": "1"}},
    {"webhooks": {"delay_s": -1}},
    {"webhooks": {"reorder": "yes"}},
    {"webhooks": 1},
    {"api": {"only": "POST /v1"}},
    {"seed": {}},
    {"webhooks": {"lose": 1}, "api": {"nonsense": 1}},
]


@pytest.mark.parametrize("junk", JUNK)
def test_junk_is_refused_and_changes_nothing(junk: Any, web: httpx.Client) -> None:
    assert web.post("/control/faults", json=junk).status_code == 422
    assert web.get("/control/faults").json() == NO_FAULTS
    assert web.post("/control/faults", content=b"{nonsense").status_code == 422


def test_webhooks_are_lost(endpoint: str, listener: Listener, web: httpx.Client, make_session: Make) -> None:
    set_faults(web, webhooks={"lose": 1})
    web.post(f"/pay/{make_session().id}")
    web.post("/control/clock", json={"advance_s": 86_400})
    web.post("/control/flush", json={"all": True})
    assert listener.kinds() == []
    lost = web.get("/control/deliveries").json()["deliveries"]
    assert {delivery["status"] for delivery in lost} == {"lost"}
    assert len(lost) == 4


def test_webhooks_come_twice(
    endpoint: str, listener: Listener, web: httpx.Client, make_session: Make
) -> None:
    set_faults(web, webhooks={"duplicate": 1})
    web.post(f"/pay/{make_session().id}")
    both = listener.wait_for_kind("checkout.session.completed", 2)
    assert both[0].json["id"] == both[1].json["id"]


def test_webhooks_are_late(endpoint: str, listener: Listener, web: httpx.Client, make_session: Make) -> None:
    set_faults(web, webhooks={"delay_s": 600})
    web.post(f"/pay/{make_session().id}")
    web.post("/control/flush")
    assert listener.kinds() == []
    web.post("/control/clock", json={"advance_s": 601})
    web.post("/control/flush")
    listener.wait_for_kind("checkout.session.completed")


def test_webhooks_are_shuffled(
    endpoint: str, listener: Listener, web: httpx.Client, make_session: Make
) -> None:
    set_faults(web, webhooks={"reorder": True}, seed="7")
    for _ in range(3):
        web.post(f"/pay/{make_session().id}")
    got = listener.wait_for(lambda all_: len(all_) >= 12)
    arrived = [(one.json["created"], one.json["id"]) for one in got]
    made = [event["id"] for event in web.get("/control/ledger").json()["event"]]
    assert sorted(id for _, id in arrived) == sorted(made)
    assert [id for _, id in arrived] != made


def test_events_that_never_come_to_be(
    client: stripe.StripeClient, endpoint: str, listener: Listener, web: httpx.Client, make_session: Make
) -> None:
    set_faults(web, webhooks={"never_generate": 1})
    made = make_session()
    web.post(f"/pay/{made.id}")
    assert client.v1.events.list().data == []
    assert client.v1.checkout.sessions.retrieve(made.id).payment_status == "paid"


def test_a_stamp_of_another_time(
    endpoint: str, listener: Listener, web: httpx.Client, make_session: Make
) -> None:
    set_faults(web, webhooks={"clock_skew_s": -400})
    web.post(f"/pay/{make_session().id}")
    with pytest.raises(stripe.SignatureVerificationError, match="tolerance"):
        listener.event(listener.wait_for_kind("charge.succeeded")[0])


@pytest.mark.parametrize(("fault", "effect"), [("timeout_before", 0), ("timeout_after", 1)])
def test_silence(fault: str, effect: int, client: stripe.StripeClient, web: httpx.Client) -> None:
    set_faults(web, api={fault: 1, "timeout_s": 0.05, "only": ["POST /v1/checkout/sessions"]})
    with pytest.raises(stripe.APIConnectionError):
        client.v1.checkout.sessions.create(session_params(), {"idempotency_key": "s"})  # type: ignore[arg-type]
    found = client.v1.checkout.sessions.list().data
    assert len(found) == effect
    set_faults(web, api={fault: 0})
    again = client.v1.checkout.sessions.create(session_params(), {"idempotency_key": "s"})  # type: ignore[arg-type]
    assert [again.id] == [one.id for one in client.v1.checkout.sessions.list().data]


@pytest.mark.parametrize(("fault", "effect"), [("error_500", 0), ("error_500_after", 1)])
def test_a_server_error(fault: str, effect: int, client: stripe.StripeClient, web: httpx.Client) -> None:
    set_faults(web, api={fault: 1, "only": ["POST /v1/checkout/*"]})
    with pytest.raises(stripe.APIError) as caught:
        client.v1.checkout.sessions.create(session_params())  # type: ignore[arg-type]
    assert caught.value.http_status == 500
    assert len(client.v1.checkout.sessions.list().data) == effect


def test_too_many_requests(client: stripe.StripeClient, web: httpx.Client) -> None:
    set_faults(web, api={"error_429": 1})
    with pytest.raises(stripe.RateLimitError) as caught:
        client.v1.events.list()
    assert caught.value.headers is not None
    assert caught.value.headers["Stripe-Rate-Limited-Reason"] == "global-rate"


def test_refunds_fail_later(client: stripe.StripeClient, web: httpx.Client, make_session: Make) -> None:
    set_faults(web, refunds={"fail_later": 1, "delay_s": 60})
    made = make_session()
    web.post(f"/pay/{made.id}")
    intent = str(client.v1.checkout.sessions.retrieve(made.id).payment_intent)
    refund = client.v1.refunds.create({"payment_intent": intent})
    assert refund.status == "succeeded"
    web.post("/control/clock", json={"advance_s": 61})
    assert client.v1.refunds.retrieve(refund.id).status == "failed"


def test_a_seed_repeats_chance(web: httpx.Client) -> None:
    def run() -> list[int]:
        set_faults(web, seed="42", api={"error_429": 0.5})
        return [web.get("/v1/events", headers=KEY).status_code for _ in range(20)]

    first = run()
    assert set(first) == {200, 429}
    assert run() == first


def test_patterns() -> None:
    assert applies([], "GET", "/v1/x")
    assert applies(["POST /v1/refunds"], "POST", "/v1/refunds")
    assert not applies(["POST /v1/refunds"], "GET", "/v1/refunds")
    assert applies(["/v1/refunds/*"], "GET", "/v1/refunds/re_1")
    assert not applies(["/v1/refunds"], "GET", "/v1/refunds/re_1")
