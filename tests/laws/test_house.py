"""Every file of the folder is a law and has everything, and the docs say what the laws say."""

from __future__ import annotations

import pkgutil
import re
from types import ModuleType
from typing import Any

import pytest

import holdfast.laws
from holdfast.errors import ValidationFailed
from holdfast.laws.docs import PAGE, laws_page
from holdfast.laws.law import SECTIONS, Law, Severity
from holdfast.laws.registry import LAW_NAME, all_laws, law_named, read_law
from tests.support.database import ROOT

LAWS = [pytest.param(law, id=law.name) for law in all_laws()]
EDGES_AND_MACHINERY = {
    *("check", "doctor", "docs", "jobs", "law", "metrics", "registry", "repair", "repairs", "resolve", "setup", "stats"),
    "request_repairs",
    *("api", "pages", "staff_pages", "store"),
}  # fmt: skip
GOOD_DOCSTRING = "It holds.\n\n" + "\n".join(f"{name}: because." for name in SECTIONS)


def test_every_file_is_a_law_or_known_to_be_none() -> None:
    names = {module.name for module in pkgutil.iter_modules(holdfast.laws.__path__)}
    laws = {law.name for law in all_laws()}
    assert laws == {name for name in names if LAW_NAME.fullmatch(name)}
    assert names - laws <= EDGES_AND_MACHINERY


def test_the_gravest_come_first() -> None:
    order = [list(Severity).index(law.severity) for law in all_laws()]
    assert order == sorted(order)
    assert {law.severity for law in all_laws()} == set(Severity)


@pytest.mark.parametrize("law", LAWS)
def test_a_law_says_everything(law: Law) -> None:
    assert law.statement.endswith(".")
    assert len(law.statement) <= 120
    assert set(law.sections) == set(SECTIONS)
    assert all(re.fullmatch(r"F\d\d", mode) for mode in law.failure_modes), law.failure_modes
    assert (law.repair is None) != (law.person_decides is None)
    assert (law.sections["Repair"] == "none by machine.") == (law.repair is None)
    assert "subject" in law.violations
    assert "since" in law.violations
    assert "now()" not in law.violations + law.breaks_with  # time is an argument


@pytest.mark.parametrize(
    "mode", ["F05", "F08", "F10", "F14", "F20", "F31", "F35", "F42", "F45", "F46", "F68", "F69"]
)
def test_a_failure_mode_that_the_database_can_see_has_a_law(mode: str) -> None:
    assert any(mode in law.failure_modes for law in all_laws())


def test_the_docs_are_current() -> None:
    written = (ROOT / PAGE).read_text(encoding="utf-8")
    assert written == laws_page(), "Run: python -m holdfast.laws.docs"


def module(name: str, **content: Any) -> ModuleType:
    made = ModuleType(f"holdfast.laws.{name}", content.pop("doc", GOOD_DOCSTRING))
    made.__dict__.update(content)
    return made


def test_what_a_law_lacks_is_named() -> None:
    law = Law(Severity.NOTICE, "SELECT 1", "SELECT 1", person_decides="whatever.")
    assert read_law(module("it_is_good", LAW=law)).statement == "It holds."
    with pytest.raises(TypeError, match="lacks Failure modes"):
        read_law(module("it_is_good", LAW=law, doc=GOOD_DOCSTRING.replace("Failure modes: because.", "")))
    with pytest.raises(TypeError, match="either a repair, or the reason"):
        read_law(module("it_is_good", LAW=Law(Severity.NOTICE, "SELECT 1", "SELECT 1")))


def test_a_law_that_is_not_there_is_an_error_that_names_those_that_are() -> None:
    assert law_named("tenant_is_one").name == "tenant_is_one"
    with pytest.raises(ValidationFailed, match="tenant_is_one"):
        law_named("tenant_is_two")
