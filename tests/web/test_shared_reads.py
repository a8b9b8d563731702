from __future__ import annotations

import asyncio

import pytest

from holdfast.errors import NotFound
from holdfast.web.shared_reads import SharedReads


class Slow:
    """A read that ends when the test says so, and tells how often it was begun."""

    def __init__(self) -> None:
        self.begun = 0
        self.may_end = asyncio.Event()

    async def __call__(self) -> bytes:
        self.begun += 1
        mine = self.begun
        await self.may_end.wait()
        return b"%d" % mine


async def settled() -> None:
    """Lets every task that can go on go on."""
    for _ in range(10):
        await asyncio.sleep(0)


async def test_nobody_gets_an_answer_that_was_read_before_they_asked() -> None:
    shared, slow = SharedReads(), Slow()
    early = [asyncio.create_task(shared.get("a", slow)) for _ in range(50)]
    await settled()
    late = [asyncio.create_task(shared.get("a", slow)) for _ in range(50)]
    await settled()
    assert slow.begun == 1
    slow.may_end.set()
    assert set(await asyncio.gather(*early)) == {b"1"}
    assert set(await asyncio.gather(*late)) == {b"2"}
    assert await shared.get("a", slow) == b"3"


async def test_different_things_do_not_wait_for_each_other() -> None:
    shared, slow, quick = SharedReads(), Slow(), Slow()
    quick.may_end.set()
    waiting = asyncio.create_task(shared.get("slow", slow))
    assert await shared.get("quick", quick) == b"1"
    slow.may_end.set()
    assert await waiting == b"1"


async def test_a_failure_is_told_to_all_who_share_it_and_to_nobody_after() -> None:
    shared, slow = SharedReads(), Slow()

    async def fail() -> bytes:
        raise NotFound("gone")

    answers = await asyncio.gather(*(shared.get("a", fail) for _ in range(3)), return_exceptions=True)
    assert [type(answer) for answer in answers] == [NotFound] * 3
    slow.may_end.set()
    assert await shared.get("a", slow) == b"1"


async def test_one_who_goes_away_does_not_take_the_answer_from_the_others() -> None:
    shared, slow = SharedReads(), Slow()
    first = asyncio.create_task(shared.get("a", slow))
    second = asyncio.create_task(shared.get("a", slow))
    await settled()
    first.cancel()
    with pytest.raises(asyncio.CancelledError):
        await first
    slow.may_end.set()
    assert await second == b"1"
