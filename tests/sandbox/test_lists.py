"""Lists: order, cursors, filters, and the session of an intent."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import httpx
import pytest
import stripe

Make = Callable[..., stripe.checkout.Session]


def test_newest_first_with_cursors_both_ways(client: stripe.StripeClient, make_session: Make) -> None:
    ids = [make_session().id for _ in range(7)]
    newest = ids[::-1]
    page = client.v1.checkout.sessions.list({"limit": 3})
    assert [one.id for one in page.data] == newest[:3]
    assert page.has_more
    older = client.v1.checkout.sessions.list({"limit": 3, "starting_after": newest[2]})
    assert [one.id for one in older.data] == newest[3:6]
    newer = client.v1.checkout.sessions.list({"limit": 2, "ending_before": newest[5]})
    assert [one.id for one in newer.data] == newest[3:5]
    assert newer.has_more
    assert [one.id for one in client.v1.checkout.sessions.list({"limit": 2}).auto_paging_iter()] == newest
    backwards = client.v1.checkout.sessions.list({"limit": 2, "ending_before": ids[0]})
    assert [one.id for one in backwards.auto_paging_iter()] == ids[1:]


def test_ten_by_default_and_a_hundred_at_most(client: stripe.StripeClient, make_session: Make) -> None:
    for _ in range(11):
        make_session()
    assert len(client.v1.checkout.sessions.list().data) == 10
    assert len(client.v1.checkout.sessions.list({"limit": 100}).data) == 11
    for limit in (0, 101):
        with pytest.raises(stripe.InvalidRequestError):
            client.v1.checkout.sessions.list({"limit": limit})
    with pytest.raises(stripe.InvalidRequestError, match="No such"):
        client.v1.checkout.sessions.list({"starting_after": "cs_test_none"})


def test_sessions_by_everything(client: stripe.StripeClient, web: httpx.Client, make_session: Make) -> None:
    customer = client.v1.customers.create({"email": "c@example.com"})
    by_customer, by_email = make_session(customer=customer.id), make_session(customer_email="Ann@Example.com")
    paid, gone = make_session(), make_session()
    web.post(f"/pay/{paid.id}")
    client.v1.checkout.sessions.expire(gone.id)
    intent = str(client.v1.checkout.sessions.retrieve(paid.id).payment_intent)

    def found(**filters: Any) -> set[str]:
        return {one.id for one in client.v1.checkout.sessions.list(filters).data}  # type: ignore[arg-type]

    assert found(customer=customer.id) == {by_customer.id}
    assert found(customer_details={"email": "ann@example.com"}) == {by_email.id}
    assert found(payment_intent=intent) == {paid.id}
    assert found(payment_intent="pi_none") == set()
    assert found(status="open") == {by_customer.id, by_email.id}
    assert found(status="complete") == {paid.id}
    assert found(status="expired") == {gone.id}
    assert found(payment_link="plink_x") == set()
    assert found(subscription="sub_x") == set()


def test_by_the_time_of_creation(client: stripe.StripeClient, web: httpx.Client, make_session: Make) -> None:
    old = make_session()
    web.post("/control/clock", json={"advance_s": 3600})
    new = make_session()

    def found(created: Any) -> list[str]:
        return [one.id for one in client.v1.checkout.sessions.list({"created": created}).data]

    assert found({"gt": old.created}) == [new.id]
    assert found({"gte": old.created}) == [new.id, old.id]
    assert found({"lt": new.created}) == [old.id]
    assert found({"gte": old.created, "lte": old.created}) == [old.id]
    assert found(new.created) == [new.id]
    with pytest.raises(stripe.InvalidRequestError):
        found({"after": 1})


def test_events_by_type(client: stripe.StripeClient, web: httpx.Client, make_session: Make) -> None:
    made = make_session()
    web.post(f"/pay/{made.id}")
    both = ["checkout.session.completed", "payment_intent.succeeded"]
    assert {event.type for event in client.v1.events.list({"types": both}).data} == set(both)
    assert {event.type for event in client.v1.events.list({"type": "charge.*"}).data} == {"charge.succeeded"}
    one = client.v1.events.list({"type": "checkout.session.completed"}).data[0]
    assert client.v1.events.retrieve(one.id).data.object["id"] == made.id
    with pytest.raises(stripe.InvalidRequestError, match="at most 20"):
        client.v1.events.list({"types": [f"a.b{n}" for n in range(21)]})
    web.post("/control/clock", json={"advance_s": 31 * 86_400})
    assert client.v1.events.list({"type": "checkout.session.completed"}).data == []


def test_expansion_in_lists_and_its_limits(
    client: stripe.StripeClient, web: httpx.Client, make_session: Make
) -> None:
    made = make_session()
    web.post(f"/pay/{made.id}")
    page = client.v1.checkout.sessions.list({"expand": ["data.payment_intent.latest_charge"]})
    intent = page.data[0].payment_intent
    assert isinstance(intent, stripe.PaymentIntent)
    assert isinstance(intent.latest_charge, stripe.Charge)
    charge = client.v1.charges.retrieve(intent.latest_charge.id, {"expand": ["refunds"]})
    assert charge.refunds is not None
    assert charge.refunds.data == []
    for path in ("colour", "payment_intent.colour", "a.b.c.d.e"):
        with pytest.raises(stripe.InvalidRequestError, match="expand"):
            client.v1.checkout.sessions.retrieve(made.id, {"expand": [path]})
