"""The lock files pin everything with hashes, agree with one another, and say nothing of where packages come
from."""

from __future__ import annotations

import re
import tomllib

import pytest

from tests.house.repository import text

LOCKS = ("requirements/runtime.lock", "requirements/dev.lock", "requirements/tools.lock")
PIN = re.compile(r"(?P<name>[a-z0-9-]+)==(?P<version>[\w.]+)(?: ; [^\\]+)? \\")
HASH = re.compile(r"    --hash=sha256:[0-9a-f]{64}(?: \\)?")


def pins(lock: str) -> dict[str, str]:
    return {found["name"]: found["version"] for found in PIN.finditer(text(lock))}


def normalised(requirement: str) -> str:
    return re.sub(r"[-_.]+", "-", re.split(r"[\[<>=!~; ]", requirement)[0]).lower()


def wanted(group: str) -> set[str]:
    project = tomllib.loads(text("pyproject.toml"))
    listed = project["project"]["dependencies"] if group == "" else project["dependency-groups"][group]
    return {normalised(requirement) for requirement in listed}


@pytest.mark.parametrize("lock", LOCKS)
def test_a_lock_holds_pins_and_hashes_and_no_address(lock: str) -> None:
    strange = [line for line in text(lock).splitlines() if not (PIN.fullmatch(line) or HASH.fullmatch(line))]
    assert not strange


@pytest.mark.parametrize("lock", LOCKS)
def test_every_pin_has_its_hashes(lock: str) -> None:
    blocks = re.split(r"^(?=\S)", text(lock), flags=re.MULTILINE)[1:]
    assert blocks
    assert not [block for block in blocks if "--hash=" not in block]


def test_what_developers_test_is_what_servers_run() -> None:
    developers = pins("requirements/dev.lock")
    differing = [
        f"{name}=={pin}"
        for name, pin in pins("requirements/runtime.lock").items()
        if developers.get(name) != pin
    ]
    assert not differing


@pytest.mark.parametrize(
    ("lock", "groups"),
    [(LOCKS[0], ("", "build")), (LOCKS[1], ("", "build", "dev")), (LOCKS[2], ("lock",))],
)
def test_everything_the_project_asks_for_is_pinned(lock: str, groups: tuple[str, ...]) -> None:
    asked_for = set[str]().union(*(wanted(group) for group in groups))
    assert not asked_for - pins(lock).keys(), "run `make lock`"
