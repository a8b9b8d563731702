"""What a person decides about an order that is stuck (F21, F14)."""

from __future__ import annotations

import pytest

from holdfast.bookings.actions import Placed
from holdfast.bookings.views import guest_view
from holdfast.errors import Conflict, SoldOut
from holdfast.payments.recover import recover
from holdfast.payments.resolve import resolve_stuck
from tests.support.system import Stage

STAFF = "staff:hf_test"


async def _paid_too_little(stage: Stage) -> Placed:
    """The price was lowered in the database after the session was made: what is paid is not what was agreed."""
    placed = await stage.book(2)
    await stage.execute(
        "UPDATE order_lines SET unit_amount = 9000, amount = 18000 WHERE order_id = %s", placed.order_id
    )
    await stage.execute("UPDATE orders SET amount = 18000 WHERE order_id = %s", placed.order_id)
    await stage.execute("UPDATE attempts SET amount = 18000 WHERE order_id = %s", placed.order_id)
    await stage.pay(placed.checkout_session_id)
    await stage.deliver()
    await stage.run_jobs()
    assert await stage.status(placed) == "stuck"
    assert await stage.tasks() == ["stuck"]
    return placed


async def test_f21_accepted_as_it_was_paid(stage: Stage) -> None:
    placed = await _paid_too_little(stage)
    assert await resolve_stuck(stage.system, placed.booking_id, "accept", STAFF) == "confirmed"
    order = await stage.row("SELECT amount FROM orders WHERE order_id = %s", placed.order_id)
    lines = await stage.rows(
        "SELECT kind, amount FROM order_lines WHERE order_id = %s ORDER BY line_no", placed.order_id
    )
    assert order["amount"] == 17000
    assert lines == [{"kind": "unit", "amount": 18000}, {"kind": "adjustment", "amount": -1000}]
    assert (await stage.messages(placed), await stage.taken()) == (["booking_confirmed"], 2)
    with pytest.raises(Conflict, match="confirmed"):
        await resolve_stuck(stage.system, placed.booking_id, "refund", STAFF)
    open_tasks = await stage.rows("SELECT 1 FROM tasks WHERE done_at IS NULL")
    assert not open_tasks
    await stage.assert_all_laws_hold()


async def test_f21_given_back_whole_and_once(stage: Stage) -> None:
    placed = await _paid_too_little(stage)
    assert await resolve_stuck(stage.system, placed.booking_id, "refund", STAFF) == "cancelled"
    with pytest.raises(Conflict, match="cancelled"):
        await resolve_stuck(stage.system, placed.booking_id, "refund", STAFF)
    await stage.run_jobs()
    assert [refund["amount"] for refund in await stage.ledger("refund")] == [17000]
    assert (await stage.messages(placed), await stage.taken()) == (["booking_cancelled"], 0)
    await stage.assert_all_laws_hold()


async def test_f14_seats_that_are_gone_cannot_be_accepted(stage: Stage) -> None:
    """Another system sold a table that is full here: nobody is sent away by a machine, and nothing is oversold by a person."""
    await stage.paid(seats=4)
    session = await stage.foreign_session(
        metadata={
            "eventId": str(stage.event.offering_id),
            "tableId": str(stage.event.unit_ids[0]),
            "seats": "2",
            "customerEmail": "late@example.com",
        },
        currency="gbp",
    )
    found = await recover(stage.system, session["id"], STAFF)
    assert found.result == "unexplained"
    assert found.booking_id is not None
    with pytest.raises(SoldOut):
        await resolve_stuck(stage.system, found.booking_id, "accept", STAFF)
    assert await resolve_stuck(stage.system, found.booking_id, "refund", STAFF) == "cancelled"
    assert await stage.taken() == 4
    await stage.assert_all_laws_hold("payment_was_told_by_webhook")


async def test_what_is_not_stuck_needs_no_decision(stage: Stage) -> None:
    placed = await stage.paid(seats=1)
    with pytest.raises(Conflict):
        await resolve_stuck(stage.system, placed.booking_id, "accept", STAFF)
    await stage.assert_all_laws_hold()


async def test_f18_a_guest_reads_that_the_bank_is_at_it(stage: Stage) -> None:
    placed = await stage.book(2)
    await stage.pay(placed.checkout_session_id, method="bank_debit")
    await stage.deliver()
    await stage.run_jobs()
    under_way = await stage.system.database.read(lambda conn: guest_view(conn, placed.booking_id))
    assert under_way["payment_under_way"] is True
    await stage.dashboard("settle", session=placed.checkout_session_id, outcome="succeed")
    await stage.deliver()
    await stage.run_jobs()
    settled = await stage.system.database.read(lambda conn: guest_view(conn, placed.booking_id))
    assert (settled["payment_under_way"], settled["status"]) == (False, "confirmed")
    await stage.assert_all_laws_hold()


async def test_f58_an_event_of_a_connected_account_is_none_of_ours(stage: Stage) -> None:
    placed = await stage.book(1)
    await stage.pay(placed.checkout_session_id)
    for event in await stage.events():
        await stage.receive({**event, "id": f"{event['id']}x", "account": "acct_somebody_else"})
    await stage.run_jobs()
    outcomes = await stage.rows("SELECT DISTINCT outcome FROM webhook_events")
    assert outcomes == [{"outcome": "other_account"}]
    assert await stage.status(placed) == "pending"
    await stage.deliver()
    await stage.assert_all_laws_hold()
