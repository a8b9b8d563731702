"""How the long-running processes log: one JSON object a line on stderr."""

from __future__ import annotations

import logging
import sys
from collections.abc import Iterator
from typing import Any, TextIO, cast

import structlog
from structlog.typing import EventDict

# A traceback's variables hold keys and what guests have told us: only its places are logged.
WITHOUT_VARIABLES = structlog.processors.ExceptionRenderer(
    structlog.tracebacks.ExceptionDictTransformer(show_locals=False)
)


def without_rows(_: Any, __: str, entry: EventDict) -> EventDict:
    """PostgreSQL's details quote the row that it refused: of what an exception says, the first line is kept."""
    for told in _all_told(entry.get("exception")):
        told["exc_value"] = str(told["exc_value"]).partition("\n")[0]
    return entry


def _all_told(exceptions: Any) -> Iterator[dict[str, Any]]:
    for told in exceptions if isinstance(exceptions, list) else ():
        yield told
        for inner in told.get("exceptions") or ():
            yield from _all_told(inner)


class CurrentStderr:
    """stderr as it is when something is said, not as it was when logging was set up: whoever captures it in between, as tests
    and supervisors do, may have closed that one."""

    def write(self, text: str) -> int:
        return sys.stderr.write(text)

    def flush(self) -> None:
        sys.stderr.flush()


def log_as_json() -> None:
    """Ours through structlog; what libraries say through logging, from warnings on, in the same shape."""
    shared: list[structlog.typing.Processor] = [
        structlog.contextvars.merge_contextvars,
        structlog.processors.add_log_level,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
        WITHOUT_VARIABLES,
        without_rows,
    ]
    stderr = CurrentStderr()
    structlog.configure(
        processors=[*shared, structlog.processors.JSONRenderer()],
        wrapper_class=structlog.make_filtering_bound_logger(logging.INFO),
        logger_factory=structlog.PrintLoggerFactory(cast(TextIO, stderr)),
        cache_logger_on_first_use=False,  # a cached logger could not be set up anew in the same process
    )
    handler = logging.StreamHandler(cast(TextIO, stderr))
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            foreign_pre_chain=shared,
            processors=[
                structlog.stdlib.ProcessorFormatter.remove_processors_meta,
                structlog.processors.JSONRenderer(),
            ],
        )
    )
    logging.basicConfig(handlers=[handler], level=logging.WARNING, force=True)
