"""The lease of work with outside calls: what a crash, a 503 and a slow first request leave behind."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from fastapi import APIRouter, Request
from starlette.responses import Response

from holdfast.clock import ManualClock, SystemClock
from holdfast.errors import NotOnSale, Unavailable
from holdfast.system import open_system
from holdfast.web.idempotency import KEPT, LEASE, Answer, forget_old_answers, resumable
from tests.support.api import Api


class Worker:
    """Stands for an action with outside calls: does what the test told it to."""

    def __init__(self, api: Api) -> None:
        self.seen: list[tuple[str, bool]] = []
        self.outcome: Callable[[], Answer] = lambda: Answer(201, {"made": len(self.seen)})
        router = APIRouter()
        router.add_api_route("/api/work", self._route, methods=["POST"])
        api.app.include_router(router)
        self._api = api

    async def _route(self, request: Request) -> Response:
        return await resumable(self._api.system, request, "public", "bkg", self._work, None)

    async def _work(self, subject: str, continued: bool) -> Answer:
        self.seen.append((subject, continued))
        return self.outcome()

    async def ask(self, key: str = "k", body: str = "{}") -> Any:
        return await self._api.http.post("/api/work", content=body, headers={"Idempotency-Key": key})


@pytest.fixture
def worker(api: Api) -> Worker:
    return Worker(api)


def raising(error: Exception) -> Callable[[], Answer]:
    def fail() -> Answer:
        raise error

    return fail


async def test_work_is_done_once(worker: Worker) -> None:
    first, second = await worker.ask(), await worker.ask()
    assert first.json() == second.json() == {"made": 1}
    assert "idempotent-replayed" not in first.headers
    assert second.headers["idempotent-replayed"] == "true"


async def test_a_refusal_is_an_answer_too(worker: Worker) -> None:
    worker.outcome = raising(NotOnSale("Not yet."))
    first, second = await worker.ask(), await worker.ask()
    assert (first.status_code, first.json()) == (second.status_code, second.json())
    assert second.headers["content-type"] == "application/problem+json"
    assert len(worker.seen) == 1


async def test_a_503_is_no_answer_and_the_next_goes_on_with_the_same_subject(worker: Worker) -> None:
    worker.outcome = raising(Unavailable("Away."))
    assert (await worker.ask()).status_code == 503
    worker.outcome = lambda: Answer(201, {"made": "later"})
    assert (await worker.ask()).json() == {"made": "later"}
    (first, first_continued), (second, second_continued) = worker.seen
    assert (first_continued, second_continued) == (False, True)
    assert first == second


async def test_a_fault_of_ours_does_not_lock_the_key(worker: Worker) -> None:
    worker.outcome = raising(RuntimeError("broken"))
    assert (await worker.ask()).status_code == 500
    worker.outcome = lambda: Answer(201, {})
    assert (await worker.ask()).status_code == 201
    assert worker.seen[0][0] == worker.seen[1][0]


async def test_after_a_crash_the_lease_runs_out_and_the_next_goes_on(api: Api, worker: Worker) -> None:
    await worker.ask()
    async with api.system.database.transaction() as conn:  # as a process leaves it that was killed at work
        until = api.system.clock.now() + LEASE
        await conn.execute(
            "UPDATE idempotency_keys SET status = NULL, answer = NULL, leased_until = %s", (until,)
        )
    busy = await worker.ask()
    assert (busy.status_code, busy.json()["code"], busy.headers["retry-after"]) == (409, "conflict", "2")
    async with api.system.database.transaction() as conn:
        await conn.execute("UPDATE idempotency_keys SET leased_until = leased_until - %s", (LEASE,))
    assert (await worker.ask()).status_code == 201
    assert worker.seen[1] == (worker.seen[0][0], True)


async def test_another_body_is_a_conflict_even_while_the_first_is_unanswered(worker: Worker) -> None:
    worker.outcome = raising(Unavailable("Away."))
    await worker.ask(body='{"a": 1}')
    other = await worker.ask(body='{"a": 2}')
    assert (other.status_code, other.json()["code"]) == (409, "conflict")


async def test_after_a_day_a_key_is_new_again(api: Api, worker: Worker) -> None:
    await worker.ask()
    async with api.system.database.transaction() as conn:
        await conn.execute(
            "UPDATE idempotency_keys SET created_at = created_at - %s", (KEPT + timedelta(seconds=1),)
        )
    assert (await worker.ask(body='{"other": true}')).status_code == 201
    assert [continued for _, continued in worker.seen] == [False, False]


@pytest.mark.parametrize("key", ["", "x" * 256, "tab\there"])
async def test_what_is_no_key_is_refused(worker: Worker, key: str) -> None:
    answer = await worker.ask(key)
    assert (answer.status_code, answer.json()["code"]) == (422, "validation_failed")
    assert worker.seen == []


async def test_old_answers_are_forgotten(api: Api, worker: Worker) -> None:
    await worker.ask("a")
    await worker.ask("b")
    assert await forget_old_answers(api.system) == 0
    clock = ManualClock(SystemClock().now() + KEPT + timedelta(minutes=1))
    async with open_system(api.system.settings, clock=clock) as later:
        assert await forget_old_answers(later, limit=1) == 1
        assert await forget_old_answers(later) == 1
