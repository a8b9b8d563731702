"""The emergency: charged, and no booking, no seats, no food, no mail. One button puts it right, and twice is as once."""

from __future__ import annotations

import asyncio
import json
from typing import Any

import pytest

from holdfast.bookings.actions import Placed
from holdfast.errors import NotFound, NotPaid
from holdfast.payments.recover import recover
from tests.support.system import Row, Stage

LOST = (
    "message_tries", "messages", "timeline", "disputes", "refunds", "payments", "attempts", "claims", "bookings",
    "order_lines", "orders", "customers", "webhook_events", "tasks",
)  # fmt: skip


async def restore_yesterdays_backup(stage: Stage) -> None:
    """Everything that guests did is gone, the catalogue and its counts are as they were before. F25."""
    async with stage.system.database.transaction() as conn:
        await conn.execute("SET LOCAL session_replication_role = replica")
        for table in LOST:
            await conn.execute(f"DELETE FROM {table}")
        await conn.execute("UPDATE units SET taken = 0")


async def paid_unheard(stage: Stage, **booking: Any) -> Placed:
    placed = await stage.book(**booking)
    assert await stage.pay(placed.checkout_session_id) == 303
    return placed


async def test_f01_the_order_is_there_and_nobody_told_us(stage: Stage) -> None:
    pie, red = stage.event.item_ids
    placed = await paid_unheard(stage, seats=2, menu=[(pie, 2), (red, 1)])
    found = await recover(stage.system, str(placed.checkout_session_id), "operator")
    assert (found.result, found.reference, found.booking_id) == (
        "recovered",
        placed.reference,
        placed.booking_id,
    )
    said = " ".join(found.repairs)
    for part in ("payment", "marked 2 seats: Table 1", "2 × Sample pie, 1 × Sample red", "confirmation"):
        assert part in said
    again = await recover(stage.system, str(placed.checkout_session_id), "operator")
    assert (again.result, again.repairs) == ("already_confirmed", [])
    assert await stage.messages(placed) == ["booking_confirmed"]
    await stage.assert_all_laws_hold()


async def test_f12_by_the_payment_intent_too(stage: Stage) -> None:
    placed = await paid_unheard(stage)
    [intent] = await stage.ledger("payment_intent")
    found = await recover(stage.system, intent["id"], "operator")
    assert (found.result, found.booking_id) == ("recovered", placed.booking_id)
    await stage.assert_all_laws_hold()


@pytest.mark.parametrize("at_once", [1, 2, 10])
async def test_f25_f71_the_database_lost_it_and_the_money_carries_it(stage: Stage, at_once: int) -> None:
    """Drill 11. The same order with its reference and its link, built from the signed metadata; ten at once build one."""
    pie, _ = stage.event.item_ids
    placed = await paid_unheard(stage, seats=3, menu=[(pie, 2)])
    before = await stage.row("SELECT reference, token_hash, contact_name, contact_email, seats FROM bookings")
    await restore_yesterdays_backup(stage)

    session = str(placed.checkout_session_id)
    found = await asyncio.gather(*(recover(stage.system, session, "operator") for _ in range(at_once)))

    assert {one.booking_id for one in found} == {placed.booking_id}
    assert sorted(one.result for one in found).count("recovered") >= 1
    assert {one.result for one in found} <= {"recovered", "already_confirmed"}
    after = await stage.row("SELECT reference, token_hash, contact_name, contact_email, seats FROM bookings")
    assert after == before
    story = await stage.story(placed)
    assert (story["order"][0]["status"], story["order"][0]["amount"]) == ("confirmed", placed.amount)
    assert (len(story["payments"]), await stage.messages(placed)) == (1, ["booking_confirmed"])
    lines = await stage.rows("SELECT label, quantity FROM order_lines ORDER BY line_no")
    assert lines == [{"label": "Table 1", "quantity": 3}, {"label": "Sample pie", "quantity": 2}]
    await stage.assert_all_laws_hold()


async def test_f25_lost_and_its_seats_are_somebody_elses_by_now(stage: Stage) -> None:
    """It paid in time, so a person decides; its money and its menu are on record."""
    placed = await paid_unheard(stage, seats=3)
    await restore_yesterdays_backup(stage)
    await stage.paid(seats=4, email="other@example.com")
    found = await recover(stage.system, str(placed.checkout_session_id), "operator")
    assert found.result == "unexplained"
    assert await stage.status(placed) == "stuck"
    assert await stage.tasks() == ["stuck"]
    await stage.assert_all_laws_hold()


async def test_f25_a_refund_made_meanwhile_is_found_too(stage: Stage) -> None:
    placed = await paid_unheard(stage)
    await stage.dashboard("refund", session=placed.checkout_session_id, amount=2000)
    await restore_yesterdays_backup(stage)
    await recover(stage.system, str(placed.checkout_session_id), "operator")
    story = await stage.story(placed)
    assert [(one["amount"], one["status"], one["reason"]) for one in story["refunds"]] == [
        (2000, "succeeded", "outside")
    ]
    await stage.assert_all_laws_hold()


async def test_f12_touched_metadata_rebuilds_nothing(stage: Stage) -> None:
    """Whoever may write metadata on the account cannot invent a booking."""
    placed = await paid_unheard(stage)
    [session] = await stage.ledger("checkout.session")
    stolen = {**session["metadata"], "snapshot_signature": "0" * 64}
    await restore_yesterdays_backup(stage)
    forged = await stage.foreign_session(metadata=stolen, customer_details={"email": "thief@example.com"})
    found = await recover(stage.system, forged["id"], "operator")
    assert (found.result, found.booking_id) == ("unexplained", None)
    assert placed.booking_id not in {
        row["booking_id"] for row in await stage.rows("SELECT booking_id FROM bookings")
    }


@pytest.mark.parametrize("kind", ["session", "foreign"])
async def test_not_paid_is_said(stage: Stage, kind: str) -> None:
    if kind == "session":
        subject = str((await stage.book()).checkout_session_id)
    else:
        subject = (await stage.foreign_session(paid=False, metadata=metadata_of(stage)))["id"]
    with pytest.raises(NotPaid):
        await recover(stage.system, subject, "operator")
    assert await stage.ledger("refund") == []
    await stage.assert_all_laws_hold()


@pytest.mark.parametrize("subject", ["cs_test_unknown", "pi_unknown", "ch_1", "nonsense", ""])
async def test_what_stripe_does_not_know_is_not_found(stage: Stage, subject: str) -> None:
    with pytest.raises(NotFound):
        await recover(stage.system, subject, "operator")


async def test_another_tenants_money_is_not_found(stage: Stage) -> None:
    placed = await paid_unheard(stage)
    session = str(placed.checkout_session_id)
    with pytest.raises(NotFound):
        await recover(stage.system, session, "operator", tenant_id=stage.event.tenant_id + 1)
    await restore_yesterdays_backup(stage)
    with pytest.raises(NotFound):
        await recover(stage.system, session, "operator", tenant_id=stage.event.tenant_id + 1)
    assert await stage.rows("SELECT FROM orders") == []
    await recover(stage.system, session, "operator", tenant_id=stage.event.tenant_id)
    await stage.assert_all_laws_hold()


async def test_paid_late_and_gone_is_reported_as_refunded(stage: Stage) -> None:
    placed = await stage.book(3)
    await restore_yesterdays_backup(stage)
    await stage.paid(seats=4, email="other@example.com")
    await stage.advance(minutes=50)
    await stage.pay(placed.checkout_session_id)
    found = await recover(stage.system, str(placed.checkout_session_id), "operator")
    assert found.result == "refunded"
    await stage.run_jobs()
    assert [one["amount"] for one in await stage.ledger("refund")] == [placed.amount]
    await stage.assert_all_laws_hold()


# ── what other systems wrote ──

CUSTOMER = {"email": "guest@example.com", "name": "Sample Guest", "phone": "+447700900123"}


def metadata_of(stage: Stage, **changes: str | None) -> dict[str, str]:
    pie, red = stage.event.item_ids
    full: dict[str, str | None] = {
        "eventId": str(stage.event.offering_id),
        "tableId": str(stage.event.unit_ids[1]),
        "seats": "2",
        "foodItems": json.dumps([{"id": pie, "quantity": 2}]),
        "wineItems": json.dumps([{"id": red, "quantity": 1}]),
        **changes,
    }
    return {name: value for name, value in full.items() if value is not None}


async def recovered(stage: Stage, metadata: dict[str, str], **session: Any) -> Row:
    made = await stage.foreign_session(
        metadata=metadata, amount=17000 + 2 * 1850 + 3200, customer_details=CUSTOMER, **session
    )
    found = await recover(stage.system, made["id"], "operator")
    assert found.result == "recovered", found.why
    return await stage.row("SELECT * FROM bookings WHERE booking_id = %s", found.booking_id)


VARIANTS: dict[str, dict[str, str | None]] = {
    "as_it_is": {},
    "event_id": {"eventId": None, "event_id": "{event}"},
    "table_by_label": {"tableId": None, "table": "Table 2"},
    "table_by_label_in_lower_case": {"tableId": None, "table": "table 2"},
    "table_ids": {"tableId": None, "tableIds": "[{second}]"},
    "tables": {"tableId": None, "tables": '["Table 2"]'},
    "unit_id": {"tableId": None, "unitId": "{second}"},
    "seats_listed": {"seats": '["A", "B"]'},
    "guests": {"seats": None, "guests": "2"},
    "guest_count": {"seats": None, "guestCount": "2"},
    "party_size": {"seats": None, "partySize": "2"},
    "quantity": {"seats": None, "quantity": "2"},
    "food_by_name": {"foodItems": '[{"name": "Sample pie", "qty": 2}]'},
    "one_menu": {
        "foodItems": None,
        "wineItems": None,
        "menu": '[{"id": {pie}, "qty": "2"}, {"name": "sample red"}]',
    },
    "food_and_wine": {
        "foodItems": None,
        "wineItems": None,
        "food": '[{"id": {pie}, "quantity": 2}]',
        "wine": '["Sample red"]',
    },
    "items": {"foodItems": None, "wineItems": None, "items": '{"Sample pie": 2, "Sample red": 1}'},
}


@pytest.mark.parametrize("name", VARIANTS)
async def test_f12_metadata_of_another_system(stage: Stage, name: str) -> None:
    """contract.md: every spelling that it lists, one booking with its seats, its menu and its mail."""
    filled = {
        key: value
        and value.replace("{event}", str(stage.event.offering_id))
        .replace("{second}", str(stage.event.unit_ids[1]))
        .replace("{pie}", str(stage.event.item_ids[0]))
        for key, value in VARIANTS[name].items()
    }
    booking = await recovered(stage, metadata_of(stage, **filled))
    assert (booking["status"], booking["seats"], booking["contact_email"]) == (
        "confirmed",
        2,
        "guest@example.com",
    )
    assert (booking["contact_name"], booking["contact_phone"]) == ("Sample Guest", "+447700900123")
    assert await stage.taken(1) == 2
    lines = await stage.rows("SELECT label, quantity FROM order_lines WHERE kind = 'menu' ORDER BY label")
    assert lines == [{"label": "Sample pie", "quantity": 2}, {"label": "Sample red", "quantity": 1}]
    assert [row["kind"] for row in await stage.rows("SELECT kind FROM messages")] == ["booking_confirmed"]
    await stage.assert_all_laws_hold()


@pytest.mark.parametrize("at_once", [2, 10])
async def test_f71_another_systems_money_at_once_is_one_booking(stage: Stage, at_once: int) -> None:
    made = await stage.foreign_session(metadata=metadata_of(stage), customer_details=CUSTOMER)
    found = await asyncio.gather(*(recover(stage.system, made["id"], "operator") for _ in range(at_once)))
    assert len({one.booking_id for one in found}) == 1
    assert {one.result for one in found} <= {"recovered", "already_confirmed"}
    assert (await stage.row("SELECT count(*) AS orders FROM orders"))["orders"] == 1
    assert (await recover(stage.system, made["id"], "operator")).result == "already_confirmed"
    await stage.assert_all_laws_hold()


async def test_seats_without_a_table_get_the_best_one(stage: Stage) -> None:
    booking = await recovered(stage, metadata_of(stage, tableId=None, seats="3"))
    [claim] = await stage.rows("SELECT seats FROM claims WHERE booking_id = %s", booking["booking_id"])
    assert claim["seats"] == 3
    await stage.assert_all_laws_hold()


async def test_a_table_without_seats_is_all_of_it(stage: Stage) -> None:
    booking = await recovered(stage, metadata_of(stage, seats=None))
    assert (booking["seats"], await stage.taken(1)) == (4, 4)
    await stage.assert_all_laws_hold()


async def test_the_metadata_knows_the_customer_better_than_the_session(stage: Stage) -> None:
    booking = await recovered(
        stage,
        metadata_of(
            stage,
            customerName="Another Guest",
            customerEmail="Other@Example.com",
            customerPhone="07700 900456",
        ),
    )
    assert (booking["contact_name"], booking["contact_email"]) == ("Another Guest", "other@example.com")
    assert booking["contact_phone"] == "+447700900456"
    await stage.assert_all_laws_hold()


async def test_a_dish_that_is_not_on_the_menu_reaches_the_kitchen_all_the_same(stage: Stage) -> None:
    made = await stage.foreign_session(
        metadata=metadata_of(stage, foodItems='[{"name": "Grandmother\'s soup\\u0000", "quantity": 2}]'),
        customer_details=CUSTOMER,
    )
    found = await recover(stage.system, made["id"], "operator")
    assert found.result == "recovered"
    assert "Grandmother's soup" in " ".join(found.repairs)
    lines = await stage.rows("SELECT label FROM order_lines WHERE label LIKE 'Grandmother%%'")
    assert len(lines) == 1
    await stage.assert_all_laws_hold()


async def test_f19_another_systems_voucher_of_a_hundred_percent(stage: Stage) -> None:
    """No money moved and none had to: it is a booking all the same, once."""
    made = await stage.foreign_session(amount=0, metadata=metadata_of(stage), customer_details=CUSTOMER)
    found = await recover(stage.system, made["id"], "operator")
    assert found.result == "recovered", found.why
    assert (await recover(stage.system, made["id"], "operator")).result == "already_confirmed"
    assert await stage.taken(1) == 2
    assert await stage.rows("SELECT FROM refunds") == []
    await stage.assert_all_laws_hold()


async def test_the_organisers_reserve_may_have_been_promised_by_another_system(stage: Stage) -> None:
    row = await stage.row(
        "UPDATE units SET buffer = true WHERE unit_id = %s RETURNING label", stage.event.unit_ids[1]
    )
    booking = await recovered(stage, metadata_of(stage, tableId=row["label"]))
    assert (booking["status"], await stage.taken(1)) == ("confirmed", 2)
    await stage.assert_all_laws_hold()


UNEXPLAINED: dict[str, dict[str, str | None]] = {
    "no_event": {"eventId": None},
    "no_such_event": {"eventId": "987654"},
    "unreadable_event": {"eventId": "the gala"},
    "no_such_table": {"tableId": "Table 99"},
    "neither_seats_nor_tables": {"tableId": None, "seats": None},
    "unreadable_seats": {"tableId": None, "seats": "a few"},
    "more_seats_than_the_table_has": {"seats": "9"},
    "more_seats_than_the_house_has": {"tableId": None, "seats": "900"},
    "no_usable_address": {"customerEmail": "not an address"},
    "nothing_at_all": dict.fromkeys(("eventId", "tableId", "seats", "foodItems", "wineItems")),
}


@pytest.mark.parametrize("name", UNEXPLAINED)
async def test_f12_what_cannot_be_mapped_is_for_a_person(stage: Stage, name: str) -> None:
    """Never a guess: one task that says what is missing, however often it is tried."""
    made = await stage.foreign_session(
        metadata=metadata_of(stage, **UNEXPLAINED[name]), customer_details=CUSTOMER
    )
    for _ in range(2):
        found = await recover(stage.system, made["id"], "operator")
        assert (found.result, found.booking_id) == ("unexplained", None)
        assert found.why
    assert await stage.tasks() == ["unexplained_money"]
    assert await stage.rows("SELECT FROM orders") == []
    assert await stage.ledger("refund") == []
    await stage.assert_all_laws_hold()


async def test_f22_paid_in_another_currency_is_for_a_person(stage: Stage) -> None:
    made = await stage.foreign_session(metadata=metadata_of(stage), currency="jpy", customer_details=CUSTOMER)
    found = await recover(stage.system, made["id"], "operator")
    assert (found.result, "JPY" in str(found.why)) == ("unexplained", True)


async def test_another_systems_money_and_the_seats_are_gone(stage: Stage) -> None:
    """Paid, and nothing says that it was late: a person finds other seats or gives it back."""
    await stage.paid(seats=4, table=1, email="other@example.com")
    made = await stage.foreign_session(metadata=metadata_of(stage), customer_details=CUSTOMER)
    found = await recover(stage.system, made["id"], "operator")
    assert found.result == "unexplained"
    assert await stage.tasks() == ["stuck"]
    await stage.assert_all_laws_hold()
