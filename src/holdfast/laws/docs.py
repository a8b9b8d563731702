"""The laws' page of the docs: `python -m holdfast.laws.docs` writes docs/reference/laws.md; a test holds it current."""

from __future__ import annotations

import sys
from pathlib import Path

from holdfast.laws.law import Law, Severity
from holdfast.laws.registry import all_laws

PAGE = Path("docs/reference/laws.md")

HEAD = """# The laws

A law is a promise that the database can check. Everything about one is in one file of
[src/holdfast/laws](../../src/holdfast/laws): the statement, why it matters, how it breaks, what prevents that, the
SQL that finds violations, the repair, and how a test plants a violation. This page is written from those files
by `python -m holdfast.laws.docs`.

The worker asks them once a minute (a slow one less often) and mends what may be mended; `holdfast doctor` asks
them all now, and `holdfast doctor --fix` mends. Where only a person can decide, a task is opened.
`GET /api/admin/promises` shows the result of the last time.
"""

MEANING = {
    Severity.MONEY: "somebody's money is not where it should be",
    Severity.BOOKING: "a seat or a booking is not what was promised",
    Severity.SERVICE: "a part does not do its work, and will break a promise soon",
    Severity.NOTICE: "nothing is broken, but somebody should know",
}


def laws_page() -> str:
    """The page as Markdown."""
    return "\n".join([HEAD, *_contents(), *(_law(law) for law in all_laws())])


def _contents() -> list[str]:
    lines = ["| law | severity | promises that | mended by |", "|---|---|---|---|"]
    for law in all_laws():
        mender = "Holdfast" if law.repair else "a person"
        lines.append(f"| [{law.name}](#{law.name}) | {law.severity.value} | {law.statement} | {mender} |")
    meanings = [f"- **{severity.value}**: {meaning}" for severity, meaning in MEANING.items()]
    return [*meanings, "", *lines, ""]


def _law(law: Law) -> str:
    sections = law.sections
    repair = sections["Repair"] if law.repair else f"A person decides: {law.person_decides}"
    if law.brake:
        repair += " Only a few in one run (the brake)."
    return "\n".join(
        [
            f"## {law.name}",
            "",
            f"**{law.statement}** ({law.severity.value})",
            "",
            f"- *Why*: {sections['Why']}",
            f"- *Broken by*: {sections['Broken by']}",
            f"- *Prevented by*: {sections['Prevented by']}",
            f"- *Why PostgreSQL does not simply refuse it*: {sections['PostgreSQL']}",
            f"- *Repair*: {repair}",
            f"- *Failure modes*: {sections['Failure modes']}",
            "",
        ]
    )


if __name__ == "__main__":
    PAGE.write_text(laws_page(), encoding="utf-8")
    sys.stdout.write(f"{PAGE}\n")
