"""`keys`: what opens the API. A key is shown once, when it is made; the database keeps only its hash."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any

import typer

from holdfast.cli.options import Json
from holdfast.cli.output import console, note, print_json
from holdfast.cli.runtime import run_with_system
from holdfast.errors import NotFound

if TYPE_CHECKING:
    from holdfast.system import System

app = typer.Typer(no_args_is_help=True, help="Makes, lists and revokes API keys.")
LARGEST_ID = 2**63 - 1
Tenant = Annotated[str, typer.Option("--tenant", metavar="SLUG", help="Whose key it is.")]


@app.command()
def create(
    context: typer.Context,
    scope: Annotated[
        list[str],
        typer.Option(
            "--scope",
            help="What it may do: admin, bookings, provider, door or metrics. More than one: repeat it.",
        ),
    ],
    tenant: Tenant = "default",
    name: Annotated[str, typer.Option("--name", help="What you will know it by.")] = "",
    provider: Annotated[
        int | None,
        typer.Option(
            "--provider", metavar="ID", help="Whom a key of scope provider speaks for.", min=1, max=LARGEST_ID
        ),
    ] = None,
    json: Json = False,
) -> None:
    """Makes a key and prints it, once.

    Example: holdfast keys create --scope bookings --name "the SMS gateway"
    """
    from holdfast.tenants.actions import create_key

    scopes = sorted({part.strip() for text in scope for part in text.split(",") if part.strip()})

    async def work(system: System) -> dict[str, Any]:
        async with system.database.transaction() as conn:
            owner = await _tenant_id(conn, tenant)
            now = system.clock.now()
            clear, key = await create_key(
                conn, system.ids, now, owner, name or "+".join(scopes), scopes, provider
            )
        told = {"key": clear, "key_id": key.key_id, "hint": key.hint, "tenant": tenant, "scopes": scopes}
        return told if provider is None else {**told, "provider_id": provider}

    made = run_with_system(context, work)
    if json:
        print_json(made)
        return
    console().print(made["key"], markup=False)
    note(f"Keep it now: it is not shown again. It is {made['key_id']} of {tenant}, for {', '.join(scopes)}.")


@app.command("list")
def list_keys(context: typer.Context, tenant: Tenant = "default", json: Json = False) -> None:
    """Lists a tenant's keys by their first characters; revoked ones too."""
    from holdfast.tenants.store import keys_of

    async def work(system: System) -> list[dict[str, Any]]:
        async with system.database.transaction() as conn:
            return [dict(row) for row in await keys_of(conn, await _tenant_id(conn, tenant))]

    found = run_with_system(context, work)
    if json:
        print_json({"keys": found})
        return
    _show(found)


@app.command()
def revoke(
    context: typer.Context,
    key_id: Annotated[str, typer.Argument(metavar="KEY_ID")],
    tenant: Tenant = "default",
    json: Json = False,
) -> None:
    """Ends a key at once. Its id (key_…) is in `holdfast keys list`."""
    from holdfast.tenants.actions import revoke_key

    async def work(system: System) -> None:
        async with system.database.transaction() as conn:
            await revoke_key(conn, system.clock.now(), await _tenant_id(conn, tenant), key_id)

    run_with_system(context, work)
    if json:
        print_json({"key_id": key_id, "revoked": True})
    else:
        console().print(f"{key_id} is revoked.")


async def _tenant_id(conn: Any, slug: str) -> int:
    from holdfast.tenants.store import tenant_by_slug

    tenant = await tenant_by_slug(conn, slug)
    if tenant is None:
        raise NotFound(f"There is no tenant {slug}. Load a catalogue first: holdfast catalog load FILE.yaml")
    return int(tenant["tenant_id"])


def _show(keys: list[dict[str, Any]]) -> None:
    from rich.table import Table

    table = Table("Key", "Begins with", "Name", "Scopes", "Made", "State", box=None)
    for key in keys:
        state = "revoked" if key["revoked_at"] else "valid"
        made = key["created_at"].strftime("%Y-%m-%d")
        table.add_row(key["key_id"], f"{key['hint']}…", key["name"], ", ".join(key["scopes"]), made, state)
    console().print(table)
