"""The SQL functions for operators: right when nothing else happens, and harmless while everything else does (F15, F38, F40)."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import timedelta
from typing import Any

import pytest
from psycopg import AsyncConnection
from psycopg.rows import dict_row

from holdfast.errors import Conflict
from holdfast.payments.settle import look_at
from holdfast.requests.answers import decline
from tests.support.appointments import Diary, diary
from tests.support.system import Row, Stage

FUNCTIONS = ("get_booking_stats", "cleanup_expired_bookings", "cleanup_orphaned_slots")


@pytest.fixture
async def expert(stage: Stage) -> Diary:
    return await diary(stage)


async def call(stage: Stage, function: str) -> list[Row]:
    """At the stage's time; operators call it without."""
    return await stage.rows(f"SELECT * FROM {function}(%s)", stage.clock.now())


@asynccontextmanager
async def second_session(stage: Stage) -> AsyncIterator[AsyncConnection[dict[str, Any]]]:
    url = stage.system.settings.database_url
    assert url
    async with await AsyncConnection.connect(url, row_factory=dict_row) as conn:
        yield conn


async def test_the_numbers_by_kind_and_status(stage: Stage, expert: Diary) -> None:
    await stage.paid(seats=2)
    await stage.book(1, table=1)
    asked = await expert.requested(await expert.service(respond_minutes=60), expert.at())
    await stage.advance(minutes=61)
    found = {(row["kind"], row["status"]): row for row in await call(stage, "get_booking_stats")}
    assert set(found) == {("event", "confirmed"), ("event", "pending"), ("appointment", "requested")}
    requested = found["appointment", "requested"]
    assert (requested["orders"], requested["bookings"], requested["amount"]) == (1, 1, 5000)
    assert (requested["currency"], requested["overdue"]) == ("GBP", 1)
    assert requested["oldest"] == (await expert.order(asked))["created_at"]
    assert found["event", "pending"]["overdue"] == 1
    assert found["event", "confirmed"]["overdue"] == 0
    await stage.run_jobs()
    await stage.deliver()
    await stage.assert_all_laws_hold()


async def test_an_order_without_booking_shows_in_the_numbers(stage: Stage) -> None:
    placed = await stage.book()
    async with stage.system.database.transaction() as conn:
        await conn.execute("SET LOCAL session_replication_role = replica")
        await conn.execute("DELETE FROM bookings WHERE booking_id = %s", (placed.booking_id,))
    [row] = await call(stage, "get_booking_stats")
    assert (row["orders"], row["bookings"]) == (1, 0)


async def test_every_function_is_explained_and_needs_no_argument(stage: Stage) -> None:
    for function in FUNCTIONS:
        await stage.rows(f"SELECT * FROM {function}()")
        [row] = await stage.rows(
            "SELECT obj_description(oid, 'pg_proc') AS words FROM pg_proc WHERE proname = %s", function
        )
        assert row["words"]
    [row] = await stage.rows("SELECT obj_description('webhook_events'::regclass) AS words")
    assert row["words"]


async def test_only_holds_that_never_met_stripe_are_let_go(stage: Stage, expert: Diary) -> None:
    never, page = await stage.book(2, with_checkout=False), await stage.book(3, table=1)
    form = await expert.ask(await expert.service(), expert.at())
    await stage.advance(minutes=31)
    young = await stage.book(1, table=2, with_checkout=False)
    await stage.execute("UPDATE attempts SET ask_at = ask_at + interval '1 hour'")

    [first] = await call(stage, "cleanup_expired_bookings")
    [second] = await call(stage, "cleanup_expired_bookings")

    assert first == {"expired": 1, "released": 2, "marked": 2}
    assert second == {"expired": 0, "released": 0, "marked": 0}
    assert await stage.status(never) == "expired"
    assert [await stage.status(one) for one in (page, young)] == ["pending", "pending"]
    assert await expert.status(form) == "pending"
    await stage.run_jobs()
    assert (await stage.status(page), await expert.status(form)) == ("expired", "expired")
    await stage.deliver()
    await stage.assert_all_laws_hold()


async def test_an_attempt_that_is_made_meanwhile_keeps_its_hold(stage: Stage) -> None:
    """The order is locked by whoever makes its first payment page: it is passed over, and has met Stripe afterwards."""
    placed = await stage.book(2, with_checkout=False)
    await stage.advance(minutes=31)
    now = stage.clock.now()
    async with second_session(stage) as other:
        await other.execute("SELECT FROM orders WHERE order_id = %s FOR NO KEY UPDATE", (placed.order_id,))
        [meanwhile] = await call(stage, "cleanup_expired_bookings")
        await other.execute(
            """INSERT INTO attempts (attempt_id, order_id, tenant_id, kind, status, amount, currency, created_at, ask_at)
               SELECT 'att_meanwhile', order_id, tenant_id, 'checkout_session', 'planned', amount, currency, %s, %s
                 FROM orders WHERE order_id = %s""",
            (now, now, placed.order_id),
        )
        await other.commit()
    [after] = await call(stage, "cleanup_expired_bookings")
    assert (meanwhile["expired"], after["expired"]) == (0, 0)
    assert await stage.status(placed) == "pending"
    await look_at(stage.system, "att_meanwhile", "sweep")
    await stage.run_jobs()
    await stage.assert_all_laws_hold()


async def orphan(stage: Stage, hour: int, *, taken: int = 1) -> None:
    """A slot that nobody has, as an aborted import leaves it."""
    starts = (stage.clock.now() + timedelta(days=9)).replace(hour=hour, minute=0, second=0)
    during = (starts, starts + timedelta(hours=1))
    await stage.execute(
        """INSERT INTO units (tenant_id, offering_id, kind, label, capacity, taken, price, provider_id, during, blocked)
           SELECT tenant_id, offering_id, 'slot', %s, 1, %s, price, provider_id, tstzrange(%s, %s), tstzrange(%s, %s)
             FROM services ORDER BY offering_id LIMIT 1""",
        f"nobody's at {hour}",
        taken,
        *during,
        *during,
    )


async def test_slots_that_nobody_has_go_and_those_of_somebody_stay(stage: Stage, expert: Diary) -> None:
    service = await expert.service()
    live, ended = [
        await expert.requested(service, expert.at(hour=hour), email=f"fan{hour}@example.com")
        for hour in (9, 10)
    ]
    await decline(stage.system, ended.booking_id, "provider:1")
    await orphan(stage, 9)
    await orphan(stage, 10, taken=0)
    await stage.execute("UPDATE claims SET released_at = NULL WHERE booking_id = %s", ended.booking_id)
    await stage.execute(
        "UPDATE units SET taken = 1 WHERE unit_id = (SELECT unit_id FROM claims WHERE booking_id = %s)",
        ended.booking_id,
    )

    [first] = await call(stage, "cleanup_orphaned_slots")
    [second] = await call(stage, "cleanup_orphaned_slots")

    # Two that nobody ever had are removed, and the one of the declined booking is free again.
    assert (first["cleanup_orphaned_slots"], second["cleanup_orphaned_slots"]) == (3, 0)
    assert await expert.slots_taken() == 1
    assert await expert.status(live) == "requested"
    left = await stage.rows("SELECT label FROM units WHERE kind = 'slot'")
    assert len(left) == 2
    await expert.ask(service, expert.at(hour=10), email="new@example.com")  # it is free again
    await stage.deliver()
    await stage.assert_all_laws_hold()


async def test_a_slot_that_is_just_being_taken_is_nobodys_orphan(stage: Stage, expert: Diary) -> None:
    """Not committed yet: the functions pass it over and do not wait for it."""
    service = await expert.service()
    first = await expert.requested(service, expert.at())
    await decline(stage.system, first.booking_id, "provider:1")
    again = await expert.ask(await expert.service("none"), email="again@example.com")
    async with second_session(stage) as other:
        taken = await other.execute("SELECT take_slot(%s, %s, %s)", (again.booking_id, service, expert.at()))
        assert await taken.fetchone() == {"take_slot": True}
        [row] = await call(stage, "cleanup_orphaned_slots")
        assert row["cleanup_orphaned_slots"] == 0
        await other.rollback()
    assert await expert.slots_taken() == 0
    await stage.deliver()
    await stage.assert_all_laws_hold()


async def test_all_of_them_while_sales_go_on(stage: Stage, expert: Diary) -> None:
    """Held, let go, asked for again, cleaned up by two operators at once: nothing is lost, nothing is taken twice."""
    service = await expert.service()
    busy = asyncio.Event()

    async def operate() -> int:
        calls = 0
        while not busy.is_set():
            for function in FUNCTIONS:
                await call(stage, function)
                calls += 1
        return calls

    async def ask(number: int, hour: int) -> bool:
        try:
            await expert.ask(service, expert.at(hour=hour), email=f"fan{number}@example.com")
        except Conflict:
            return False
        return True

    operators = [asyncio.create_task(operate()) for _ in range(2)]
    try:
        for _ in range(2):
            won = await asyncio.gather(*(ask(number, 9 + number % 3) for number in range(12)))
            assert sum(won) == 3
            events = [await stage.book(1, table=table, with_checkout=False) for table in range(3)]
            await stage.advance(minutes=31)
            await stage.run_jobs()
            assert await expert.slots_taken() == 0
            assert {await stage.status(one) for one in events} == {"expired"}
            await orphan(stage, 9)
    finally:
        busy.set()
    assert min(await asyncio.gather(*operators)) > 0
    await call(stage, "cleanup_orphaned_slots")
    assert await stage.rows("SELECT 1 FROM units WHERE kind = 'slot' AND label LIKE 'nobody%%'") == []
    await stage.deliver()
    await stage.assert_all_laws_hold()
