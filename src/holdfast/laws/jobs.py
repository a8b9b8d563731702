"""The laws' periodic job: ask them all, mend what may be mended, tell a person of the rest."""

from __future__ import annotations

from holdfast.laws.check import check_all
from holdfast.laws.repair import close_moot_tasks, repair
from holdfast.system import System


async def keep_laws(system: System) -> int:
    """Asks every law, then repairs, the gravest first, those that do not hold. Says how many violations were mended. For
    schedule.py, every minute or so; two workers at once do no harm."""
    findings = await check_all(system)
    mended = 0
    for finding in findings:
        if finding.violations:
            mended += len((await repair(system, finding.law, "worker")).mended)
        elif finding.error is None and finding.law.person_decides:
            async with system.database.transaction() as conn:
                await close_moot_tasks(conn, finding.checked_at, finding.law, [])
    return mended
