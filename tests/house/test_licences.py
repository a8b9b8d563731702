"""Whoever installs Holdfast may use it in a closed business: no package may forbid that. See
CONTRIBUTING.md."""

from __future__ import annotations

import re
from collections.abc import Iterator
from importlib.metadata import Distribution, distributions

from tests.house.repository import report, text

ACCEPTED = re.compile(
    r"Apache|\bMIT\b|\bBSD\b|0BSD|\bISC\b|\bPSF\b|Python Software Foundation|Unlicense|\bHPND\b|PostgreSQL"
    r"|CC0|Public Domain|\bZPL\b"
    r"|\bMPL\b|Mozilla Public|\bLGPL|Lesser General Public"
)
# LGPL is something else; so is a choice ("MIT OR GPL") that leaves us a way.
REFUSED = re.compile(
    r"\bAGPL|Affero|\bGPL|(?<!Lesser )General Public License|SSPL|Commons Clause|BUSL", re.IGNORECASE
)

# Packages whose metadata says nothing; what their files say was read by a person.
READ_BY_A_PERSON = {
    "axe-playwright-python": "MIT; the axe.min.js in it is under the MPL-2.0",
}


def stated(distribution: Distribution) -> str:
    """What the package's metadata says, in the order in which it can be relied on."""
    metadata = distribution.metadata
    expression, old_field = (
        (metadata.get_all(field) or [""])[0] for field in ("License-Expression", "License")
    )
    classifiers = [entry for entry in metadata.get_all("Classifier") or [] if entry.startswith("License ::")]
    return expression or "; ".join(classifiers) or old_field.strip().split("\n")[0]


def pinned() -> set[str]:
    return set(re.findall(r"^([a-z0-9-]+)==", text("requirements/dev.lock"), flags=re.MULTILINE))


def installed() -> Iterator[tuple[str, str]]:
    for distribution in distributions():
        name = re.sub(r"[-_.]+", "-", distribution.metadata["Name"]).lower()
        if name in pinned():
            yield name, READ_BY_A_PERSON.get(name) or stated(distribution)


def is_fine(licence: str) -> bool:
    choices = re.split(r"\s+OR\s+", licence)
    return any(ACCEPTED.search(choice) and not REFUSED.search(choice) for choice in choices)


def test_every_package_is_under_a_licence_we_accept() -> None:
    problems = [
        f"{name}: {licence or 'says nothing'}" for name, licence in installed() if not is_fine(licence)
    ]
    assert not problems, report(problems)


def test_the_check_knows_what_it_looks_for() -> None:
    assert is_fine("LGPL-3.0-only")
    assert is_fine("License :: OSI Approved :: GNU Lesser General Public License v3 (LGPLv3)")
    assert is_fine("GPL-2.0-only OR MIT")
    assert not is_fine("GPL-3.0-or-later")
    assert not is_fine("AGPL-3.0-only")
    assert not is_fine("License :: OSI Approved :: GNU General Public License v3 (GPLv3)")
    assert not is_fine("")


def test_ours_is_the_apache_licence() -> None:
    assert "Apache License" in text("LICENSE")
    assert 'license = "Apache-2.0"' in text("pyproject.toml")
