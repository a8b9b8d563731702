"""The database: the pool, transactions, and the schema's version.

Every transaction is READ COMMITTED and takes its locks in the one order that schema.sql states. What PostgreSQL gives up by
itself (deadlock, serialisation, lock timeout) is tried again by `Database.run`, whole, because nothing leaves the building
inside a transaction (rule 5).
"""

from __future__ import annotations

import asyncio
import re
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from pathlib import Path
from typing import Any, TypeVar, cast

import psycopg
from psycopg import AsyncConnection, errors
from psycopg.rows import DictRow, dict_row
from psycopg_pool import AsyncConnectionPool, PoolTimeout

from holdfast.clock import monotonic
from holdfast.errors import DatabaseUnavailable, SettingsWrong

Connection = AsyncConnection[DictRow]
T = TypeVar("T")

HERE = Path(__file__).parent
SCHEMA_VERSION = 3
MIGRATION_LOCK = 4_711_001  # advisory: one process migrates at a time
LOCK_TIMEOUT_MS = 10_000
STATEMENT_TIMEOUT_MS = 60_000
POOL_TIMEOUT_S = 5.0
TRIES_OF_A_TRANSACTION = 5
TRUSTED_S = 1.0  # a connection that was seen to work is not asked again for so long: asking is a round trip
GIVEN_UP_BY_POSTGRES = (errors.DeadlockDetected, errors.SerializationFailure, errors.LockNotAvailable)
AWAY_SENTENCE = "The database does not answer. Nothing was lost; try again in a moment."
AWAY = (psycopg.OperationalError, PoolTimeout)
# No connection, no resources, shut down or cancelled, trouble with the disk. psycopg calls more than that operational errors,
# among them our own refusals (HF001…): those are answers, and who gets one must not believe that it helps to try again.
AWAY_CLASSES = frozenset({"08", "53", "57", "58"})


class Database:
    """A pool of connections. Open it with `async with`."""

    def __init__(self, conninfo: str, *, most_connections: int = 10) -> None:
        self.conninfo = conninfo
        self._pool: AsyncConnectionPool[Connection] = AsyncConnectionPool(
            conninfo,
            min_size=1,
            max_size=most_connections,
            open=False,
            timeout=POOL_TIMEOUT_S,
            check=_check,
            kwargs={"row_factory": dict_row, "options": connection_options()},
            connection_class=_TrustedConnection,
        )

    async def __aenter__(self) -> Database:
        await self._pool.open()
        return self

    async def __aexit__(self, *_: object) -> None:
        await self._pool.close()

    @asynccontextmanager
    async def transaction(self) -> AsyncIterator[Connection]:
        """One transaction: commits when the block ends, rolls back when it raises. A database that cannot be reached is
        DatabaseUnavailable."""
        try:
            async with self._pool.connection() as conn, conn.transaction():
                yield conn
        except GIVEN_UP_BY_POSTGRES:
            raise
        except AWAY as away:
            if not is_away(away):
                raise
            raise DatabaseUnavailable(AWAY_SENTENCE) from away

    async def run(self, work: Callable[[Connection], Awaitable[T]]) -> T:
        """`work` in one transaction, again from the start when PostgreSQL gave it up (F66)."""
        return await _tried_again(self.transaction, work)

    async def run_statement(self, work: Callable[[Connection], Awaitable[T]]) -> T:
        """As `run`, for work that is one statement: it is its own transaction, one round trip where `run` needs three. Of
        several statements each would be committed by itself, so there must not be a second one."""
        return await _tried_again(self.statement, work)

    @asynccontextmanager
    async def statement(self) -> AsyncIterator[Connection]:
        """A connection on which each statement is a transaction of its own."""
        try:
            async with self._pool.connection() as conn:
                await conn.set_autocommit(True)
                try:
                    yield conn
                finally:
                    await conn.set_autocommit(False)
        except GIVEN_UP_BY_POSTGRES:
            raise
        except AWAY as away:
            if not is_away(away):
                raise
            raise DatabaseUnavailable(AWAY_SENTENCE) from away

    async def read(self, work: Callable[[Connection], Awaitable[T]]) -> T:
        """Statements that only read, each its own snapshot, without the cost of a transaction's begin and commit."""
        try:
            async with self.statement() as conn:
                return await work(conn)
        except GIVEN_UP_BY_POSTGRES as given_up:
            raise DatabaseUnavailable(AWAY_SENTENCE) from given_up


def is_away(problem: Exception) -> bool:
    """Whether the database is out of reach, and not just saying no."""
    sqlstate = problem.sqlstate if isinstance(problem, psycopg.Error) else None
    return sqlstate is None or sqlstate[:2] in AWAY_CLASSES


async def _tried_again(
    opened: Callable[[], AbstractAsyncContextManager[Connection]], work: Callable[[Connection], Awaitable[T]]
) -> T:
    for attempt in range(TRIES_OF_A_TRANSACTION - 1):
        try:
            async with opened() as conn:
                return await work(conn)
        except GIVEN_UP_BY_POSTGRES:
            await asyncio.sleep(0.02 * 2**attempt)
    try:
        async with opened() as conn:
            return await work(conn)
    except GIVEN_UP_BY_POSTGRES as given_up:
        raise DatabaseUnavailable("The database is too busy just now.") from given_up


class _TrustedConnection(AsyncConnection[DictRow]):
    trusted_until = 0.0  # monotonic


async def _check(conn: Connection) -> None:
    """Whether a connection from the pool still works; not asked of one that was asked a moment ago. What breaks within
    that moment is DatabaseUnavailable for whoever has it, and the pool drops it."""
    assert isinstance(conn, _TrustedConnection)
    if conn.trusted_until > monotonic():
        return
    await AsyncConnectionPool.check_connection(conn)
    conn.trusted_until = monotonic() + TRUSTED_S


def connection_options() -> str:
    return f"-c timezone=UTC -c lock_timeout={LOCK_TIMEOUT_MS} -c statement_timeout={STATEMENT_TIMEOUT_MS}"


def apply_schema(conninfo: str) -> int:
    """Creates the schema in an empty database, or takes the steps that are missing; says the version then reached. One
    process at a time; each step is one transaction. Raises SettingsWrong when the schema is newer than this code."""
    with psycopg.connect(conninfo, autocommit=True) as conn:
        conn.execute("SELECT pg_advisory_lock(%s)", (MIGRATION_LOCK,))
        version = _version(conn)
        if version is None:
            with conn.transaction():
                conn.execute(cast(Any, (HERE / "schema.sql").read_text()))
            return SCHEMA_VERSION
        _refuse_newer(version)
        for step, path in migrations():
            if step > version:
                with conn.transaction():
                    conn.execute("SET LOCAL lock_timeout = '5s'")
                    conn.execute(cast(Any, path.read_text()))
                    conn.execute("INSERT INTO schema_versions (version) VALUES (%s)", (step,))
        return SCHEMA_VERSION


def check_schema(conninfo: str) -> None:
    """Raises SettingsWrong unless the database's schema is exactly this code's."""
    with psycopg.connect(conninfo, autocommit=True) as conn:
        version = _version(conn)
    if version is None or version < SCHEMA_VERSION:
        raise SettingsWrong(
            f"The database's schema is {version or 'missing'}; "
            f"this code needs {SCHEMA_VERSION}: run `holdfast migrate`."
        )
    _refuse_newer(version)


def migrations() -> list[tuple[int, Path]]:
    """The steps from the first schema on, in order: migrations/0002_what_it_does.sql is the step to version 2."""
    found = [
        (int(path.name[:4]), path)
        for path in (HERE / "migrations").glob("*.sql")
        if re.match(r"\d{4}_", path.name)
    ]
    return sorted(found)


def _version(conn: psycopg.Connection[Any]) -> int | None:
    exists = conn.execute("SELECT to_regclass('schema_versions') IS NOT NULL").fetchone()
    if not exists or not exists[0]:
        return None
    row = conn.execute("SELECT max(version) FROM schema_versions").fetchone()
    return int(row[0]) if row and row[0] else None


def _refuse_newer(version: int) -> None:
    if version > SCHEMA_VERSION:
        raise SettingsWrong(
            f"The database's schema is {version}, newer than this code's {SCHEMA_VERSION}: this is old code. "
            "Deploy the release that belongs to the schema; old code must not write into it."
        )
