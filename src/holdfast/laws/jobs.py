"""The laws' periodic job: ask them, mend what may be mended, tell a person of the rest.

A law that takes long rests long: asking may cost at most one fiftieth of the time. With a hundred thousand orders every law is
asked every minute, with a million the slowest every six; `holdfast doctor` always asks them all.
"""

from __future__ import annotations

from datetime import datetime, timedelta
from weakref import WeakKeyDictionary

from holdfast.clock import monotonic
from holdfast.database.connection import Database
from holdfast.laws.check import check_all
from holdfast.laws.law import Finding, Law
from holdfast.laws.registry import all_laws
from holdfast.laws.repair import close_moot_tasks, repair
from holdfast.system import System

SHARE_OF_TIME = 50
PERIOD = timedelta(seconds=60)  # as schedule.py has it: below that there is no need to rest

_rests_until: WeakKeyDictionary[Database, dict[str, datetime]] = WeakKeyDictionary()


async def keep_laws(system: System) -> int:
    """Asks the laws whose time has come, then repairs, the gravest first, those that do not hold. Says how many violations were
    mended. Two workers at once do no harm."""
    findings = [await _ask(system, law) for law in _due(system)]
    mended = 0
    for finding in findings:
        if finding.violations:
            mended += len((await repair(system, finding.law, "worker")).mended)
        elif finding.error is None and finding.law.person_decides:
            async with system.database.transaction() as conn:
                await close_moot_tasks(conn, finding.checked_at, finding.law, [])
    return mended


def _due(system: System) -> list[Law]:
    now, rests = system.clock.now(), _rests_until.setdefault(system.database, {})
    return [law for law in all_laws() if rests.get(law.name, now) <= now]


async def _ask(system: System, law: Law) -> Finding:
    started = monotonic()
    [finding] = await check_all(system, [law])
    rest = rest_after(monotonic() - started)
    _rests_until.setdefault(system.database, {})[law.name] = finding.checked_at + rest
    return finding


def rest_after(took_s: float) -> timedelta:
    """How long a law that took so long is left alone; nothing, where the job's own period is longer."""
    rest = timedelta(seconds=took_s * SHARE_OF_TIME)
    return rest if rest > PERIOD else timedelta()
