"""What the documentation says must be there: links, commands and their options, settings, scripts, laws, metrics, events."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import fields
from pathlib import Path

import pytest

from holdfast.inbox.rules import NEEDED_TYPES
from holdfast.laws.registry import all_laws
from holdfast.settings import Settings
from scripts import commands
from scripts.generate_docs import PAGES
from tests.house.repository import ROOT, files, report, text

PAGES_BY_HAND = sorted(name for name in files() if name.endswith(".md") and name not in PAGES)
# Variables that pages name and that are no settings of Holdfast's.
OTHER_VARIABLES = frozenset(
    {
        "CI_COMMIT_SHA",
        "HOLDFAST_CHROMIUM",
        "HOLDFAST_KEY",
        "HOLDFAST_NO_BROWSER",
        "READ_COMMITTED",
        "SANDBOX_PORT",
        "SCHEMA_VERSION",
        "NEEDED_TYPES",
        "PROVIDER_KEY",
        "PUBLISHABLE_KEY",
        "WEB_PID",
        "WORKER_PID",
    }
)
ANYWHERE = {"--help", "-h", "--data", "--version"}
RECORD = ("## Context", "## Decision", "## Consequences", "## Rejected")


def code(name: str) -> Iterator[str]:
    """What stands in code: each line of a fenced block, each span in backticks."""
    fenced = False
    for line in text(name).splitlines():
        if line.lstrip().startswith("```"):
            fenced = not fenced
        elif fenced:
            yield line
        else:
            yield from re.findall(r"`([^`]+)`", line)


def prose(name: str) -> str:
    """Without fenced blocks and code, where brackets mean something else."""
    return re.sub(r"`[^`\n]*`", "", re.sub(r"^```.*?^```", "", text(name), flags=re.MULTILINE | re.DOTALL))


def anchors(name: str) -> set[str]:
    """As GitHub makes them from headings."""
    headings = re.findall(r"^#+ (.+)$", text(name), flags=re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).strip().replace(" ", "-") for heading in headings}


@pytest.mark.parametrize("name", [*PAGES_BY_HAND, *PAGES])
def test_every_link_leads_somewhere(name: str) -> None:
    problems = []
    for target in re.findall(r"\]\(([^)\s]+)\)", prose(name)):
        if re.match(r"[a-z]+:", target):
            continue
        path, _, anchor = target.partition("#")
        found = (ROOT / name).parent / path if path else ROOT / name
        if not found.exists():
            problems.append(f"{target}: there is no such file")
        elif anchor and anchor not in anchors(Path(found).resolve().relative_to(ROOT).as_posix()):
            problems.append(f"{target}: there is no such heading")
    assert not problems, report(problems)


def commands_named(name: str) -> Iterator[list[str]]:
    for line in code(name):
        for words in re.findall(r"(?:^|/bin/|do |\$\()holdfast((?: [^\s·;#|)]+)+)", line.strip()):
            yield words.split()


def all_commands() -> dict[str, set[str]]:
    """The words that call each command, with its options."""
    import typer

    from holdfast.cli.main import app

    found = commands.walked(typer.main.get_command(app), "holdfast")
    return {
        path.removeprefix("holdfast").strip(): {option for one in command.params for option in one.opts}
        for path, command in found
    }


@pytest.mark.parametrize("name", PAGES_BY_HAND)
def test_every_command_exists_with_its_options(name: str) -> None:
    known = all_commands()
    problems = []
    for words in commands_named(name):
        path = " ".join(words[:2]) if " ".join(words[:2]) in known else words[0]
        if path not in known and not path.startswith("-"):
            problems.append(f"holdfast {' '.join(words)}: there is no such command")
        elif path != "sandbox":  # it hands its options on
            wanted = {word.split("=")[0].strip("[]") for word in words if word.strip("[").startswith("--")}
            unknown = wanted - known.get(path, set()) - ANYWHERE
            problems += [f"holdfast {path}: it does not know {option}" for option in sorted(unknown)]
    assert not problems, report(problems)


@pytest.mark.parametrize("name", PAGES_BY_HAND)
def test_every_setting_exists(name: str) -> None:
    known = {field.name.upper() for field in fields(Settings)} | OTHER_VARIABLES
    told = {word for line in code(name) for word in re.findall(r"\b[A-Z][A-Z0-9]+(?:_[A-Z0-9]+)+\b", line)}
    assert not told - known


@pytest.mark.parametrize("name", PAGES_BY_HAND)
def test_every_file_of_ours_exists(name: str) -> None:
    told = {path for line in code(name) for path in re.findall(r"\b(?:scripts|tests)/[\w/]+\.py\b", line)}
    assert not [path for path in told if not (ROOT / path).is_file()]


@pytest.mark.parametrize("name", PAGES_BY_HAND)
def test_every_law_exists(name: str) -> None:
    known = {law.name for law in all_laws()}
    told = {
        law
        for laws in re.findall(r"\blaws? ((?:`\w+`(?:, | and )?)+)", text(name))
        for law in re.findall(r"\w{4,}", laws)
    }
    assert not told - known


def test_every_metric_exists() -> None:
    source = text("src/holdfast/laws/metrics.py") + text("src/holdfast/web/measurements.py")
    told = set(re.findall(r"`holdfast_(\w+)", text("docs/guide/monitoring.md")))
    assert told
    assert not {one for one in told if one not in source and one.removesuffix("_seconds") not in source}


def test_the_guide_names_the_events_that_are_needed() -> None:
    told = re.search(r"```text\n(.*?)```", text("docs/guide/stripe-setup.md"), flags=re.DOTALL)
    assert told
    assert tuple(told[1].split()) == NEEDED_TYPES


def test_decisions_are_numbered_without_gaps_and_have_the_form() -> None:
    names = sorted(name for name in files() if re.match(r"docs/decisions/\d{4}-", name))
    assert [int(Path(name).name[:4]) for name in names] == list(range(1, len(names) + 1))
    problems = [f"{name}: {part} is missing" for name in names for part in RECORD if part not in text(name)]
    listed = text("docs/decisions/README.md")
    problems += [f"{name} is not in the list" for name in names if f"({Path(name).name})" not in listed]
    assert not problems, report(problems)
