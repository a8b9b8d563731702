"""`migrate` and `settings`."""

from __future__ import annotations

import typer

from holdfast.cli.options import Json
from holdfast.cli.output import console, note, print_json
from holdfast.cli.runtime import connected_settings, explained, place_of, settings_at


def migrate(context: typer.Context, json: Json = False) -> None:
    """Creates the database's schema, or takes the steps that are missing.

    It may run again and again, and by several processes at once: each step is one transaction and is taken once.
    """
    from holdfast.database.connection import apply_schema

    with connected_settings(settings_at(place_of(context))) as settings, explained():
        assert settings.database_url is not None  # connected_settings has set it
        version = apply_schema(settings.database_url)
    if json:
        print_json({"schema": version})
    else:
        console().print(f"The database's schema is version {version}.")


def settings(context: typer.Context, json: Json = False) -> None:
    """Prints every setting with secrets hidden, and says what is missing before money is taken (exit 1)."""
    from holdfast.settings import missing_for_production

    found = settings_at(place_of(context))
    missing = missing_for_production(found)
    if json:
        print_json({"settings": found.shown(), "missing": missing})
    else:
        _show(found.shown())
        for sentence in missing:
            note(sentence)
    if missing:
        raise typer.Exit(1)


def _show(shown: dict[str, str]) -> None:
    from rich.table import Table

    table = Table(show_header=False, box=None, padding=(0, 2, 0, 0))
    for name, value in shown.items():
        table.add_row(f"[bold]{name}[/bold]", value or "[dim]not set[/dim]")
    console().print(table)
