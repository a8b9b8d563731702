"""A session that another system has made and that has been paid: what recovery has to cope with."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from holdfast.sandbox.ledger import Json, Ledger, Row
from holdfast.sandbox.stripe_api import sessions, shapes
from holdfast.sandbox.stripe_api.cards import card_of_number
from holdfast.sandbox.stripe_api.money import SUPPORTED
from holdfast.sandbox.stripe_api.parameters import metadata as metadata_kind

if TYPE_CHECKING:
    from holdfast.sandbox.world import World

CARD = "4242424242424242"


async def make(world: World, body: Json) -> Json:
    """A complete (or, with `"paid": false`, open) session; webhooks are sent only when `"webhook": true`."""
    amount, currency = _money(body)
    metadata = _metadata(body.get("metadata"))
    details = body.get("customer_details") or {}
    if not isinstance(details, dict):
        raise ValueError("customer_details must be an object")
    async with world.transaction(told=bool(body.get("webhook", False))) as ledger:
        row = _session(ledger, amount, currency, metadata, body)
        if not body.get("paid", True):
            return row.body
        if amount:
            await sessions.pay_by_card(
                ledger, row, card_of_number(CARD), details.get("email"), details.get("name")
            )
        else:
            sessions.complete(ledger, row, details.get("email"), details.get("name"))
        if details.get("phone"):
            row.body["customer_details"]["phone"] = details["phone"]
        return row.body


def _money(body: Json) -> tuple[int, str]:
    amount, currency = body.get("amount"), str(body.get("currency", "gbp")).lower()
    if isinstance(amount, bool) or not isinstance(amount, int) or amount < 0:
        raise ValueError("amount must be a whole number of minor units")
    if currency not in SUPPORTED:
        raise ValueError(f"unsupported currency: {currency}")
    return amount, currency


def _metadata(value: Any) -> dict[str, str]:
    if value is None:
        return {}
    checked: dict[str, str] = metadata_kind(value, "metadata")
    return checked


def _session(ledger: Ledger, amount: int, currency: str, metadata: dict[str, str], body: Json) -> Row:
    id = ledger.chance.id("cs_test")
    price = shapes.price(ledger.chance.id("price"), ledger.now, currency, amount, ledger.chance.id("prod"))
    item = shapes.line_item(ledger.chance.id("li"), price, 1, str(body.get("description", "Booking")), {})
    shown = shapes.checkout_session(id, ledger.now) | {
        "amount_subtotal": amount,
        "amount_total": amount,
        "client_reference_id": body.get("client_reference_id"),
        "currency": currency,
        "expires_at": ledger.now + sessions.EXPIRES_MOST,
        "metadata": metadata,
        "payment_status": "unpaid" if amount else "no_payment_required",
        "success_url": str(body.get("success_url", "https://example.com/thanks")),
    }
    hidden = {
        "line_items": [item],
        "payment_intent_data": {"metadata": body.get("payment_intent_metadata") or {}},
    }
    return ledger.add(Row(id, sessions.KIND, ledger.now, shown, hidden, due_at=shown["expires_at"]))
