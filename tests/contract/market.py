"""Providers of the running demo as an outsider sees them: what they offer, who asks for it, and a card form by script."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

import httpx

from tests.contract.shop import CARD, NUMBERS, Json, Shop, guest, until

DECLINED = "4000000000000002"
CHALLENGED = "4000002760003184"
SERVICE = {"title": "Half an hour (demo)", "timing": "slot", "price": 3500, "lead_minutes": 60}


@dataclass
class Practice:
    """A provider of our own, open all day and every day in UTC, with one key and one service."""

    shop: Shop
    provider_id: int
    offering_id: int
    key: str

    def slots(self, **asked: Any) -> list[Json]:
        params = {"offering_id": self.offering_id} | asked
        answer = self.shop.get(f"/api/providers/{self.provider_id}/slots", params=params)
        assert answer.status_code == 200, answer.text
        return list(answer.json()["slots"])

    def service(self, **changed: Any) -> int:
        path = f"/api/admin/providers/{self.provider_id}/services"
        answer = self.shop.post(path, SERVICE | changed, key=self.shop.key())
        assert answer.status_code == 201, answer.text
        return int(answer.json()["offering_id"])

    def wanted(self, **changed: Any) -> Json:
        return {
            "provider_id": self.provider_id,
            "offering_id": self.offering_id,
            "customer": guest(),
            "details": "Fractions, please",
        } | changed

    def ask(self, **options: Any) -> httpx.Response:
        headers = options.pop("headers", None)
        return self.shop.post("/api/create-payment-intent", self.wanted(**options), headers=headers)

    def asked(self, **changed: Any) -> Json:
        """A booking that waits for its card; for the first free slot, when no other is named."""
        if "offering_id" not in changed and "slot_id" not in changed:
            changed["slot_id"] = self.slots()[0]["slot_id"]
        answer = self.ask(**changed)
        assert answer.status_code == 201, answer.text
        return dict(answer.json())

    def requested(self, **changed: Any) -> Json:
        booking = self.asked(**changed)
        assert authorise(self.shop, booking).json()["status"] == "requires_capture"
        until(lambda: self.shop.look(booking)["status"] == "requested", "an authorised card is a request")
        return booking

    def accepted(self, **changed: Any) -> Json:
        booking = self.requested(**changed)
        assert self.answer(booking, "accept").status_code == 200
        until(lambda: self.shop.look(booking)["status"] == "confirmed", "an accepted request is captured")
        return booking

    def answer(
        self, booking: Json, how: str, body: Json | None = None, key: str | None = None
    ) -> httpx.Response:
        path = f"/api/booking-requests/{booking['booking_id']}/{how}"
        return self.shop.post(path, body, key=key or self.key)

    def requests(self) -> list[Json]:
        answer = self.shop.get("/api/celebrity/booking-requests", key=self.key)
        assert answer.status_code == 200, answer.text
        return list(answer.json()["requests"])

    def listed(self, booking: Json) -> Json:
        [found] = [one for one in self.requests() if one["order_id"] == booking["order_id"]]
        return found


def practice(shop: Shop, **service: Any) -> Practice:
    number = next(NUMBERS)
    body = {"name": f"Expert {number} (demo)", "email": f"expert{number}@example.com", "time_zone": "UTC"}
    made = shop.post("/api/admin/providers", body, key=shop.key())
    assert made.status_code == 201, made.text
    provider_id = int(made.json()["provider_id"])
    week = [{"weekday": day, "opens": "00:00", "closes": "24:00"} for day in range(1, 8)]
    opened = shop.ask("PUT", f"/api/providers/{provider_id}/hours", json={"hours": week}, key=shop.key())
    assert opened.status_code == 200, opened.text
    key = shop.cli_json("keys", "create", "--scope", "provider", "--provider", str(provider_id))["key"]
    ours = Practice(shop, provider_id, 0, key)
    ours.offering_id = ours.service(**service)
    return ours


def authorise(shop: Shop, booking: Json, card: str = CARD) -> httpx.Response:
    """What Stripe's script does with a card that was typed into the form."""
    data = {
        "payment_method_data[type]": "card",
        "payment_method_data[card][number]": card,
        "payment_method_data[card][exp_month]": "12",
        "payment_method_data[card][exp_year]": str(datetime.now(UTC).year + 3),
        "payment_method_data[card][cvc]": "123",
        "return_url": booking["booking_url"],
    }
    path = f"{shop.told['sandbox']}/v1/payment_intents/{booking['payment_intent_id']}/confirm"
    return shop.client.post(path, data=data, auth=(shop.told["stripe_secret_key"], ""))


def bank_says(shop: Shop, confirmed: Json, action: str) -> None:
    """The customer's answer on the page that the bank's question was redirected to."""
    address = confirmed["next_action"]["redirect_to_url"]["url"]
    answer = shop.client.post(address, data={"action": action})
    assert answer.status_code == 303, answer.text


def hours_on(slot: Json, hours: float) -> str:
    return (datetime.fromisoformat(slot["starts_at"]) + timedelta(hours=hours)).isoformat()
