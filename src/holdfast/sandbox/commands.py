"""`python -m holdfast.sandbox faults`: show or change the faults of a sandbox that runs."""

import argparse
import json
import os
import sys
from typing import Any

import httpx

from holdfast.sandbox.faults import NO_FAULTS

TIMEOUT_S = 10.0


def faults(arguments: list[str]) -> int:
    """Without a fault it shows them; `--none` puts everything right again."""
    parsed = _parser().parse_args(arguments)
    change = NO_FAULTS if parsed.none else _change(parsed)
    address = parsed.url.rstrip("/") + "/control/faults"
    try:
        response = (
            httpx.post(address, json=change, timeout=TIMEOUT_S)
            if change
            else httpx.get(address, timeout=TIMEOUT_S)
        )
    except httpx.HTTPError as error:
        print(f"No sandbox answers at {parsed.url}: {error}", file=sys.stderr)
        return 1
    if response.is_error:
        print(response.text, file=sys.stderr)
        return 2
    print(json.dumps(response.json(), indent=2))
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser("holdfast.sandbox faults", description=faults.__doc__)
    parser.add_argument(
        "--url", default=os.environ.get("SANDBOX_URL", "http://127.0.0.1:8001"), help="[SANDBOX_URL]"
    )
    parser.add_argument("--none", action="store_true", help="nothing goes wrong any more")
    parser.add_argument("--seed", help="start the dice anew")
    for group, name in _names():
        flag = f"--{group}-{name.replace('_', '-')}"
        parser.add_argument(flag, dest=f"{group}.{name}", type=_value, metavar="VALUE")
    return parser


def _names() -> list[tuple[str, str]]:
    return [
        (group, name) for group, values in NO_FAULTS.items() if isinstance(values, dict) for name in values
    ]


def _value(text: str) -> Any:
    """A number, true or false; anything else is a comma-separated list."""
    try:
        return json.loads(text)
    except ValueError:
        return [item.strip() for item in text.split(",")]


def _change(parsed: argparse.Namespace) -> dict[str, Any]:
    change: dict[str, Any] = {}
    for group, name in _names():
        value = getattr(parsed, f"{group}.{name}")
        if value is not None:
            change.setdefault(group, {})[name] = value
    if parsed.seed is not None:
        change["seed"] = parsed.seed
    return change
