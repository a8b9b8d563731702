"""`doctor`, `promises`, `tasks`, `stats`: how the installation is."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any

import typer

from holdfast.cli.options import Days, Json
from holdfast.cli.output import console, print_json
from holdfast.cli.runtime import run_with_system

if TYPE_CHECKING:
    from holdfast.laws.doctor import DoctorReport
    from holdfast.system import System

MARKS = {"ok": "[green]✓[/green]", "wrong": "[red]✗[/red]", "unknown": "[yellow]?[/yellow]"}


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

    async def work(system: System) -> DoctorReport:
        return await examine(system, fix=fix, only=laws or None)

    report = run_with_system(context, work)
    print_json(report.as_json()) if json else _show_doctor(report)
    if not report.ok:
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

    async def work(system: System) -> dict[str, Any]:
        return await system.database.read(lambda conn: figures(conn, system.clock.now(), days))

    found = run_with_system(context, work)
    print_json(found) if json else _show_stats(found)


def _show_doctor(report: DoctorReport) -> None:
    """Every law and check with its mark; under what is wrong, what to do next."""
    from rich.markup import escape

    out = console()
    for law in report.laws:
        count = f"  [bold]{law.finding.violations}[/bold]" if law.finding.violations else ""
        out.print(f"{MARKS[law.state.value]} {escape(law.finding.law.statement)}{count}")
        for violation in law.finding.sample:
            out.print(f"      {violation.subject}", markup=False, style="dim")
        for subject, what in (law.repaired.mended if law.repaired else {}).items():
            out.print(f"    mended {subject}: {what}", markup=False)
        for subject, why in (law.repaired.left if law.repaired else {}).items():
            out.print(f"    left {subject}: {why}", markup=False)
        _show_next(law.next_step)
    for check in report.setup:
        out.print(f"{MARKS[check.state.value]} {escape(check.sentence)}")
        _show_next(check.next_step)
    broken = sum(law.finding.violations > 0 for law in report.laws)
    kept = len(report.laws) - broken
    out.print(
        f"\n{kept} of {len(report.laws)} promises are kept." + ("" if report.ok else " Something is wrong.")
    )


def _show_next(step: str) -> None:
    if step:
        console().print(f"    → {step}", markup=False)


def _show_stats(found: dict[str, Any]) -> None:
    from rich.table import Table

    from holdfast.money import formatted

    table = Table(show_header=False, box=None, padding=(0, 2, 0, 0))
    states = ", ".join(f"{number} {status}" for status, number in found["bookings"].items())
    table.add_row("Bookings", f"{found['bookings_total']}" + (f" ({states})" if states else ""))
    table.add_row("Seats confirmed", str(found["seats_confirmed"]))
    for money in found["money"]:
        taken, back = (formatted(money[name], money["currency"]) for name in ("captured", "refunded"))
        table.add_row(
            f"Money, {money['currency']}", f"{taken} taken, {back} given back, {money['payments']} payments"
        )
    table.add_row("Paid without booking", str(found["paid_without_booking"]))
    for name, share in found["success"].items():
        table.add_row(
            f"Of those who paid, {name.replace('_', ' ')}", "nobody paid" if share is None else f"{share:.2%}"
        )
    for title, name in (
        ("From charge to confirmation", "seconds_to_confirmation"),
        ("From charge to e-mail", "seconds_to_mail"),
    ):
        if found[name]:
            table.add_row(
                title, ", ".join(f"{quantile} {seconds} s" for quantile, seconds in found[name].items())
            )
    table.add_row(
        "Open", ", ".join(f"{number} {what.replace('_', ' ')}" for what, number in found["open"].items())
    )
    console().print(f"The last {found['days']} days", style="bold")
    console().print(table)


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
