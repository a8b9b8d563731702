"""Single statements, and connections that are trusted for a moment."""

from __future__ import annotations

from collections.abc import AsyncIterator

import psycopg
import pytest

from holdfast.database.connection import Connection, Database
from holdfast.errors import DatabaseUnavailable

INSERT = "INSERT INTO law_results (law, checked_at, violations) VALUES (%s, now(), 0)"


@pytest.fixture
async def database(database_url: str) -> AsyncIterator[Database]:
    async with Database(database_url, most_connections=1) as opened:
        yield opened


async def count(conn: Connection) -> int:
    row = await (await conn.execute("SELECT count(*) AS n FROM law_results")).fetchone()
    assert row is not None
    return int(row["n"])


async def test_a_statement_is_its_own_transaction(database: Database) -> None:
    async def insert(conn: Connection) -> None:
        await conn.execute(INSERT, ("one",))

    await database.run_statement(insert)
    assert await database.read(count) == 1


async def test_a_statement_that_fails_leaves_nothing_and_the_connection_goes_on(database: Database) -> None:
    async def insert_twice_in_one(conn: Connection) -> None:
        await conn.execute("INSERT INTO law_results SELECT 'one', now(), 0 FROM generate_series(1, 2)")

    with pytest.raises(psycopg.errors.UniqueViolation):
        await database.run_statement(insert_twice_in_one)
    assert await database.read(count) == 0
    async with database.transaction() as conn:
        await conn.execute(INSERT, ("two",))
    assert await database.read(count) == 1


async def test_a_statement_that_postgres_gives_up_is_tried_again(database: Database) -> None:
    tries: list[int] = []

    async def unlucky_at_first(conn: Connection) -> None:
        tries.append(1)
        if len(tries) < 3:
            raise psycopg.errors.DeadlockDetected("a deadlock, as PostgreSQL tells it")
        await conn.execute(INSERT, ("one",))

    await database.run_statement(unlucky_at_first)
    assert (len(tries), await database.read(count)) == (3, 1)


async def test_a_connection_that_breaks_while_it_is_trusted_is_replaced(
    database: Database, database_url: str
) -> None:
    await database.read(count)
    with psycopg.connect(database_url, autocommit=True) as other:
        other.execute(
            """SELECT pg_terminate_backend(pid) FROM pg_stat_activity
                WHERE datname = current_database() AND pid <> pg_backend_pid()"""
        )
    with pytest.raises(DatabaseUnavailable):
        await database.read(count)
    assert await database.read(count) == 0
