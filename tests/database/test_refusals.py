"""A refusal by PostgreSQL is an answer. It must not be told, nor treated, as a database that is away."""

from __future__ import annotations

import psycopg
import pytest

from holdfast.bookings.store import move_order
from holdfast.database.connection import Connection
from holdfast.errors import DatabaseUnavailable
from tests.support.system import Stage


async def test_a_step_that_the_table_does_not_know(stage: Stage) -> None:
    placed = await stage.book(with_checkout=False)

    async def skip_a_step(conn: Connection) -> None:
        await move_order(conn, placed.order_id, "completed")

    with pytest.raises(psycopg.Error) as refused:
        await stage.system.database.run(skip_a_step)
    assert refused.value.sqlstate == "HF004"
    with pytest.raises(psycopg.Error) as refused:
        await stage.system.database.run_statement(skip_a_step)
    assert refused.value.sqlstate == "HF004"


async def test_what_is_refused_at_the_commit(stage: Stage) -> None:
    """Deferred: an order without its booking fails when everything else has been done."""
    placed = await stage.book(with_checkout=False)

    async def lose_the_booking(conn: Connection) -> None:
        await conn.execute("DELETE FROM claims WHERE booking_id = %s", (placed.booking_id,))
        await conn.execute("DELETE FROM bookings WHERE booking_id = %s", (placed.booking_id,))

    with pytest.raises(psycopg.Error) as refused:
        await stage.system.database.run(lose_the_booking)
    assert refused.value.sqlstate == "HF001"
    assert await stage.status(placed) == "pending"


async def test_a_statement_that_takes_too_long_is_told_as_unavailable(stage: Stage) -> None:
    async def sleep(conn: Connection) -> None:
        await conn.execute("SET LOCAL statement_timeout = 10")
        await conn.execute("SELECT pg_sleep(10)")

    with pytest.raises(DatabaseUnavailable):
        await stage.system.database.run(sleep)
