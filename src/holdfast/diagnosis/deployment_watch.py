"""What every process does beside its work: it tells the staff of a new release, of a step back to an older one, of code that
differs between processes, and of a worker that is not there.

Each process looks, so that a web process tells when no worker lives, which could tell nobody. Tasks are unique by kind and
subject: many that look open one. Everything told is in the log, too, for whoever is alarmed from there.
"""

from __future__ import annotations

import asyncio
import re
from datetime import timedelta
from typing import Any

import structlog
from psycopg import AsyncConnection
from psycopg.rows import dict_row

from holdfast.clock import SystemClock
from holdfast.database.connection import Connection
from holdfast.diagnosis import deployment_store as store
from holdfast.ids import Ids
from holdfast.laws.check import check
from holdfast.laws.registry import law_named
from holdfast.laws.repair import close_moot_tasks, repair
from holdfast.settings import Settings
from holdfast.system import System
from holdfast.tasks.actions import close_task_about, open_task
from holdfast.web.deployments import Role, start_of

LAWS = ("running_code_agrees", "worker_is_alive")
NEWS_FOR = timedelta(days=1)
FIRST_LOOK_AFTER = timedelta(seconds=50)  # a worker that is started after the web is not missed yet
CONNECT_TIMEOUT_S = 5

log = structlog.get_logger()


async def watch_deployment(system: System, deployment_id: str) -> None:
    """At the start, and once a minute. Raises DatabaseUnavailable."""
    now = system.clock.now()
    async with system.database.transaction() as conn:
        start = await store.start_and_the_one_before(conn, deployment_id)
    if start is None:
        return
    if now - start["started_at"] < FIRST_LOOK_AFTER:
        await _tell_of_start(system, start)
        return
    async with system.database.transaction() as conn:
        await store.close_told_releases(conn, now, now - NEWS_FOR)
    for name in LAWS:
        await _ask(system, name)


async def _tell_of_start(system: System, start: dict[str, Any]) -> None:
    kind, now = kind_of_start(start), system.clock.now()
    log.info("process_started", role=start["role"], release=_release(start), what=kind or "the same release")

    async def work(conn: Connection) -> None:
        await close_task_about(conn, now, "start_refused", _place(start["role"], start["host"]), "worker")
        if kind is None:
            return
        # What was told before is over: the one is the other's opposite.
        await store.close_tasks_of(conn, now, "new_release" if kind == "roll_back" else "roll_back")
        await open_task(
            conn,
            system.ids,
            now,
            kind=kind,
            subject=f"{start['role']} {start['commit']}"[:255],
            sentence=_sentence(kind, start),
            detail={"role": start["role"], "version": start["version"], "commit": start["commit"]},
        )

    await system.database.run(work)
    if kind == "roll_back":
        log.error("rolled_back", role=start["role"], release=_release(start), before=start["before_commit"])
    elif kind is not None:
        log.warning("new_release", role=start["role"], release=_release(start), before=start["before_commit"])


def kind_of_start(start: dict[str, Any]) -> str | None:
    """new_release, roll_back, or None: the first start of all, or the same release again. Pure. A release that this role ran
    before the one it ran last is a step back; so is a lower version."""
    if start["before_commit"] is None:
        return None
    if (start["version"], start["commit"]) == (start["before_version"], start["before_commit"]):
        return None
    older = start["first_here"] < start["before_first"] or _numbers(start["version"]) < _numbers(
        start["before_version"]
    )
    return "roll_back" if older else "new_release"


def _sentence(kind: str, start: dict[str, Any]) -> str:
    now_runs, before = _release(start), f"{start['before_commit'][:12]} (version {start['before_version']})"
    if kind == "roll_back":
        return (
            f"The {start['role']} went back to {now_runs}; before it ran {before}, which is newer. If that was not meant,"
            " deploy the newer one again; if it was, see to it that web and worker both went back."
        )
    return (
        f"A new release runs: the {start['role']} runs {now_runs}; before it ran {before}. Nothing is to be done;"
        " `holdfast diagnose deployment` says whether all of it is well."
    )


def _release(start: dict[str, Any]) -> str:
    return f"{start['commit'][:12]} (version {start['version']})"


def _numbers(version: str) -> list[int]:
    return [int(number) for number in re.findall(r"\d+", version)]


def _place(role: str, host: str) -> str:
    return f"{role} on {host}"


async def _ask(system: System, name: str) -> None:
    law, now = law_named(name), system.clock.now()
    async with system.database.transaction() as conn:
        found = await check(conn, now, law)
        if not found.violations:
            await close_moot_tasks(conn, now, law, [])
    for violation in found.sample:
        log.error("deployment_alarm", law=name, subject=violation.subject, **violation.detail)
    if found.violations:
        await repair(system, law, "worker")  # a person's law: it opens their task


def record_refused_start(database_url: str, settings: Settings, role: Role, why: str) -> None:
    """A process that may not start says so where the others and the staff look. What cannot be written must not hide the
    reason itself: it is only logged."""
    try:
        asyncio.run(_record(database_url, settings, role, why))
    except Exception as problem:
        log.warning("refusal_not_recorded", problem=type(problem).__name__)


async def _record(database_url: str, settings: Settings, role: Role, why: str) -> None:
    clock = SystemClock()
    ids = Ids(clock)
    row = start_of(settings, role, ids.new("dep"), clock.now())
    async with (
        await AsyncConnection.connect(
            database_url, row_factory=dict_row, connect_timeout=CONNECT_TIMEOUT_S
        ) as conn,
        conn.transaction(),
    ):
        if not await store.has_tables(conn):
            return
        await store.insert_refused(conn, row, why)
        await open_task(
            conn,
            ids,
            row["started_at"],
            kind="start_refused",
            subject=_place(role, row["host"]),
            sentence=f"The {role} of {_release(row)} was started on {row['host']} and refused to run. {why}",
            detail={name: row[name] for name in ("role", "host", "version", "commit", "schema")},
        )
