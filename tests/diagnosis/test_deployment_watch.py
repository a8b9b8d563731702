"""What the staff hear of deployments without asking: a new release, a step back, old code beside new, a worker that is gone, a
start that was refused."""

from __future__ import annotations

import random
from collections.abc import AsyncIterator, Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any, cast

import psycopg
import pytest
from psycopg.rows import dict_row

from holdfast.clock import ManualClock
from holdfast.database.connection import SCHEMA_VERSION
from holdfast.diagnosis.deployment_actions import deployment_facts
from holdfast.diagnosis.deployment_store import insert_refused
from holdfast.diagnosis.deployment_watch import (
    kind_of_start,
    record_refused_start,
    watch_deployment,
)
from holdfast.ids import Ids
from holdfast.laws.check import check
from holdfast.laws.registry import law_named
from holdfast.settings import Settings
from holdfast.system import System, open_system
from holdfast.web import store
from holdfast.web.deployments import Role, deployment, start_of

A, B = "aaaaaaaaaaaaaaaa", "bbbbbbbbbbbbbbbb"
START = datetime(2026, 11, 20, 12, tzinfo=UTC)


SyncRows = Callable[[str], list[dict[str, Any]]]


@pytest.fixture
def sync_rows(database_url: str) -> SyncRows:
    """For what runs before there is an event loop."""

    def rows(statement: str) -> list[dict[str, Any]]:
        with psycopg.connect(database_url, autocommit=True, row_factory=dict_row) as conn:
            cursor = conn.execute(cast(Any, statement))
            return cursor.fetchall() if cursor.description else []

    return rows


class House:
    """Processes on a clock that a test moves. Each start is as a process writes it, and each look as one takes it."""

    def __init__(self, system: System, clock: ManualClock) -> None:
        self.system, self.clock = system, clock

    async def start(self, role: Role, commit: str) -> str:
        settings = replace(self.system.settings, release_commit=commit)
        row = start_of(settings, role, self.system.ids.new("dep"), self.clock.now())
        async with self.system.database.transaction() as conn:
            await store.insert_deployment(conn, row)
        await self.look(row["deployment_id"])
        return str(row["deployment_id"])

    async def look(self, deployment_id: str) -> None:
        await watch_deployment(self.system, deployment_id)

    async def stop(self, *deployment_ids: str) -> None:
        async with self.system.database.transaction() as conn:
            for deployment_id in deployment_ids:
                await store.end_deployment(conn, deployment_id, self.clock.now())

    async def pass_(self, *alive: str, **time: float) -> None:
        """Time goes by, in which these give their signs of life and look around."""
        self.clock.advance(**time)
        async with self.system.database.transaction() as conn:
            for deployment_id in alive:
                await store.beat(conn, deployment_id, self.clock.now())
        for deployment_id in alive:
            await self.look(deployment_id)

    async def tasks(self, *, done: bool = False) -> list[tuple[str, str]]:
        rows = await self.rows(
            "SELECT kind, subject FROM tasks WHERE (done_at IS NOT NULL) = %s ORDER BY kind, subject", done
        )
        return [(row["kind"], row["subject"]) for row in rows]

    async def rows(self, query: str, *values: Any) -> list[dict[str, Any]]:
        async with self.system.database.transaction() as conn:
            return await (await conn.execute(query, values)).fetchall()

    async def sentence(self, kind: str) -> str:
        [row] = await self.rows("SELECT sentence FROM tasks WHERE kind = %s AND done_at IS NULL", kind)
        return str(row["sentence"])


@pytest.fixture
async def house(database_url: str) -> AsyncIterator[House]:
    clock = ManualClock(START)
    settings = Settings(database_url=database_url, secret_key="only for tests, and long enough")
    async with open_system(settings, clock=clock, ids=Ids(clock, random.Random(3).randbytes)) as system:
        yield House(system, clock)


async def test_the_first_start_and_a_restart_are_no_news(house: House) -> None:
    first = await house.start("web", A)
    await house.stop(first)
    await house.pass_(minutes=1)
    await house.start("web", A)
    assert await house.tasks() == []


async def test_a_new_release_is_told_once_and_forgotten_by_itself(house: House) -> None:
    old = [await house.start("web", A), await house.start("worker", A)]
    await house.pass_(*old, minutes=10)
    new = [await house.start("web", B), await house.start("web", B), await house.start("worker", B)]
    await house.stop(*old)
    assert await house.tasks() == [("new_release", f"web {B}"), ("new_release", f"worker {B}")]
    assert A[:12] in await house_sentence(house, f"web {B}")
    await house.pass_(*new, hours=25)
    assert await house.tasks() == []


async def house_sentence(house: House, subject: str) -> str:
    [row] = await house.rows("SELECT sentence FROM tasks WHERE subject = %s", subject)
    return str(row["sentence"])


async def test_a_step_back_is_told_and_a_step_forward_ends_it(house: House) -> None:
    first = await house.start("web", A)
    await house.pass_(first, minutes=10)
    second = await house.start("web", B)
    await house.pass_(second, minutes=10)
    back = await house.start("web", A)
    told = [kind for kind, _ in await house.tasks()]
    assert "roll_back" in told
    assert "new_release" not in told
    assert "went back" in await house.sentence("roll_back")
    await house.pass_(back, minutes=10)
    await house.start("web", B)
    told = [kind for kind, _ in await house.tasks()]
    assert "new_release" in told
    assert "roll_back" not in told


def test_a_lower_version_is_a_step_back_even_when_it_was_never_here() -> None:
    start: dict[str, Any] = {"version": "0.9.1", "commit": A, "before_version": "0.10.0", "before_commit": B}
    start |= {"first_here": START, "before_first": START - timedelta(days=1)}
    assert kind_of_start(start) == "roll_back"
    assert kind_of_start({**start, "version": "0.10.1"}) == "new_release"


async def test_f26_a_worker_on_old_code_is_told_until_it_is_restarted(house: House) -> None:
    web, worker = await house.start("web", A), await house.start("worker", A)
    await house.pass_(web, worker, minutes=10)
    await house.stop(web)
    new = await house.start("web", B)
    await house.pass_(new, worker, minutes=9)
    assert ("running_code_agrees", worker) not in await house.tasks(), (
        "a deployment goes from one to the next"
    )
    await house.pass_(new, worker, minutes=2)
    assert ("running_code_agrees", worker) in await house.tasks()
    assert "The worker on" in await house.sentence("running_code_agrees")
    await house.stop(worker)
    restarted = await house.start("worker", B)
    await house.pass_(new, restarted, minutes=2)
    assert ("running_code_agrees", worker) in await house.tasks(done=True)


async def test_f69_the_web_tells_that_no_worker_lives(house: House) -> None:
    web, worker = await house.start("web", A), await house.start("worker", A)
    await house.pass_(web, worker, minutes=5)
    assert await house.tasks() == []
    await house.pass_(web, minutes=2)  # the worker was killed: it could tell nobody
    assert await house.tasks() == [("worker_is_alive", "worker")]
    reborn = await house.start("worker", A)
    await house.pass_(web, reborn, minutes=1)
    assert await house.tasks() == []


async def test_a_worker_of_another_schema_is_none(house: House) -> None:
    web, worker = await house.start("web", A), await house.start("worker", A)
    async with house.system.database.transaction() as conn:
        await conn.execute(
            "UPDATE deployments SET schema = %s WHERE deployment_id = %s", (SCHEMA_VERSION - 1, worker)
        )
    await house.pass_(web, worker, minutes=2)
    assert await house.tasks() == [("worker_is_alive", "worker")]


WHY = "The database's schema is 2; this code needs 3: run `holdfast migrate`."


def refuse(database_url: str, role: Role, commit: str) -> None:
    record_refused_start(database_url, Settings(release_commit=commit), role, WHY)


def test_a_migration_that_did_not_run_is_told_by_the_start_that_was_refused(
    database_url: str, sync_rows: SyncRows
) -> None:
    for _ in range(3):  # what starts it tries again and again
        refuse(database_url, "worker", B)
    [row] = sync_rows("SELECT commit, refused, stopped_at = started_at AS over FROM deployments")
    assert row == {"commit": B, "refused": WHY, "over": True}
    [task] = sync_rows("SELECT kind, sentence FROM tasks WHERE done_at IS NULL")
    assert task["kind"] == "start_refused"
    assert WHY in task["sentence"]


@pytest.mark.parametrize("table", ["deployments", "tasks"])
def test_a_refusal_that_cannot_be_written_is_no_further_trouble(
    database_url: str, sync_rows: SyncRows, table: str
) -> None:
    sync_rows(f"DROP TABLE {table} CASCADE")
    refuse(database_url, "web", B)
    refuse("postgresql://127.0.0.1:9/nowhere", "web", B)


def test_a_refusal_is_on_record_in_an_older_schema(database_url: str, sync_rows: SyncRows) -> None:
    """Where it happens: the new code meets the tables of the release before it."""
    for column in ("refused", "public_url", "settings_missing", "code_on_disk", "code_on_disk_since"):
        sync_rows(f"ALTER TABLE deployments DROP COLUMN {column}")
    refuse(database_url, "web", B)
    assert [row["kind"] for row in sync_rows("SELECT kind FROM tasks")] == ["start_refused"]
    assert len(sync_rows("SELECT deployment_id FROM deployments")) == 1


async def test_code_that_was_refused_and_old_code_that_runs_on_disagree(house: House) -> None:
    web, worker = await house.start("web", A), await house.start("worker", A)
    await house.pass_(web, worker, minutes=5)
    row = start_of(replace(house.system.settings, release_commit=B), "web", "dep_refused", house.clock.now())
    async with house.system.database.transaction() as conn:
        await insert_refused(conn, row, WHY)
    await house.pass_(web, worker, minutes=11)
    told = [subject for kind, subject in await house.tasks() if kind == "running_code_agrees"]
    assert sorted(told) == sorted([web, worker])
    facts = await deployment_facts(house.system, audit=False)
    assert [one["why"] for one in facts["refused_starts"]] == [WHY]
    await house.stop(web)
    await house.start("web", B)  # migrated, and started again
    assert (await deployment_facts(house.system, audit=False))["refused_starts"] == []


async def test_every_start_says_what_it_lacks_and_where_it_believes_to_be(house: House) -> None:
    async with deployment(house.system, "worker", watch_deployment):
        [row] = await house.rows("SELECT * FROM deployments")
    assert row["public_url"] == house.system.settings.public_url
    assert set(row["settings_missing"]) == {
        "STRIPE_SECRET_KEY",
        "STRIPE_WEBHOOK_SECRET",
        "SMTP_URL",
        "MAIL_FROM",
    }
    [ended] = await house.rows("SELECT stopped_at FROM deployments")
    assert ended["stopped_at"] is not None


async def test_what_lies_in_the_folder_is_noted_with_when_it_came(house: House) -> None:
    """The law's clock starts with the first commit that was not started, and stops when what lies there runs."""
    web, worker = await house.start("web", A), await house.start("worker", A)

    async def noted(commit: str | None) -> dict[str, Any]:
        async with house.system.database.transaction() as conn:
            await store.note_code_on_disk(conn, web, commit, house.clock.now())
        [row] = await house.rows(
            "SELECT code_on_disk, code_on_disk_since FROM deployments WHERE deployment_id = %s", web
        )
        return row

    assert await noted(B) == {"code_on_disk": B, "code_on_disk_since": START}
    await house.pass_(web, worker, minutes=11)
    assert await noted("c" * 16) == {"code_on_disk": "c" * 16, "code_on_disk_since": START}
    async with house.system.database.transaction() as conn:
        found = await check(conn, house.clock.now(), law_named("code_on_disk_is_running"))
    assert [one.subject for one in found.sample] == [web]
    assert await noted(None) == {"code_on_disk": None, "code_on_disk_since": None}
