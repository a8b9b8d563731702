"""Webhooks: signed, retried, in the endpoint's version; and what can be seen of them over the API."""

from __future__ import annotations

from collections.abc import Callable

import httpx
import pytest
import stripe

from tests.sandbox.listener import Listener

Make = Callable[..., stripe.checkout.Session]


def test_a_payment_is_told_with_the_endpoints_signature(
    endpoint: str, listener: Listener, web: httpx.Client, make_session: Make
) -> None:
    made = make_session()
    web.post(f"/pay/{made.id}")
    received = listener.wait_for_kind("checkout.session.completed")
    event = listener.event(received[0])
    assert event.data.object["id"] == made.id
    assert event.api_version == "2026-10-28.endive"
    expected = {
        "payment_intent.created",
        "charge.succeeded",
        "payment_intent.succeeded",
        "checkout.session.completed",
    }
    listener.wait_for(lambda got: len(got) >= 4)
    assert set(listener.kinds()) == expected
    listener.secret = "whsec_other"
    with pytest.raises(stripe.SignatureVerificationError):
        listener.event(received[0])


def test_checkout_waits_for_the_answer(
    endpoint: str, listener: Listener, web: httpx.Client, make_session: Make
) -> None:
    web.post(f"/pay/{make_session().id}")
    assert "checkout.session.completed" in listener.kinds()


def test_only_what_an_endpoint_wants(
    client: stripe.StripeClient, listener: Listener, web: httpx.Client, make_session: Make
) -> None:
    client.v1.webhook_endpoints.create({"url": listener.url, "enabled_events": ["charge.succeeded"]})
    web.post(f"/pay/{make_session().id}")
    web.post("/control/flush")
    assert listener.kinds() == ["charge.succeeded"]


def test_anything_but_2xx_is_tried_again(
    client: stripe.StripeClient, endpoint: str, listener: Listener, web: httpx.Client, make_session: Make
) -> None:
    listener.status = 302
    client.v1.checkout.sessions.expire(make_session().id)
    listener.wait_for(lambda got: len(got) >= 1)
    web.post("/control/flush")
    event = client.v1.events.list({"delivery_success": False}).data[0]
    assert event.pending_webhooks == 1
    listener.status = 200
    web.post("/control/clock", json={"advance_s": 30})
    web.post("/control/flush")
    stamps = [one.headers["stripe-signature"] for one in listener.received]
    assert len(stamps) >= 2
    assert {listener.event(one).id for one in listener.received} == {event.id}
    assert client.v1.events.list({"delivery_success": False}).data == []
    assert [one.id for one in client.v1.events.list({"delivery_success": True}).data] == [event.id]
    assert client.v1.events.retrieve(event.id).pending_webhooks == 0


def test_retries_end_after_three_days(
    client: stripe.StripeClient, endpoint: str, listener: Listener, web: httpx.Client, make_session: Make
) -> None:
    listener.status = 500
    client.v1.checkout.sessions.expire(make_session().id)
    listener.wait_for(lambda got: len(got) >= 1)
    web.post("/control/flush")
    web.post("/control/clock", json={"advance_s": 3 * 86_400 + 1})
    web.post("/control/flush")
    (delivery,) = web.get("/control/deliveries").json()["deliveries"]
    assert (delivery["status"], delivery["last_status"]) == ("failed", 500)


def test_endpoints_are_made_changed_and_removed(client: stripe.StripeClient, make_session: Make) -> None:
    endpoints = client.v1.webhook_endpoints
    made = endpoints.create(
        {"url": "https://shop.example/hook", "enabled_events": ["charge.succeeded"], "metadata": {"app": "x"}}
    )
    assert made.secret is not None
    assert made.secret.startswith("whsec_")
    seen = endpoints.retrieve(made.id)
    assert "secret" not in seen
    assert (seen.status, seen.metadata.to_dict()) == ("enabled", {"app": "x"})
    changed = endpoints.update(
        made.id, {"disabled": True, "url": "https://shop.example/other", "enabled_events": ["*"]}
    )
    assert (changed.status, changed.url, changed.enabled_events) == (
        "disabled",
        "https://shop.example/other",
        ["*"],
    )
    for _ in range(15):
        endpoints.create({"url": "https://shop.example/hook", "enabled_events": ["*"]})
    with pytest.raises(stripe.InvalidRequestError, match="maximum of 16"):
        endpoints.create({"url": "https://shop.example/hook", "enabled_events": ["*"]})
    assert endpoints.delete(made.id).deleted
    assert len(endpoints.list({"limit": 100}).data) == 15
    with pytest.raises(stripe.InvalidRequestError, match="No such"):
        endpoints.retrieve(made.id)
    with pytest.raises(stripe.InvalidRequestError, match="not an event"):
        endpoints.create({"url": "https://shop.example/hook", "enabled_events": ["nonsense"]})  # type: ignore[list-item]


def test_a_disabled_endpoint_hears_nothing(
    client: stripe.StripeClient, endpoint: str, listener: Listener, web: httpx.Client, make_session: Make
) -> None:
    client.v1.webhook_endpoints.update(endpoint, {"disabled": True})
    web.post(f"/pay/{make_session().id}")
    web.post("/control/flush", json={"all": True})
    assert listener.kinds() == []


def test_the_endpoints_own_version(
    client: stripe.StripeClient, listener: Listener, web: httpx.Client, make_session: Make
) -> None:
    made = client.v1.webhook_endpoints.create(
        {"url": listener.url, "enabled_events": ["charge.succeeded"], "api_version": "2025-03-31.basil"}
    )
    assert made.api_version == "2025-03-31.basil"
    web.post(f"/pay/{make_session().id}")
    assert listener.wait_for_kind("charge.succeeded")[0].json["api_version"] == "2025-03-31.basil"


def test_thin_events_lead_to_the_object(
    client: stripe.StripeClient, endpoint: str, listener: Listener, web: httpx.Client, make_session: Make
) -> None:
    web.post("/control/webhooks/payload", json={"endpoint": endpoint, "payload": "thin"})
    made = make_session()
    web.post(f"/pay/{made.id}")
    received = listener.wait_for_kind("v1.checkout.session.completed")[0]
    told = client.parse_event_notification(
        received.body, received.headers["stripe-signature"], listener.secret
    )
    assert told.type == "v1.checkout.session.completed"
    assert told.related_object.id == made.id
    assert told.fetch_related_object().id == made.id
    assert told.fetch_event().snapshot_event is not None


def test_an_event_can_be_sent_again(
    client: stripe.StripeClient, endpoint: str, listener: Listener, web: httpx.Client, make_session: Make
) -> None:
    web.post("/control/faults", json={"webhooks": {"lose": 1}})
    web.post(f"/pay/{make_session().id}")
    web.post("/control/flush", json={"all": True})
    assert listener.kinds() == []
    event = client.v1.events.list({"type": "checkout.session.completed", "delivery_success": False}).data[0]
    assert web.post("/control/webhooks/resend", json={"event_id": event.id}).json() == {"deliveries": 1}
    listener.wait_for_kind("checkout.session.completed")
    web.post("/control/flush")
    assert client.v1.events.retrieve(event.id).pending_webhooks == 0
    assert web.post("/control/webhooks/resend", json={"event_id": "evt_none"}).status_code == 404


def test_the_request_that_caused_it_is_named(client: stripe.StripeClient) -> None:
    params = {"amount": 500, "currency": "gbp"}
    client.v1.payment_intents.create(params, {"idempotency_key": "because"})  # type: ignore[arg-type]
    event = client.v1.events.list({"type": "payment_intent.created"}).data[0]
    assert event.request is not None
    assert event.request.idempotency_key == "because"


def test_updated_events_say_what_was_before(
    client: stripe.StripeClient, web: httpx.Client, make_session: Make
) -> None:
    made = make_session()
    web.post(f"/pay/{made.id}", data={"card": "4000000000007726"})
    intent = str(client.v1.checkout.sessions.retrieve(made.id).payment_intent)
    client.v1.refunds.create({"payment_intent": intent})
    web.post("/control/clock", json={"advance_s": 10})
    event = client.v1.events.list({"type": "refund.updated"}).data[0]
    assert event.data.previous_attributes is not None
    assert event.data.previous_attributes["status"] == "pending"
