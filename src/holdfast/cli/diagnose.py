"""`diagnose`: the whole story of an order, a booking, a customer or a payment; and what is deployed."""

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
    help="Tells the whole story of one of them, ours and Stripe's side by side, and the one command that is safe to run next;"
    " of a deployment, whether the code that should run is running there.",
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


@app.command()
def deployment(
    context: typer.Context,
    url: Annotated[
        str,
        typer.Argument(
            metavar="URL", help="The public address: where guests, Stripe and the SMS provider go."
        ),
    ],
    expect_commit: Annotated[
        str | None,
        typer.Option(
            "--expect-commit", metavar="SHA", help="What should run there; its beginning is enough."
        ),
    ] = None,
    wait: Annotated[
        float, typer.Option("--wait", metavar="S", help="How many seconds to wait until it runs there.")
    ] = 0.0,
    key: Annotated[
        str | None,
        typer.Option(
            "--key",
            metavar="KEY",
            envvar="HOLDFAST_KEY",
            show_envvar=False,
            help="One with the scope admin, or HOLDFAST_KEY: it shows every process, the worker's too.",
        ),
    ] = None,
    json: Json = False,
) -> None:
    """Is the code that should run running there, with the schema and the settings that it needs, and do webhooks arrive?

    It asks the address, the processes behind it, and Stripe, and sends an event of its own through the public address. Exit 1
    when something is wrong. Example: holdfast diagnose deployment https://tickets.example.com --expect-commit 1a2b3c4 --wait 300
    """
    from holdfast.cli.deployments import diagnosed, show_deployment

    found = diagnosed(context, url, expect_commit, wait, key)
    print_json(found.document()) if json else show_deployment(found, console())
    if not found.ok:
        raise typer.Exit(1)


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
