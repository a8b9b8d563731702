"""Requests: authorised first, captured only when the provider says yes. What each side is answered, and told."""

from __future__ import annotations

import re
from datetime import datetime
from typing import Any

import httpx
import pytest

from tests.contract.market import CHALLENGED, DECLINED, Practice, authorise, bank_says, hours_on, practice
from tests.contract.shop import Json, Shop, problem, until
from tests.contract.test_everybody import document, resolved

CREATED = {
    "order_id",
    "booking_id",
    "reference",
    "token",
    "payment_intent_id",
    "client_secret",
    "amount",
    "currency",
    "expires_at",
}
LISTED = {"booking_id", "order_id", "status", "customer", "amount", "respond_by"}
LINK = re.compile(r"/answer/[^/\s\"'<>]+/(?:accept|decline)")


@pytest.fixture(scope="module")
def ours(one_demo: Shop) -> Practice:
    return practice(one_demo)


def intent_of(shop: Shop, booking: Json) -> Json:
    return shop.stripe(booking["payment_intent_id"])


def test_the_booking_exists_from_the_moment_it_is_asked_for(ours: Practice) -> None:
    booking = ours.asked()
    assert set(booking) >= CREATED
    assert (booking["amount"], booking["currency"]) == (3500, "GBP")
    assert booking["client_secret"].startswith(booking["payment_intent_id"])
    assert ours.shop.look(booking)["status"] == "pending"
    [row] = ours.shop.sql("SELECT booking_id, status FROM bookings WHERE order_id = %s", booking["order_id"])
    assert (row["booking_id"], row["status"]) == (booking["booking_id"], "pending")
    intent = intent_of(ours.shop, booking)
    assert (intent["capture_method"], intent["status"]) == ("manual", "requires_payment_method")
    listed = ours.listed(booking)
    assert (listed["status"], listed["group"]) == ("pending", "held"), "and it is nothing to turn up for"


def test_prices_of_the_client_are_not_taken(ours: Practice) -> None:
    booking = ours.asked(slot_id=ours.slots()[1]["slot_id"], amount=1, price=1, currency="JPY")
    assert (booking["amount"], booking["currency"]) == (3500, "GBP")


def test_accept_captures(ours: Practice) -> None:
    booking = ours.requested()
    view = ours.shop.look(booking)
    assert (view["amount_paid"], intent_of(ours.shop, booking)["status"]) == (0, "requires_capture")
    listed = ours.listed(booking)
    assert set(listed) >= LISTED
    assert (listed["status"], listed["amount"], listed["group"]) == ("requested", 3500, "new")
    assert datetime.fromisoformat(listed["respond_by"]) > datetime.fromisoformat(listed["requested_at"])
    by_number = ours.shop.get(f"/api/providers/{ours.provider_id}/booking-requests", key=ours.key)
    assert listed in by_number.json()["requests"]

    said = ours.answer(booking, "accept")
    assert said.status_code == 200, said.text
    assert set(said.json()) >= LISTED
    assert said.json()["booking_id"] == booking["booking_id"]
    until(lambda: ours.shop.look(booking)["status"] == "confirmed", "it is confirmed")
    assert ours.shop.look(booking)["amount_paid"] == 3500
    intent = intent_of(ours.shop, booking)
    assert (intent["status"], intent["amount_received"]) == ("succeeded", 3500)

    again = ours.answer(booking, "accept")
    assert (again.status_code, again.json()["status"]) == (200, "confirmed"), "twice is once"
    problem(ours.answer(booking, "decline"), 409, "conflict")
    assert len(ours.shop.staff(f"/api/admin/bookings/{booking['reference']}")["payments"]) == 1
    email = view["customer"]["email"]
    until(lambda: "has accepted" in str(ours.shop.mails(email)), "the customer is told")


def test_decline_lets_the_authorisation_go_and_says_why(ours: Practice) -> None:
    slot = ours.slots()[0]
    booking = ours.requested(slot_id=slot["slot_id"])
    said = ours.answer(booking, "decline", {"reason": "I teach no fractions"})
    assert (said.status_code, said.json()["status"]) == (200, "declined")
    until(lambda: intent_of(ours.shop, booking)["status"] == "canceled", "nobody's money is held")
    assert slot["slot_id"] in {one["slot_id"] for one in ours.slots()}, "the time is free at once"
    view = ours.shop.look(booking)
    assert (view["status"], view["amount_paid"]) == ("declined", 0)
    email = view["customer"]["email"]
    until(lambda: "I teach no fractions" in str(ours.shop.mails(email)), "the customer is told why")
    problem(ours.answer(booking, "accept"), 409, "conflict")
    assert ours.answer(booking, "decline").status_code == 200, "twice is once"
    assert ours.listed(booking)["group"] == "declined"


@pytest.mark.parametrize("reason", ["x" * 501, 5, ["x"], "a\x07b", None])
def test_a_reason_that_is_none(ours: Practice, reason: object) -> None:
    booking = ours.asked()
    problem(ours.answer(booking, "decline", {"reason": reason}), 422, "validation_failed")


def test_what_has_no_authorised_card_cannot_be_answered(ours: Practice) -> None:
    booking = ours.asked()
    for how in ("accept", "decline"):
        assert "not authorised yet" in problem(ours.answer(booking, how), 409, "conflict")["detail"]


def test_whose_key_answers(ours: Practice, shop: Shop) -> None:
    booking = ours.requested()
    foreign = shop.key("provider")  # of the demo's first provider
    for how in ("accept", "decline"):
        path = f"/api/booking-requests/{booking['booking_id']}/{how}"
        problem(shop.post(path), 401, "unauthorized")
        problem(shop.post(path, key="hf_wrong"), 401, "unauthorized")
        problem(shop.post(path, key=shop.key("bookings")), 403, "forbidden")
        problem(shop.post(path, key=foreign), 404, "not_found")
        problem(shop.post(f"/api/booking-requests/bkg_nobodys/{how}", key=ours.key), 404, "not_found")
    path = f"/api/providers/{ours.provider_id}/booking-requests"
    problem(shop.get(path), 401, "unauthorized")
    problem(shop.get(path, key=foreign), 404, "not_found")
    assert shop.get(path, key=shop.key()).status_code == 200
    problem(shop.get("/api/celebrity/booking-requests", key=shop.key()), 403, "forbidden")
    own = shop.get("/api/celebrity/booking-requests", key=foreign).json()["requests"]
    assert booking["order_id"] not in str(own)
    assert shop.look(booking)["status"] == "requested"
    assert (
        shop.post(f"/api/booking-requests/{booking['booking_id']}/accept", key=shop.key()).status_code == 200
    )


def test_a_declined_card_charges_nothing_and_another_one_may_follow(ours: Practice) -> None:
    booking = ours.asked()
    refused = authorise(ours.shop, booking, DECLINED)
    assert (refused.status_code, refused.json()["error"]["code"]) == (402, "card_declined")
    assert ours.shop.look(booking)["status"] == "pending"
    assert authorise(ours.shop, booking).status_code == 200
    until(lambda: ours.shop.look(booking)["status"] == "requested", "the second card is authorised")
    attempts = ours.shop.staff(f"/api/admin/bookings/{booking['reference']}")["attempts"]
    assert [one["payment_intent_id"] for one in attempts] == [booking["payment_intent_id"]]


def test_the_bank_asks_first(ours: Practice) -> None:
    yes, no = ours.asked(slot_id=ours.slots()[0]["slot_id"]), ours.asked(slot_id=ours.slots()[1]["slot_id"])
    for booking, action in ((yes, "complete_3ds"), (no, "fail_3ds")):
        asked = authorise(ours.shop, booking, CHALLENGED).json()
        assert asked["status"] == "requires_action"
        assert ours.shop.look(booking)["status"] == "pending"
        bank_says(ours.shop, asked, action)
    until(lambda: ours.shop.look(yes)["status"] == "requested", "who passed has asked")
    assert intent_of(ours.shop, yes)["status"] == "requires_capture"
    assert ours.shop.look(no)["status"] == "pending"
    assert authorise(ours.shop, no).status_code == 200, "who did not may take another card"


def test_no_more_than_what_was_authorised_can_be_captured(ours: Practice) -> None:
    booking = ours.requested()
    path = f"{ours.shop.told['sandbox']}/v1/payment_intents/{booking['payment_intent_id']}/capture"
    secret = (ours.shop.told["stripe_secret_key"], "")
    refused = ours.shop.client.post(path, data={"amount_to_capture": "3501"}, auth=secret)
    assert (refused.status_code, refused.json()["error"]["code"]) == (400, "amount_too_large")
    assert ours.answer(booking, "accept").status_code == 200
    until(lambda: ours.shop.look(booking)["amount_paid"] == 3500, "what was agreed, and no more")


def test_a_free_service_asks_nothing_of_a_card(ours: Practice) -> None:
    free = ours.service(title="A first talk (demo)", price=0)
    slot = ours.slots(offering_id=free)[0]
    booking = ours.asked(offering_id=free, slot_id=slot["slot_id"])
    assert (booking["status"], booking["payment_intent_id"], booking["client_secret"]) == (
        "requested",
        None,
        None,
    )
    assert ours.answer(booking, "accept").json()["status"] == "confirmed"


def test_of_two_overlapping_requests_the_second_is_refused(ours: Practice) -> None:
    """Proposed times may overlap until one of them is accepted."""
    visit = ours.service(title="A visit (demo)", timing="proposed", duration_minutes=60)
    far = ours.slots()[-1]
    first = ours.requested(offering_id=visit, starts_at=far["starts_at"])
    second = ours.requested(offering_id=visit, starts_at=hours_on(far, 0.5))
    assert ours.answer(first, "accept").status_code == 200
    problem(ours.answer(second, "accept"), 409, "slot_taken")
    assert ours.shop.look(second)["status"] == "requested", "it can still be declined"
    assert ours.answer(second, "decline", {"reason": "Booked"}).status_code == 200
    until(lambda: intent_of(ours.shop, second)["status"] == "canceled", "and its money let go")


def links(shop: Shop, address: str, reference: str) -> dict[str, str]:
    """The accept and decline links of the mail about a booking, as paths."""
    for mail in shop.mails(address):
        if reference in str(mail):
            found = set(LINK.findall(str(mail)))
            if found:
                return {link.rpartition("/")[2]: link for link in found}
    return {}


def page(shop: Shop, method: str, path: str, **options: Any) -> httpx.Response:
    return shop.ask(method, path, headers={"Accept": "text/html"}, **options)


def test_links_in_the_providers_mail(ours: Practice) -> None:
    """Signed, single use, a page that asks; nothing happens on a mere GET."""
    shop = ours.shop
    email = shop.get(f"/api/admin/providers/{ours.provider_id}", key=ours.key).json()["email"]
    booking = ours.requested()
    until(lambda: set(links(shop, email, booking["reference"])) == {"accept", "decline"}, "both links")
    told = links(shop, email, booking["reference"])
    for path in told.values():
        assert page(shop, "GET", path).status_code == 200
    assert shop.look(booking)["status"] == "requested", "looking is no answer"
    forged = told["accept"].replace("/answer/", "/answer/x", 1)
    for method in ("GET", "POST"):
        assert page(shop, method, forged).status_code == 404
    assert page(shop, "POST", told["accept"]).status_code in {200, 303}
    until(lambda: shop.look(booking)["status"] == "confirmed", "the page's button accepts")
    for path in told.values():
        assert page(shop, "POST", path, follow_redirects=True).status_code < 500
    assert shop.look(booking)["status"] == "confirmed", "a used link changes nothing"
    assert len(shop.staff(f"/api/admin/bookings/{booking['reference']}")["payments"]) == 1


def test_moving_to_another_slot(ours: Practice) -> None:
    free = ours.slots()
    booking = ours.accepted(slot_id=free[200]["slot_id"])
    path = f"/api/bookings/{booking['reference']}/reschedule"
    body = {"slot_id": free[210]["slot_id"], "token": booking["token"]}
    preview = ours.shop.post(path, body | {"preview": True})
    assert (preview.status_code, preview.json()["starts_at"]) == (200, free[210]["starts_at"])
    assert free[210]["slot_id"] in {one["slot_id"] for one in ours.slots()}, "only shown"
    moved = ours.shop.post(path, body)
    assert (moved.status_code, moved.json()["starts_at"]) == (200, free[210]["starts_at"])
    now_free = {one["slot_id"] for one in ours.slots()}
    assert free[200]["slot_id"] in now_free
    assert free[210]["slot_id"] not in now_free
    for nothing in ({"starts_at": "2020-01-01T10:00:00Z"}, {"starts_at": hours_on(free[0], 24 * 300)}, {}):
        problem(ours.shop.post(path, nothing | {"token": booking["token"]}), 422, "validation_failed")
    taken = ours.asked(slot_id=free[220]["slot_id"])
    assert taken["status"] == "pending"
    problem(ours.shop.post(path, body | {"slot_id": free[220]["slot_id"]}), 409, "slot_taken")
    problem(ours.shop.post(path, body | {"token": "wrong"}), 404, "not_found")
    problem(ours.shop.post(path, {"slot_id": free[211]["slot_id"]}), 401, "unauthorized")


def test_cancelling_shows_the_refund_first(ours: Practice) -> None:
    booking = ours.accepted(slot_id=ours.slots()[230]["slot_id"])  # days ahead: everything comes back
    path, token = f"/api/bookings/{booking['reference']}/cancel", {"token": booking["token"]}
    preview = ours.shop.post(path, token | {"preview": True})
    assert preview.status_code == 200, preview.text
    assert (preview.json()["refund"]["amount"], preview.json()["refund"]["percent"]) == (3500, 100)
    assert ours.shop.look(booking)["status"] == "confirmed"
    assert ours.shop.post(path, token).status_code == 200
    until(lambda: ours.shop.look(booking)["amount_refunded"] == 3500, "it goes back")
    assert ours.shop.look(booking)["status"] == "cancelled"


def test_withdrawing_before_the_answer(ours: Practice) -> None:
    booking = ours.requested()
    path = f"/api/bookings/{booking['reference']}/cancel"
    assert ours.shop.post(path, {"token": booking["token"]}).status_code == 200
    until(lambda: intent_of(ours.shop, booking)["status"] == "canceled", "nothing was ever taken")
    problem(ours.answer(booking, "accept"), 409, "conflict")


def test_the_document_agrees_with_the_answers(ours: Practice) -> None:
    said = document(ours.shop)
    operations = {re.sub(r"\{[^}]*\}", "{}", name): methods for name, methods in said["paths"].items()}

    def schema(path: str, method: str, status: str = "200") -> Json:
        answer = operations[path][method]["responses"][status]
        return resolved(said, answer["content"]["application/json"]["schema"])

    def agrees(shape: Json, answer: Json, promised: set[str]) -> None:
        assert promised <= set(shape["properties"]) & set(answer)
        assert set(shape.get("required", [])) <= set(answer)
        if not shape.get("additionalProperties"):
            assert set(answer) <= set(shape["properties"])

    slots = ours.shop.get(f"/api/providers/{ours.provider_id}/slots").json()
    shape = schema("/api/providers/{}/slots", "get")
    agrees(shape, slots, {"slots", "time_zone"})
    one = resolved(said, shape["properties"]["slots"]["items"])
    agrees(one, slots["slots"][0], {"slot_id", "starts_at", "ends_at"})
    booking = ours.requested()
    agrees(schema("/api/create-payment-intent", "post", "201"), booking, CREATED)
    for path in ("/api/providers/{}/booking-requests", "/api/celebrity/booking-requests"):
        shape = schema(path, "get")
        agrees(resolved(said, shape["properties"]["requests"]["items"]), ours.listed(booking), LISTED)
    agrees(schema("/api/booking-requests/{}/decline", "post"), ours.answer(booking, "decline").json(), LISTED)
    accepted = ours.answer(ours.requested(), "accept").json()
    agrees(schema("/api/booking-requests/{}/accept", "post"), accepted, LISTED)
    cleaned = ours.shop.post("/api/cron/cleanup-bookings", key=ours.shop.told["cron_secret"]).json()
    agrees(
        schema("/api/cron/cleanup-bookings", "post"),
        cleaned,
        {"expired", "released", "orphaned_slots", "kept"},
    )


def time_is_up(shop: Shop, booking: Json, left: str, since: str = "2 days") -> None:
    """As if it had been asked for `since` ago, with so much time left to answer."""
    shop.sql(
        "UPDATE orders SET requested_at = now() - %s::interval, respond_by = now() + %s::interval WHERE order_id = %s",
        since,
        left,
        booking["order_id"],
    )
    shop.sql(
        "UPDATE bookings SET expires_at = now() + %s::interval WHERE booking_id = %s",
        left,
        booking["booking_id"],
    )


def test_a_provider_is_reminded_before_the_deadline_and_silence_declines(ours: Practice) -> None:
    shop = ours.shop
    email = shop.get(f"/api/admin/providers/{ours.provider_id}", key=ours.key).json()["email"]
    booking = ours.requested()

    def of_booking(kind: str) -> list[Json]:
        return shop.sql(
            "SELECT status FROM messages WHERE booking_id = %s AND kind = %s", booking["booking_id"], kind
        )

    until(lambda: booking["reference"] in str(shop.mails(email)), "the provider was asked")
    time_is_up(shop, booking, left="1 hour")
    until(
        lambda: [row["status"] for row in of_booking("request_reminder")] == ["sent"], "and is reminded", 90
    )
    assert shop.look(booking)["status"] == "requested"
    time_is_up(shop, booking, left="-1 minute")
    problem(ours.answer(booking, "accept"), 409, "conflict")
    cleaned = shop.post("/api/cron/cleanup-bookings", key=shop.told["cron_secret"])
    assert cleaned.status_code == 200, cleaned.text
    view = shop.look(booking)
    assert (view["status"], view["amount_paid"]) == ("declined", 0)
    until(lambda: intent_of(shop, booking)["status"] == "canceled", "nobody's money is held")
    until(lambda: "did not answer" in str(shop.mails(view["customer"]["email"])), "the customer is told")
    problem(ours.answer(booking, "accept"), 409, "conflict")
