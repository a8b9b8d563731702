"""Files fit a head, functions fit a screen."""

from __future__ import annotations

import ast
from collections.abc import Iterator

from tests.house.repository import files, python_files, report, text, tree, unexcused

FILE_LINES = 400
FUNCTION_LINES = 70
MEASURED = (".py", ".js", ".sh", ".html", ".css", ".sql")

LONG_FILES = {
    "src/holdfast/database/schema.sql": "the schema is the first document: one file, read from top to bottom",
    "src/holdfast/database/migrations/0001_start.sql": "the first schema, word for word as it was",
    "src/holdfast/database/migrations/0002_requests_and_slots.sql": "one step, applied whole: what it leads to is in schema.sql",
    "src/holdfast/database/migrations/0003_bookings_by_sms.sql": "as the one before",
}
LONG_FUNCTIONS: dict[str, str] = {}


def long_files() -> Iterator[tuple[str, str]]:
    for name in files():
        lines = text(name).count("\n") if name.endswith(MEASURED) else 0
        if lines > FILE_LINES:
            yield name, f"{lines} lines, more than {FILE_LINES}"


def long_functions() -> Iterator[tuple[str, str]]:
    for name in python_files("src/", "tests/", "benchmarks/", "scripts/"):
        for node in ast.walk(tree(name)):
            if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
                lines = (node.end_lineno or node.lineno) - node.lineno + 1
                if lines > FUNCTION_LINES:
                    yield f"{name}:{node.name}", f"{lines} lines, more than {FUNCTION_LINES}"


def test_files_fit_a_head() -> None:
    problems = unexcused(long_files(), LONG_FILES)
    assert not problems, report(problems)


def test_functions_fit_a_screen() -> None:
    problems = unexcused(long_functions(), LONG_FUNCTIONS)
    assert not problems, report(problems)
