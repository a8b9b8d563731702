"""Stripe's form encoding: `a[b][0][c]=d` is a tree. https://docs.stripe.com/api (form-encoded request bodies)"""

import re
from typing import Any
from urllib.parse import parse_qsl

from holdfast.sandbox.stripe_api.errors import invalid

PART = re.compile(r"\[([^\[\]]*)\]")
MAX_PAIRS = 5_000
Tree = dict[str, Any]


def parse_form(encoded: bytes | str) -> Tree:
    """The tree of a query string or body. Lists come as `[]`, `[0]`, `[1]`…; all leaves are strings."""
    text = encoded.decode("utf-8", "replace") if isinstance(encoded, bytes) else encoded
    try:
        pairs = parse_qsl(text, keep_blank_values=True, max_num_fields=MAX_PAIRS)
    except ValueError as error:
        raise invalid("Too many parameters.", None) from error
    tree: Tree = {}
    for name, value in pairs:
        if "\x00" in name or "\x00" in value:
            raise invalid("Parameters may not contain a null byte.", name.replace("\x00", ""))
        _place(tree, *_path(name), value=value)
    return {key: _lists(value) for key, value in tree.items()}


def _path(name: str) -> tuple[str, list[str]]:
    head, bracket, rest = name.partition("[")
    if not bracket:
        return name, []
    parts = PART.findall(bracket + rest)
    if not head or "".join(f"[{part}]" for part in parts) != bracket + rest:
        raise invalid(f"Invalid parameter name: {name}", name)
    return head, parts


def _place(tree: Tree, head: str, parts: list[str], value: str) -> None:
    keys = [head, *parts]
    for index, key in enumerate(keys[:-1]):
        tree = tree.setdefault(_slot(tree, key), {})
        if not isinstance(tree, dict):
            raise invalid(
                "Invalid parameters: a name is both a value and a hash.", ".".join(keys[: index + 1])
            )
    tree[_slot(tree, keys[-1])] = value


def _slot(tree: Tree, key: str) -> str:
    """`a[]=1&a[]=2` names no index: each takes the next one."""
    return key if key != "" else str(len(tree))


def _lists(value: Any) -> Any:
    if not isinstance(value, dict):
        return value
    if value and all(key.isdigit() for key in value):
        return [_lists(value[key]) for key in sorted(value, key=int)]
    return {key: _lists(item) for key, item in value.items()}
