"""`doctor`, `promises`, `tasks`, `stats`: how the installation is."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any

import typer

from holdfast.cli.options import Days, Json
from holdfast.cli.output import console, print_json
from holdfast.cli.runtime import run_with_system

if TYPE_CHECKING:
    from holdfast.system import System


def doctor(
    context: typer.Context,
    laws: Annotated[
        list[str] | None, typer.Argument(metavar="[LAW]...", help="Only these; none: all of them.")
    ] = None,
    fix: Annotated[bool, typer.Option("--fix", help="Repair what may be repaired by a machine.")] = False,
    json: Json = False,
) -> None:
    """Checks every promise and the set-up. Exit 1 when something is wrong.

    Examples: holdfast doctor · holdfast doctor --fix · holdfast doctor paid_has_booking --json
    """
    from holdfast.laws.doctor import doctor as examine

    async def work(system: System) -> Any:
        return await examine(system, names=laws or [], fix=fix)

    report = run_with_system(context, work)
    print_json(report.document()) if json else console().print(report.text(), markup=False)
    if not report.healthy:
        raise typer.Exit(1)


def promises(context: typer.Context, json: Json = False) -> None:
    """Prints each promise in its own words with what was found when it was last checked. Exit 1 when one is broken."""
    from holdfast.laws.check import promises as board

    async def work(system: System) -> list[dict[str, Any]]:
        async with system.database.transaction() as conn:
            return await board(conn)

    found = run_with_system(context, work)
    print_json({"promises": found}) if json else _show_promises(found)
    if any(promise["violations"] for promise in found):
        raise typer.Exit(1)


def tasks(
    context: typer.Context,
    tenant: Annotated[
        str | None, typer.Option("--tenant", metavar="SLUG", help="Only one tenant's; none: all.")
    ] = None,
    json: Json = False,
) -> None:
    """Lists what only a person can decide, the oldest first."""
    from holdfast.tasks.actions import open_tasks
    from holdfast.tenants.store import tenant_by_slug

    async def work(system: System) -> list[dict[str, Any]]:
        async with system.database.transaction() as conn:
            owner = await tenant_by_slug(conn, tenant) if tenant else None
            if tenant and owner is None:
                from holdfast.errors import NotFound

                raise NotFound(f"There is no tenant {tenant}.")
            return [dict(task) for task in await open_tasks(conn, owner["tenant_id"] if owner else None)]

    found = run_with_system(context, work)
    print_json({"tasks": found}) if json else _show_tasks(found)


def stats(context: typer.Context, days: Days = 30, json: Json = False) -> None:
    """Bookings, money, success rate, and the time from charge to confirmation."""
    from holdfast.laws.stats import stats as figures

    async def work(system: System) -> Any:
        return await figures(system, days=days)

    found = run_with_system(context, work)
    print_json(found) if json else console().print(found.text(), markup=False)


def _show_promises(found: list[dict[str, Any]]) -> None:
    from rich.table import Table

    table = Table("", "Promise", "Broken", "Last checked (UTC)", box=None)
    for promise in found:
        broken, checked = promise["violations"], promise["last_checked"]
        mark = "[dim]?[/dim]" if checked is None else "[red]✗[/red]" if broken else "[green]✓[/green]"
        table.add_row(
            mark, promise["statement"], "" if broken is None else str(broken), (checked or "never")[:19]
        )
    console().print(table)


def _show_tasks(found: list[dict[str, Any]]) -> None:
    if not found:
        console().print("Nothing waits for a person.")
    for task in found:
        console().print(
            f"{task['created_at']:%Y-%m-%d %H:%M}  {task['kind']}  {task['sentence']}", markup=False
        )
        console().print(
            f"    {task['task_id']}  {task['order_id'] or task['subject']}", markup=False, style="dim"
        )
