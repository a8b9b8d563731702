"""A PaymentIntent's way through the world: attempted, authorised, captured, cancelled, lapsed.

https://docs.stripe.com/payments/paymentintents/lifecycle. Everything here expects the intent (and the Checkout Session
it belongs to, if any) to be locked by `locked_intent`: session before intent before charge, always in that order.
"""

from typing import Any

from holdfast.sandbox.ledger import Json, Ledger, Row
from holdfast.sandbox.stripe_api import money_shapes, shapes
from holdfast.sandbox.stripe_api.cards import Card, Decline

FEE_PERCENT, FEE_FIXED = 15, 20  # 1.5 % and 20 minor units: any fee will do, as long as there is one
AUTHENTICATION_FAILED = Decline(
    "payment_intent_authentication_failure",
    "We are unable to authenticate your payment method. Please choose a different payment method and try again.",
)
BANK_FAILED = Decline(
    "payment_method_provider_decline", "The customer's bank account could not be debited.", "generic_decline"
)


def fee_for(amount: int) -> int:
    return amount * FEE_PERCENT // 1000 + FEE_FIXED


async def locked_intent(ledger: Ledger, id: str) -> tuple[Row | None, Row | None]:
    """The session (if Checkout made the intent) and the intent, locked in the order that everybody keeps to."""
    seen = await ledger.find(id)
    if seen is None or seen.type != "payment_intent":
        return None, None
    session_id = seen.hidden.get("session")
    session = await ledger.get(session_id, lock=True) if session_id else None
    return session, await ledger.get(id, lock=True)


def new_intent(ledger: Ledger, amount: int, currency: str, fields: Json, session: Row | None = None) -> Row:
    id = ledger.chance.id("pi")
    body = (
        shapes.payment_intent(id, ledger.now, amount, currency, f"{id}_secret_{ledger.chance.letters(25)}")
        | fields
    )
    hidden = {"session": session.id} if session else {}
    row = ledger.add(Row(id, "payment_intent", ledger.now, body, hidden, payment_intent=id))
    ledger.tell("payment_intent.created", row)
    return row


def card_method(ledger: Ledger, card: Card, email: str | None = None, name: str | None = None) -> Row:
    billing = shapes.billing_details(email, name)
    body = shapes.card_payment_method(ledger.chance.id("pm"), ledger.now, card.brand, card.last4, billing)
    return ledger.add(Row(body["id"], "payment_method", ledger.now, body, {"number": card.number}))


def bank_method(ledger: Ledger, currency: str, email: str | None = None, name: str | None = None) -> Row:
    kind = "bacs_debit" if currency == "gbp" else "sepa_debit"
    billing = shapes.billing_details(email, name)
    body = shapes.bank_payment_method(ledger.chance.id("pm"), ledger.now, kind, billing)
    return ledger.add(Row(body["id"], "payment_method", ledger.now, body))


def charge_card(
    ledger: Ledger, intent: Row, method: Row, card: Card, secured: bool = False
) -> Decline | None:
    """Try the card. A decline leaves the intent where another card can be tried: it is not the end."""
    if card.decline is not None:
        refuse(ledger, intent, method, card.decline)
        return card.decline
    manual = intent.body["capture_method"] == "manual"
    charge = _new_charge(ledger, intent, method, manual, secured)
    charge.hidden["later"] = card.later
    if manual:
        _authorised(ledger, intent, charge)
    else:
        book_capture(ledger, charge, intent.body["amount"])
        ledger.tell("charge.succeeded", charge)
        _succeeded(ledger, intent, charge, intent.body["amount"])
    return None


def require_action(ledger: Ledger, intent: Row, method: Row, next_action: Json) -> None:
    """3-D Secure: the intent waits for the customer. https://docs.stripe.com/payments/3d-secure"""
    ledger.update(
        intent,
        status="requires_action",
        payment_method=method.id,
        next_action=next_action,
        last_payment_error=None,
    )
    ledger.tell("payment_intent.requires_action", intent)


def refuse(ledger: Ledger, intent: Row, method: Row, decline: Decline) -> None:
    """The attempt failed. A failed authentication leaves no charge, since no bank was asked."""
    charge = None
    if decline is not AUTHENTICATION_FAILED:
        charge = _new_charge(ledger, intent, method, manual=False, secured=False)
        _fail_charge(ledger, charge, decline)
    fail_intent(ledger, intent, method, decline, charge)


def fail_intent(ledger: Ledger, intent: Row, method: Row, decline: Decline, charge: Row | None) -> None:
    ledger.update(
        intent,
        status="requires_payment_method",
        payment_method=None,
        next_action=None,
        latest_charge=charge.id if charge else intent.body["latest_charge"],
        last_payment_error=error_of(decline, charge, method),
    )
    ledger.tell("payment_intent.payment_failed", intent)


def error_of(decline: Decline, charge: Row | None, method: Row | None) -> Json:
    """The error as it stands in the intent and, for a direct confirmation, in the 402."""
    error: Json = {"code": decline.code, "message": decline.message, "type": "card_error"}
    error["doc_url"] = f"https://docs.stripe.com/error-codes/{decline.code.replace('_', '-')}"
    if decline.decline_code:
        error["decline_code"] = decline.decline_code
    if charge is not None:
        error["charge"] = charge.id
    if method is not None:
        error["payment_method"] = method.body
    return error


def start_debit(ledger: Ledger, intent: Row, method: Row, succeeds: bool, settles_at: float) -> Row:
    """A method that takes its time: the intent is `processing` until the bank has answered."""
    charge = _new_charge(ledger, intent, method, manual=False, secured=False)
    charge.due_at = settles_at
    charge.hidden["debit_succeeds"] = succeeds
    ledger.update(
        intent,
        status="processing",
        payment_method=method.id,
        latest_charge=charge.id,
        last_payment_error=None,
    )
    ledger.tell("charge.pending", charge)
    ledger.tell("payment_intent.processing", intent)
    return charge


def settle_debit(ledger: Ledger, intent: Row, charge: Row, method: Row, succeeds: bool) -> None:
    """The bank has answered."""
    charge.due_at = None
    if succeeds:
        book_capture(ledger, charge, charge.body["amount"])
        ledger.update(charge, status="succeeded", paid=True, outcome=_outcome(True))
        ledger.tell("charge.succeeded", charge)
        _succeeded(ledger, intent, charge, charge.body["amount"])
    else:
        _fail_charge(ledger, charge, BANK_FAILED)
        fail_intent(ledger, intent, method, BANK_FAILED, charge)


def capture(ledger: Ledger, intent: Row, charge: Row, amount: int) -> None:
    """Take some or all of what was authorised; the rest is let go. Events as documented for `charge.captured`."""
    intent.due_at = None
    book_capture(ledger, charge, amount)
    # What is not captured goes back to the customer at once and shows as refunded, without a Refund of its own.
    ledger.update(charge, amount_refunded=charge.body["amount"] - amount)
    _forget_capture_before(ledger, charge)
    ledger.tell("charge.captured", charge)
    _succeeded(ledger, intent, charge, amount)


def lapse(ledger: Ledger, intent: Row, charge: Row) -> None:
    """Nobody captured in time: the money is the customer's again, and the intent is over."""
    charge.hidden["lapsed"] = True
    cancel(ledger, intent, charge, "automatic", lapsed=True)


def cancel(ledger: Ledger, intent: Row, charge: Row | None, reason: str | None, lapsed: bool = False) -> None:
    """Cancelling an authorised intent releases the hold without a Refund object.

    https://docs.stripe.com/radar/reviews/auth-and-capture
    """
    intent.due_at = None
    if charge is not None and intent.body["status"] == "requires_capture":
        ledger.update(charge, amount_refunded=charge.body["amount"], refunded=True)
        _forget_capture_before(ledger, charge)
        ledger.tell("charge.expired" if lapsed else "charge.refunded", charge)
    ledger.update(
        intent,
        status="canceled",
        amount_capturable=0,
        canceled_at=ledger.now,
        cancellation_reason=reason,
        next_action=None,
    )
    ledger.tell("payment_intent.canceled", intent)


def book(ledger: Ledger, kind: str, amount: int, fee: int, currency: str, source: str) -> Row:
    """A line of the account's balance."""
    body = money_shapes.balance_transaction(
        ledger.chance.id("txn"), ledger.now, kind, amount, fee, currency, source
    )
    return ledger.add(Row(body["id"], "balance_transaction", ledger.now, body))


def book_capture(ledger: Ledger, charge: Row, amount: int) -> None:
    line = book(ledger, "charge", amount, fee_for(amount), charge.body["currency"], charge.id)
    ledger.update(charge, captured=True, amount_captured=amount, balance_transaction=line.id)


def capture_before(ledger: Ledger) -> int:
    """When an authorisation made now lapses. https://docs.stripe.com/payments/place-a-hold-on-a-payment-method"""
    return ledger.now + int(ledger.authorised_for_s)


def _new_charge(ledger: Ledger, intent: Row, method: Row, manual: bool, secured: bool) -> Row:
    id = ledger.chance.id("ch" if method.body["type"] == "card" else "py")
    body = money_shapes.charge(id, ledger.now, intent.body["amount"], intent.body["currency"])
    slow = method.body["type"] != "card"
    body |= {
        "billing_details": method.body["billing_details"],
        "customer": intent.body["customer"],
        "description": intent.body["description"],
        "metadata": dict(intent.body["metadata"]),
        "outcome": None if slow else _outcome(True),
        "paid": not slow,
        "payment_intent": intent.id,
        "payment_method": method.id,
        "payment_method_details": _details(ledger, intent, method, manual, secured),
        "receipt_email": intent.body["receipt_email"],
        "receipt_url": None,
        "status": "pending" if slow else "succeeded",
    }
    row = Row(id, "charge", ledger.now, body, payment_intent=intent.id, charge=id)
    ledger.add(row)
    return row


def _details(ledger: Ledger, intent: Row, method: Row, manual: bool, secured: bool) -> Json:
    kind = method.body["type"]
    if kind == "bacs_debit":
        return {"type": kind, kind: method.body[kind] | {"mandate": None, "expected_debit_date": None}}
    if kind == "sepa_debit":
        bank: Json = {key: value for key, value in method.body[kind].items() if key != "generated_from"}
        return {"type": kind, kind: bank | {"mandate": None, "expected_debit_date": None}}
    authorization = ledger.chance.letters(6).upper()
    before = capture_before(ledger) if manual else None
    card = money_shapes.charged_card(
        method.body["card"], intent.body["amount"], authorization, before, secured
    )
    return {"type": "card", "card": card}


def _authorised(ledger: Ledger, intent: Row, charge: Row) -> None:
    intent.due_at = capture_before(ledger)
    ledger.update(
        intent,
        status="requires_capture",
        amount_capturable=intent.body["amount"],
        latest_charge=charge.id,
        payment_method=charge.body["payment_method"],
        next_action=None,
        last_payment_error=None,
    )
    ledger.tell("charge.succeeded", charge)
    ledger.tell("payment_intent.amount_capturable_updated", intent)


def _succeeded(ledger: Ledger, intent: Row, charge: Row, amount: int) -> None:
    ledger.update(
        intent,
        status="succeeded",
        amount_capturable=0,
        amount_received=amount,
        latest_charge=charge.id,
        payment_method=charge.body["payment_method"],
        next_action=None,
        last_payment_error=None,
    )
    ledger.tell("payment_intent.succeeded", intent)


def _fail_charge(ledger: Ledger, charge: Row, decline: Decline) -> None:
    ledger.update(
        charge,
        status="failed",
        paid=False,
        failure_code=decline.code,
        failure_message=decline.message,
        outcome=_outcome(False, decline.decline_code or decline.code),
    )
    ledger.tell("charge.failed", charge)


def _outcome(approved: bool, reason: str | None = None) -> Json:
    """https://docs.stripe.com/declines#issuer-declines"""
    message = (
        "Payment complete." if approved else "The bank did not return any further details with this decline."
    )
    return {
        "advice_code": None if approved else "try_again_later",
        "network_advice_code": None,
        "network_decline_code": None if approved else "05",
        "network_status": "approved_by_network" if approved else "declined_by_network",
        "reason": reason,
        "risk_level": "normal",
        "risk_score": 10,
        "seller_message": message,
        "type": "authorized" if approved else "issuer_declined",
    }


def _forget_capture_before(ledger: Ledger, charge: Row) -> None:
    details: dict[str, Any] = charge.body["payment_method_details"]
    details.get("card", {}).pop("capture_before", None)
    ledger.save(charge)
