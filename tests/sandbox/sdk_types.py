"""Compares an answer with what the official SDK's classes declare about it."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from decimal import Decimal
from functools import cache
from types import NoneType
from typing import Any, ClassVar, Literal, Union, get_args, get_origin, get_type_hints

import stripe
from stripe._expandable_field import ExpandableField
from stripe._list_object import ListObject
from stripe._stripe_object import StripeObject, UntypedStripeObject


def problems(body: Any, declared: type, path: str = "") -> Iterator[str]:
    """What is missing, of the wrong type, undocumented or not among the documented values."""
    hints = hints_of(declared)
    for name, kind in hints.items():
        if name not in body:
            if not is_optional(kind):
                yield f"{path}.{name} is missing"
        else:
            yield from value_problems(body[name], kind, f"{path}.{name}")
    for name in body:
        if name not in hints:
            yield f"{path}.{name} is not declared by {declared.__qualname__}"


@cache
def hints_of(declared: type) -> dict[str, Any]:
    names: dict[str, Any] = dict(vars(stripe))
    names |= {name: getattr(stripe.checkout, name) for name in dir(stripe.checkout)}
    names |= vars(sys.modules[declared.__module__])
    names |= {inner.__name__: inner for inner in vars(declared).values() if isinstance(inner, type)}
    names |= {
        "DisputeResource": stripe.Dispute,
        "CardResource": stripe.Card,
        "IssuingDisputeResource": StripeObject,
    }
    hints = resolved(declared, names)
    return {
        name: kind
        for name, kind in hints.items()
        if not name.startswith("_") and get_origin(kind) is not ClassVar
    }


def resolved(declared: type, names: dict[str, Any]) -> dict[str, Any]:
    """The hints. The SDK imports many names for type checkers only: these stand for any object."""
    while True:
        try:
            return get_type_hints(declared, globalns=names)
        except NameError as error:
            names[str(error.name)] = StripeObject


def is_optional(kind: Any) -> bool:
    return get_origin(kind) is Union and NoneType in get_args(kind)


def value_problems(value: Any, kind: Any, path: str) -> Iterator[str]:
    origin, arguments = get_origin(kind), get_args(kind)
    if kind is Any:
        return
    if origin is Union:
        yield from union_problems(value, arguments, path)
    elif origin is Literal:
        if value not in arguments:
            yield f"{path} is {value!r}, not one of {arguments[:8]}"
    elif origin in (list, ListObject, UntypedStripeObject, ExpandableField):
        yield from container_problems(value, origin, arguments, path)
    elif isinstance(kind, type) and issubclass(kind, StripeObject):
        if not isinstance(value, dict):
            yield f"{path} is {value!r}, not an object"
        elif kind is not StripeObject:
            yield from problems(value, kind, path)
    elif not is_instance(value, kind):
        yield f"{path} is {value!r}, not {kind}"


def union_problems(value: Any, arguments: tuple[Any, ...], path: str) -> Iterator[str]:
    """One of them must fit; beside a list of documented values, `str` is only for those still to come."""
    if value is None and NoneType in arguments:
        return
    literals = [one for one in arguments if get_origin(one) is Literal]
    candidates = [one for one in arguments if one is not NoneType and not (one is str and literals)]
    found = [list(value_problems(value, one, path)) for one in candidates]
    if found and all(found):
        yield from min(found, key=len)


def container_problems(value: Any, origin: Any, arguments: tuple[Any, ...], path: str) -> Iterator[str]:
    if origin is ListObject:
        if value.get("object") != "list" or set(value) < {"data", "has_more", "url"}:
            yield f"{path} is no list object"
        value = value.get("data", [])
    if origin is UntypedStripeObject:
        for name, item in value.items():
            yield from value_problems(item, arguments[0], f"{path}.{name}")
        return
    for index, item in enumerate(value):
        yield from value_problems(item, arguments[0], f"{path}[{index}]")


def is_instance(value: Any, kind: Any) -> bool:
    if kind is int:
        return isinstance(value, int) and not isinstance(value, bool)
    if kind is float:
        return isinstance(value, int | float) and not isinstance(value, bool)
    if kind is Decimal:
        return isinstance(value, str)
    return isinstance(value, kind)
