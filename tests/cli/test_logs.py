"""What the long-running processes log can be read by a machine, and keeps secrets and guests to itself."""

from __future__ import annotations

import json
import subprocess
import sys

PROGRAM = """
import structlog
from holdfast.cli.logs import log_as_json
from holdfast.settings import Settings

log_as_json()
def fail(settings, guest):
    raise ValueError("it broke")
try:
    fail(Settings(secret_key="very secret key", stripe_secret_key="sk_test_secret"), {"email": "guest@example.com"})
except ValueError:
    structlog.get_logger().exception("job_failed", job="a job")
"""

REFUSED = """
import asyncio
import psycopg, structlog
from holdfast.cli.logs import log_as_json

log_as_json()
async def refused():
    raise psycopg.errors.CheckViolation("it is refused\\nDETAIL:  Failing row contains (guest@example.com).")
async def together():
    async with asyncio.TaskGroup() as group:
        group.create_task(refused())
try:
    asyncio.run(together())
except ExceptionGroup:
    structlog.get_logger().exception("job_failed", job="a job")
"""


def test_what_postgres_quotes_of_a_row_is_not_logged() -> None:
    said = subprocess.run([sys.executable, "-c", REFUSED], capture_output=True, text=True, check=True).stderr
    [line] = said.splitlines()
    assert "it is refused" in line
    assert "guest@example.com" not in line


def test_an_exception_is_one_line_without_what_was_in_its_variables() -> None:
    said = subprocess.run([sys.executable, "-c", PROGRAM], capture_output=True, text=True, check=True).stderr
    [line] = said.splitlines()
    entry = json.loads(line)
    assert (entry["event"], entry["job"], entry["level"]) == ("job_failed", "a job", "error")
    assert "it broke" in json.dumps(entry["exception"])
    assert "fail" in json.dumps(entry["exception"])
    for secret in ("very secret key", "sk_test_secret", "guest@example.com"):
        assert secret not in line


CAPTURED = """
import io, sys
import structlog
from holdfast.cli.logs import log_as_json

outside, sys.stderr = sys.stderr, io.StringIO()
log_as_json()
structlog.get_logger().info("said inside")
sys.stderr.close()
sys.stderr = outside
structlog.get_logger().info("said outside")
"""


def test_a_log_outlives_whoever_captured_stderr_when_it_was_set_up() -> None:
    said = subprocess.run([sys.executable, "-c", CAPTURED], capture_output=True, text=True, check=True).stderr
    assert [json.loads(line)["event"] for line in said.splitlines()] == ["said outside"]
