"""Somebody sees a reserved sum at the bank and asks where the booking is: a request that waits for its answer is one."""

from __future__ import annotations

import pytest

from tests.lookup.test_lookup import asked, links, outcome
from tests.support.appointments import Diary, diary
from tests.support.system import Stage

FAN = "fan@example.com"


@pytest.fixture
async def expert(stage: Stage) -> Diary:
    return await diary(stage)


@pytest.mark.parametrize("proof", [{"paid": "50.00"}, {"amount": 5000}, {"card_last4": "4242"}])
async def test_authorised_and_waiting(stage: Stage, expert: Diary, proof: dict[str, object]) -> None:
    await expert.requested(await expert.service(), expert.at())
    await asked(stage, FAN, **proof)
    assert [one["recipient"] for one in await links(stage)] == [FAN]
    assert (await outcome(stage))["outcome"] == "sent"
    await stage.run_jobs()
    await stage.assert_all_laws_hold()


async def test_authorised_and_nobody_told_us(stage: Stage, expert: Diary) -> None:
    placed = await expert.ask(await expert.service(), expert.at())
    assert await expert.authorise(placed)
    await asked(stage, FAN, amount=5000)
    assert await expert.status(placed) == "requested"
    assert (await outcome(stage))["outcome"] == "sent"
    await stage.assert_all_laws_hold()


async def test_what_nobody_authorised_and_other_sums_are_not_told(stage: Stage, expert: Diary) -> None:
    await expert.ask(await expert.service(), expert.at())
    await asked(stage, FAN, amount=5000)
    await expert.requested(await expert.service(price=7000), expert.at(days=5))
    await asked(stage, FAN, amount=6999)
    await asked(stage, FAN, card_last4="1111")
    assert await links(stage) == []
    await stage.assert_all_laws_hold()
