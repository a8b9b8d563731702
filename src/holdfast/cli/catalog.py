"""`catalog`: what is sold, from a YAML file."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from holdfast.cli.options import Json
from holdfast.cli.output import console, print_json
from holdfast.cli.runtime import run_with_system
from holdfast.errors import ValidationFailed

if TYPE_CHECKING:
    from holdfast.catalog.actions import LoadReport
    from holdfast.system import System

MOST_BYTES = 5 * 1024 * 1024
MOST_EVENTS = 500  # of one tenant
SHOWN = ("offering_id", "title", "starts_at", "status", "capacity", "taken")

app = typer.Typer(no_args_is_help=True, help="Loads and shows what is sold.")


class NotReally(Exception):
    """Rolls a dry run back."""


@app.command()
def load(
    context: typer.Context,
    file: Annotated[Path, typer.Argument(metavar="FILE.yaml", help="The catalogue; - is standard input.")],
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Check it and say what would change; change nothing.")
    ] = False,
    json: Json = False,
) -> None:
    """Loads a catalogue: tenants, events, tables, prices, menus, providers. Loading it again changes only what is different.

    Capacities are never lowered below what is taken. Example: holdfast catalog load season.yaml --dry-run
    """
    from holdfast.catalog.actions import load_catalog

    document = read_yaml(file)

    async def work(system: System) -> LoadReport:
        report: LoadReport | None = None
        try:
            async with system.database.transaction() as conn:
                report = await load_catalog(
                    conn, system.clock.now(), document, hold_minutes=system.settings.hold_minutes
                )
                if dry_run:
                    raise NotReally
        except NotReally:
            pass
        assert report is not None  # load_catalog returned, or its error went through
        return report

    report = run_with_system(context, work)
    if json:
        print_json({"dry_run": dry_run, "report": report})
    else:
        did = "Nothing was changed; it would have been" if dry_run else "Loaded"
        events = f"{report.created} events created, {report.updated} brought up to date"
        providers = f"{report.providers_created} providers and services created, {report.providers_updated} brought up to date"
        told = f"{events} ({', '.join(map(str, report.events))})"
        also = (
            f"; {providers} (providers {', '.join(map(str, report.providers))})" if report.providers else ""
        )
        console().print(f"{did}: {report.tenant}, {told}{also}.", markup=False)


@app.command()
def show(context: typer.Context, json: Json = False) -> None:
    """Lists every event with its seats: drafts and past ones too, the latest first."""
    from holdfast.catalog.store import events_of_tenant
    from holdfast.tenants.store import tenants

    async def work(system: System) -> list[dict[str, Any]]:
        async with system.database.transaction() as conn:
            return [
                {"tenant": tenant["slug"], **{name: event[name] for name in SHOWN}}
                for tenant in await tenants(conn)
                for event in await events_of_tenant(conn, tenant["tenant_id"], MOST_EVENTS)
            ]

    found = run_with_system(context, work)
    print_json({"events": found}) if json else _show(found)


def _show(events: list[dict[str, Any]]) -> None:
    from rich.table import Table

    table = Table("Tenant", "Id", "Event", "Starts (UTC)", "Status", "Seats", "Taken", box=None)
    for e in events:
        starts = e["starts_at"].strftime("%Y-%m-%d %H:%M") if e["starts_at"] else ""
        seats = (str(e["capacity"]), str(e["taken"]))
        table.add_row(e["tenant"], str(e["offering_id"]), e["title"], starts, e["status"], *seats)
    console().print(table)


def read_yaml(file: Path) -> dict[str, Any]:
    """Raises ValidationFailed with the line, when it is not YAML or not a catalogue's shape."""
    import yaml

    try:
        text = sys.stdin.read(MOST_BYTES + 1) if str(file) == "-" else file.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as unreadable:
        reason = getattr(unreadable, "strerror", None) or "it is not UTF-8 text"
        raise ValidationFailed(f"{file} cannot be read: {reason}.") from unreadable
    if len(text) > MOST_BYTES:
        raise ValidationFailed(f"{file} is larger than {MOST_BYTES // 1024 // 1024} MiB.")
    try:
        document = yaml.safe_load(text)
    except yaml.YAMLError as wrong:
        mark = getattr(wrong, "problem_mark", None)
        where = f" in line {mark.line + 1}" if mark is not None else ""
        raise ValidationFailed(
            f"{file} is not YAML{where}: {getattr(wrong, 'problem', None) or 'unreadable'}."
        ) from wrong
    if not isinstance(document, dict):
        raise ValidationFailed(f"{file} must hold a catalogue: names and values, beginning with `tenant:`.")
    return document
