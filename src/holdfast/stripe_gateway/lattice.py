"""How two pieces of evidence about the same object become one, whatever their order and however often each is told (rule 2).

Every fact has a way in which it can only grow. Merging is therefore commutative, associative and idempotent fact by fact,
and so for the whole: any permutation and any duplication of the same evidence gives the same state.

- Ranked: one of a list of values, and the one further right wins (`open < expired < complete`).
- Highest: a number or a time that only rises (`amount_received`).
- Flag: once true, true.
- Fixed: a value that never changes (`amount_total`). Every distinct value seen is kept; more than one is a contradiction, which
  nobody resolves by guessing.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class Ranked:
    order: tuple[str, ...]

    def take(self, value: Any) -> Any:
        return value if value in self.order else None

    def merge(self, one: Any, other: Any) -> Any:
        return max(one, other, key=self.order.index)


@dataclass(frozen=True)
class Highest:
    def take(self, value: Any) -> Any:
        return int(value) if isinstance(value, int) and not isinstance(value, bool) else None

    def merge(self, one: Any, other: Any) -> Any:
        return max(one, other)


@dataclass(frozen=True)
class Flag:
    def take(self, value: Any) -> Any:
        return True if value is True else None

    def merge(self, one: Any, other: Any) -> Any:
        return True


@dataclass(frozen=True)
class Fixed:
    def take(self, value: Any) -> Any:
        return (
            [value] if isinstance(value, str | int) and not isinstance(value, bool) and value != "" else None
        )

    def merge(self, one: Any, other: Any) -> Any:
        return sorted({*one, *other}, key=lambda value: (str(type(value)), value))


Fact = Ranked | Highest | Flag | Fixed
Facts = Mapping[str, Any]
Shape = Mapping[str, Fact]


def take(shape: Shape, values: Mapping[str, Any]) -> dict[str, Any]:
    """The facts among `values`: what is absent, null or unknown proves nothing and is left out."""
    taken = ((name, fact.take(values.get(name))) for name, fact in shape.items())
    return {name: value for name, value in taken if value is not None}


def merge(shape: Shape, one: Facts, other: Facts) -> dict[str, Any]:
    merged = dict(one)
    for name, value in other.items():
        merged[name] = shape[name].merge(merged[name], value) if name in merged else value
    return dict(sorted(merged.items()))


def only(facts: Facts, name: str) -> Any:
    """The value of a Fixed fact; None when unknown. With a contradiction, the first in sorting order: see `contradicts`."""
    values = facts.get(name)
    return values[0] if values else None


def contradicts(shape: Shape, facts: Facts) -> list[str]:
    """The names of Fixed facts that were told in two ways."""
    return [name for name, fact in shape.items() if isinstance(fact, Fixed) and len(facts.get(name, ())) > 1]
