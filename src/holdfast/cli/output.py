"""What the command line prints: results on stdout, notes and errors on stderr, each error one sentence."""

from __future__ import annotations

import json
import sys
from dataclasses import asdict, is_dataclass
from datetime import date, datetime
from decimal import Decimal
from pathlib import Path
from typing import TYPE_CHECKING

from holdfast.clock import rfc3339
from holdfast.errors import HoldfastError

if TYPE_CHECKING:
    from rich.console import Console


WIDTH_OF_A_FILE = 160  # columns, where no terminal says how many there are


def as_json(value: object) -> str:
    """One line. Dataclasses become objects, times RFC 3339 in UTC."""
    return json.dumps(value, default=_plain, ensure_ascii=False)


def print_json(value: object) -> None:
    sys.stdout.write(as_json(value) + "\n")
    sys.stdout.flush()


def note(sentence: str) -> None:
    """Something worth knowing that is not the result."""
    sys.stderr.write(sentence + "\n")
    sys.stderr.flush()


def console() -> Console:
    """Where tables go. Imported late: rich costs more than most commands do."""
    from rich.console import Console

    is_terminal = sys.stdout.isatty()
    return Console(highlight=False, soft_wrap=not is_terminal, width=None if is_terminal else WIDTH_OF_A_FILE)


def report_error(error: HoldfastError, wants_json: bool) -> int:
    """The sentence on stderr and, if JSON was asked for, the problem on stdout. Returns the exit code."""
    if wants_json:
        from holdfast.web.problems import problem_document

        print_json(problem_document(error))
    note(f"holdfast: {error.detail}")
    return error.exit_code


def _plain(value: object) -> object:
    if isinstance(value, datetime):
        return rfc3339(value)
    if is_dataclass(value) and not isinstance(value, type):
        return asdict(value)
    if isinstance(value, date | Decimal | Path):
        return str(value)
    if isinstance(value, set | frozenset | tuple):
        return sorted(value) if not isinstance(value, tuple) else list(value)
    raise TypeError(f"{type(value).__name__} cannot be written as JSON")
