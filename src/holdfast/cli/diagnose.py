"""`diagnose`: the whole story of an order, a booking, a customer or a payment."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from holdfast.cli.options import Json
from holdfast.cli.output import console, print_json
from holdfast.cli.runtime import run_with_system

if TYPE_CHECKING:
    from holdfast.diagnosis.actions import Diagnosis, Kind
    from holdfast.system import System

app = typer.Typer(
    no_args_is_help=True,
    help="Tells the whole story of one of them, ours and Stripe's side by side, and the one command that is safe to run next.",
)
What = Annotated[
    str,
    typer.Argument(
        metavar="WHAT",
        help="An id (ord_, bkg_, cs_, pi_, ch_, evt_ …), a reference, an e-mail, a phone number, four digits of a card.",
    ),
]
Tenant = Annotated[
    str | None, typer.Option("--tenant", metavar="SLUG", help="Only in this tenant; none: in all.")
]


@app.command()
def order(context: typer.Context, what: What, tenant: Tenant = None, json: Json = False) -> None:
    """An order's story. Example: holdfast diagnose order ord_01jd3…"""
    _diagnose(context, "order", what, tenant, json)


@app.command()
def booking(context: typer.Context, what: What, tenant: Tenant = None, json: Json = False) -> None:
    """A booking's story. Example: holdfast diagnose booking HF-7K3M9QPX"""
    _diagnose(context, "booking", what, tenant, json)


@app.command()
def customer(context: typer.Context, what: What, tenant: Tenant = None, json: Json = False) -> None:
    """Everything about one customer. Example: holdfast diagnose customer guest@example.com"""
    _diagnose(context, "customer", what, tenant, json)


@app.command()
def payment(context: typer.Context, what: What, tenant: Tenant = None, json: Json = False) -> None:
    """What became of a payment. Examples: holdfast diagnose payment cs_test_a1B2c3 · holdfast diagnose payment 4242"""
    _diagnose(context, "payment", what, tenant, json)


def _diagnose(context: typer.Context, kind: Kind, what: str, tenant: str | None, json: bool) -> None:
    """Exit 1 when something is wrong with what was found, or nothing was found."""
    from holdfast.diagnosis.actions import diagnose
    from holdfast.errors import NotFound
    from holdfast.tenants.store import tenant_by_slug

    async def work(system: System) -> Diagnosis:
        tenant_id = None
        if tenant:
            async with system.database.transaction() as conn:
                owner = await tenant_by_slug(conn, tenant)
            if owner is None:
                raise NotFound(f"There is no tenant {tenant}.")
            tenant_id = int(owner["tenant_id"])
        return await diagnose(system, kind, what, tenant_id)

    found = run_with_system(context, work)
    if json:
        print_json(found.document())
    else:
        from holdfast.cli.diagnosis_text import show

        show(found, console())
    if found.is_wrong:
        raise typer.Exit(1)
