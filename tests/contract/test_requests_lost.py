"""The original failure, closed for good, and requests of which nothing is heard: no booking, no webhook, no database row.

F01 (an order without its booking), F05 and F06 (webhooks lost), F25 (a foreign import), F28, F30."""

from __future__ import annotations

import json
from typing import Any

import psycopg
import pytest

from tests.contract.market import Practice, authorise, practice
from tests.contract.shop import NUMBERS, Json, Shop, at_once, until


@pytest.fixture(scope="module")
def ours(one_demo: Shop) -> Practice:
    return practice(one_demo)


def import_order(ours: Practice, status: str, hours_ago: int = 0) -> str:
    """As a foreign import or a hand leaves one: the order and its line, with the triggers off, and no booking."""
    order_id = f"ord_imported{next(NUMBERS)}"
    values = {"order": order_id, "offering": ours.offering_id, "status": status, "hours": hours_ago}
    values["customer"] = f"cus_imported{order_id}"
    with psycopg.connect(ours.shop.database_url, autocommit=True) as connection, connection.transaction():
        connection.execute("SET LOCAL session_replication_role = replica")
        connection.execute(
            """INSERT INTO customers (customer_id, tenant_id, name, email, created_at)
               SELECT %(customer)s, tenant_id, 'Imported Fan', %(order)s || '@example.com', now()
                 FROM offerings WHERE offering_id = %(offering)s""",
            values,
        )
        connection.execute(
            """INSERT INTO orders (order_id, tenant_id, offering_id, customer_id, status, amount, currency, source,
                                   offering_version, refund_tiers, created_at, requested_at, respond_by)
               SELECT %(order)s, tenant_id, offering_id, %(customer)s, %(status)s, 0, 'GBP', 'foreign', 1, refund_tiers,
                      now() - make_interval(hours => %(hours)s),
                      CASE WHEN %(status)s = 'requested' THEN now() END,
                      CASE WHEN %(status)s = 'requested' THEN now() + interval '2 days' END
                 FROM offerings WHERE offering_id = %(offering)s""",
            values,
        )
        connection.execute(
            """INSERT INTO order_lines (order_id, line_no, kind, label, quantity, unit_amount, amount)
               VALUES (%(order)s, 1, 'service', 'Imported', 1, 0, 0)""",
            values,
        )
    return order_id


def made_again(shop: Shop, order_id: str) -> list[Json]:
    return shop.sql("SELECT * FROM timeline WHERE order_id = %s AND what = 'booking_made_again'", order_id)


@pytest.fixture(scope="module")
def calls(one_demo: Shop) -> Practice:
    """Without a fixed time and without a price: what an import without a payment can hold."""
    return practice(one_demo, title="A call (demo)", timing="none", price=0)


@pytest.mark.parametrize("status", ["requested", "confirmed", "pending"])
def test_an_order_put_there_by_hand_is_healed_by_reading_once(calls: Practice, status: str) -> None:
    order_id = import_order(calls, status)
    assert calls.shop.sql("SELECT 1 FROM bookings WHERE order_id = %s", order_id) == []
    first = calls.listed({"order_id": order_id})
    assert first["booking_id"]
    assert first["status"] == status
    [row] = calls.shop.sql("SELECT booking_id, status FROM bookings WHERE order_id = %s", order_id)
    assert (row["booking_id"], row["status"]) == (first["booking_id"], status)
    assert calls.listed({"order_id": order_id})["booking_id"] == first["booking_id"]
    assert len(made_again(calls.shop, order_id)) == 1, "once, with its entry"


def test_ten_read_at_once_and_it_is_healed_once(calls: Practice) -> None:
    order_id = import_order(calls, "requested")
    seen = at_once(lambda _: calls.listed({"order_id": order_id})["booking_id"], 10, 10)
    assert len(set(seen)) == 1
    assert len(made_again(calls.shop, order_id)) == 1
    assert calls.shop.sql("SELECT count(*) FROM bookings WHERE order_id = %s", order_id)[0]["count"] == 1


def test_a_healed_request_can_be_answered_and_its_provider_was_told(calls: Practice) -> None:
    order_id = import_order(calls, "requested")
    booking = calls.listed({"order_id": order_id})
    email = calls.shop.get(f"/api/admin/providers/{calls.provider_id}", key=calls.key).json()["email"]
    until(lambda: booking["reference"] in str(calls.shop.mails(email)), "the question reaches the provider")
    assert calls.answer(booking, "accept").json()["status"] == "confirmed"


def test_a_request_that_lost_its_booking_has_it_and_its_slot_again(ours: Practice) -> None:
    slot = ours.slots()[0]
    booking = ours.requested(slot_id=slot["slot_id"])
    with psycopg.connect(ours.shop.database_url, autocommit=True) as connection, connection.transaction():
        connection.execute("SET LOCAL session_replication_role = replica")
        connection.execute(
            "DELETE FROM units WHERE unit_id IN (SELECT unit_id FROM claims WHERE booking_id = %s)",
            (booking["booking_id"],),
        )
        for table in ("messages", "claims", "bookings"):
            connection.execute(f"DELETE FROM {table} WHERE booking_id = %s", (booking["booking_id"],))
    healed = ours.listed(booking)
    assert (healed["status"], healed["amount"]) == ("requested", 3500)
    assert slot["slot_id"] not in {one["slot_id"] for one in ours.slots()}
    assert ours.answer(healed, "accept").status_code == 200
    until(lambda: ours.listed(booking)["status"] == "confirmed", "and its money can still be taken")
    assert ours.shop.stripe(booking["payment_intent_id"])["status"] == "succeeded"


def test_the_command_counts_what_had_bookings_and_what_was_missing(calls: Practice) -> None:
    missing = [import_order(calls, status) for status in ("requested", "confirmed")]
    said = calls.shop.cli_json("fix", "missing-bookings")
    assert set(said) >= {"orders", "with_bookings", "missing", "fixed"}
    found = [order_id for order_id in missing if order_id in said["fixed"]]
    for order_id in set(missing) - set(found):
        assert len(made_again(calls.shop, order_id)) == 1, "the worker's law was first"
    assert said["missing"] >= len(found)
    assert said["orders"] == said["with_bookings"] + said["missing"]
    again = calls.shop.cli_json("fix", "missing-bookings")
    assert (again["missing"], again["orders"]) == (0, again["with_bookings"])
    assert str(again["orders"]) in calls.shop.cli("fix", "missing-bookings").stdout


@pytest.mark.parametrize("status", ["pending", "confirmed", "in_progress", "completed"])
def test_the_database_refuses_an_order_without_its_booking(calls: Practice, status: str) -> None:
    with (
        psycopg.connect(calls.shop.database_url, autocommit=True) as connection,
        pytest.raises(psycopg.Error, match="has no booking"),
        connection.transaction(),
    ):
        connection.execute(
            """INSERT INTO orders (order_id, tenant_id, offering_id, customer_id, status, amount, currency, source,
                                   offering_version, refund_tiers, created_at)
               SELECT %(order)s, o.tenant_id, o.offering_id, o.customer_id, %(status)s, 0, 'GBP', 'foreign', 1, '[]', now()
                 FROM orders o WHERE o.offering_id = %(offering)s LIMIT 1""",
            {"order": f"ord_refused{next(NUMBERS)}", "status": status, "offering": calls.offering_id},
        )


# ─── nothing is heard ───────────────────────────────────────────────────────────────────────────────────────────────────


def test_every_webhook_lost_and_a_request_still_arrives_and_is_captured(ours: Practice) -> None:
    ours.shop.faults(webhooks={"lose": 1})
    try:
        booking = ours.requested()
        assert ours.answer(booking, "accept").status_code == 200
        until(lambda: ours.shop.look(booking)["status"] == "confirmed", "captured without one webhook")
    finally:
        ours.shop.no_faults()
    assert ours.shop.look(booking)["amount_paid"] == 3500


def test_stripe_falls_silent_after_the_capture(ours: Practice) -> None:
    """F30: the yes is kept, the capture is asked for again under the same key, and is done once."""
    booking = ours.requested()
    ours.shop.faults(webhooks={"lose": 1}, api={"error_500_after": 1})
    try:
        said = ours.answer(booking, "accept")
        assert said.status_code == 200, said.text
        assert said.json()["accepted"] is True
    finally:
        ours.shop.no_faults()
    until(lambda: ours.shop.look(booking)["status"] == "confirmed", "as soon as Stripe answers", 60)
    assert len(ours.shop.staff(f"/api/admin/bookings/{booking['reference']}")["payments"]) == 1


def test_recover_finds_a_request_that_nobody_heard_of(ours: Practice) -> None:
    ours.shop.faults(webhooks={"lose": 1})
    booking = ours.asked()
    assert authorise(ours.shop, booking).json()["status"] == "requires_capture"
    said = ours.shop.cli_json("recover", booking["payment_intent_id"])
    ours.shop.no_faults()
    assert said["reference"] == booking["reference"]
    assert ours.shop.found(booking["reference"])["status"] == "requested"


def test_recover_brings_a_request_back_from_its_intent_alone(ours: Practice) -> None:
    """As after a restored backup: of the order nothing is left here."""
    booking = ours.requested()
    until(lambda: ours.shop.look(booking)["messages"][0]["status"] == "sent", "no mail is under way")
    forget(ours.shop, booking["order_id"])
    assert (
        ours.shop.get(f"/api/bookings/{booking['reference']}", params={"token": booking["token"]}).status_code
        == 404
    )
    said = ours.shop.cli_json("recover", booking["payment_intent_id"])
    assert said["reference"] == booking["reference"]
    view = ours.shop.look(booking)
    assert (view["status"], view["amount"]) == ("requested", 3500)
    assert ours.answer(booking, "accept").status_code == 200
    until(lambda: ours.shop.look(booking)["status"] == "confirmed", "and it can be accepted")


def forget(shop: Shop, order_id: str) -> None:
    of_booking = "booking_id IN (SELECT booking_id FROM bookings WHERE order_id = %s)"
    with psycopg.connect(shop.database_url, autocommit=True) as connection, connection.transaction():
        connection.execute("SET LOCAL session_replication_role = replica")
        slots = f"unit_id IN (SELECT unit_id FROM claims WHERE {of_booking})"
        connection.execute(f"DELETE FROM units WHERE {slots}", (order_id,))
        for table in ("messages", "claims"):
            connection.execute(f"DELETE FROM {table} WHERE {of_booking}", (order_id,))
        for table in (
            "action_links",
            "captures",
            "refunds",
            "payments",
            "attempts",
            "bookings",
            "order_lines",
            "timeline",
            "tasks",
            "orders",
        ):
            connection.execute(f"DELETE FROM {table} WHERE order_id = %s", (order_id,))


# ─── for operators ──────────────────────────────────────────────────────────────────────────────────────────────────────


def test_diagnose_tells_a_requests_story(ours: Practice) -> None:
    booking = ours.accepted()
    email = ours.shop.look(booking)["customer"]["email"]
    whats: list[tuple[str, Any]] = [
        ("order", booking["order_id"]),
        ("booking", booking["reference"]),
        ("booking", booking["booking_id"]),
        ("customer", email),
        ("payment", booking["payment_intent_id"]),
    ]
    for kind, what in whats:
        told = json.dumps(ours.shop.cli_json("diagnose", kind, what))
        assert booking["reference"] in told
        assert booking["payment_intent_id"] in told, "Stripe's side"
        assert "accepted" in told


def test_diagnose_names_the_next_command_for_a_request_that_nobody_heard_of(ours: Practice) -> None:
    ours.shop.faults(webhooks={"lose": 1})
    booking = ours.asked()
    authorise(ours.shop, booking)
    done = ours.shop.cli("diagnose", "payment", booking["payment_intent_id"])
    ours.shop.no_faults()
    assert done.returncode == 1, done.stdout
    assert f"holdfast recover {booking['payment_intent_id']}" in done.stdout
    ours.shop.cli_json("recover", booking["payment_intent_id"])


def test_the_clean_up_lets_go_of_a_hold_that_nobody_paid(ours: Practice) -> None:
    slot = ours.slots()[0]
    booking = ours.asked(slot_id=slot["slot_id"])
    ours.shop.sql(
        "UPDATE bookings SET expires_at = now() - interval '1 minute' WHERE booking_id = %s",
        booking["booking_id"],
    )
    cleaned = ours.shop.post("/api/cron/cleanup-bookings", key=ours.shop.told["cron_secret"])
    assert cleaned.status_code == 200, cleaned.text
    until(lambda: ours.shop.found(booking["reference"])["status"] == "expired", "it is let go")
    assert slot["slot_id"] in {one["slot_id"] for one in ours.slots()}
    assert ours.shop.stripe(booking["payment_intent_id"])["status"] == "canceled", (
        "nobody can pay it any more"
    )


def test_slots_that_nobody_has_any_more_are_freed(ours: Practice) -> None:
    slot = ours.slots()[5]
    booking = ours.requested(slot_id=slot["slot_id"])
    with psycopg.connect(ours.shop.database_url, autocommit=True) as connection, connection.transaction():
        connection.execute("SET LOCAL session_replication_role = replica")
        connection.execute(
            "UPDATE units SET taken = 1 WHERE unit_id IN (SELECT unit_id FROM claims WHERE booking_id = %s)",
            (booking["booking_id"],),
        )
    ours.answer(booking, "decline")
    with psycopg.connect(ours.shop.database_url, autocommit=True) as connection, connection.transaction():
        connection.execute("SET LOCAL session_replication_role = replica")
        connection.execute(
            "UPDATE units SET taken = 1 WHERE unit_id IN (SELECT unit_id FROM claims WHERE booking_id = %s)",
            (booking["booking_id"],),
        )
    ours.shop.sql("SELECT cleanup_orphaned_slots()")
    assert slot["slot_id"] in {one["slot_id"] for one in ours.slots()}


def test_what_is_counted(ours: Practice) -> None:
    ours.accepted()
    rows = ours.shop.sql("SELECT * FROM get_booking_stats()")
    counted = [row for row in rows if row["kind"] == "appointment" and row["status"] == "confirmed"]
    assert sum(row["bookings"] for row in counted) >= 1
    assert ours.shop.cli_json("stats")["bookings"]["confirmed"] >= 1


def test_all_laws_hold_after_this(ours: Practice) -> None:
    until(lambda: ours.shop.cli("doctor", "--json").returncode == 0, "the doctor is content", 60)
