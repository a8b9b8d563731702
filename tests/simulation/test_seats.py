"""Any interleaving of holds, payments, cancellations and expiries, on a real database and with the sandbox's Stripe: after each
step each unit's count is the sum of its live claims, is what the model says, and fits. Some steps are several at once."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Iterator
from contextlib import AsyncExitStack
from typing import Any, TypeVar

import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    invariant,
    precondition,
    rule,
    run_state_machine_as_test,
)

from tests.simulation.town import (
    EVENT_ID,
    PUBLIC_URL,
    Row,
    Stage,
    Town,
    gather_all,
    opened_stage,
    opened_town,
)
from tests.support.api import show
from tests.support.database import TestDatabases
from tests.support.sandbox import Sandbox

T = TypeVar("T")

CAPACITY = {"Table 1": 4, "Table 2": 3, "Box": 6}  # the box is sold whole
UNITS = [
    {"label": "Table 1", "capacity": 4, "price": "85.00"},
    {"label": "Table 2", "capacity": 3, "price": "85.00"},
    {"label": "Box", "capacity": 6, "pricing": "per_unit", "price": "300.00"},
]
EXAMPLES, STEPS = 12, 18

Wanted = dict[str, int]
wishes: st.SearchStrategy[Wanted] = st.dictionaries(
    st.sampled_from(sorted(CAPACITY)), st.integers(1, 3), min_size=1, max_size=3
)


class Seats(RuleBasedStateMachine):
    """`taken`: the model, by booking: what it takes of each unit while it lives."""

    stage: Stage
    databases: TestDatabases
    runner: asyncio.Runner

    def __init__(self) -> None:
        super().__init__()
        self.url = self.databases.clone()
        self.stack = AsyncExitStack()
        town = opened_town(self.stage, self.url, document=show(units=UNITS, menu=[]))
        self.town: Town = self.run(self.stack.enter_async_context(town))
        self.number = 0
        self.taken: dict[str, Wanted] = {}
        self.bookings: dict[str, Row] = {}
        self.paid: set[str] = set()

    def teardown(self) -> None:
        self.run(self.stack.aclose())
        self.databases.drop(self.url)

    def run(self, work: Awaitable[T]) -> T:
        async def awaited() -> T:
            return await work

        return self.runner.run(awaited())

    # ── what may happen ──

    @rule(wanted=wishes)
    def somebody_holds(self, wanted: Wanted) -> None:
        answer = self.run(self._ask(wanted))
        assert (answer.status_code == 201) == self._fits(wanted), answer.text
        self._note(wanted, answer)

    @rule(wanted=st.lists(wishes, min_size=2, max_size=5))
    def some_hold_at_once(self, wanted: list[Wanted]) -> None:
        """Who is first is not known beforehand; the invariant says whether all of them together fit."""
        answers = self.run(gather_all(*(self._ask(one) for one in wanted)))
        assert {answer.status_code for answer in answers} <= {201, 409}
        for one, answer in zip(wanted, answers, strict=True):
            self._note(one, answer)
        for one, answer in zip(wanted, answers, strict=True):
            assert answer.status_code == 201 or not self._fits(one), "refused, and there is room"

    @precondition(lambda self: self._unpaid())
    @rule(which=st.integers(0, 99))
    def somebody_pays(self, which: int) -> None:
        name = self._pick(self._unpaid(), which)
        self.run(self.town.pay(self.bookings[name]))
        self.paid.add(name)

    @rule()
    def webhooks_arrive(self) -> None:
        self.run(self.town.deliver())

    @rule()
    def the_worker_works(self) -> None:
        self.run(self.town.work())

    @precondition(lambda self: self.bookings)
    @rule(which=st.integers(0, 99))
    def somebody_reloads(self, which: int) -> None:
        self.run(self.town.look(self.bookings[self._pick(sorted(self.bookings), which)]))

    @precondition(lambda self: self.bookings)
    @rule(which=st.integers(0, 99))
    def somebody_cancels(self, which: int) -> None:
        """Paid or not, heard of or not: the seats are free, and stay free when it is done again."""
        name = self._pick(sorted(self.bookings), which)
        assert self.run(self.town.cancel(self.bookings[name]))["status"] in {"cancelled", "expired"}
        self.taken.pop(name, None)

    @precondition(lambda self: self.taken)
    @rule(which=st.lists(st.integers(0, 99), min_size=2, max_size=4))
    def some_cancel_reload_and_work_at_once(self, which: list[int]) -> None:
        names = [self._pick(sorted(self.taken), number) for number in which]
        cancels: list[Awaitable[Any]] = [self.town.cancel(self.bookings[name]) for name in names]
        looks: list[Awaitable[Any]] = [self.town.look(self.bookings[name]) for name in names]
        self.run(gather_all(*cancels, *looks, self.town.deliver(), self.town.work()))
        for name in names:
            self.taken.pop(name, None)

    @rule()
    def half_an_hour_passes(self) -> None:
        """All holds end that nobody has paid for, once the worker has asked Stripe."""
        self.run(self.town.pass_time(31 * 60))
        self.run(self.town.work())
        for name in self._unpaid():
            self.taken.pop(name, None)

    # ── what must be true after each of them ──

    @invariant()
    def counts_are_the_sum_of_live_claims(self) -> None:
        rows = self.run(
            self.town.rows(
                """SELECT u.label, u.taken, u.capacity, coalesce(sum(c.seats) FILTER (WHERE c.released_at IS NULL), 0) AS live
                     FROM units u LEFT JOIN claims c USING (unit_id) GROUP BY u.unit_id"""
            )
        )
        for row in rows:
            assert row["taken"] == row["live"] <= row["capacity"], row
            assert row["taken"] == self._taken_of(row["label"]), row

    # ──

    async def _ask(self, wanted: Wanted) -> Any:
        self.number += 1
        name = f"guest{self.number}"
        body = {
            "units": [{"unit_id": self.town.units[label], "seats": seats} for label, seats in wanted.items()],
            "customer": {"name": name, "email": f"{name}@example.com"},
        }
        path = f"{PUBLIC_URL}/api/events/{EVENT_ID}/bookings"
        return await self.town.do(lambda process: process.http.post(path, json=body))

    def _note(self, wanted: Wanted, answer: Any) -> None:
        if answer.status_code == 201:
            booking = answer.json()
            self.bookings[booking["reference"]] = booking
            self.taken[booking["reference"]] = {label: takes(label, n) for label, n in wanted.items()}

    def _fits(self, wanted: Wanted) -> bool:
        return all(self._taken_of(label) + takes(label, n) <= CAPACITY[label] for label, n in wanted.items())

    def _taken_of(self, label: str) -> int:
        return sum(units.get(label, 0) for units in self.taken.values())

    def _unpaid(self) -> list[str]:
        return sorted(set(self.taken) - self.paid)

    @staticmethod
    def _pick(names: list[str], which: int) -> str:
        return names[which % len(names)]


def takes(label: str, seats: int) -> int:
    return CAPACITY["Box"] if label == "Box" else seats


@pytest.fixture
def machine(databases: TestDatabases, sandbox: Sandbox) -> Iterator[type[Seats]]:
    with asyncio.Runner() as runner:
        stack = AsyncExitStack()
        stage = runner.run(stack.enter_async_context(opened_stage(sandbox)))

        class Here(Seats):
            pass

        Here.stage, Here.databases, Here.runner = stage, databases, runner
        yield Here
        runner.run(stack.aclose())


@pytest.mark.slow
@pytest.mark.timeout(240)
def test_seats_are_counted_right_whatever_happens(machine: type[Seats]) -> None:
    run_state_machine_as_test(
        machine,
        settings=settings(
            max_examples=EXAMPLES,
            stateful_step_count=STEPS,
            deadline=None,
            suppress_health_check=list(HealthCheck),
        ),
    )
