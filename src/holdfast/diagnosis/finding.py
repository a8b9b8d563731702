"""One thing that is wrong, in a sentence."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime


@dataclass(frozen=True)
class Finding:
    """One thing that is wrong. `command` None: a person decides."""

    code: str
    sentence: str
    command: str | None = None


def at_time(moment: datetime) -> str:
    return f"{moment:%Y-%m-%d %H:%M} UTC"
