"""A law that takes too long is one law that could not be asked: the others are."""

from __future__ import annotations

import asyncio
from dataclasses import replace

from holdfast.laws.check import check_all
from holdfast.laws.registry import all_laws
from tests.support.system import Stage


async def test_a_law_that_is_cancelled_does_not_keep_the_others_from_being_asked(stage: Stage) -> None:
    first, second = all_laws()[:2]
    endless = replace(first, violations="SELECT 'x' AS subject, NULL AS since FROM pg_sleep(600)")
    asking = asyncio.create_task(check_all(stage.system, [endless, second]))
    cancelled: list[object] = []
    while not cancelled and not asking.done():
        cancelled = list(
            await stage.rows(
                """SELECT pg_cancel_backend(pid) FROM pg_stat_activity
                    WHERE datname = current_database() AND wait_event = 'PgSleep'"""
            )
        )
    findings = await asking
    assert [finding.error is None for finding in findings] == [False, True]
    assert findings[0].error is not None
    assert "QueryCanceled" in findings[0].error
