"""Two rows that are one person: joined, and taken apart again, with nothing lost on the way."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from holdfast.bookings.actions import Placed, place_booking
from holdfast.customers import merging
from holdfast.database.connection import Connection
from holdfast.errors import Conflict, HoldfastError, NotFound, ValidationFailed
from tests.support.system import Stage
from tests.support.world import sample_event

NUMBER, ANOTHER = "+447700900123", "+447700900456"
STAFF = "staff:hf_ab"


async def by_phone(stage: Stage, customer_id: str, phone: str = NUMBER, name: str = "") -> str:
    """Who was only ever known by a number."""
    await stage.execute(
        "INSERT INTO customers (customer_id, tenant_id, name, phone, created_at) VALUES (%s, %s, %s, %s, %s)",
        customer_id,
        stage.event.tenant_id,
        name,
        phone,
        stage.clock.now(),
    )
    return customer_id


async def give(stage: Stage, placed: Placed, customer_id: str) -> None:
    """As if this booking had begun by that customer's SMS, with a message and an answer."""
    await stage.execute(
        "UPDATE orders SET customer_id = %s WHERE order_id = %s", customer_id, placed.order_id
    )
    await stage.execute(
        "UPDATE messages SET customer_id = %s WHERE booking_id = %s", customer_id, placed.booking_id
    )
    await stage.execute(
        """INSERT INTO inbound_messages (inbound_id, provider_id, tenant_id, sender, body, meaning, customer_id, received_at)
           VALUES (%s, %s, %s, %s, 'See you', 'other', %s, %s)""",
        f"inb_{placed.order_id}",
        f"SM{placed.order_id}",
        stage.event.tenant_id,
        NUMBER,
        customer_id,
        stage.clock.now(),
    )


async def owned(stage: Stage) -> dict[str, list[Any]]:
    """What belongs to whom."""
    return {
        table: await stage.rows(f"SELECT {key}, customer_id FROM {table} ORDER BY {key}")
        for table, key in (
            ("orders", "order_id"),
            ("messages", "message_id"),
            ("inbound_messages", "inbound_id"),
        )
    } | {
        "customers": await stage.rows(
            "SELECT customer_id, name, email, phone, merged_into FROM customers ORDER BY customer_id"
        )
    }


async def test_everything_goes_over_and_comes_back(stage: Stage) -> None:
    mine, theirs = await stage.paid(), await stage.paid(table=1, email="second@example.com")
    alone = await by_phone(stage, "cus_alone", name="By phone")
    await give(stage, theirs, alone)
    before = await owned(stage)
    tenant_id = stage.event.tenant_id
    merge_id = await merging.merge(stage.system, tenant_id, mine.customer_id, alone, STAFF)
    after = await owned(stage)
    for table in ("orders", "messages", "inbound_messages"):
        assert alone not in {row["customer_id"] for row in after[table]}, table
    kept = next(row for row in after["customers"] if row["customer_id"] == mine.customer_id)
    assert (kept["email"], kept["phone"]) == ("guest@example.com", NUMBER)
    assert (
        next(row for row in after["customers"] if row["customer_id"] == alone)["merged_into"]
        == kept["customer_id"]
    )
    [entry] = await stage.rows("SELECT * FROM timeline WHERE what = 'customer_merged'")
    assert (entry["order_id"], entry["actor"]) == (theirs.order_id, STAFF)

    assert await merging.undo(stage.system, tenant_id, merge_id, STAFF) == alone
    assert await owned(stage) == before
    row = await stage.row("SELECT * FROM customer_merges")
    assert (row["undone_by"], row["undone_at"]) == (STAFF, stage.clock.now())
    with pytest.raises(Conflict, match="undone already"):
        await merging.undo(stage.system, tenant_id, merge_id, STAFF)
    await stage.assert_all_laws_hold()


async def test_what_came_after_belongs_to_the_one_that_was_kept(stage: Stage) -> None:
    mine = await stage.paid()
    alone = await by_phone(stage, "cus_alone")
    merge_id = await merging.merge(stage.system, stage.event.tenant_id, mine.customer_id, alone, STAFF)
    later = await stage.paid(table=1)
    await merging.undo(stage.system, stage.event.tenant_id, merge_id, STAFF)
    assert later.customer_id == mine.customer_id
    assert {row["customer_id"] for row in (await owned(stage))["orders"]} == {mine.customer_id}
    await stage.assert_all_laws_hold()


async def test_who_was_merged_is_found_by_address_and_by_number(stage: Stage) -> None:
    mine, theirs = await stage.paid(), await stage.paid(table=1, email="second@example.com")
    tenant_id = stage.event.tenant_id
    await merging.merge(stage.system, tenant_id, mine.customer_id, theirs.customer_id, STAFF)
    alone = await by_phone(stage, "cus_alone")
    await merging.merge(stage.system, tenant_id, mine.customer_id, alone, STAFF)
    again = await stage.book(table=2, email="second@example.com")
    assert again.customer_id == mine.customer_id
    found = await stage.row(
        "SELECT customer_of(%s, 'cus_new', '', NULL, %s, %s) AS id", tenant_id, NUMBER, stage.clock.now()
    )
    assert found["id"] == mine.customer_id
    await stage.assert_all_laws_hold()


async def test_chains_are_one_step_long_and_are_undone_in_any_order(stage: Stage) -> None:
    first, second, third = (
        await stage.paid(),
        await stage.paid(table=1, email="b@example.com"),
        await stage.paid(table=2, email="c@example.com"),
    )
    before = await owned(stage)
    tenant_id, ids = stage.event.tenant_id, [first.customer_id, second.customer_id, third.customer_id]
    for inner_first in (True, False):
        inner = await merging.merge(stage.system, tenant_id, ids[1], ids[0], STAFF)
        outer = await merging.merge(stage.system, tenant_id, ids[2], ids[1], STAFF)
        after = await owned(stage)
        assert {row["customer_id"] for row in after["orders"]} == {ids[2]}
        assert {row["merged_into"] for row in after["customers"]} == {None, ids[2]}
        for merge_id in (inner, outer) if inner_first else (outer, inner):
            await merging.undo(stage.system, tenant_id, merge_id, STAFF)
        assert await owned(stage) == before
    await stage.assert_all_laws_hold()


async def test_what_cannot_be_merged(stage: Stage) -> None:
    mine = await stage.paid()
    alone = await by_phone(stage, "cus_alone")
    third = await by_phone(stage, "cus_third", ANOTHER)
    tenant_id = stage.event.tenant_id
    async with stage.system.database.transaction() as conn:
        elsewhere = (await sample_event(conn, stage.clock.now())).tenant_id
    await stage.execute(
        "INSERT INTO customers (customer_id, tenant_id, phone, created_at) VALUES ('cus_far', %s, %s, %s)",
        elsewhere,
        NUMBER,
        stage.clock.now(),
    )
    for kept, merged, error in (
        (mine.customer_id, mine.customer_id, ValidationFailed),
        (mine.customer_id, "cus_none", NotFound),
        (mine.customer_id, "cus_far", NotFound),
        ("cus_far", mine.customer_id, NotFound),
    ):
        with pytest.raises(error):
            await merging.merge(stage.system, tenant_id, kept, merged, STAFF)
    merge_id = await merging.merge(stage.system, tenant_id, mine.customer_id, alone, STAFF)
    for kept, merged in ((alone, third), (third, alone), (mine.customer_id, alone)):
        with pytest.raises(Conflict):
            await merging.merge(stage.system, tenant_id, kept, merged, STAFF)
    with pytest.raises(NotFound):
        await merging.undo(stage.system, elsewhere, merge_id, STAFF)
    with pytest.raises(NotFound):
        await merging.undo(stage.system, tenant_id, "mrg_none", STAFF)
    await stage.assert_all_laws_hold()


async def test_undoing_never_leaves_two_that_are_known_by_one_number_alone(stage: Stage) -> None:
    mine = await stage.paid()
    alone = await by_phone(stage, "cus_alone")
    merge_id = await merging.merge(stage.system, stage.event.tenant_id, mine.customer_id, alone, STAFF)
    await by_phone(stage, "cus_again")  # entered by another hand meanwhile
    with pytest.raises(Conflict, match="cus_again"):
        await merging.undo(stage.system, stage.event.tenant_id, merge_id, STAFF)
    await stage.assert_all_laws_hold()


async def test_two_at_once_merge_once(stage: Stage) -> None:
    mine = await stage.paid()
    alone = await by_phone(stage, "cus_alone")

    async def one(kept: str, merged: str) -> str:
        try:
            return await merging.merge(stage.system, stage.event.tenant_id, kept, merged, STAFF)
        except HoldfastError as refused:
            return refused.code

    outcomes = await asyncio.gather(
        *(one(mine.customer_id, alone) for _ in range(4)), *(one(alone, mine.customer_id) for _ in range(4))
    )
    assert sum(outcome.startswith("mrg_") for outcome in outcomes) == 1
    assert set(outcomes) - {"conflict"} == {outcome for outcome in outcomes if outcome.startswith("mrg_")}
    assert len(await stage.rows("SELECT FROM customer_merges")) == 1
    await stage.assert_all_laws_hold()


async def join(stage: Stage, customer_id: str, phone: str | None) -> str | None:
    async def work(conn: Connection) -> str | None:
        return await merging.join_by_contact(
            conn,
            stage.system.ids,
            stage.clock.now(),
            tenant_id=stage.event.tenant_id,
            customer_id=customer_id,
            phone=phone,
        )

    return await stage.system.database.run(work)


async def test_f68_who_began_by_sms_and_gives_a_known_address_is_one_customer(stage: Stage) -> None:
    mine, theirs = await stage.paid(), await stage.paid(table=1, email="second@example.com")
    alone = await by_phone(stage, "cus_alone")
    await give(stage, theirs, alone)
    merge_id = await join(stage, mine.customer_id, NUMBER)
    assert merge_id is not None
    assert await join(stage, mine.customer_id, NUMBER) is None  # said again, it changes nothing
    rows = (await owned(stage))["orders"]
    assert {row["customer_id"] for row in rows} == {mine.customer_id}
    [merge] = await stage.rows("SELECT * FROM customer_merges")
    assert merge["actor"] == "rule"
    await stage.assert_all_laws_hold()


async def test_a_household_shares_a_number_and_is_not_merged_by_a_machine(stage: Stage) -> None:
    mine, theirs = await stage.paid(), await stage.paid(table=1, email="second@example.com")
    assert await join(stage, mine.customer_id, NUMBER) is None
    assert await join(stage, theirs.customer_id, NUMBER) is None
    phones = await stage.rows(
        "SELECT DISTINCT phone FROM customers WHERE tenant_id = %s", stage.event.tenant_id
    )
    assert [row["phone"] for row in phones] == [NUMBER]
    assert await join(stage, mine.customer_id, None) is None
    assert await stage.rows("SELECT FROM customer_merges") == []
    await stage.assert_all_laws_hold()


async def test_of_many_bookings_at_once_by_one_number_there_is_one_customer(stage: Stage) -> None:
    async def one(table: int) -> Placed:
        wish = stage.wish(1, table=table, email="shared@example.com")
        return await place_booking(stage.system, wish)

    placed = await asyncio.gather(*(one(table % 3) for table in range(6)))
    assert len({each.customer_id for each in placed}) == 1
