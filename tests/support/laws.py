"""For the end of every test that touched bookings or money: ask all the laws."""

from __future__ import annotations

from collections.abc import Collection
from datetime import datetime

from psycopg import AsyncConnection
from psycopg.rows import dict_row

from holdfast.database.connection import Connection
from holdfast.laws.check import check
from holdfast.laws.law import Severity
from holdfast.laws.registry import all_laws


async def assert_all_laws_hold(
    database: str | Connection,
    now: datetime,
    *,
    processes: bool = False,
    notices: bool = False,
    but: Collection[str] = (),
) -> None:
    """Raises AssertionError with every violation. `database`: its URL, or a connection. `processes`: also the laws about
    running processes. `notices`: also those of severity notice (a test without webhooks breaks one of them). `but`: names
    of laws that this test breaks on purpose."""
    if isinstance(database, str):
        async with await AsyncConnection.connect(database, row_factory=dict_row) as conn:
            await assert_all_laws_hold(conn, now, processes=processes, notices=notices, but=but)
        return
    unknown = set(but) - {law.name for law in all_laws()}
    assert not unknown, f"there are no such laws: {unknown}"
    asked = [
        law
        for law in all_laws()
        if law.name not in but
        and (processes or not law.needs_processes)
        and (notices or law.severity is not Severity.NOTICE)
    ]
    broken = [finding for law in asked if (finding := await check(database, now, law)).violations]
    assert not broken, "\n" + "\n".join(
        f"{one.law.name}: {one.law.statement}\n  {violation.subject} {violation.detail}"
        for one in broken
        for violation in one.sample
    )
