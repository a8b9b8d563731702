"""One row that nobody foresaw must not keep the others from being worked on, nor end the job."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest

from tests.simulation.town import Row, Town, opened_stage, opened_town
from tests.support.sandbox import Sandbox


@pytest.fixture
async def town(database_url: str, sandbox: Sandbox) -> AsyncIterator[Town]:
    async with opened_stage(sandbox) as stage, opened_town(stage, database_url) as opened:
        yield opened


async def paid_pair(town: Town) -> tuple[Row, Row]:
    """The first one's evidence is such that it cannot be read."""
    poisoned, other = await town.book("ada"), await town.book("ben", {"Table 2": 2})
    await town.change(
        """UPDATE attempts SET evidence = '{"session": 5}'
            WHERE order_id = (SELECT order_id FROM bookings WHERE contact_email = 'ada@example.com')"""
    )
    await town.pay(poisoned)
    await town.pay(other)
    return poisoned, other


async def heal(town: Town) -> None:
    await town.change("UPDATE attempts SET evidence = '{}' WHERE evidence = '{\"session\": 5}'")


async def statuses(town: Town) -> dict[str, str]:
    rows = await town.rows("SELECT contact_email, status FROM bookings")
    return {row["contact_email"].partition("@")[0]: row["status"] for row in rows}


async def test_webhooks_of_others_are_handled(town: Town) -> None:
    await paid_pair(town)
    await town.deliver()
    await town.work()
    assert await statuses(town) == {"ada": "pending", "ben": "confirmed"}
    (left,) = await town.rows(
        "SELECT count(*) AS n, bool_and(error IS NOT NULL) AS told FROM webhook_events WHERE handled_at IS NULL"
    )
    assert left["n"] > 0
    assert left["told"], "why they could not be handled is written on them"

    await heal(town)
    await town.until_quiet()
    assert await statuses(town) == {"ada": "confirmed", "ben": "confirmed"}
    assert await town.broken_laws() == []


async def test_attempts_of_others_are_asked_about(town: Town) -> None:
    town.webhooks_are_lost = True
    await paid_pair(town)
    await town.pass_time(61)
    await town.work()
    assert await statuses(town) == {"ada": "pending", "ben": "confirmed"}
    (poisoned,) = await town.rows("SELECT last_error FROM attempts WHERE last_error IS NOT NULL")
    assert "TypeError" in poisoned["last_error"]

    await heal(town)
    await town.until_quiet()
    assert await statuses(town) == {"ada": "confirmed", "ben": "confirmed"}
    assert await town.broken_laws() == []
