"""A process dies at every boundary of every story, one boundary after the other; whoever comes after it brings each story to
the same end: nothing lost, nothing twice."""

from __future__ import annotations

import os
import random
from collections import Counter
from typing import Any

import pytest

from tests.simulation.fate import Fate
from tests.simulation.request_stories import PROVIDERS, REQUEST_STORIES
from tests.simulation.stories import STORIES, Scene, Story
from tests.simulation.town import Stage, Town, opened_stage, opened_town
from tests.support.api import show
from tests.support.database import TestDatabases
from tests.support.sandbox import Sandbox

SEED = 20261120
# All boundaries of all stories take a quarter of an hour on two cores: `make test-crashes` does, before a release and after every
# change of an order of steps. Otherwise every tenth, each story beginning at another one, so that together they meet every kind.
EVERY_BOUNDARY = os.environ.get("HOLDFAST_EVERY_BOUNDARY") == "1"
STRIDE = 1 if EVERY_BOUNDARY else 10
PAIRS = 6 if EVERY_BOUNDARY else 1  # of deaths in one run
LATEST = 15  # boundary of a life, for these: later ones would often come after the story's end
MOST_BOUNDARIES = 300
# What asks for an answer, or says that one is waited for: not sent any more when the answer was there first.
OVERTAKEN = {"request_received", "request_to_answer"}

DOCUMENT = {**show(), "providers": PROVIDERS}
ALL_STORIES = STORIES + REQUEST_STORIES
by_story = pytest.mark.parametrize("story", ALL_STORIES, ids=lambda story: story.name.replace(" ", "_"))


@pytest.mark.slow
@pytest.mark.timeout(240)
@by_story
async def test_a_death_at_any_boundary_changes_nothing(
    story: Story, databases: TestDatabases, sandbox: Sandbox
) -> None:
    first = 1 if EVERY_BOUNDARY else 1 + ALL_STORIES.index(story) % STRIDE
    async with opened_stage(sandbox) as stage:
        for number in range(first, MOST_BOUNDARIES, STRIDE):
            lives = await lived_through(story, databases, stage, [number])
            if not lives[0].died.is_set():
                break
        else:
            pytest.fail("the story does not end")
    assert number > len(story.steps), "hardly a boundary was met: the proxies see nothing"


@pytest.mark.slow
@pytest.mark.timeout(240)
@by_story
async def test_dying_twice_changes_nothing(story: Story, databases: TestDatabases, sandbox: Sandbox) -> None:
    """Also while it puts right what the first death left behind."""
    chance = random.Random(f"{SEED} {story.name}")
    async with opened_stage(sandbox) as stage:
        for _ in range(PAIRS):
            deaths = [chance.randint(1, LATEST), chance.randint(1, LATEST)]
            await lived_through(story, databases, stage, deaths)


async def lived_through(
    story: Story, databases: TestDatabases, stage: Stage, deaths: list[int]
) -> list[Fate]:
    """The story, with a process that dies at the first of these boundaries, the next one at the second, …"""
    url = databases.clone()
    try:
        async with opened_town(stage, url, seed=SEED, document=DOCUMENT) as town:
            scene: Scene = {"chance": random.Random(f"{SEED} {deaths}")}
            for step in story.beginning:
                await step(town, scene)
            await town.bury()
            town.webhooks_are_lost = story.webhooks_are_lost
            town.lived.clear()
            town.fates = [Fate(number) for number in deaths]
            for step in story.steps:
                await step(town, scene)
            told = f"{story.name}: died {[fate.passed[-2:] for fate in town.lived if fate.died.is_set()]}"
            town.fates = []
            for fate in town.lived:
                fate.dies_at = None
            await town.until_quiet()
            await assert_end(town, story, scene, told)
            return town.lived
    finally:
        databases.drop(url)


async def assert_end(town: Town, story: Story, scene: Scene, told: str) -> None:
    end = story.end
    orders = await town.rows(
        "SELECT o.status, b.booking_id, b.reference FROM orders o LEFT JOIN bookings b USING (order_id)"
    )
    assert [order["status"] for order in orders] == [end.status], told
    if "booking" in scene:
        assert orders[0]["booking_id"] == scene["booking"]["booking_id"], told
        assert (await town.look(scene["booking"]))["status"] == end.status, told

    payments = await town.rows("SELECT purpose, captured FROM payments ORDER BY purpose")
    assert tuple((row["purpose"], row["captured"]) for row in payments) == end.payments, told
    refunds = await town.rows("SELECT reason, amount, status FROM refunds ORDER BY reason")
    assert tuple((row["reason"], row["amount"]) for row in refunds) == end.refunds, told
    assert {row["status"] for row in refunds} <= {"succeeded"}, told
    taken = await town.rows("SELECT taken FROM units WHERE label = 'Table 1'")
    assert taken == [{"taken": end.taken}], told
    slots = await town.rows("SELECT count(*) AS taken FROM units WHERE kind = 'slot' AND taken > 0")
    assert slots == [{"taken": end.slots}], told
    captures = await town.rows("SELECT action, status FROM captures ORDER BY created_at, capture_id")
    assert tuple((row["action"], row["status"]) for row in captures) == end.captures, told
    tasks = await town.rows("SELECT kind FROM tasks WHERE done_at IS NULL ORDER BY kind")
    assert tuple(task["kind"] for task in tasks) == end.tasks, told

    await assert_stripes_books(town, story, told)
    await assert_mails(town, story, told)
    assert await town.broken_laws() == [], told


async def assert_stripes_books(town: Town, story: Story, told: str) -> None:
    """The second witness: what was paid and what went back, in Stripe's own ledger."""
    ledger = await town.ledger()
    sessions = Counter((one["status"], one["payment_status"]) for one in ledger.get("checkout.session", []))
    assert sessions[("complete", "paid")] == story.end.paid_sessions, told
    assert sessions[("open", "unpaid")] == 0, f"{told}: somebody could still pay"
    intents = [one for one in ledger.get("payment_intent", []) if one["capture_method"] == "manual"]
    assert tuple(one["status"] for one in intents) == story.end.intents, told
    refunded = sorted(one["amount"] for one in ledger.get("refund", []) if one["status"] == "succeeded")
    assert refunded == sorted(amount for _, amount in story.end.refunds), told


async def assert_mails(town: Town, story: Story, told: str) -> None:
    """Each mail once, or not at all where its news was over before the worker had its turn again. Twice only where that cannot
    be told apart from once: the server had taken it when we died before we had written that down. The copies have one
    Message-ID."""
    rows = await town.rows("SELECT kind, status FROM messages ORDER BY created_at, kind")
    assert Counter(row["kind"] for row in rows) == Counter(story.end.mails), told
    sent = [row["kind"] for row in rows if row["status"] == "sent"]
    unsent = [row["kind"] for row in rows if row["status"] != "sent"]
    assert {row["status"] for row in rows} <= {"sent", "suppressed"}, told
    assert set(unsent) <= OVERTAKEN, told
    assert not unsent or town.lived[0].died.is_set(), told
    allowed = sum(fate.fell_between_mail_and_its_record for fate in town.lived)
    arrived: list[dict[str, Any]] = await town.mails()
    subjects = [mail["subject"] for mail in arrived]
    assert len(sent) <= len(arrived) <= len(sent) + (allowed if unsent else 0), f"{told}: {subjects}"
    again = sum(mail["copies"] for mail in arrived) - len(sent)
    assert again <= allowed, told
