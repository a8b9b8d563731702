"""Every webhook lost, the tab closed, nobody looks: within three minutes it is confirmed, and the mail is there. A request
whose card was authorised is with its provider by then."""

from __future__ import annotations

import time

from tests.contract.conftest import Silent
from tests.contract.shop import Shop, until

PROMISED_S = 180.0


def test_confirmed_and_mailed_by_itself(second_demo: Shop, silent: Silent) -> None:
    left = max(PROMISED_S - (time.monotonic() - silent.paid_at), 1.0)
    reference = silent.booking["reference"]
    until(
        lambda: second_demo.found(reference)["status"] == "confirmed", "confirmed by the worker alone", left
    )
    until(lambda: len(second_demo.mails(silent.email)) == 1, "and mailed", 10)
    view = second_demo.staff(f"/api/admin/bookings/{reference}")
    assert view["payments"][0]["found_by"] not in {"webhook", "page"}
    asked = silent.request["reference"]
    until(
        lambda: second_demo.found(asked)["status"] == "requested",
        "the request arrives by the worker alone",
        left,
    )
    key = second_demo.key("provider")
    listed = second_demo.get("/api/celebrity/booking-requests", key=key).json()["requests"]
    assert [one["status"] for one in listed if one["reference"] == asked] == ["requested"]
    accepted = second_demo.post(f"/api/booking-requests/{silent.request['booking_id']}/accept", key=key)
    assert accepted.status_code == 200, accepted.text
    until(
        lambda: second_demo.found(asked)["status"] == "confirmed", "and is captured, still without a webhook"
    )
    second_demo.no_faults()
