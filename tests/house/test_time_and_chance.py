"""Time, randomness and ids are arguments. They enter at one place each, so that a simulation can decide
them."""

from __future__ import annotations

import re
from collections.abc import Iterator

from tests.house.repository import dotted_names, python_files, report, unexcused

TIME_AND_CHANCE = re.compile(
    r"datetime\.(datetime\.)?(now|utcnow|today)"
    r"|datetime\.date\.today|date\.today"
    r"|time\.(time|time_ns|localtime|gmtime)"
    r"|(random|numpy\.random)\..+"
    r"|secrets\.(token_\w+|choice|randbelow|randbits|SystemRandom)"
    r"|uuid\.uuid[147]"
    r"|os\.(urandom|getrandom)"
)
SLEEP = re.compile(r"time\.sleep")

ENTRANCES = {
    "src/holdfast/clock.py": "the clock of the system",
    "src/holdfast/ids.py": "the randomness of the system",
    "src/holdfast/sandbox/clock.py": "the sandbox is a system of its own, with a clock that can be moved",
    "src/holdfast/sandbox/chance.py": "the sandbox is a system of its own, with seeded chance",
}
SLEEPING_TESTS: dict[str, str] = {}


def uses(pattern: re.Pattern[str], *folders: str) -> Iterator[tuple[str, str]]:
    for name in python_files(*folders):
        for line, dotted in dotted_names(name):
            if pattern.fullmatch(dotted):
                yield name, f"{dotted} in line {line}"


def test_time_and_chance_enter_at_one_place() -> None:
    problems = unexcused(uses(TIME_AND_CHANCE, "src/"), ENTRANCES)
    assert not problems, report(problems)


def test_no_test_waits_by_the_clock() -> None:
    problems = unexcused(uses(SLEEP, "tests/"), SLEEPING_TESTS)
    assert not problems, report(problems)
