"""A repair that fails in a way that nobody foresaw is one repair: the others are made, and the other laws asked."""

from __future__ import annotations

from dataclasses import replace

from holdfast.laws.law import Violation
from holdfast.laws.registry import all_laws
from holdfast.laws.repair import repair
from holdfast.system import System
from tests.support.system import Stage


async def test_one_repair_that_fails_leaves_the_others_to_be_made(stage: Stage) -> None:
    repaired: list[str] = []

    async def fail_on_the_first(system: System, violation: Violation, actor: str) -> str:
        if violation.subject == "1":
            raise AssertionError("nobody thought of this")
        repaired.append(violation.subject)
        return "Mended."

    law = replace(
        all_laws()[0],
        violations="SELECT n::text AS subject, NULL AS since FROM generate_series(1, 3) AS n",
        repair=fail_on_the_first,
        person_decides=None,
        brake=False,
    )
    found = await repair(stage.system, law)
    assert repaired == ["2", "3"]
    assert found.left["1"] == "The repair failed (AssertionError)."
