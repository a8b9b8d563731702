"""The commands that mend, against a real database and Stripe's wire: what a person at the keyboard gets."""

from __future__ import annotations

import json

import httpx
import psycopg
import pytest

from tests.cli.conftest import Holdfast
from tests.support.sandbox import Sandbox

CATALOG = """
tenant: {slug: default, name: The Small Hall, currency: GBP, time_zone: Europe/London}
events:
  - id: 35
    title: An evening
    starts_in_days: 35
    at: "19:30"
    units:
      - {label: Table 1, kind: table, capacity: 4, price: "85.00"}
"""


@pytest.fixture
def house(
    holdfast: Holdfast,
    sandbox: Sandbox,
    monkeypatch: pytest.MonkeyPatch,
    tmp_path_factory: pytest.TempPathFactory,
) -> Holdfast:
    """One event on sale, and Stripe to be asked."""
    monkeypatch.setenv("STRIPE_SECRET_KEY", sandbox.secret_key)
    monkeypatch.setenv("STRIPE_API_BASE", sandbox.url)
    path = tmp_path_factory.mktemp("catalog") / "catalog.yaml"
    path.write_text(CATALOG)
    assert holdfast("catalog", "load", str(path)).code == 0
    return holdfast


def foreign_session(sandbox: Sandbox, *, paid: bool) -> str:
    """As another system on the same account made it: plain metadata, no signature of ours."""
    form = {
        "mode": "payment",
        "success_url": "https://example.com/",
        "line_items[0][quantity]": "1",
        "line_items[0][price_data][currency]": "gbp",
        "line_items[0][price_data][unit_amount]": "17000",
        "line_items[0][price_data][product_data][name]": "Two seats",
        "metadata[eventId]": "35",
        "metadata[table]": "Table 1",
        "metadata[seats]": "2",
        "metadata[customerName]": "Foreign Guest",
        "metadata[customerEmail]": "foreign@example.com",
    }
    headers = {"Authorization": f"Bearer {sandbox.secret_key}"}
    with httpx.Client(trust_env=False, timeout=20) as client:
        made = client.post(f"{sandbox.url}/v1/checkout/sessions", data=form, headers=headers)
        session_id = str(made.raise_for_status().json()["id"])
        if paid:
            client.post(f"{sandbox.url}/pay/{session_id}", data={"card": "4242424242424242", "action": "pay"})
    return session_id


def test_recover_brings_the_booking_and_says_what_it_did(house: Holdfast, sandbox: Sandbox) -> None:
    session_id = foreign_session(sandbox, paid=True)
    first = house("recover", session_id, "--json")
    assert (first.code, first.json["result"]) == (0, "recovered")
    assert first.json["repairs"]
    again = house("recover", session_id)
    assert again.code == 0
    assert f"the booking is confirmed. Booking {first.json['reference']}" in again.out
    told = house("diagnose", "booking", first.json["reference"])
    assert "Nothing is wrong." in told.out


def test_recover_of_what_was_not_paid(house: Holdfast, sandbox: Sandbox) -> None:
    ran = house("recover", foreign_session(sandbox, paid=False), "--json")
    assert (ran.code, ran.json["code"]) == (1, "not_paid")


def test_recover_of_what_stripe_does_not_know(house: Holdfast) -> None:
    ran = house("recover", "cs_test_nothing", "--json")
    assert (ran.code, ran.json["code"]) == (1, "not_found")


def test_fix_availability_says_by_how_much_the_count_was_wrong(house: Holdfast, database_url: str) -> None:
    with psycopg.connect(database_url) as conn:
        conn.execute("UPDATE units SET taken = 3 WHERE label = 'Table 1'")
    assert house("doctor", "unit_count_is_true").code == 1
    ran = house("fix", "availability", "--json")
    assert [(c["before"], c["after"]) for c in ran.json["corrections"]] == [(3, 0)]
    assert house("doctor", "unit_count_is_true").code == 0


def test_a_diagnosis_is_one_json_document_and_ends_with_1_when_something_is_wrong(
    house: Holdfast, sandbox: Sandbox
) -> None:
    session_id = foreign_session(sandbox, paid=True)
    ran = house("diagnose", "payment", session_id, "--json")
    assert ran.code == 1
    assert json.loads(ran.out)["next_command"] == f"holdfast recover {session_id}"
    assert house("recover", session_id).code == 0
    assert house("diagnose", "payment", session_id, "--json").code == 0
