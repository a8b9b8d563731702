"""What may not stand in any file: traces of one machine, rules switched off without saying which, unfinished
business."""

from __future__ import annotations

import re
from collections.abc import Iterator

import pytest

from holdfast import __version__
from tests.house.repository import files, report, text, unexcused

# Written so that these lines do not find themselves.
RULES = {
    "a path of one person's machine": r"(?<![\w.*$~}-])/(?:wor[k]|far[m]|roo[t]|User[s]/\w+|hom[e]/\w+)/",
    "who or what wrote it": r"(?i)\b(?:agent|assistant)(?:'s)? session",
    "an unfinished part": r"\b(?:TOD[O]|FIXM[E])\b|raise NotImplementedErro[r]",
    "types unchecked without saying which": r"#\s*type:\s*ignor[e](?!\[)",
    "lint rules off without saying which": r"(?i)#\s*noq[a](?!: ?[A-Z]+[0-9]+)",
}
EXCUSES: dict[str, dict[str, str]] = {
    "an unfinished part": {},
}


def findings(pattern: str) -> Iterator[tuple[str, str]]:
    for name in files():
        for number, line in enumerate(text(name).splitlines(), start=1):
            if re.search(pattern, line):
                yield name, f"line {number}: {line.strip()[:100]}"


@pytest.mark.parametrize("rule", RULES)
def test_no_file_holds(rule: str) -> None:
    problems = unexcused(findings(RULES[rule]), EXCUSES.get(rule, {}))
    assert not problems, report(problems)


def test_the_readme_names_the_two_commands() -> None:
    assert "README.md" in files(), "there is no README.md"
    for command in ("make demo", "make test"):
        assert command in text("README.md"), f"README.md does not name `{command}`"


def test_the_changelog_knows_this_version() -> None:
    headings = re.findall(r"^## \[?([^\]\s]+)", text("CHANGELOG.md"), flags=re.MULTILINE)
    assert {"Unreleased", __version__} & set(headings), f"{__version__} is not in CHANGELOG.md"


def test_every_command_of_the_makefile_is_explained() -> None:
    targets = re.findall(r"^([a-z]+):", text("Makefile"), flags=re.MULTILINE)
    told = text("CONTRIBUTING.md")
    helpers = {"help", "runtime", "dev"}
    assert not [name for name in targets if name not in helpers and f"`make {name}`" not in told]
