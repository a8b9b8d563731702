"""Mending what a law found.

Whether something is mended is asked of the law itself afterwards, never believed of the repair. Where only a person can
decide, repairing means telling one: a task of the law's name, closed by itself when its subject is right again.

The brake (rule 13, F36): laws whose repair moves money or gives seats away mend only a few in one run; when there are more, the
run stops and says so, because many at once are more likely our mistake than the world's.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

import psycopg
import structlog
from psycopg.types.json import Jsonb

from holdfast.database.connection import Connection
from holdfast.errors import HoldfastError, StripeUnavailable
from holdfast.laws.check import check, found_by, store
from holdfast.laws.law import Finding, Law, Violation
from holdfast.system import System
from holdfast.tasks.actions import open_task

MOST_IN_ONE_RUN = 500
BRAKE_FLOOR = 3
BRAKE_SHARE = 100  # one in so many orders
ASK_AGAIN = timedelta(days=1)

log = structlog.get_logger()


@dataclass(frozen=True)
class Repaired:
    """What came of one run: found before, mended with a sentence each, left with the reason, and why it stopped early."""

    law: Law
    found: int
    mended: dict[str, str] = field(default_factory=dict)
    left: dict[str, str] = field(default_factory=dict)
    stopped: str | None = None


async def repair(system: System, law: Law, actor: str = "operator") -> Repaired:
    """Mends the oldest violations of a law, as `operator` or `worker`, and stores what is left. Twice is as once.
    Raises DatabaseUnavailable; what one violation's repair raises is that violation's reason to be left."""
    now = system.clock.now()
    async with system.database.transaction() as conn:
        limit = await _limit(conn, law)
        finding = await check(conn, now, law, limit)
    said = await (_tell_person(system, finding) if law.repair is None else _mend_each(system, finding, actor))
    async with system.database.transaction() as conn:
        after = system.clock.now()
        broken = await _still_broken(conn, after, law, list(said))
        mended = {subject: sentence for subject, sentence in said.items() if subject not in broken}
        await _tell_timelines(conn, after, finding, mended, actor)
        await store(conn, await check(conn, after, law))
    left = {subject: sentence for subject, sentence in said.items() if subject in broken}
    return Repaired(law, finding.violations, mended, left, _why_stopped(finding, limit))


async def _limit(conn: Connection, law: Law) -> int:
    if not law.brake:
        return MOST_IN_ONE_RUN
    row = await (await conn.execute("SELECT count(*) AS orders FROM orders")).fetchone()
    assert row is not None  # an aggregate always answers
    return max(BRAKE_FLOOR, int(row["orders"]) // BRAKE_SHARE)


def _why_stopped(finding: Finding, limit: int) -> str | None:
    if finding.violations <= limit:
        return None
    more = finding.violations - limit
    if finding.law.brake:
        return f"The brake: {limit} in one run, {more} more wait. Look at some of them, then run it again."
    return f"{limit} in one run; {more} more wait for the next."


async def _mend_each(system: System, finding: Finding, actor: str) -> dict[str, str]:
    assert finding.law.repair is not None
    said = {}
    for violation in finding.sample:
        try:
            said[violation.subject] = await finding.law.repair(system, violation, actor)
        except StripeUnavailable as away:
            # Each of the others would wait for its time-out, too.
            return {**{one.subject: away.detail for one in finding.sample}, **said}
        except HoldfastError as reason:
            said[violation.subject] = reason.detail
        except psycopg.Error as problem:
            log.error(
                "repair_failed",
                law=finding.law.name,
                problem=type(problem).__name__,
                sqlstate=problem.sqlstate,
            )
            said[violation.subject] = f"The database refused the repair ({problem.sqlstate})."
        except Exception as problem:  # one that nobody foresaw must not keep the others, and the other laws, from being mended
            log.exception("repair_failed", law=finding.law.name)
            said[violation.subject] = f"The repair failed ({type(problem).__name__})."
    return said


async def _tell_person(system: System, finding: Finding) -> dict[str, str]:
    law, said = finding.law, {}
    async with system.database.transaction() as conn:
        decided = await _decided(conn, finding)
        for violation in finding.sample:
            if violation.subject in decided:
                said[violation.subject] = "A person has decided today, and it is as it was."
                continue
            await open_task(
                conn,
                system.ids,
                finding.checked_at,
                kind=law.name,
                subject=violation.subject,
                sentence=_sentence(law, violation),
                tenant_id=await _tenant_of(conn, violation.order_id),
                order_id=violation.order_id,
                detail=violation.detail,
            )
            said[violation.subject] = f"A person decides: {law.person_decides}"
        if finding.violations == len(finding.sample):
            await close_moot_tasks(conn, finding.checked_at, law, list(said))
    return said


def _sentence(law: Law, violation: Violation) -> str:
    """A law that says of each violation what is wrong (`sentence`) says it; another says what should be."""
    said = violation.detail.get("sentence") or f"{law.statement} Here it does not:"
    return f"{said} {law.person_decides}"


async def _decided(conn: Connection, finding: Finding) -> set[str]:
    """Subjects whose task a person closed not long ago: the answer was "let it be", and is asked for again another day."""
    rows = await conn.execute(
        "SELECT subject FROM tasks WHERE kind = %s AND done_at > %s AND done_by <> 'worker'",
        (finding.law.name, finding.checked_at - ASK_AGAIN),
    )
    return {str(row["subject"]) for row in await rows.fetchall()}


async def close_moot_tasks(conn: Connection, now: datetime, law: Law, broken: list[str]) -> int:
    """Closes the law's own tasks whose subjects are right again; says how many."""
    done = await conn.execute(
        """UPDATE tasks SET done_at = %s, done_by = 'worker'
            WHERE kind = %s AND done_at IS NULL AND subject <> ALL(%s::text[])""",
        (now, law.name, broken),
    )
    return done.rowcount


async def _tenant_of(conn: Connection, order_id: str | None) -> int | None:
    row = await (
        await conn.execute("SELECT tenant_id FROM orders WHERE order_id = %s", (order_id,))
    ).fetchone()
    return row["tenant_id"] if row else None


async def _still_broken(conn: Connection, now: datetime, law: Law, subjects: list[str]) -> set[str]:
    query = found_by(law, "SELECT subject FROM found WHERE subject = ANY(%(subjects)s)")
    rows = await (await conn.execute(query, {"now": now, "subjects": subjects})).fetchall()
    return {str(row["subject"]) for row in rows}


async def _tell_timelines(
    conn: Connection, now: datetime, finding: Finding, mended: dict[str, str], actor: str
) -> None:
    entries: list[dict[str, Any]] = [
        {"order_id": violation.order_id, "sentence": mended[violation.subject], "subject": violation.subject}
        for violation in finding.sample
        if violation.order_id and violation.subject in mended
    ]
    await conn.execute(
        """INSERT INTO timeline (tenant_id, order_id, at, actor, what, detail)
           SELECT o.tenant_id, o.order_id, %(now)s, %(actor)s, 'repaired',
                  jsonb_build_object('law', %(law)s::text, 'subject', e.subject, 'sentence', e.sentence)
             FROM jsonb_to_recordset(%(entries)s) AS e (order_id text, subject text,
                 sentence text) JOIN orders o USING (order_id)""",
        {"now": now, "actor": actor, "law": finding.law.name, "entries": Jsonb(entries)},
    )
