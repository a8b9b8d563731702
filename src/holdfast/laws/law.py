"""What a law is: a promise that the database can check.

One file of this folder holds everything about one promise. Its docstring is what people read, on the board, in the docs and
in `holdfast doctor`; its LAW is what machines do. The docstring's first line is the statement; then come, each beginning a
line, the sections of SECTIONS. registry.py reads both and refuses a file that lacks one.

`violations` is one statement that reads. It gets `%(now)s` and answers one row for each violation:

    subject    text: what is wrong, by its id
    since      timestamptz or null: since when (the oldest are shown and mended first)
    order_id   text, optional: whose timeline tells about the repair
    …          anything else is detail for the person who looks

`breaks_with` is how a test plants exactly one violation in its world (tests/laws/world.py): statements that get `%(now)s` and the
world's names, such as `%(confirmed_order)s`. What the database refuses is got past with `SET LOCAL session_replication_role =
replica`, which turns triggers and foreign keys off, as a restore or a bulk load does.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import Any, LiteralString

from holdfast.system import System

SECTIONS = ("Why", "Broken by", "Prevented by", "PostgreSQL", "Repair", "Failure modes")


class Severity(StrEnum):
    """How bad it is; the order is the order in which they are shown and mended."""

    MONEY = "money"  # somebody's money is not where it should be
    BOOKING = "booking"  # a seat or a booking is not what was promised
    SERVICE = "service"  # a part does not do its work, and will break a promise soon
    NOTICE = "notice"  # nothing is broken, but somebody should know


@dataclass(frozen=True)
class Violation:
    subject: str
    since: datetime | None = None
    order_id: str | None = None
    detail: dict[str, Any] = field(default_factory=dict)


# Mends one violation, as the actor given (`operator` or `worker`), by the same doors as everybody, and says what it did. It looks
# again under its own lock first: what was mended meanwhile is not mended twice. A HoldfastError says why it could not; whether
# it is mended is then asked of the law itself (repair.py), not believed.
Repair = Callable[[System, Violation, str], Awaitable[str]]


@dataclass(frozen=True)
class Law:
    severity: Severity
    violations: LiteralString
    breaks_with: LiteralString
    repair: Repair | None = None
    person_decides: str | None = None  # why no machine may mend it; then a person gets a task
    brake: bool = False  # moves money or gives seats away: only a few in one run (rule 13)
    needs_processes: bool = False  # is about running processes, so a test without any leaves it out
    # From the file's name and docstring, filled in by the registry.
    name: str = ""
    statement: str = ""
    sections: dict[str, str] = field(default_factory=dict)

    @property
    def failure_modes(self) -> list[str]:
        return self.sections["Failure modes"].replace(",", " ").split()


@dataclass(frozen=True)
class Finding:
    """What one law found, and when. `error` says why it could not be asked: then nothing is known (rule 7)."""

    law: Law
    checked_at: datetime
    violations: int
    sample: list[Violation]
    error: str | None = None

    @property
    def holds(self) -> bool:
        return self.violations == 0 and self.error is None

    @property
    def oldest(self) -> datetime | None:
        return min((v.since for v in self.sample if v.since), default=None)
