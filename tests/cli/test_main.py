"""Help, misuse, errors: what every command has in common."""

from __future__ import annotations

import subprocess
import sys

import pytest

from holdfast import __version__
from holdfast.cli.main import app
from tests.cli.conftest import Holdfast

COMMANDS = (
    "demo serve worker sandbox migrate settings keys catalog doctor promises tasks stats diagnose recover replay fix"
).split()
HEAVY = ("psycopg", "fastapi", "stripe", "granian", "pydantic", "httpx", "babel")


def test_the_help_names_every_command(bare_holdfast: Holdfast) -> None:
    ran = bare_holdfast("--help")
    assert ran.code == 0
    assert all(f" {command} " in ran.out for command in COMMANDS)


def test_every_command_has_a_sentence_of_help() -> None:
    commands = [c for c in app.registered_commands if c.callback is not None]
    assert all((c.callback.__doc__ or "").strip() for c in commands if c.callback is not None)


def test_the_help_loads_nothing_heavy() -> None:
    """What keeps `holdfast --help` quick, said without a stopwatch."""
    code = f"import sys, holdfast.cli.main; print([m for m in {HEAVY!r} if m in sys.modules])"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


def test_version(bare_holdfast: Holdfast) -> None:
    ran = bare_holdfast("--version")
    assert (ran.code, ran.out) == (0, f"holdfast {__version__}\n")


@pytest.mark.parametrize(
    "arguments",
    [
        ("no-such-command",),
        ("doctor", "--no-such-option"),
        ("recover",),
        ("serve", "--port", "70000"),
        ("serve", "--workers", "0"),
        ("keys", "create"),
        ("stats", "--days", "many"),
    ],
)
def test_misuse_is_2_and_one_sentence(bare_holdfast: Holdfast, arguments: tuple[str, ...]) -> None:
    ran = bare_holdfast(*arguments)
    assert ran.code == 2
    assert ran.out == ""
    assert ran.err.startswith("holdfast: ")
    assert "Traceback" not in ran.err


def test_misuse_as_json(bare_holdfast: Holdfast) -> None:
    ran = bare_holdfast("recover", "--json", "--nonsense")
    assert ran.code == 2
    assert ran.json["code"] == "misuse"
    assert "--nonsense" in ran.json["detail"]


def test_a_database_that_is_away_is_one_sentence_without_the_password(
    bare_holdfast: Holdfast, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("DATABASE_URL", "postgresql://somebody:hidden@127.0.0.1:1/nothing")
    ran = bare_holdfast("tasks", "--json")
    assert ran.code == 1
    assert ran.json["code"] == "database_unavailable"
    assert "refused" in ran.err
    assert "hidden" not in ran.err + ran.out


def test_a_schema_that_is_missing_says_which_command_makes_it(
    bare_holdfast: Holdfast, monkeypatch: pytest.MonkeyPatch, empty_database_url: str
) -> None:
    monkeypatch.setenv("DATABASE_URL", empty_database_url)
    ran = bare_holdfast("tasks")
    assert ran.code == 2
    assert "holdfast migrate" in ran.err


def test_all_that_is_wrong_with_the_settings_is_said_at_once(
    bare_holdfast: Holdfast, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HOLD_MINUTES", "soon")
    monkeypatch.setenv("STRIPE_SECRET_KEY", "pk_test_mistaken")
    ran = bare_holdfast("settings")
    assert ran.code == 2
    assert "HOLD_MINUTES" in ran.err
    assert "STRIPE_SECRET_KEY" in ran.err
