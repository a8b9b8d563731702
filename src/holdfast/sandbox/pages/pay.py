"""The hosted page to pay on: for a Checkout Session, and for a PaymentIntent in place of the Payment Element.

A script may post the same form: `card`, `action=pay|cancel|complete_3ds|fail_3ds`, `method=card|bank_debit|bank_debit_fail`.
"""

from typing import Any
from urllib.parse import parse_qsl, urlencode, urlsplit, urlunsplit

from starlette.requests import Request
from starlette.responses import RedirectResponse, Response
from starlette.routing import Route

from holdfast.sandbox.ledger import Ledger, Row
from holdfast.sandbox.pages.rendering import page
from holdfast.sandbox.stripe_api import charging, intents, sessions
from holdfast.sandbox.stripe_api.cards import CARDS, Card, Decline, card_of_number
from holdfast.sandbox.stripe_api.context import Call
from holdfast.sandbox.world import World

DEFAULT_CARD = "4242424242424242"
PLACEHOLDER = "{CHECKOUT_SESSION_ID}"
ACTIONS = ("pay", "cancel", "complete_3ds", "fail_3ds")
METHODS = ("card", "bank_debit", "bank_debit_fail")


async def show(request: Request) -> Response:
    """The page as it is now; time may have run out since the link was given."""
    world: World = request.app.state.world
    await world.catch_up()
    async with world.pool.connection() as connection:
        ledger = Ledger(connection, world.clock.seconds(), world.chance)
        return await _shown(request, ledger, request.path_params["id"])


async def _shown(
    request: Request,
    ledger: Ledger,
    id: str,
    decline: Decline | None = None,
    typed: dict[str, str] | None = None,
) -> Response:
    row = await ledger.find(id)
    if row is None or row.type not in ("checkout.session", "payment_intent"):
        return page(
            request, "gone.html", 404, title="Not found", text="There is nothing to pay at this address."
        )
    if row.type == "payment_intent" and not _knows_secret(request, row):
        return page(
            request, "gone.html", 404, title="Not found", text="There is nothing to pay at this address."
        )
    intent = await _intent(ledger, row)
    if row.body["status"] in ("complete", "succeeded", "requires_capture", "processing"):
        return page(request, "gone.html", title="Already paid", text="You have completed this payment.")
    if row.body["status"] in ("expired", "canceled"):
        text = "This checkout has timed out. Nothing was charged."
        return page(request, "gone.html", title="Page expired", text=text)
    if intent is not None and intent.body["status"] == "requires_action" and decline is None:
        return page(request, "secure.html", **_summary(row))
    status = 402 if decline else 200
    return page(request, "pay.html", status, decline=decline, cards=CARDS, typed=typed or {}, **_summary(row))


def _knows_secret(request: Request, row: Row) -> bool:
    """A browser may see an intent only with its client secret."""
    secret: str = row.body["client_secret"]
    return request.query_params.get("client_secret") == secret


async def _intent(ledger: Ledger, row: Row) -> Row | None:
    if row.type == "payment_intent":
        return row
    return await ledger.find(row.body["payment_intent"]) if row.body["payment_intent"] else None


def _summary(row: Row) -> dict[str, Any]:
    body = row.body
    if row.type == "payment_intent":
        name = body["description"] or "Payment"
        lines = [{"name": name, "description": None, "quantity": 1, "amount": body["amount"]}]
        return {
            "lines": lines,
            "total": body["amount"],
            "currency": body["currency"],
            "email": body["receipt_email"] or "",
            "manual": body["capture_method"] == "manual",
            "can_cancel": False,
        }
    lines = [_line(item) for item in row.hidden["line_items"]]
    return {
        "lines": lines,
        "total": body["amount_total"],
        "currency": body["currency"],
        "email": body["customer_email"] or "",
        "manual": row.hidden["payment_intent_data"].get("capture_method") == "manual",
        "can_cancel": bool(body["cancel_url"]),
    }


def _line(item: dict[str, Any]) -> dict[str, Any]:
    return {
        "name": item["description"] or "Item",
        "description": item.get("_description"),
        "quantity": item["quantity"],
        "amount": item["amount_total"],
    }


async def submit(request: Request) -> Response:
    """What the customer pressed."""
    world: World = request.app.state.world
    await world.catch_up()
    form = dict(parse_qsl((await request.body()).decode("utf-8", "replace")))
    action, method = form.get("action", "pay"), form.get("method", "card")
    if action not in ACTIONS or method not in METHODS:
        return page(
            request, "gone.html", 400, title="Not understood", text="The form was not filled in as expected."
        )
    id = request.path_params["id"]
    card = card_of_number(form.get("card") or DEFAULT_CARD)
    told: list[str] = []
    async with world.transaction() as ledger:
        response = await _act(request, world, ledger, id, action, method, card, form)
        told = [event.row.id for event in ledger.told if event.kind == "checkout.session.completed"]
    await _wait_for_answer(world, told)
    return response


async def _wait_for_answer(world: World, event_ids: list[str]) -> None:
    """Stripe holds the customer until the webhook is answered, for up to ten seconds; a lost one is not waited for.

    https://docs.stripe.com/checkout/fulfillment
    """
    rules = world.faults["webhooks"]
    troubled = rules["lose"] or rules["delay_s"] or rules["never_generate"] or rules["reorder"]
    if event_ids and not troubled:
        await world.dispatcher.answered(event_ids[0], world.options.checkout_wait_s)


async def _act(
    request: Request,
    world: World,
    ledger: Ledger,
    id: str,
    action: str,
    method: str,
    card: Card,
    form: dict[str, str],
) -> Response:
    row = await ledger.find(id, lock=id.startswith("cs_"))
    if row is not None and row.type == "payment_intent" and _knows_secret(request, row):
        return await _act_on_intent(request, world, ledger, id, action, method, card, form)
    if row is None or row.type != "checkout.session" or row.body["status"] != "open":
        return await _shown(request, ledger, id)
    if action == "cancel":
        return (
            _redirect(row.body["cancel_url"], row)
            if row.body["cancel_url"]
            else await _shown(request, ledger, id)
        )
    intent = await _intent(ledger, row)
    waits = intent is not None and intent.body["status"] == "requires_action"
    if waits != action.endswith("_3ds"):
        return await _shown(request, ledger, id)
    decline = await _pay_session(world, ledger, row, action, method, card, form)
    if decline is not None or row.body["status"] == "open":
        return await _shown(request, ledger, id, decline, form)
    return _redirect(row.body["success_url"] or row.body["return_url"] or "/", row)


async def _pay_session(
    world: World, ledger: Ledger, row: Row, action: str, method: str, card: Card, form: dict[str, str]
) -> Decline | None:
    if action.endswith("_3ds"):
        return await sessions.finish_3ds(
            ledger, row, card_of_number(row.hidden["card"]), action == "complete_3ds"
        )
    known = row.body["customer_email"]
    email, name = known or form.get("email") or "customer@example.com", form.get("name") or "Sandbox Customer"
    if row.body["amount_total"] == 0:
        sessions.complete(ledger, row, email, name)
        return None
    if method == "card":
        return await sessions.pay_by_card(ledger, row, card, email, name)
    settles_at = world.clock.now() + world.faults["payments"]["settle_after_s"]
    await sessions.pay_by_debit(ledger, row, method == "bank_debit", settles_at, email, name)
    return None


def _redirect(address: str, row: Row) -> Response:
    return RedirectResponse(address.replace(PLACEHOLDER, row.id), 303)


async def _act_on_intent(
    request: Request,
    world: World,
    ledger: Ledger,
    id: str,
    action: str,
    method: str,
    card: Card,
    form: dict[str, str],
) -> Response:
    session, intent = await charging.locked_intent(ledger, id)
    assert intent is not None
    waits = intent.body["status"] == "requires_action"
    if (
        session is not None
        or intent.body["status"] not in intents.CONFIRMABLE
        or waits != action.endswith("_3ds")
    ):
        return await _shown(request, ledger, id)
    if wanted := _safe_return(request.query_params.get("return_url")):
        intent.hidden["return_url"] = wanted
        ledger.save(intent)
    decline = await _pay_intent(world, ledger, intent, action, method, card, form)
    # The bank's page sends the customer back either way; this page, in place of the Payment Element, takes another card.
    at_the_bank = action == "fail_3ds" and "return_url" not in request.query_params
    if decline is not None and at_the_bank and intent.hidden.get("return_url"):
        return RedirectResponse(_returned(intent, failed=True), 303)
    if decline is not None or intent.body["status"] == "requires_action":
        return await _shown(request, ledger, id, decline, form)
    if intent.hidden.get("return_url"):
        return RedirectResponse(_returned(intent), 303)
    return await _shown(request, ledger, id)


async def _pay_intent(
    world: World, ledger: Ledger, intent: Row, action: str, method: str, card: Card, form: dict[str, str]
) -> Decline | None:
    if action.endswith("_3ds"):
        return await intents.finish_3ds(ledger, intent, action == "complete_3ds")
    email, name = form.get("email") or intent.body["receipt_email"], form.get("name")
    if method != "card":
        bank = charging.bank_method(ledger, intent.body["currency"], email, name)
        settles_at = world.clock.now() + world.faults["payments"]["settle_after_s"]
        charging.start_debit(ledger, intent, bank, method == "bank_debit", settles_at)
        return None
    kept = charging.card_method(ledger, card, email, name)
    call = Call(ledger, {}, world.faults, world.options.public_url or "")
    await intents.attempt(call, intent, kept, card)
    return card.decline


def _safe_return(address: str | None) -> str | None:
    return address if address and urlsplit(address).scheme in ("http", "https") else None


def _returned(intent: Row, failed: bool = False) -> str:
    """The return_url with what Stripe adds. https://docs.stripe.com/payments/accept-a-payment (return_url)"""
    parts = urlsplit(intent.hidden["return_url"])
    status = "pending" if intent.body["status"] == "processing" else "succeeded"
    added = {
        "payment_intent": intent.id,
        "payment_intent_client_secret": intent.body["client_secret"],
        "redirect_status": "failed" if failed else status,
    }
    query = urlencode([*parse_qsl(parts.query, keep_blank_values=True), *added.items()])
    return urlunsplit(parts._replace(query=query))


ROUTES = [
    Route("/pay/{id}", show, methods=["GET"]),
    Route("/pay/{id}", submit, methods=["POST"]),
]
