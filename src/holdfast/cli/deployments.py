"""`diagnose deployment`: where its key, settings and database come from, and its page of sentences."""

from __future__ import annotations

import asyncio
from contextlib import AsyncExitStack
from functools import partial
from typing import TYPE_CHECKING

import typer

from holdfast.cli.runtime import place_of, settings_at

if TYPE_CHECKING:
    from rich.console import Console

    from holdfast.diagnosis.deployment import Asked, Report
    from holdfast.diagnosis.deployment_rules import Line
    from holdfast.settings import Settings

MARKS = {
    "ok": "[green]✓[/green]",
    "wrong": "[red]✗[/red]",
    "unknown": "[yellow]?[/yellow]",
    "not_asked": "[dim]–[/dim]",
}


def diagnosed(
    context: typer.Context, url: str, expected: str | None, wait_s: float, key: str | None
) -> Report:
    """Raises SettingsWrong for malformed local settings; none need be set."""
    from holdfast.diagnosis.deployment import Asked

    settings = settings_at(place_of(context))
    asked = Asked(url, settings, expected, wait_s, key or _key_of_demo(settings, url))
    return asyncio.run(_asked(asked))


async def _asked(asked: Asked) -> Report:
    """With the database beside it when there is no key: it may be the one that the address uses."""
    from dataclasses import replace

    from holdfast.diagnosis.deployment import diagnose_deployment
    from holdfast.diagnosis.deployment_actions import facts_in_database
    from holdfast.errors import HoldfastError
    from holdfast.system import open_system

    async with AsyncExitStack() as stack:
        if asked.key is None and asked.settings.database_url is not None:
            try:
                system = await stack.enter_async_context(open_system(asked.settings, most_connections=2))
                asked = replace(asked, in_database=partial(facts_in_database, system))
            except HoldfastError:
                pass  # a database that is not there: then nothing is known from inside, which a line says
        return await diagnose_deployment(asked)


def _key_of_demo(settings: Settings, url: str) -> str | None:
    """The demo's own key, which opens nothing else, for the demo's own address."""
    from holdfast.cli.demo.state import DemoState
    from holdfast.diagnosis.deployment_rules import normal

    demo = DemoState.read(settings.holdfast_data)
    if demo is None or "web" not in demo.ports or normal(demo.web_url) != normal(url):
        return None
    return demo.keys.get("admin")


def show_deployment(found: Report, out: Console) -> None:
    """What is wrong first, each with what to do next; then what is right; then what was not asked."""
    order = ("wrong", "unknown", "ok", "not_asked")
    for line in sorted(found.lines, key=lambda line: order.index(line.state.value)):
        _show_line(line, out)
    wrong = sum(line.state.value in ("wrong", "unknown") for line in found.lines)
    left_out = sum(line.state.value == "not_asked" for line in found.lines)
    if wrong:
        out.print(f"\n{wrong} of {len(found.lines)} lines are red.", style="bold red")
    else:
        rest = f", {left_out} not asked" if left_out else ""
        out.print(f"\nAll that was asked is right{rest}.", style="green")
    if found.waited_s >= 1:
        out.print(f"Waited {found.waited_s:.0f} s.", style="dim")


def _show_line(line: Line, out: Console) -> None:
    from rich.markup import escape

    out.print(f"{MARKS[line.state.value]} {escape(line.sentence)}")
    if line.next_step:
        out.print(f"    → {line.next_step}", markup=False)
