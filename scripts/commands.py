"""docs/reference/cli.md: every command with its arguments and options, as typer knows them."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

import typer

from holdfast.cli.main import app

HEAD = """# The command line

`holdfast` is in `.venv/bin` after `make demo` or `make test`. Exit 0 is fine, 1 something is wrong, 2 misuse. Every
command that prints something takes `--json`. Without `DATABASE_URL` and `STRIPE_SECRET_KEY`, a command in a folder with a demo
uses the demo's settings and says so.

This page is written from the commands themselves by `python -m scripts.generate_docs`.

"""


def page() -> str:
    group = typer.main.get_command(app)
    sections = [_section(path, command) for path, command in walked(group, "holdfast")]
    return HEAD + "\n".join(sections)


def walked(command: Any, path: str) -> Iterator[tuple[str, Any]]:
    """Each command with the words that call it; groups too."""
    yield path, command
    for name, child in getattr(command, "commands", {}).items():
        yield from walked(child, f"{path} {name}")


def _section(path: str, command: Any) -> str:
    usage = [path, *(_metavar(one) for one in command.params if one.param_type_name == "argument")]
    lines = [f"## {path}", "", _text(command.help or ""), ""]
    if not hasattr(command, "commands"):
        lines += ["```", " ".join(usage), "```", ""]
    rows = [_row(one) for one in command.params if one.name != "help" and not getattr(one, "hidden", False)]
    if rows:
        lines += ["| | |", "|---|---|", *rows, ""]
    return "\n".join(lines)


def _text(text: str) -> str:
    return re.sub(r"[ \t]*\n[ \t]*", "\n", text).strip()


def _metavar(one: Any) -> str:
    name = str(one.metavar or one.name.upper())
    return name if one.required or name.startswith("[") else f"[{name}]"


def _row(one: Any) -> str:
    is_argument = one.param_type_name == "argument"
    name = _metavar(one) if is_argument else f"{', '.join(one.opts)}{_value(one)}"
    said = (one.help or "").replace("|", "\\|")
    return f"| `{name}` | {said}{_default(one)} |"


def _value(option: Any) -> str:
    """What follows an option; nothing after a switch."""
    kind = option.type_descriptor.annotation
    if option.metavar or kind is bool:
        return f" {option.metavar}" if option.metavar else ""
    return " N" if kind is int else " TEXT"


def _default(one: Any) -> str:
    if one.required:
        return " Needed." if one.param_type_name == "option" else ""
    shown = getattr(one, "show_default", None)
    if isinstance(shown, str):
        return f" Default: {shown}."
    plain = isinstance(one.default, str | int) and not isinstance(one.default, bool) and one.default != ""
    return f" Default: `{one.default}`." if plain else ""
