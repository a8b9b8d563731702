"""Every law: silent in a lawful world, and sees exactly what was planted."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any, cast

import psycopg
import pytest
from psycopg import AsyncClientCursor, AsyncConnection
from psycopg.rows import dict_row

from holdfast.database.connection import Connection
from holdfast.laws.check import check
from holdfast.laws.law import Law
from holdfast.laws.registry import all_laws
from tests.laws.world import build_world

NOW = datetime(2026, 11, 20, 19, 0, tzinfo=UTC)
PAST_TRIGGERS = "SET LOCAL session_replication_role = replica;"
LAWS = [pytest.param(law, id=law.name) for law in all_laws()]


@pytest.fixture
async def conn(database_url: str) -> AsyncIterator[Connection]:
    async with await AsyncConnection.connect(database_url, row_factory=dict_row) as opened:
        yield opened


async def plant(conn: Connection, law: Law, names: dict[str, Any]) -> None:
    """Breaks the law, past whatever refuses it. Several statements with names need binding on the client's side."""
    async with conn.transaction():
        await AsyncClientCursor(cast(AsyncConnection[Any], conn)).execute(cast(Any, law.breaks_with), names)


async def test_a_lawful_world_breaks_no_law(conn: Connection) -> None:
    async with conn.transaction():
        await build_world(conn, NOW)
    found = [await check(conn, NOW, law) for law in all_laws()]
    assert {f.law.name: f.sample for f in found if f.violations} == {}


async def test_an_empty_database_breaks_only_that_no_worker_runs(conn: Connection) -> None:
    found = [await check(conn, NOW, law) for law in all_laws()]
    assert [f.law.name for f in found if f.violations] == ["worker_is_alive"]


@pytest.mark.parametrize("law", LAWS)
async def test_sees_exactly_what_was_planted(conn: Connection, law: Law) -> None:
    async with conn.transaction():
        names = await build_world(conn, NOW)
    await plant(conn, law, names)

    finding = await check(conn, NOW, law)

    assert finding.violations == 1
    [violation] = finding.sample
    assert is_about_what_was_planted(violation.subject, law, names)
    if violation.order_id:
        assert violation.order_id in names.values()


def is_about_what_was_planted(subject: str, law: Law, names: dict[str, Any]) -> bool:
    """Its subject is named in what planted it, or belongs to the order that is."""
    named = {str(value) for key, value in names.items() if f"%({key})s" in law.breaks_with}
    stories = {name.split("_")[1] for name in named if "_" in name}
    return (
        subject in named
        or subject in law.breaks_with
        or any(subject.split(" ")[0].endswith(f"_{story}") for story in stories)
    )


@pytest.mark.parametrize(
    "law", [pytest.param(law, id=law.name) for law in all_laws() if PAST_TRIGGERS in law.breaks_with]
)
async def test_what_the_database_refuses_it_refuses(conn: Connection, law: Law) -> None:
    """A law whose violation is planted past the triggers is refused with them: else the docstring is wrong about PostgreSQL."""
    async with conn.transaction():
        names = await build_world(conn, NOW)
    honest = replace(law, breaks_with=law.breaks_with.replace(PAST_TRIGGERS, ""))
    with pytest.raises(psycopg.Error):
        await plant(conn, honest, names)
