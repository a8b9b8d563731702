"""Every webhook lost, the tab closed, nobody looks: within three minutes it is confirmed, and the mail is there."""

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
    second_demo.no_faults()
