"""The pool, and the schema that the sandbox makes for itself."""

from pathlib import Path
from typing import Any

from psycopg import AsyncConnection
from psycopg.rows import dict_row
from psycopg.types.json import Jsonb
from psycopg_pool import AsyncConnectionPool

SCHEMA_VERSION = 1
POOL_SIZE = 16
LOCK_TIMEOUT_MS = 5_000
# Any number will do, as long as two sandboxes that start together agree on it.
MIGRATION_LOCK = 7_226_103

Connection = AsyncConnection[dict[str, Any]]
Pool = AsyncConnectionPool[Connection]


async def open_pool(database_url: str) -> Pool:
    """A pool whose schema is there and is of the version that this code speaks."""
    pool: Pool = AsyncConnectionPool(
        database_url,
        min_size=2,
        max_size=POOL_SIZE,
        open=False,
        kwargs={"row_factory": dict_row, "autocommit": True, "options": f"-c lock_timeout={LOCK_TIMEOUT_MS}"},
    )
    await pool.open(wait=True, timeout=30)
    async with pool.connection() as connection:
        await migrate(connection)
    return pool


async def migrate(connection: Connection) -> None:
    """Make the schema where it is missing; refuse one that a newer sandbox has made."""
    schema = Path(__file__).with_name("schema.sql").read_bytes()
    async with connection.transaction():
        await connection.execute("SELECT pg_advisory_xact_lock(%s)", [MIGRATION_LOCK])
        await connection.execute(schema)
        found = await setting(connection, "schema_version")
        if found is not None and found > SCHEMA_VERSION:
            raise RuntimeError(f"the sandbox's schema is version {found}; this code knows {SCHEMA_VERSION}")
        await set_setting(connection, "schema_version", SCHEMA_VERSION)


async def setting(connection: Connection, name: str) -> Any:
    cursor = await connection.execute("SELECT value FROM sandbox.setting WHERE name = %s", [name])
    row = await cursor.fetchone()
    return row["value"] if row else None


async def set_setting(connection: Connection, name: str, value: Any) -> None:
    await connection.execute(
        "INSERT INTO sandbox.setting VALUES (%s, %s) ON CONFLICT (name) DO UPDATE SET value = excluded.value",
        [name, Jsonb(value)],
    )


async def empty(connection: Connection) -> None:
    """Forget everything except what kind of books these are."""
    await connection.execute(
        "TRUNCATE sandbox.object, sandbox.idempotency, sandbox.delivery, sandbox.message, sandbox.setting "
        "RESTART IDENTITY"
    )
    await set_setting(connection, "schema_version", SCHEMA_VERSION)
