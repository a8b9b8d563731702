"""The dashboard: sessions, payments and events at a glance, with the buttons of `dashboard` and switches for faults."""

from decimal import Decimal, InvalidOperation
from typing import Any

from starlette.requests import Request
from starlette.responses import RedirectResponse, Response
from starlette.routing import Route

from holdfast.sandbox import dashboard
from holdfast.sandbox.faults import BadFaults, fresh
from holdfast.sandbox.pages.rendering import page
from holdfast.sandbox.stripe_api import money
from holdfast.sandbox.stripe_api.errors import StripeFault
from holdfast.sandbox.world import World

ROWS = 30
# https://docs.stripe.com/disputes/categories
REASONS = (
    "fraudulent",
    "product_not_received",
    "product_unacceptable",
    "duplicate",
    "credit_not_processed",
    "general",
)
# One click each: a name, what it says, the change.
SWITCHES: dict[str, tuple[str, dict[str, Any]]] = {
    "lose": ("Lose every webhook", {"webhooks": {"lose": 1}}),
    "duplicate": ("Send every webhook twice", {"webhooks": {"duplicate": 1}}),
    "delay": ("Delay webhooks by a minute", {"webhooks": {"delay_s": 60}}),
    "reorder": ("Shuffle webhooks", {"webhooks": {"reorder": True}}),
    "never": ("Never make an event", {"webhooks": {"never_generate": 1}}),
    "silent_before": ("Time out before the effect", {"api": {"timeout_before": 1, "timeout_s": 5}}),
    "silent_after": ("Time out after the effect", {"api": {"timeout_after": 1, "timeout_s": 5}}),
    "error": ("Answer 500", {"api": {"error_500": 1}}),
    "limit": ("Answer 429", {"api": {"error_429": 1}}),
    "refund_fails": ("Refunds fail later", {"refunds": {"fail_later": 1}}),
    "mail_defer": ("Mail server says: later", {"mail": {"defer": 1}}),
    "mail_refuse": ("Mail server refuses", {"mail": {"refuse": 1}}),
    "sms_error": ("SMS provider fails", {"sms": {"error": 1}}),
    "sms_undelivered": ("SMS does not arrive", {"sms": {"undelivered": 1}}),
}


async def show(request: Request) -> Response:
    return await _show(request)


async def _show(request: Request, problem: str | None = None) -> Response:
    world: World = request.app.state.world
    await world.catch_up()
    kinds = ("checkout.session", "payment_intent", "refund", "dispute", "event")
    books = {kind: await _newest(world, kind) for kind in kinds}
    charges = await _charges(world, books["payment_intent"])
    active = {name for name, (_, change) in SWITCHES.items() if _is_on(world.faults, change)}
    return page(
        request,
        "ledger.html",
        422 if problem else 200,
        problem=problem,
        sessions=books["checkout.session"],
        intents=books["payment_intent"],
        charges=charges,
        reasons=REASONS,
        refunds=books["refund"],
        disputes=books["dispute"],
        events=books["event"],
        deliveries=await _deliveries(world, [body["id"] for body in books["event"]]),
        switches=SWITCHES,
        active=active,
        now=world.clock.now(),
    )


def _is_on(faults: dict[str, Any], change: dict[str, Any]) -> bool:
    return all(
        faults[group][name] == value for group, values in change.items() for name, value in values.items()
    )


async def _newest(world: World, kind: str) -> list[dict[str, Any]]:
    async with world.pool.connection() as connection:
        cursor = await connection.execute(
            "SELECT body FROM sandbox.object WHERE type = %s ORDER BY seq DESC LIMIT %s", [kind, ROWS]
        )
        return [row["body"] for row in await cursor.fetchall()]


async def _charges(world: World, intents: list[dict[str, Any]]) -> dict[str, dict[str, Any]]:
    """The charge that counts of each intent that has one."""
    async with world.pool.connection() as connection:
        cursor = await connection.execute(
            "SELECT body FROM sandbox.object WHERE id = ANY (%s)",
            [[intent["latest_charge"] for intent in intents if intent["latest_charge"]]],
        )
        return {row["body"]["id"]: row["body"] for row in await cursor.fetchall()}


async def _deliveries(world: World, event_ids: list[str]) -> dict[str, str]:
    """For each event, how its deliveries stand, in a few words."""
    async with world.pool.connection() as connection:
        cursor = await connection.execute(
            "SELECT event_id, string_agg(status || coalesce(' (' || last_status || ')', ''), ', ' ORDER BY id) AS said "
            "FROM sandbox.delivery WHERE event_id = ANY (%s) GROUP BY event_id",
            [event_ids],
        )
        return {row["event_id"]: row["said"] for row in await cursor.fetchall()}


async def press(request: Request) -> Response:
    """A button was pressed; then the page again."""
    world: World = request.app.state.world
    form = {name: str(value) for name, value in (await request.form()).items()}
    try:
        await _do(world, form)
    except (StripeFault, ValueError, LookupError) as error:
        return await _show(request, str(error))
    return RedirectResponse("/", 303)


async def _do(world: World, form: dict[str, str]) -> None:
    action = form.get("action", "")
    if action == "resend":
        await dashboard.resend(world, form.get("event_id", ""))
    elif action == "switch":
        await _switch(world, form.get("fault", ""), form.get("to") == "on")
    elif action == "no_faults":
        await world.change_faults(fresh())
    elif action == "advance":
        await world.advance(float(form.get("seconds", "0")))
    elif action == "reset":
        await world.reset()
    else:
        await dashboard.act(world, _typed(form))


def _typed(form: dict[str, str]) -> dict[str, Any]:
    """What was filled in beside the button; an amount is typed as people write it, and empty for all of it."""
    body: dict[str, Any] = dict(form)
    typed, currency = form.get("amount", "").strip(), form.get("currency", "")
    body.pop("amount", None)
    if not typed:
        return body
    try:
        minor = Decimal(typed) * 10 ** money.exponent(currency)
    except InvalidOperation:
        raise ValueError(f"{typed} is no amount") from None
    if not minor.is_finite() or minor != int(minor):
        raise ValueError(f"{typed} is no amount of {currency.upper()}")
    return body | {"amount": int(minor)}


async def _switch(world: World, name: str, on: bool) -> None:
    if name not in SWITCHES:
        raise BadFaults(f"unknown switch: {name}")
    change = SWITCHES[name][1]
    if not on:
        default = fresh()
        change = {group: {key: default[group][key] for key in values} for group, values in change.items()}
    await world.change_faults(change)


ROUTES = [
    Route("/", show, methods=["GET"]),
    Route("/", press, methods=["POST"]),
]
