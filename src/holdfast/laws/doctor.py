"""`holdfast doctor`: every law and the set-up, each red or green with a sentence and what to do next.

Plain data; cli/ shows it.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from holdfast.clock import rfc3339
from holdfast.laws.check import check_all, shown
from holdfast.laws.law import Finding, Law, Severity
from holdfast.laws.registry import all_laws, law_named
from holdfast.laws.repair import Repaired, repair
from holdfast.laws.setup import Check, State, setup_checks
from holdfast.system import System

# Mending one thing can uncover the next (a booking made again needs its seats counted again); more rounds
# would only hide a fault.
MOST_ROUNDS = 3


@dataclass(frozen=True)
class LawReport:
    finding: Finding  # after the repair, if there was one
    repaired: Repaired | None = None

    @property
    def state(self) -> State:
        if self.finding.error:
            return State.UNKNOWN
        return State.OK if self.finding.violations == 0 else State.WRONG

    @property
    def is_grave(self) -> bool:
        """A notice is worth knowing, and nothing is wrong."""
        return self.state is not State.OK and self.finding.law.severity is not Severity.NOTICE

    @property
    def next_step(self) -> str:
        """Empty when there is nothing to do."""
        law = self.finding.law
        if self.state is State.OK:
            return ""
        if self.finding.error:
            return "Run it again; if it stays, look at the log."
        if self.repaired and self.repaired.stopped:
            return self.repaired.stopped
        if law.person_decides:
            return f"A person decides: {law.person_decides}"
        if self.repaired:
            return "The repair did not mend it; see why beside each."
        return f"`holdfast doctor --fix {law.name}` mends it."


@dataclass(frozen=True)
class DoctorReport:
    checked_at: datetime
    laws: list[LawReport]
    setup: list[Check]

    @property
    def ok(self) -> bool:
        return not any(law.is_grave for law in self.laws) and all(
            check.state is State.OK for check in self.setup
        )

    def as_json(self) -> dict[str, Any]:
        return {
            "ok": self.ok,
            "checked_at": rfc3339(self.checked_at),
            "laws": [_law_json(report) for report in self.laws],
            "setup": [
                {
                    "check": one.name,
                    "state": one.state.value,
                    "sentence": one.sentence,
                    "next_step": one.next_step,
                }
                for one in self.setup
            ],
        }


async def doctor(system: System, fix: bool = False, only: list[str] | None = None) -> DoctorReport:
    """Checks the laws named (all without a name, and then the set-up too) and with `fix` repairs what may be repaired, as
    `operator`. Raises ValidationFailed for a law that is not there; DatabaseUnavailable."""
    laws = [law_named(name) for name in only] if only else all_laws()
    findings = {finding.law.name: finding for finding in await check_all(system, laws)}
    repaired: dict[str, Repaired] = {}
    for _ in range(MOST_ROUNDS if fix else 0):
        broken = [law for law in laws if findings[law.name].violations]
        if not broken:
            break
        for law in broken:
            repaired[law.name] = _together(repaired.get(law.name), await repair(system, law, "operator"))
        findings = {finding.law.name: finding for finding in await check_all(system, laws)}
        if not any(_worth_another_round(law, repaired, findings) for law in laws):
            break
    setup = [] if only else await setup_checks(system)
    return DoctorReport(
        system.clock.now(), [LawReport(findings[law.name], repaired.get(law.name)) for law in laws], setup
    )


def _worth_another_round(law: Law, repaired: dict[str, Repaired], findings: dict[str, Finding]) -> bool:
    """It is broken, a machine may mend it, and it was not tried yet: another law's repair uncovered it."""
    return findings[law.name].violations > 0 and law.repair is not None and law.name not in repaired


def _together(earlier: Repaired | None, later: Repaired) -> Repaired:
    if earlier is None:
        return later
    mended = {**earlier.mended, **later.mended}
    return Repaired(later.law, earlier.found + later.found, mended, later.left, later.stopped)


def _law_json(report: LawReport) -> dict[str, Any]:
    finding, repaired = report.finding, report.repaired
    return {
        "law": finding.law.name,
        "statement": finding.law.statement,
        "severity": finding.law.severity.value,
        "state": report.state.value,
        "violations": finding.violations,
        "oldest": rfc3339(finding.oldest) if finding.oldest else None,
        "sample": [shown(violation) for violation in finding.sample],
        "error": finding.error,
        "mended": repaired.mended if repaired else {},
        "left": repaired.left if repaired else {},
        "next_step": report.next_step,
    }
