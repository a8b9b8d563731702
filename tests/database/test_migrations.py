"""Steps lead to where schema.sql stands, old code stays away from a newer schema, and nobody migrates twice at once.

The rule: schema.sql is the whole schema as it is now; migrations/NNNN_what.sql is the step to version NNNN. Before the first
step is written, migrations/0001_start.sql keeps schema.sql as it was released. A change of the schema is then both: the new
schema.sql with the next version at its end, and the step that leads there.
"""

from __future__ import annotations

import re
import subprocess
import sys
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import psycopg
import pytest

from holdfast.database.connection import HERE, SCHEMA_VERSION, apply_schema, check_schema, migrations
from holdfast.database.embedded import wheel_folder
from holdfast.errors import SettingsWrong
from tests.support.database import TestDatabases

# Their names and versions differ from one pg_dump to another, and say nothing of the schema.
NOISE = re.compile(r"^(--.*|SET .*|SELECT pg_catalog.*|\\(un)?restrict .*|)$")


@pytest.fixture
def empty(databases: TestDatabases) -> Iterator[str]:
    url = databases.empty()
    yield url
    databases.drop(url)


def schema_of(url: str) -> list[str]:
    """What pg_dump says of the schema: statements in alphabetical order, the columns of a table too, because a step can only
    add a column at the end."""
    dumped = subprocess.run(
        [wheel_folder() / "bin" / "pg_dump", "--schema-only", "--no-owner", "--no-privileges", url],
        capture_output=True,
        text=True,
        check=True,
    ).stdout
    kept = "\n".join(line for line in dumped.splitlines() if not NOISE.match(line))
    statements = re.split(r";\n(?=CREATE|ALTER|COMMENT|\Z)", kept + "\n")
    return sorted("\n".join(sorted(part.rstrip(",") for part in one.splitlines())) for one in statements)


def test_the_steps_are_numbered_without_a_gap() -> None:
    numbers = [number for number, _ in migrations()]
    assert numbers == list(range(1, len(numbers) + 1))
    assert numbers[-1:] in ([], [SCHEMA_VERSION])
    assert SCHEMA_VERSION == 1 or numbers, (
        "keep the first schema as migrations/0001_start.sql before the first step"
    )


def test_schema_sql_says_the_version_it_is() -> None:
    [said] = re.findall(
        r"INSERT INTO schema_versions \(version\) VALUES \((\d+)\);", (HERE / "schema.sql").read_text()
    )
    assert int(said) == SCHEMA_VERSION


def test_the_steps_arrive_at_schema_sql(database_url: str, empty: str) -> None:
    """From the first schema that was released, by every step since."""
    steps = [path for number, path in migrations() if number == 1]
    with psycopg.connect(empty) as conn:
        for path in steps or [HERE / "schema.sql"]:
            conn.execute(path.read_text())
    assert apply_schema(empty) == SCHEMA_VERSION
    check_schema(empty)
    assert schema_of(empty) == schema_of(database_url)


def test_a_difference_would_be_seen(database_url: str, empty: str) -> None:
    """The comparison is no good if it finds everything alike."""
    apply_schema(empty)
    assert schema_of(empty) == schema_of(database_url)
    for change in (
        "ALTER TABLE orders ADD COLUMN note text",
        "DROP INDEX one_open_attempt_per_order",
        "ALTER TABLE units DROP CONSTRAINT unit_not_oversold",
        "DROP TRIGGER timeline_is_append_only ON timeline",
        "CREATE OR REPLACE FUNCTION retake_claims(of_booking text) RETURNS boolean LANGUAGE sql AS 'SELECT true'",
    ):
        with psycopg.connect(empty) as conn:
            conn.execute(change)
            conn.commit()
        before, after = schema_of(database_url), schema_of(empty)
        assert before != after, change


def test_applying_again_changes_nothing(database_url: str) -> None:
    before = schema_of(database_url)
    assert apply_schema(database_url) == SCHEMA_VERSION
    assert schema_of(database_url) == before


def test_several_processes_at_once_apply_it_once(empty: str) -> None:
    with ThreadPoolExecutor(4) as pool:
        assert list(pool.map(apply_schema, [empty] * 4)) == [SCHEMA_VERSION] * 4
    with psycopg.connect(empty) as conn:
        assert conn.execute("SELECT version FROM schema_versions").fetchall() == [(SCHEMA_VERSION,)]


def test_a_database_without_the_schema_is_said(empty: str) -> None:
    with pytest.raises(SettingsWrong, match="holdfast migrate"):
        check_schema(empty)


@pytest.fixture
def newer(database_url: str) -> str:
    with psycopg.connect(database_url) as conn:
        conn.execute("INSERT INTO schema_versions (version) VALUES (%s)", (SCHEMA_VERSION + 1,))
    return database_url


def test_f26_a_newer_schema_is_refused(newer: str) -> None:
    for ask in (apply_schema, check_schema):
        with pytest.raises(SettingsWrong, match="newer than this code"):
            ask(newer)


@pytest.mark.parametrize(
    "command", [["serve", "--port", "0"], ["worker"], ["migrate"]], ids=lambda command: command[0]
)
def test_f26_old_code_does_not_run_on_a_newer_schema(newer: str, tmp_path: Path, command: list[str]) -> None:
    ran = subprocess.run(
        [sys.executable, "-m", "holdfast", *command],
        env={"DATABASE_URL": newer, "SECRET_KEY": "a secret of sixteen letters", "PATH": "/usr/bin:/bin"},
        cwd=tmp_path,
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert ran.returncode == SettingsWrong.exit_code, ran.stderr
    assert "newer than this code" in ran.stderr
    assert "Traceback" not in ran.stderr
