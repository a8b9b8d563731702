"""The sandbox's own addresses: faults, reset, clock, ledger, the hosted page, the mailbox, the phone."""

from __future__ import annotations

from typing import Any

import pytest

from tests.contract.shop import CARD, Shop, until

FAULTS = {
    "webhooks": {"lose", "duplicate", "delay_s", "reorder"},
    "api": {"timeout_before", "timeout_after", "error_500", "error_429"},
}


def test_faults_are_merged(shop: Shop) -> None:
    shop.faults(webhooks={"lose": 0.5, "reorder": True})
    shop.faults(api={"error_429": 0})
    found = shop.control("faults").json()
    for group, names in FAULTS.items():
        assert names <= set(found[group])
    assert (found["webhooks"]["lose"], found["webhooks"]["reorder"]) == (0.5, True)


@pytest.mark.parametrize(
    "body",
    [
        {"webhooks": {"lose": 2}},
        {"webhooks": {"lose": -0.1}},
        {"webhooks": {"lose": "much"}},
        {"webhooks": {"delay_s": -1}},
        {"webhooks": {"nonsense": 1}},
        {"nonsense": {}},
        {"api": 5},
        {"webhooks": {"duplicate": 1}, "api": {"timeout_before": 7}},
    ],
)
def test_faults_that_make_no_sense_change_nothing(shop: Shop, body: Any) -> None:
    before = shop.control("faults").json()
    assert shop.control("faults", body).status_code == 422
    assert shop.control("faults").json() == before


def test_the_clock_only_goes_forward(shop: Shop) -> None:
    for body in ({"advance_s": -1}, {"advance_s": "x"}, {}):
        assert shop.control("clock", body).status_code == 422
    before = shop.control("clock").json()["now"]
    assert shop.control("clock", {"advance_s": 0}).json()["now"] >= before


def test_the_ledger_has_every_object(shop: Shop) -> None:
    booking = shop.confirmed(shop.event())
    sessions = {one["id"]: one for one in shop.ledger("checkout.session")}
    mine = sessions[booking["checkout_session_id"]]
    assert (mine["status"], mine["payment_status"]) == ("complete", "paid")
    intents = {one["id"]: one for one in shop.ledger("payment_intent")}
    assert intents[mine["payment_intent"]]["status"] == "succeeded"


@pytest.mark.parametrize("card", [CARD, "5555555555554444", "378282246310005", "4000000000007726"])
def test_a_card_that_pays(shop: Shop, card: str) -> None:
    booking = shop.book(shop.event(), 1)
    assert shop.hosted(booking, card=card, action="pay").status_code == 303
    until(lambda: shop.look(booking)["status"] == "confirmed", "confirmed")


@pytest.mark.parametrize(
    "card",
    ["4000000000000002", "4000000000009995", "4000000000000069", "4000000000000127", "4000000000000119"],
)
def test_a_card_that_is_declined(shop: Shop, card: str) -> None:
    booking = shop.book(shop.event(), 1)
    assert shop.hosted(booking, card=card, action="pay").status_code == 402
    assert shop.stripe(booking["checkout_session_id"])["status"] == "open"
    assert shop.look(booking)["status"] == "pending"


@pytest.mark.parametrize("finish", ["complete_3ds", "fail_3ds"])
def test_three_d_secure(shop: Shop, finish: str) -> None:
    booking = shop.book(shop.event(), 1)
    asked = shop.hosted(booking, card="4000002500003155", action="pay")
    assert asked.status_code == 200
    assert "complete_3ds" in asked.text
    answered = shop.hosted(booking, action=finish)
    if finish == "complete_3ds":
        assert answered.status_code == 303
        until(lambda: shop.look(booking)["status"] == "confirmed", "confirmed")
    else:
        assert answered.status_code != 303
        assert shop.look(booking)["status"] == "pending"


def test_a_disputed_payment_keeps_its_booking_and_tells_a_person(shop: Shop) -> None:
    booking = shop.book(shop.event(), 1)
    shop.pay(booking, "4000000000000259")
    path = f"/api/admin/bookings/{booking['reference']}"
    until(lambda: len(shop.staff(path)["disputes"]) == 1, "the dispute is known")
    assert shop.staff(path)["status"] == "confirmed"
    until(lambda: len(shop.staff(path)["tasks"]) == 1, "somebody is told")


def test_a_refund_that_fails_later_is_known(shop: Shop) -> None:
    booking = shop.book(shop.event(), 1)
    shop.pay(booking, "4000000000005126")
    until(lambda: shop.look(booking)["status"] == "confirmed", "confirmed")
    shop.post(f"/api/bookings/{booking['reference']}/cancel", {"token": booking["token"]})
    path = f"/api/admin/bookings/{booking['reference']}"
    until(lambda: shop.staff(path)["refunds"][0]["status"] == "failed", "the failure is known", 30)
    assert shop.look(booking)["amount_refunded"] == 0
    until(lambda: len(shop.staff(path)["tasks"]) == 1, "somebody is told")


def test_cancelling_on_the_hosted_page_leads_back_and_keeps_the_hold(shop: Shop) -> None:
    booking = shop.book(shop.event(), 1)
    left = shop.hosted(booking, action="cancel")
    assert left.status_code == 303
    assert left.headers["location"].startswith(shop.told["web"])
    assert shop.look(booking)["status"] == "pending"
    assert shop.hosted(booking, action="steal").status_code == 400
    shop.pay(booking)
    assert shop.hosted(booking, card=CARD, action="pay").status_code != 303 or (
        len(shop.staff(f"/api/admin/bookings/{booking['reference']}")["payments"]) == 1
    )


def test_pages_for_people(shop: Shop) -> None:
    booking = shop.book(shop.event(), 1)
    page = shop.client.get(booking["checkout_url"])
    assert page.status_code == 200
    assert "4242" in page.text.replace(" ", "")
    assert shop.client.get(f"{shop.told['sandbox']}/pay/cs_test_nobodys").status_code == 404
    inbox = shop.client.get(f"{shop.told['sandbox']}/inbox")
    assert inbox.status_code == 200
    assert "<html" in inbox.text
    assert isinstance(shop.control("messages").json()["messages"], list)


def test_the_sms_providers_address_takes_a_message(shop: Shop) -> None:
    settings = shop.cli_json("settings")["settings"]
    account = settings["TWILIO_ACCOUNT_SID"]
    answer = shop.client.post(
        f"{shop.told['sandbox']}/2010-04-01/Accounts/{account}/Messages.json",
        data={"To": "+447700900123", "From": settings["TWILIO_FROM"], "Body": "Hello"},
    )
    assert answer.status_code == 401  # the token is a secret
    assert not shop.mails("+447700900123")
