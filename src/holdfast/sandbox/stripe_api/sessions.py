"""Checkout Sessions. https://docs.stripe.com/api/checkout/sessions"""

from typing import Any

from holdfast.sandbox.ledger import Json, Ledger, Row
from holdfast.sandbox.stripe_api import charging, disputes, money, shapes
from holdfast.sandbox.stripe_api.cards import Card, Decline
from holdfast.sandbox.stripe_api.context import Call, wanted
from holdfast.sandbox.stripe_api.errors import invalid, missing_parameter, missing_resource, wrong_state
from holdfast.sandbox.stripe_api.parameters import merged_metadata

KIND = "checkout.session"
# https://docs.stripe.com/api/checkout/sessions/create#create_checkout_session-expires_at
EXPIRES_LEAST, EXPIRES_MOST = 30 * 60, 24 * 3600
COPIED = (
    "allow_promotion_codes billing_address_collection cancel_url client_reference_id customer customer_creation "
    "customer_email locale origin_context redirect_on_completion return_url submit_type success_url ui_mode "
    "integration_identifier payment_method_collection consent_collection phone_number_collection custom_text"
).split()
INTENT_COPIED = (
    "capture_method description receipt_email setup_future_usage statement_descriptor statement_descriptor_suffix metadata"
).split()


async def create(call: Call) -> Json:
    params, ledger = call.params, call.ledger
    _check_mode(params)
    id = ledger.chance.id("cs_test")
    items = [_line_item(ledger, item, index) for index, item in enumerate(params["line_items"])]
    currency = _one_currency(items)
    total = sum(item["amount_total"] for item in items)
    _check_total(total, currency)
    await _check_customer(call)
    body = shapes.checkout_session(id, call.now) | {name: params[name] for name in COPIED if name in params}
    hosted = body["ui_mode"] == "hosted_page"
    body |= {
        "amount_subtotal": total,
        "amount_total": total,
        "currency": currency,
        "expires_at": _expires_at(params, call.now),
        "metadata": params.get("metadata") or {},
        "payment_status": "unpaid" if total else "no_payment_required",
        "url": f"{call.base_url}/pay/{id}" if hosted else None,
    }
    _complete_body(call, body)
    hidden = {"line_items": items, "payment_intent_data": params.get("payment_intent_data", {})}
    row = Row(id, KIND, call.now, body, hidden, due_at=body["expires_at"])
    ledger.add(row)
    return row.body


def _check_mode(params: Json) -> None:
    if params["mode"] != "payment":
        raise invalid("The sandbox knows only mode=payment.", "mode")
    ui_mode = params.get("ui_mode", "hosted_page")
    if ui_mode == "hosted_page" and "success_url" not in params:
        raise missing_parameter("success_url")
    if ui_mode != "hosted_page" and "success_url" in params:
        raise invalid(f"The `success_url` parameter cannot be used with `ui_mode: {ui_mode}`.", "success_url")
    if not params.get("line_items"):
        raise missing_parameter("line_items")


def _complete_body(call: Call, body: Json) -> None:
    params = call.params
    if "allowed_payment_method_types" in params:
        body["allowed_payment_method_types"] = params["allowed_payment_method_types"]
        body["payment_method_types"] = params["allowed_payment_method_types"]
    if "customer_email" in params:
        body["customer_details"] = shapes.customer_details(params["customer_email"])
    if body["ui_mode"] != "hosted_page":
        body["client_secret"] = f"{body['id']}_secret_{call.ledger.chance.letters(40)}"
    if params.get("after_expiration", {}).get("recovery"):
        recovery = params["after_expiration"]["recovery"]
        body["after_expiration"] = {
            "recovery": {
                "allow_promotion_codes": recovery.get("allow_promotion_codes") == "true",
                "enabled": recovery.get("enabled") == "true",
                "expires_at": None,
                "url": None,
            }
        }


def _expires_at(params: Json, now: int) -> int:
    at = int(params.get("expires_at", now + EXPIRES_MOST))
    if at < now + EXPIRES_LEAST:
        message = "The `expires_at` timestamp must be at least 30 minutes from Checkout Session creation."
        raise invalid(message, "expires_at")
    if at > now + EXPIRES_MOST:
        message = "The `expires_at` timestamp must be less than 24 hours from Checkout Session creation."
        raise invalid(message, "expires_at")
    return at


def _line_item(ledger: Ledger, item: Json, index: int) -> Json:
    where = f"line_items[{index}]"
    if "price" in item:
        raise missing_resource("price", item["price"], f"{where}[price]")
    if "price_data" not in item:
        raise missing_parameter(f"{where}[price_data]")
    data = item["price_data"]
    unit_amount = _unit_amount(data, where)
    product_id, name, description = data.get("product"), None, None
    if product_id is None:
        if "product_data" not in data:
            raise missing_parameter(f"{where}[price_data][product_data]")
        product_id = ledger.chance.id("prod")
        name, description = data["product_data"]["name"], data["product_data"].get("description")
    price = shapes.price(ledger.chance.id("price"), ledger.now, data["currency"], unit_amount, product_id)
    line = shapes.line_item(
        ledger.chance.id("li"), price, item.get("quantity", 1), name, item.get("metadata") or {}
    )
    return line | {"_description": description} if description else line


def _unit_amount(data: Json, where: str) -> int:
    if "unit_amount" in data:
        return int(data["unit_amount"])
    if "unit_amount_decimal" not in data:
        raise missing_parameter(f"{where}[price_data][unit_amount]")
    whole, _, part = str(data["unit_amount_decimal"]).partition(".")
    if part.strip("0"):
        raise invalid(
            "The sandbox takes whole minor units only.", f"{where}[price_data][unit_amount_decimal]"
        )
    return int(whole)


def _one_currency(items: list[Json]) -> str:
    currencies = sorted({item["currency"] for item in items})
    if len(currencies) > 1:
        message = (
            "Checkout Session does not support multiple currencies: the line items use "
            f"{' and '.join(currencies)}. All line items must have the same currency."
        )
        raise invalid(message, "line_items")
    return str(currencies[0])


def _check_total(total: int, currency: str) -> None:
    if 0 < total < money.minimum(currency):
        least = money.shown(money.minimum(currency), currency)
        message = f"The Checkout Session's total amount due must add up to at least {least} {currency}"
        raise invalid(message, None, "amount_too_small")
    if total > 99_999_999:
        raise invalid(
            "The Checkout Session's total amount must be no more than 999,999.99", None, "amount_too_large"
        )


async def _check_customer(call: Call) -> None:
    params = call.params
    if "customer" not in params:
        return
    if "customer_email" in params:
        raise invalid("You may only specify one of these parameters: customer, customer_email.", "customer")
    await wanted(call, "customer", params["customer"], "customer")


async def retrieve(call: Call, id: str) -> Json:
    return (await wanted(call, KIND, id, "session")).body


async def update(call: Call, id: str) -> Json:
    row = await wanted(call, KIND, id, "session", lock=True)
    if "metadata" in call.params:
        call.ledger.update(row, metadata=merged_metadata(row.body["metadata"], call.params["metadata"]))
    return row.body


async def line_items(call: Call, id: str) -> list[Json]:
    row = await wanted(call, KIND, id, "session")
    return visible_items(row)


def visible_items(row: Row) -> list[Json]:
    return [{k: v for k, v in item.items() if not k.startswith("_")} for item in row.hidden["line_items"]]


async def expire(call: Call, id: str) -> Json:
    row = await wanted(call, KIND, id, "session", lock=True)
    if row.body["status"] != "open":
        message = (
            'Only Checkout Sessions with a status in ["open"] can be expired. '
            f"This Session has a status of `{row.body['status']}`."
        )
        raise wrong_state(message, param="session")
    await make_expired(call.ledger, row)
    return row.body


async def make_expired(ledger: Ledger, row: Row) -> None:
    """The session can no longer be paid; an intent that waited for a card goes with it."""
    row.due_at = None
    ledger.update(row, status="expired", url=None)
    if row.body["payment_intent"]:
        intent = await ledger.get(row.body["payment_intent"], lock=True)
        if intent.body["status"] not in ("canceled", "succeeded"):
            charging.cancel(ledger, intent, None, "automatic")
    ledger.tell("checkout.session.expired", row)


def complete(ledger: Ledger, row: Row, email: str | None, name: str | None) -> None:
    """The customer is done; whether the money is there is another question. `payment_status` says so."""
    known = row.body["customer_details"] or {}
    details = shapes.customer_details(email or known.get("email"), name or known.get("name"))
    row.due_at = None
    ledger.update(row, status="complete", url=None, customer_details=details)
    ledger.tell("checkout.session.completed", row)


async def intent_of(ledger: Ledger, row: Row) -> Row:
    """The session's PaymentIntent, made when it is first needed and not when the session is."""
    if row.body["payment_intent"]:
        return await ledger.get(row.body["payment_intent"], lock=True)
    data = row.hidden["payment_intent_data"]
    fields: dict[str, Any] = {name: data[name] for name in INTENT_COPIED if name in data}
    fields["customer"] = row.body["customer"]
    intent = charging.new_intent(ledger, row.body["amount_total"], row.body["currency"], fields, session=row)
    ledger.update(row, payment_intent=intent.id)
    row.payment_intent = intent.id
    return intent


async def pay_by_card(
    ledger: Ledger, row: Row, card: Card, email: str | None, name: str | None
) -> Decline | None:
    """The customer has pressed Pay. None: paid, or waiting for 3-D Secure."""
    intent = await intent_of(ledger, row)
    method = charging.card_method(ledger, card, email, name)
    row.hidden |= {"email": email, "name": name, "card": card.number, "method": method.id}
    ledger.save(row)
    if card.needs_3ds:
        action = {"type": "use_stripe_sdk", "use_stripe_sdk": {"type": "three_d_secure_redirect"}}
        charging.require_action(ledger, intent, method, action)
        return None
    return await _charge(ledger, row, intent, method, card, secured=False)


async def finish_3ds(ledger: Ledger, row: Row, card: Card, passed: bool) -> Decline | None:
    intent = await intent_of(ledger, row)
    method = await ledger.get(row.hidden["method"])
    if not passed:
        charging.refuse(ledger, intent, method, charging.AUTHENTICATION_FAILED)
        return charging.AUTHENTICATION_FAILED
    return await _charge(ledger, row, intent, method, card, secured=True)


async def _charge(
    ledger: Ledger, row: Row, intent: Row, method: Row, card: Card, secured: bool
) -> Decline | None:
    decline = charging.charge_card(ledger, intent, method, card, secured)
    if decline is not None:
        return decline
    # Authorised only: the session is complete, and `unpaid` until the money has been captured.
    if intent.body["status"] == "succeeded":
        ledger.update(row, payment_status="paid")
    complete(ledger, row, row.hidden.get("email"), row.hidden.get("name"))
    if card.later == "dispute" and intent.body["status"] == "succeeded":
        disputes.open_dispute(ledger, await ledger.get(intent.body["latest_charge"]), "fraudulent")
    return None


async def pay_by_debit(
    ledger: Ledger, row: Row, succeeds: bool, settles_at: float, email: str | None, name: str | None
) -> None:
    """A bank debit: complete at once, `unpaid` until the bank has answered."""
    intent = await intent_of(ledger, row)
    method = charging.bank_method(ledger, row.body["currency"], email, name)
    charging.start_debit(ledger, intent, method, succeeds, settles_at)
    complete(ledger, row, email, name)


def money_arrived(ledger: Ledger, row: Row | None) -> None:
    """After a capture: the session that Checkout made shows `paid` too."""
    if row is not None and row.body["payment_status"] == "unpaid":
        ledger.update(row, payment_status="paid")


async def settle_debit(ledger: Ledger, charge_id: str, succeeds: bool | None = None) -> None:
    """The slow method's answer, for the intent and for the session."""
    seen = await ledger.get(charge_id)
    session, intent = await charging.locked_intent(ledger, seen.body["payment_intent"])
    charge = await ledger.get(charge_id, lock=True)
    if intent is None or charge.body["status"] != "pending":
        return
    outcome = charge.hidden["debit_succeeds"] if succeeds is None else succeeds
    method = await ledger.get(charge.body["payment_method"])
    charging.settle_debit(ledger, intent, charge, method, outcome)
    if session is None:
        return
    if outcome:
        ledger.update(session, payment_status="paid")
    ledger.tell(f"checkout.session.async_payment_{'succeeded' if outcome else 'failed'}", session)
