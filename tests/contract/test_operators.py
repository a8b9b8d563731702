"""Operators' side of the contract: the clean-up by cron, the SQL functions, and webhook_events as a table."""

from __future__ import annotations

import pytest

from tests.contract.shop import PROBLEM, Shop, until

CRON = "/api/cron/cleanup-bookings"


@pytest.mark.parametrize("secret", [None, "wrong", "cron_"])
def test_a_wrong_cron_secret_is_401(shop: Shop, secret: str | None) -> None:
    answer = shop.post(CRON, key=secret)
    assert (answer.status_code, answer.headers["content-type"]) == (401, PROBLEM)
    assert answer.json()["code"] == "unauthorized"
    assert shop.post(CRON, key=shop.key("admin")).status_code == 401  # no key of staff opens it


def test_the_clean_up_says_what_it_did(shop: Shop) -> None:
    booking = shop.book(shop.event())
    for _ in range(2):
        answer = shop.post(CRON, key=shop.told["cron_secret"])
        assert answer.status_code == 200, answer.text
        said = answer.json()
        assert set(said) >= {"expired", "released", "orphaned_slots", "kept"}
        assert all(set(kept) >= {"booking_id", "why"} for kept in said["kept"])
    assert shop.found(booking["reference"])["status"] == "pending", "its time is not over"


def test_the_functions_for_operators(shop: Shop) -> None:
    event = shop.event()
    shop.confirmed(event)
    counted = shop.sql("SELECT * FROM get_booking_stats()")
    assert any(row["kind"] == "event" and row["status"] == "confirmed" for row in counted)
    assert all(row["orders"] == row["bookings"] for row in counted)
    [done] = shop.sql("SELECT * FROM cleanup_expired_bookings()")
    assert set(done) == {"expired", "released", "marked"}
    [slots] = shop.sql("SELECT cleanup_orphaned_slots() AS slots")
    assert slots["slots"] >= 0


def test_webhook_events_is_a_plain_table(shop: Shop) -> None:
    booking = shop.confirmed(shop.event())
    session = booking["checkout_session_id"]

    def handled() -> bool:
        rows = shop.sql(
            """SELECT type, object_id, received_at, handled_at, tries, error, duplicates FROM webhook_events
                WHERE object_id = %s AND handled_at IS NOT NULL""",
            session,
        )
        return [row["type"] for row in rows] == ["checkout.session.completed"]

    until(handled, "the event is in the table, and handled")
