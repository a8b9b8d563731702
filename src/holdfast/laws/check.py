"""Asking the laws: one, all of them, and what is known about them on the board.

Each law is asked in a transaction of its own, and its result is stored in the same one; a law whose statement fails or takes
too long is reported as unknown and never as kept.
"""

from __future__ import annotations

from datetime import datetime
from typing import Any, LiteralString

import psycopg
import structlog
from psycopg.types.json import Jsonb

from holdfast.clock import rfc3339
from holdfast.database.connection import Connection
from holdfast.errors import DatabaseUnavailable
from holdfast.laws.law import Finding, Law, Violation
from holdfast.laws.registry import all_laws
from holdfast.system import System

SAMPLE = 20
STATEMENT_TIMEOUT: LiteralString = "SET LOCAL statement_timeout = '30s'"

log = structlog.get_logger()


async def check(conn: Connection, now: datetime, law: Law, limit: int = SAMPLE) -> Finding:
    """How many violations there are, and the oldest `limit` of them. Reads only, locks nothing."""
    query = found_by(
        law,
        """SELECT to_jsonb(found) AS violation, count(*) OVER () AS violations FROM found
         ORDER BY found.since NULLS LAST, found.subject LIMIT %(limit)s""",
    )
    rows = await (await conn.execute(query, {"now": now, "limit": limit})).fetchall()
    sample = [violation_of(row["violation"]) for row in rows]
    return Finding(law, now, int(rows[0]["violations"]) if rows else 0, sample)


def found_by(law: Law, question: LiteralString) -> LiteralString:
    """A question about what a law finds. Both are literals of this repository: nothing from outside is in them."""
    return "WITH found AS MATERIALIZED (" + law.violations + ") " + question


def violation_of(row: dict[str, Any]) -> Violation:
    subject, since, order_id = str(row.pop("subject")), row.pop("since"), row.pop("order_id", None)
    return Violation(subject, datetime.fromisoformat(since) if since else None, order_id, row)


async def check_all(system: System, laws: list[Law] | None = None) -> list[Finding]:
    """Asks every law (or those given) and stores what each found. Raises DatabaseUnavailable; a law that fails by itself does
    not keep the others from being asked."""
    return [await _check_and_store(system, law) for law in (all_laws() if laws is None else laws)]


async def _check_and_store(system: System, law: Law) -> Finding:
    now = system.clock.now()
    try:
        async with system.database.transaction() as conn:
            await conn.execute(STATEMENT_TIMEOUT)
            finding = await check(conn, now, law)
            await store(conn, finding)
            return finding
    except (DatabaseUnavailable, psycopg.Error) as told:
        problem = told.__cause__ if isinstance(told, DatabaseUnavailable) else told
        if isinstance(told, DatabaseUnavailable) and not isinstance(problem, psycopg.errors.QueryCanceled):
            raise
        log.error("law_not_checked", law=law.name, problem=type(problem).__name__)
        return Finding(law, now, 0, [], error=f"It could not be asked: {type(problem).__name__}.")


async def store(conn: Connection, finding: Finding) -> None:
    """`since` stays as long as the law finds something, and is gone when it finds nothing."""
    await conn.execute(
        """
        INSERT INTO law_results AS known (law, checked_at, violations, since, sample)
        VALUES (%(law)s, %(at)s, %(violations)s, CASE WHEN %(violations)s::bigint > 0 THEN %(at)s::timestamptz END, %(sample)s)
        ON CONFLICT (law) DO UPDATE
           SET checked_at = EXCLUDED.checked_at, violations = EXCLUDED.violations, sample = EXCLUDED.sample,
               since = CASE WHEN EXCLUDED.violations > 0 THEN coalesce(known.since, EXCLUDED.since) END
         WHERE known.checked_at <= EXCLUDED.checked_at""",
        {
            "law": finding.law.name,
            "at": finding.checked_at,
            "violations": finding.violations,
            "sample": Jsonb([shown(violation) for violation in finding.sample]),
        },
    )


def shown(violation: Violation) -> dict[str, Any]:
    """As JSON."""
    since = rfc3339(violation.since) if violation.since else None
    return {
        "subject": violation.subject,
        "since": since,
        "order_id": violation.order_id,
        "detail": violation.detail,
    }


async def promises(conn: Connection) -> list[dict[str, Any]]:
    """The board: every law in its own words with what it found last. A law that was never asked has `last_checked` null."""
    rows = await (await conn.execute("SELECT * FROM law_results")).fetchall()
    known = {row["law"]: row for row in rows}
    return [_promise(law, known.get(law.name)) for law in all_laws()]


def _promise(law: Law, result: dict[str, Any] | None) -> dict[str, Any]:
    sample = result["sample"] if result else []
    return {
        "law": law.name,
        "statement": law.statement,
        "why": law.sections["Why"],
        "severity": law.severity.value,
        "violations": result["violations"] if result else None,
        "since": _time(result["since"]) if result else None,
        "oldest": min((v["since"] for v in sample if v["since"]), default=None),
        "last_checked": _time(result["checked_at"]) if result else None,
        "repaired_by_itself": law.repair is not None,
        "person_decides": law.person_decides,
        "sample": sample,
    }


def _time(moment: datetime | None) -> str | None:
    return rfc3339(moment) if moment else None
