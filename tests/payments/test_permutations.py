"""Real stories, their real events in every order and any number of times: one state of the database (rule 2).

Each example runs in a transaction that is rolled back, so that all of a story's examples start from the same hold. F09, F17,
F45, F46, F48, F61, F62, F63, F64.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from holdfast.database.connection import Connection
from holdfast.payments.apply import apply
from holdfast.payments.rules import Step
from holdfast.payments.settle import fetch
from holdfast.stripe_gateway.evidence import Evidence, from_event, merged
from holdfast.system import System
from tests.support.laws import assert_all_laws_hold
from tests.support.system import DECLINED_CARD, DISPUTED_CARD, Row, Stage, order_state

EXAMPLES = 6
Play = Callable[[Stage, str], Awaitable[None]]


@dataclass
class Story:
    system: System
    order_id: str
    attempt_id: str
    events: list[Evidence]
    fetched: Evidence


async def paid(stage: Stage, session: str) -> None:
    await stage.pay(session)


async def declined_then_paid(stage: Stage, session: str) -> None:
    await stage.pay(session, DECLINED_CARD)
    await stage.pay(session, DECLINED_CARD)
    await stage.pay(session)


async def slow_and_succeeded(stage: Stage, session: str) -> None:
    await stage.pay(session, method="bank_debit")
    await stage.dashboard("settle", session=session, outcome="succeed")


async def slow_and_failed(stage: Stage, session: str) -> None:
    await stage.pay(session, method="bank_debit_fail")
    await stage.dashboard("settle", session=session, outcome="fail")


async def slow_and_failed_after_the_hold(stage: Stage, session: str) -> None:
    await slow_and_failed(stage, session)
    await stage.advance(minutes=31)


async def declined_and_expired(stage: Stage, session: str) -> None:
    await stage.pay(session, DECLINED_CARD)
    await stage.advance(minutes=46)
    await stage.dashboard("expire", session=session)


async def refunded_in_two_parts(stage: Stage, session: str) -> None:
    await stage.pay(session)
    await stage.dashboard("refund", session=session, amount=5000)
    await stage.dashboard("refund", session=session)


async def refunded_in_part(stage: Stage, session: str) -> None:
    await stage.pay(session)
    await stage.dashboard("refund", session=session, amount=1)


async def refund_failed_later(stage: Stage, session: str) -> None:
    await stage.pay(session)
    refund = await stage.dashboard("refund", session=session)
    await stage.advance(days=4)
    await stage.dashboard("fail_refund", refund=refund["id"])


async def disputed_and_lost(stage: Stage, session: str) -> None:
    await stage.pay(session, DISPUTED_CARD)
    [dispute] = await stage.ledger("dispute")
    await stage.dashboard("close_dispute", dispute=dispute["id"], outcome="lost")


async def refunded_in_part_and_disputed_and_won(stage: Stage, session: str) -> None:
    await stage.pay(session)
    await stage.dashboard("refund", session=session, amount=500)
    dispute = await stage.dashboard("open_dispute", session=session)
    await stage.dashboard("close_dispute", dispute=dispute["id"], outcome="won")


STORIES: list[Play] = [
    paid,
    declined_then_paid,
    slow_and_succeeded,
    slow_and_failed,
    slow_and_failed_after_the_hold,
    declined_and_expired,
    refunded_in_part,
    refunded_in_two_parts,
    refund_failed_later,
    disputed_and_lost,
    refunded_in_part_and_disputed_and_won,
]


@pytest.fixture(params=STORIES, ids=lambda play: play.__name__)
async def story(request: pytest.FixtureRequest, stage: Stage) -> Story:
    placed = await stage.book()
    assert placed.checkout_session_id is not None
    await request.param(stage, placed.checkout_session_id)
    attempt = await stage.row("SELECT attempt_id FROM attempts")
    events = [from_event(event) for event in await stage.events()]
    known = [one for one in events if one.objects]
    fetched = await fetch(stage.system, attempt["attempt_id"])
    return Story(stage.system, placed.order_id, attempt["attempt_id"], known, fetched)


@given(picks=st.lists(st.integers(0, 50), max_size=12))
@example(picks=[])
@example(picks=list(range(30, 0, -1)))
@settings(max_examples=EXAMPLES, suppress_health_check=[HealthCheck.function_scoped_fixture])
async def test_any_order_and_any_repetition(story: Story, picks: list[int]) -> None:
    """The events drawn come first, as they were drawn, then whatever is missing."""
    drawn = [pick % len(story.events) for pick in picks]
    order = drawn + [number for number in range(len(story.events)) if number not in drawn]
    expected = await told(story, story.events)
    assert await told(story, [story.events[number] for number in order]) == expected


async def test_events_and_what_is_fetched_say_the_same(story: Story) -> None:
    """F60, F62: an installation that never hears a webhook ends where one ends that hears them all. Only of a refund that
    came back it hears nothing: its charge looks as if there had never been one."""
    heard = await told(story, story.events)
    both = await told(story, [*story.events, story.fetched])
    fetched = await told(story, [story.fetched])
    for one in (heard, both, fetched):
        one["refunds"] = [refund for refund in one["refunds"] if refund["status"] != "failed"]
        for attempt in one["attempts"]:
            del attempt["evidence"]
    assert heard == both == fetched


async def told(story: Story, evidence: list[Evidence]) -> Row:
    """The state after all of it, every law asked on the way out; then it is undone."""
    found: list[Row] = []

    class Undo(Exception):
        pass

    try:
        async with story.system.database.transaction() as conn:
            for one in evidence:
                await tell(story, conn, one)
            await conn.execute("SET CONSTRAINTS ALL IMMEDIATE")
            found.append(await order_state(conn, story.order_id))
            await assert_all_laws_hold(conn, story.system.clock.now())
            raise Undo
    except Undo:
        return found[0]


async def tell(story: Story, conn: Connection, one: Evidence) -> None:
    settled = await apply(story.system, conn, story.attempt_id, one, "webhook")
    if settled.step is Step.ASK:
        await apply(story.system, conn, story.attempt_id, merged(one, story.fetched), "webhook")
