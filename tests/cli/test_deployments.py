"""A start that is refused is on record; and the page of `diagnose deployment` in words."""

from __future__ import annotations

import io

import psycopg
import pytest
from rich.console import Console

from holdfast.cli.deployments import show_deployment
from holdfast.database.connection import SCHEMA_VERSION
from holdfast.diagnosis.deployment import Report
from holdfast.diagnosis.deployment_rules import Line, State
from tests.cli.conftest import Holdfast


@pytest.mark.parametrize("role", ["web", "worker"])
def test_a_start_that_is_refused_is_on_record_and_a_task(
    holdfast: Holdfast, database_url: str, role: str
) -> None:
    with psycopg.connect(database_url) as conn:
        conn.execute("INSERT INTO schema_versions (version) VALUES (%s)", (SCHEMA_VERSION + 1,))
    ran = holdfast("worker") if role == "worker" else holdfast("serve", "--port", "0")
    assert ran.code == 2
    assert "old code" in ran.err
    with psycopg.connect(database_url) as conn:
        [(recorded, why)] = conn.execute("SELECT role, refused FROM deployments").fetchall()
        [(kind, sentence)] = conn.execute("SELECT kind, sentence FROM tasks").fetchall()
    assert (recorded, kind) == (role, "start_refused")
    assert why in sentence
    assert "old code" in why


def report(*lines: Line) -> Report:
    return Report("https://tickets.example.com", None, "2026-11-20T12:00:00Z", 12.0, [], None, list(lines))


def page(found: Report) -> str:
    out = io.StringIO()
    show_deployment(found, Console(file=out, width=200, highlight=False))
    return out.getvalue()


def test_what_is_wrong_comes_first_with_what_to_do() -> None:
    found = report(
        Line("ready", State.OK, "It is ready."),
        Line("inside", State.NOT_ASKED, "Nobody asked [inside].", "Give a key."),
        Line("canary", State.WRONG, "The canary [x] was refused.", "Compare the secrets."),
    )
    told = page(found)
    assert not found.ok
    assert told.index("The canary [x] was refused.") < told.index("It is ready.") < told.index("[inside]")
    assert "→ Compare the secrets." in told
    assert "1 of 3 lines are red." in told
    assert "Waited 12 s." in told


def test_what_was_not_asked_is_not_called_right() -> None:
    found = report(
        Line("ready", State.OK, "It is ready."), Line("canary", State.NOT_ASKED, "No canary was sent.")
    )
    assert found.ok
    assert "All that was asked is right, 1 not asked." in page(found)


def test_nobody_answers_there(bare_holdfast: Holdfast) -> None:
    ran = bare_holdfast("diagnose", "deployment", "http://127.0.0.1:9", "--json")
    assert (ran.code, ran.json["ok"]) == (1, False)
    assert [one["name"] for one in ran.json["lines"]] == ["address"]


@pytest.mark.parametrize("url", ["tickets.example.com", "file:///etc/hosts", "http://"])
def test_what_is_no_address_is_misuse(bare_holdfast: Holdfast, url: str) -> None:
    ran = bare_holdfast("diagnose", "deployment", url)
    assert ran.code == 2
    assert "is not an address" in ran.err
