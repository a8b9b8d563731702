"""PaymentIntents. https://docs.stripe.com/api/payment_intents"""

from holdfast.sandbox.ledger import Json, Ledger, Row
from holdfast.sandbox.stripe_api import charging, disputes, methods, money, publishable, sessions
from holdfast.sandbox.stripe_api.cards import Card, Decline
from holdfast.sandbox.stripe_api.context import Answer, Call, wanted
from holdfast.sandbox.stripe_api.errors import StripeFault, invalid, missing_resource, wrong_state
from holdfast.sandbox.stripe_api.parameters import UNSET, merged_metadata

KIND = "payment_intent"
COPIED = (
    "automatic_payment_methods capture_method confirmation_method customer description receipt_email setup_future_usage "
    "shipping statement_descriptor statement_descriptor_suffix transfer_group allowed_payment_method_types"
).split()
CONFIRMABLE = ("requires_payment_method", "requires_confirmation", "requires_action")
CANCELABLE = (
    "requires_payment_method",
    "requires_capture",
    "requires_confirmation",
    "requires_action",
    "processing",
)


async def create(call: Call) -> Json | Answer:
    params = call.params
    check_amount(params["amount"], params["currency"])
    if "customer" in params:
        await wanted(call, "customer", params["customer"], "customer")
    fields = {name: params[name] for name in COPIED if name in params} | {
        "metadata": params.get("metadata") or {}
    }
    if "automatic_payment_methods" in params:
        fields["automatic_payment_methods"] = {"allow_redirects": "always"} | params[
            "automatic_payment_methods"
        ]
    intent = charging.new_intent(call.ledger, params["amount"], params["currency"], fields)
    if "return_url" in params:
        intent.hidden["return_url"] = params["return_url"]
    if (method := await methods.given(call)) is not None:
        call.ledger.update(intent, payment_method=method.id, status="requires_confirmation")
    if params.get("confirm"):
        return await _confirmed(call, intent)
    return intent.body


def check_amount(amount: int, currency: str) -> None:
    if amount < money.minimum(currency):
        least = money.shown(money.minimum(currency), currency)
        raise invalid(f"Amount must be at least {least} {currency}", "amount", "amount_too_small")


async def locked(call: Call, id: str) -> tuple[Row | None, Row]:
    session, intent = await charging.locked_intent(call.ledger, id)
    if intent is None:
        raise missing_resource(KIND, id, "intent")
    return session, intent


async def retrieve(call: Call, id: str) -> Json:
    intent = await wanted(call, KIND, id, "intent")
    publishable.check_secret(call, intent)
    return intent.body


async def update(call: Call, id: str) -> Json:
    session, intent = await locked(call, id)
    params = {name: value for name, value in call.params.items() if name != "expand"}
    if set(params) - {"metadata", "description"}:
        _check_changeable(session, intent)
    changes: Json = {
        name: None if value == UNSET else value for name, value in params.items() if name in COPIED
    }
    if "metadata" in params:
        changes["metadata"] = merged_metadata(intent.body["metadata"], params["metadata"])
    if "amount" in params or "currency" in params:
        changes |= {name: params[name] for name in ("amount", "currency") if name in params}
        after = intent.body | changes
        check_amount(after["amount"], after["currency"])
    if (method := await methods.given(call)) is not None:
        changes |= {"payment_method": method.id, "status": "requires_confirmation"}
    call.ledger.update(intent, **changes)
    return intent.body


def _check_changeable(session: Row | None, intent: Row) -> None:
    if session is not None:
        message = "This PaymentIntent was created by Checkout and cannot be updated directly."
        raise wrong_state(message, "payment_intent_unexpected_state", "intent")
    if intent.body["status"] not in CONFIRMABLE:
        raise unexpected_state(intent, "update", "updated", CONFIRMABLE)


async def confirm(call: Call, id: str) -> Json | Answer:
    session, intent = await locked(call, id)
    publishable.check_secret(call, intent)
    if call.public and intent.body["confirmation_method"] == "manual":
        message = "This PaymentIntent's confirmation_method is manual, so it can only be confirmed with a secret key."
        raise wrong_state(message, "payment_intent_unexpected_state")
    if session is not None:
        message = (
            "You cannot confirm this PaymentIntent because it was created by Checkout. "
            "It is confirmed when the customer completes the Checkout Session."
        )
        raise wrong_state(message, "payment_intent_unexpected_state", "intent")
    if intent.body["status"] not in CONFIRMABLE:
        raise unexpected_state(intent, "confirm", "confirmed", CONFIRMABLE)
    if "return_url" in call.params:
        intent.hidden["return_url"] = call.params["return_url"]
    for name in ("receipt_email", "setup_future_usage", "shipping", "capture_method"):
        if name in call.params:
            call.ledger.update(intent, **{name: call.params[name] or None})
    if (method := await methods.given(call)) is not None:
        call.ledger.update(intent, payment_method=method.id)
    return await _confirmed(call, intent)


async def _confirmed(call: Call, intent: Row) -> Json | Answer:
    if intent.body["payment_method"] is None:
        message = (
            "You cannot confirm this PaymentIntent because it's missing a payment method. You can either update the "
            "PaymentIntent with a payment method and then confirm it again, or confirm it again directly with a payment method."
        )
        raise wrong_state(message, "payment_intent_unexpected_state")
    method = await call.ledger.get(intent.body["payment_method"])
    return await attempt(
        call, intent, method, methods.card_of(method), bool(call.params.get("error_on_requires_action"))
    )


async def attempt(call: Call, intent: Row, method: Row, card: Card, no_action: bool = False) -> Json | Answer:
    """Charge the card, or ask for 3-D Secure first. A decline answers 402 and stays in the books."""
    if card.needs_3ds and not no_action:
        in_place = bool(call.params.get("use_stripe_sdk"))
        charging.require_action(call.ledger, intent, method, next_action(call.base_url, intent, in_place))
        return intent.body
    decline = charging.charge_card(call.ledger, intent, method, card) if not card.needs_3ds else None
    if card.needs_3ds:
        decline = charging.AUTHENTICATION_FAILED
        charging.refuse(call.ledger, intent, method, decline)
    if decline is not None:
        error = intent.body["last_payment_error"] | {"payment_intent": intent.body}
        return Answer(402, {"error": error})
    await after_success(call, intent, card)
    return intent.body


async def after_success(call: Call, intent: Row, card: Card) -> None:
    if card.later == "dispute" and intent.body["status"] == "succeeded":
        disputes.open_dispute(call.ledger, await call.ledger.get(intent.body["latest_charge"]))


async def finish_3ds(ledger: Ledger, intent: Row, passed: bool) -> Decline | None:
    """The customer has answered the bank's question; the intent is locked and waits for it."""
    method = await ledger.get(intent.body["payment_method"])
    if not passed:
        charging.refuse(ledger, intent, method, charging.AUTHENTICATION_FAILED)
        return charging.AUTHENTICATION_FAILED
    return charging.charge_card(ledger, intent, method, methods.card_of(method), secured=True)


def next_action(base_url: str, intent: Row, in_place: bool = False) -> Json:
    """A page to go to when the caller said where to come back to; else, or `in_place`, the browser's library does it."""
    back = intent.hidden.get("return_url")
    if back is None or in_place:
        return {"type": "use_stripe_sdk", "use_stripe_sdk": {"type": "three_d_secure_redirect"}}
    address = f"{base_url}/pay/{intent.id}?client_secret={intent.body['client_secret']}"
    return {"type": "redirect_to_url", "redirect_to_url": {"return_url": back, "url": address}}


async def capture(call: Call, id: str) -> Json:
    session, intent = await locked(call, id)
    if intent.body["status"] != "requires_capture":
        message = (
            f"This PaymentIntent could not be captured because it has a status of {intent.body['status']}. "
            "Only a PaymentIntent with one of the following statuses may be captured: requires_capture."
        )
        raise _with_intent(wrong_state(message, "payment_intent_unexpected_state"), intent)
    capturable: int = intent.body["amount_capturable"]
    amount: int = call.params.get("amount_to_capture", capturable)
    if amount > capturable:
        currency = intent.body["currency"]
        message = (
            f"The amount to capture ({money.shown(amount, currency)}) exceeds the amount capturable "
            f"({money.shown(capturable, currency)})."
        )
        raise wrong_state(message, "amount_too_large", "amount_to_capture")
    charge = await call.ledger.get(intent.body["latest_charge"], lock=True)
    if charge.hidden.get("lapsed"):
        raise _with_intent(expired_for_capture(), intent)
    if "metadata" in call.params:
        call.ledger.update(intent, metadata=merged_metadata(intent.body["metadata"], call.params["metadata"]))
    charging.capture(call.ledger, intent, charge, amount)
    sessions.money_arrived(call.ledger, session)
    # There is nothing to dispute before the money is taken.
    if charge.hidden.get("later") == "dispute":
        disputes.open_dispute(call.ledger, charge)
    return intent.body


async def cancel(call: Call, id: str) -> Json:
    session, intent = await locked(call, id)
    if session is not None and intent.body["status"] != "requires_capture":
        message = (
            "You cannot cancel this PaymentIntent because it was created by Checkout. "
            "Expire the Checkout Session instead."
        )
        raise wrong_state(message, "payment_intent_unexpected_state", "intent")
    if intent.body["status"] not in CANCELABLE:
        raise unexpected_state(intent, "cancel", "canceled", CANCELABLE)
    charge = None
    if intent.body["latest_charge"]:
        charge = await call.ledger.get(intent.body["latest_charge"], lock=True)
    charging.cancel(call.ledger, intent, charge, call.params.get("cancellation_reason"))
    return intent.body


def expired_for_capture() -> StripeFault:
    """The bank has let the money go; it may be known only now, when somebody wants it."""
    message = (
        "The charge cannot be captured because its authorization has expired. Charges must be captured within a set "
        "number of days (7 by default)."
    )
    return wrong_state(message, "charge_expired_for_capture")


def unexpected_state(intent: Row, verb: str, past: str, allowed: tuple[str, ...]) -> StripeFault:
    message = (
        f"You cannot {verb} this PaymentIntent because it has a status of {intent.body['status']}. "
        f"Only a PaymentIntent with one of the following statuses may be {past}: {', '.join(allowed)}."
    )
    return _with_intent(wrong_state(message, "payment_intent_unexpected_state"), intent)


def _with_intent(fault: StripeFault, intent: Row) -> StripeFault:
    fault.error["payment_intent"] = intent.body
    return fault
