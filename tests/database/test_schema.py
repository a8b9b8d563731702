"""What PostgreSQL refuses, it refuses: every statement here tries to break a promise, past all of our code."""

from __future__ import annotations

from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from itertools import count
from typing import Any

import psycopg
import pytest
from psycopg import AsyncConnection, errors
from psycopg.rows import dict_row

from holdfast.bookings.rules import LIVE, TRANSITIONS
from holdfast.database.connection import Connection
from tests.support.world import SampleEvent, hold, pay, sample_event

NOW = datetime(2026, 11, 20, 19, 0, tzinfo=UTC)
LABELS = count(1)
STEPS = {(before, after) for before, afters in TRANSITIONS.items() for after in afters}


@pytest.fixture
async def conn(database_url: str) -> AsyncIterator[Connection]:
    async with await AsyncConnection.connect(database_url, row_factory=dict_row) as opened:
        yield opened


@pytest.fixture
async def event(conn: Connection) -> SampleEvent:
    made = await sample_event(conn, NOW)
    await conn.commit()
    return made


async def committed(conn: Connection, statement: str, parameters: Any) -> None:
    """A transaction of its own, with what PostgreSQL has to say at its end."""
    async with conn.transaction():
        await conn.execute(statement, parameters)
        await conn.execute("SET CONSTRAINTS ALL IMMEDIATE")


async def refused(conn: Connection, statement: str, *parameters: Any, because: str) -> None:
    """`because`: an SQLSTATE of ours, or the name of a constraint."""
    with pytest.raises(psycopg.Error) as problem:
        await committed(conn, statement, parameters)
    told = {problem.value.sqlstate, problem.value.diag.constraint_name}
    assert because in told, f"{problem.value} {told}"


async def paid_order(conn: Connection, event: SampleEvent, **booking: Any) -> dict[str, Any]:
    async with conn.transaction():
        booked = await hold(conn, NOW, event, **booking)
        return {**booked, "payment_id": await pay(conn, NOW, booked)}


async def test_the_table_of_transitions_is_the_codes(conn: Connection) -> None:
    rows = await (await conn.execute("SELECT from_status, to_status FROM order_transitions")).fetchall()
    assert {(row["from_status"], row["to_status"]) for row in rows} == STEPS


async def test_every_step_that_is_not_in_the_table_is_refused(conn: Connection, event: SampleEvent) -> None:
    """All pairs of states. A step that is in the table is not refused by it."""
    async with conn.transaction():
        booked = await hold(conn, NOW, event)
        await conn.execute("UPDATE orders SET requested_at = %s, respond_by = %s", (NOW, NOW))
    for before in TRANSITIONS:
        await conn.execute("BEGIN")
        await put_into(conn, booked, before)
        for after in TRANSITIONS:
            if before != after:
                expected = None if (before, after) in STEPS else "HF004"
                assert await refusal_of_step(conn, booked, after) == expected, (before, after)
        await conn.execute("ROLLBACK")


async def put_into(conn: Connection, booked: dict[str, Any], status: str) -> None:
    """Past every trigger, as a restore would."""
    await conn.execute("SET LOCAL session_replication_role = replica")
    await conn.execute(
        "UPDATE orders SET status = %s, stuck_reason = %s WHERE order_id = %s",
        (status, "test" if status == "stuck" else None, booked["order_id"]),
    )
    await conn.execute(
        "UPDATE bookings SET status = %s, confirmed_at = %s WHERE order_id = %s",
        (status, NOW, booked["order_id"]),
    )
    await conn.execute("SET LOCAL session_replication_role = origin")


async def refusal_of_step(conn: Connection, booked: dict[str, Any], status: str) -> str | None:
    await conn.execute("SAVEPOINT step")
    try:
        await conn.execute(
            "UPDATE orders SET status = %s, stuck_reason = %s WHERE order_id = %s",
            (status, "test" if status == "stuck" else None, booked["order_id"]),
        )
    except psycopg.Error as problem:
        return problem.sqlstate
    finally:
        await conn.execute("ROLLBACK TO step")
    return None


@pytest.mark.parametrize("status", sorted(TRANSITIONS))
async def test_f01_a_live_order_without_its_booking_cannot_be_committed(
    conn: Connection, event: SampleEvent, status: str
) -> None:
    await conn.execute(
        "INSERT INTO customers (customer_id, tenant_id, email, created_at) VALUES ('cus_1', %s, 'a@example.com', %s)",
        (event.tenant_id, NOW),
    )
    await conn.commit()
    order = """INSERT INTO orders (order_id, tenant_id, offering_id, customer_id, status, amount, currency, source,
                                   offering_version, refund_tiers, stuck_reason, created_at, requested_at, respond_by)
               VALUES ('ord_alone', %s, %s, 'cus_1', %s, 0, 'GBP', 'api', 1, '[]', %s, %s, %s, %s)"""
    values = (
        event.tenant_id, event.offering_id, status, "test" if status == "stuck" else None, NOW, NOW, NOW,
    )  # fmt: skip
    if status in LIVE:
        await refused(conn, order, *values, because="HF001")
    else:
        async with conn.transaction():
            await conn.execute(order, values)


async def test_a_live_orders_booking_cannot_be_deleted(conn: Connection, event: SampleEvent) -> None:
    booked = await paid_order(conn, event)
    async with conn.transaction():
        await conn.execute("SET LOCAL session_replication_role = replica")
        await conn.execute("DELETE FROM claims")
    await refused(conn, "DELETE FROM bookings WHERE booking_id = %s", booked["booking_id"], because="HF001")


async def test_an_orders_lines_add_up(conn: Connection, event: SampleEvent) -> None:
    booked = await paid_order(conn, event)
    await refused(
        conn, "UPDATE orders SET amount = amount + 1 WHERE order_id = %s", booked["order_id"], because="HF002"
    )


async def test_a_bookings_status_is_its_orders(conn: Connection, event: SampleEvent) -> None:
    booked = await paid_order(conn, event)
    await refused(
        conn,
        "UPDATE bookings SET status = 'cancelled' WHERE booking_id = %s",
        booked["booking_id"],
        because="booking_status_is_the_orders",
    )


async def test_f27_confirmed_without_money(conn: Connection, event: SampleEvent) -> None:
    async with conn.transaction():
        booked = await hold(conn, NOW, event)
        await conn.execute("UPDATE bookings SET confirmed_at = %s", (NOW,))
    confirm = "UPDATE orders SET status = 'confirmed' WHERE order_id = %s"
    await refused(conn, confirm, booked["order_id"], because="HF003")
    async with conn.transaction():
        await conn.execute("SET LOCAL session_replication_role = replica")
        await conn.execute(
            """INSERT INTO payments (payment_id, order_id, attempt_id, tenant_id, purpose, payment_intent_id, amount, captured,
                                     currency, recorded_at, found_by)
               VALUES ('pay_less', %s, %s, %s, 'order', 'pi_less', %s, %s, 'GBP', %s, 'webhook')""",
            (
                booked["order_id"],
                booked["attempt_id"],
                event.tenant_id,
                booked["amount"],
                booked["amount"] - 1,
                NOW,
            ),
        )
    await refused(conn, confirm, booked["order_id"], because="HF003")


@pytest.mark.parametrize("taken", [-1, 5])
async def test_f37_an_oversold_unit(conn: Connection, event: SampleEvent, taken: int) -> None:
    await refused(
        conn,
        "UPDATE units SET taken = %s WHERE unit_id = %s",
        taken,
        event.unit_ids[0],
        because="unit_not_oversold",
    )
    await refused(
        conn,
        "UPDATE units SET taken = 4, capacity = 3 WHERE unit_id = %s",
        event.unit_ids[0],
        because="unit_not_oversold",
    )


async def test_f31_f32_a_second_payment_or_the_same_one_twice(conn: Connection, event: SampleEvent) -> None:
    booked = await paid_order(conn, event)
    other = await paid_order(conn, event, email="other@example.com")
    copy = """INSERT INTO payments (payment_id, order_id, attempt_id, tenant_id, purpose, payment_intent_id, amount, captured,
                                    currency, recorded_at, found_by)
              SELECT 'pay_2', order_id, attempt_id, tenant_id, %s, %s, amount, captured, currency, recorded_at, found_by
                FROM payments WHERE payment_id = %s"""
    await refused(conn, copy, "order", "pi_new", booked["payment_id"], because="one_live_payment_per_order")
    twice = await (
        await conn.execute(
            "SELECT payment_intent_id FROM payments WHERE payment_id = %s", (other["payment_id"],)
        )
    ).fetchone()
    assert twice is not None
    await refused(
        conn,
        copy,
        "returned",
        twice["payment_intent_id"],
        booked["payment_id"],
        because="payments_payment_intent_id_key",
    )


async def test_f11_a_second_open_attempt(conn: Connection, event: SampleEvent) -> None:
    async with conn.transaction():
        await hold(conn, NOW, event)
    await refused(
        conn,
        """INSERT INTO attempts (attempt_id, order_id, tenant_id, kind, status, amount, currency, created_at, ask_at)
           SELECT 'att_second', order_id, tenant_id, kind, 'open', amount, currency, created_at, ask_at FROM attempts""",
        because="one_open_attempt_per_order",
    )
    await refused(conn, "UPDATE attempts SET ask_at = NULL", because="attempts_check")


async def test_f61_a_duplicate_event(conn: Connection) -> None:
    insert = """INSERT INTO webhook_events (event_id, type, livemode, created_at, payload, received_at, try_at)
                VALUES ('evt_1', 'x', false, now(), '{}', now(), now())"""
    async with conn.transaction():
        await conn.execute(insert)
    await refused(conn, insert, because="webhook_events_pkey")
    await refused(conn, "UPDATE webhook_events SET try_at = NULL", because="webhook_events_check")
    await refused(conn, "DELETE FROM webhook_events", because="HF006")


@pytest.mark.parametrize(
    ("minutes", "fits"), [(0, False), (59, False), (60, True), (-60, True), (-59, False)]
)
async def test_one_provider_is_in_one_place(
    conn: Connection, event: SampleEvent, minutes: int, fits: bool
) -> None:
    async with conn.transaction():
        await conn.execute(
            """INSERT INTO providers (provider_id, tenant_id, name, created_at)
               VALUES (1, %(t)s, 'A', %(n)s), (2, %(t)s, 'B', %(n)s)""",
            {"t": event.tenant_id, "n": NOW},
        )
        await insert_slot(conn, event, 1, NOW)
        await insert_slot(conn, event, 2, NOW)  # another provider may
    try:
        async with conn.transaction():
            await insert_slot(conn, event, 1, NOW + timedelta(minutes=minutes))
        assert fits
    except errors.ExclusionViolation:
        assert not fits


async def test_a_slot_that_nobody_has_blocks_nothing_until_it_is_taken(
    conn: Connection, event: SampleEvent
) -> None:
    async with conn.transaction():
        await conn.execute(
            "INSERT INTO providers (provider_id, tenant_id, name, created_at) VALUES (1, %s, 'A', %s)",
            (event.tenant_id, NOW),
        )
        await insert_slot(conn, event, 1, NOW)
        await insert_slot(conn, event, 1, NOW, taken=0)
    await refused(conn, "UPDATE units SET taken = 1 WHERE kind = 'slot'", because="slots_do_not_overlap")


async def test_the_count_of_a_table_changes_in_place(conn: Connection, event: SampleEvent) -> None:
    """The hot row of a popular event must not grow its indexes with every hold: no index names `taken`."""
    async with conn.transaction():
        await conn.execute("UPDATE units SET taken = 1 WHERE offering_id = %s", (event.offering_id,))
        counted = await conn.execute(
            """SELECT pg_stat_get_xact_tuples_updated('units'::regclass) AS all,
                      pg_stat_get_xact_tuples_hot_updated('units'::regclass) AS in_place"""
        )
        row = await counted.fetchone()
        assert row is not None
        assert row["in_place"] == row["all"] > 0


async def insert_slot(
    conn: Connection, event: SampleEvent, provider: int, start: datetime, taken: int = 1
) -> None:
    """Fifty minutes, and ten to recover."""
    await conn.execute(
        """INSERT INTO units (tenant_id, offering_id, kind, label, capacity, taken, price, provider_id, during, blocked)
           VALUES (%s, %s, 'slot', %s, 1, %s, 100, %s, tstzrange(%s, %s), tstzrange(%s, %s))""",
        (
            event.tenant_id, event.offering_id, f"slot {next(LABELS)}", taken, provider,
            start, start + timedelta(minutes=50), start, start + timedelta(hours=1),
        ),
    )  # fmt: skip


async def test_f35_refunds_above_the_payment(conn: Connection, event: SampleEvent) -> None:
    booked = await paid_order(conn, event)
    insert = """INSERT INTO refunds (refund_id, payment_id, order_id, tenant_id, amount, currency, reason, status, actor,
                                     try_at, created_at)
                SELECT %s, payment_id, order_id, tenant_id, %s, currency, %s, %s, 'test', recorded_at, recorded_at
                  FROM payments WHERE payment_id = %s"""
    whole, mine = booked["amount"], booked["payment_id"]
    await refused(conn, insert, "ref_1", whole + 1, "staff", "owed", mine, because="HF005")
    async with conn.transaction():
        await conn.execute(insert, ("ref_1", whole - 1, "late", "succeeded", mine))
        await conn.execute(insert, ("ref_2", whole, "staff", "failed", mine))  # a failed one does not count
    await refused(conn, insert, "ref_3", 2, "staff", "owed", mine, because="HF005")
    await refused(conn, "UPDATE refunds SET status = 'pending' WHERE refund_id = 'ref_2'", because="HF005")
    await refused(conn, insert, "ref_4", 1, "late", "owed", mine, because="one_automatic_refund")
    await refused(conn, insert, "ref_5", 0, "staff", "owed", mine, because="refunds_amount_check")


@pytest.mark.parametrize("table", ["payments", "refunds", "timeline"])
async def test_what_saw_money_is_not_deleted(conn: Connection, event: SampleEvent, table: str) -> None:
    booked = await paid_order(conn, event)
    async with conn.transaction():
        await conn.execute(
            """INSERT INTO refunds (refund_id, payment_id, order_id, tenant_id, amount, currency, reason, status, actor,
                                    created_at)
               SELECT 'ref_1', payment_id, order_id, tenant_id, 1, currency, 'staff', 'succeeded', 'test', recorded_at
                 FROM payments WHERE payment_id = %s""",
            (booked["payment_id"],),
        )
    await refused(conn, f"DELETE FROM {table}", because="HF006")


async def test_the_timeline_is_not_rewritten(conn: Connection, event: SampleEvent) -> None:
    await paid_order(conn, event)
    await refused(conn, "UPDATE timeline SET what = 'nothing happened'", because="HF006")


@pytest.mark.parametrize(
    ("statement", "constraint"),
    [
        ("UPDATE orders SET offering_id = %(offering)s", "orders_tenant_id_offering_id_fkey"),
        ("UPDATE bookings SET offering_id = %(offering)s", "bookings_tenant_id_offering_id_fkey"),
        (
            "UPDATE units SET offering_id = %(offering)s, label = 'moved ' || label",
            "units_tenant_id_offering_id_fkey",
        ),
        ("UPDATE attempts SET tenant_id = %(tenant)s", "attempts_tenant_id_order_id_fkey"),
        ("UPDATE payments SET tenant_id = %(tenant)s", "payments_tenant_id_order_id_fkey"),
        ("UPDATE messages SET tenant_id = %(tenant)s", "messages_tenant_id_booking_id_fkey"),
        ("UPDATE menu_items SET offering_id = %(offering)s", "menu_items_tenant_id_offering_id_fkey"),
    ],
)
async def test_nothing_refers_across_tenants(
    conn: Connection, event: SampleEvent, statement: str, constraint: str
) -> None:
    booked = await paid_order(conn, event)
    async with conn.transaction():
        await conn.execute(
            """INSERT INTO messages (message_id, tenant_id, booking_id, kind, channel, recipient, unique_key, cause, status,
                                     try_at, created_at)
               VALUES ('msg_1', %s, %s, 'k', 'email', 'a@example.com', 'k', 'test', 'queued', %s, %s)""",
            (event.tenant_id, booked["booking_id"], NOW, NOW),
        )
        stranger = await sample_event(conn, NOW, price=0)
        await conn.execute("DELETE FROM units WHERE offering_id = %s", (stranger.offering_id,))
    where = f" WHERE tenant_id = {event.tenant_id}"
    foreign = {"offering": stranger.offering_id, "tenant": stranger.tenant_id}
    with pytest.raises(errors.ForeignKeyViolation) as problem:
        await committed(conn, statement + where, foreign)
    assert problem.value.diag.constraint_name == constraint
