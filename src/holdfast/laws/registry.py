"""All laws: a loop over this folder. Adding a law is adding a file; nothing is registered anywhere."""

from __future__ import annotations

import importlib
import pkgutil
import re
from dataclasses import replace
from functools import cache
from types import ModuleType

import holdfast.laws
from holdfast.errors import ValidationFailed
from holdfast.laws.law import SECTIONS, Law, Severity

# A law's file is named by a sentence, <subject>_<claim>: three words or more. The others are the machinery and the edges, as in
# every feature: check, doctor, api, staff_pages …
LAW_NAME = re.compile(r"[a-z]+(_[a-z0-9]+){2,}")


@cache
def _laws() -> tuple[Law, ...]:
    names = [module.name for module in pkgutil.iter_modules(holdfast.laws.__path__)]
    laws = [
        read_law(importlib.import_module(f"holdfast.laws.{name}"))
        for name in names
        if LAW_NAME.fullmatch(name)
    ]
    return tuple(sorted(laws, key=lambda law: (list(Severity).index(law.severity), law.name)))


def all_laws() -> list[Law]:
    """The gravest first, then by name."""
    return list(_laws())


def law_named(name: str) -> Law:
    """Raises ValidationFailed with all the names: they are words of the command line, so a wrong one is misuse."""
    for law in _laws():
        if law.name == name:
            return law
    raise ValidationFailed(
        f"There is no law {name!r}. The laws are: {', '.join(law.name for law in _laws())}."
    )


def read_law(module: ModuleType) -> Law:
    """The module's LAW with its name and its docstring's sections. Raises TypeError when something is missing."""
    name = module.__name__.rpartition(".")[2]
    law: Law = module.LAW
    statement, sections = read_docstring(module.__doc__ or "")
    missing = [section for section in SECTIONS if not sections.get(section)]
    if missing or not statement:
        raise TypeError(f"laws/{name}.py: its docstring lacks {', '.join(missing) or 'the statement'}")
    if (law.repair is None) == (law.person_decides is None):
        raise TypeError(f"laws/{name}.py: either a repair, or the reason why a person decides")
    return replace(law, name=name, statement=statement, sections=sections)


def read_docstring(text: str) -> tuple[str, dict[str, str]]:
    """The first paragraph, and the text of each section, on one line each."""
    head, _, rest = text.strip().partition("\n\n")
    found = re.split(rf"^({'|'.join(SECTIONS)}): ?", rest, flags=re.MULTILINE)
    sections = {name: " ".join(body.split()) for name, body in zip(found[1::2], found[2::2], strict=True)}
    return " ".join(head.split()), sections
