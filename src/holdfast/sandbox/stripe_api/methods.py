"""PaymentMethods: of the test tokens, and of a card's own number. https://docs.stripe.com/api/payment_methods"""

from datetime import UTC, datetime

from holdfast.sandbox.ledger import Json, Row
from holdfast.sandbox.stripe_api import charging
from holdfast.sandbox.stripe_api.cards import BY_TOKEN, Card, card_of_number, passes_luhn
from holdfast.sandbox.stripe_api.context import Call, wanted
from holdfast.sandbox.stripe_api.errors import StripeFault, invalid, missing_parameter

MONTHS = range(1, 13)
YEARS_AHEAD_MOST = 50
CVC_LENGTHS = (3, 4)


async def create(call: Call) -> Json:
    if call.params.get("type") != "card":
        raise missing_parameter("type")
    card = call.params.get("card") or {}
    if "number" in card:
        return from_data(call, call.params, "").body
    if not str(card.get("token", "")).startswith("tok_"):
        raise missing_parameter("card[number]")
    # https://docs.stripe.com/testing?testing-method=tokens: tok_x is the card of pm_card_x
    return (await method_of(call, "pm_card_" + card["token"].removeprefix("tok_"))).body


async def retrieve(call: Call, id: str) -> Json:
    return (await method_of(call, id)).body


async def method_of(call: Call, id: str) -> Row:
    """A payment method by its id, or a new one for one of the test tokens."""
    if id in BY_TOKEN:
        return charging.card_method(call.ledger, card_of_number(BY_TOKEN[id]))
    return await wanted(call, "payment_method", id, "payment_method")


async def given(call: Call) -> Row | None:
    """The method that a request names, or the new one that it describes; None when it does neither."""
    if "payment_method" in call.params and "payment_method_data" in call.params:
        message = "You may only specify one of these parameters: payment_method, payment_method_data."
        raise invalid(message, "payment_method_data")
    if "payment_method" in call.params:
        return await method_of(call, call.params["payment_method"])
    if "payment_method_data" in call.params:
        return from_data(call, call.params["payment_method_data"], "payment_method_data")
    return None


def from_data(call: Call, data: Json, inside: str) -> Row:
    """A card as a person typed it. What is wrong in it is the card's error, as the card form shows it."""
    named = f"{inside}[type]" if inside else "type"
    if not isinstance(data, dict) or "type" not in data:
        raise missing_parameter(named)
    if data["type"] != "card":
        raise invalid(f"Invalid {named}: the sandbox takes cards only.", named)
    card = data.get("card")
    if not isinstance(card, dict) or not card.get("number"):
        raise missing_parameter(f"{inside}[card][number]" if inside else "card[number]")
    number = "".join(character for character in str(card["number"]) if character.isdigit())
    if not passes_luhn(number):
        raise _card_error("Your card number is incorrect.", "incorrect_number", "number")
    month, year = _expiry(call, card)
    if "cvc" in card and not (str(card["cvc"]).isdigit() and len(str(card["cvc"])) in CVC_LENGTHS):
        raise _card_error("Your card's security code is invalid.", "invalid_cvc", "cvc")
    billing = data.get("billing_details")
    billing = billing if isinstance(billing, dict) else {}
    row = charging.card_method(call.ledger, card_of_number(number), billing.get("email"), billing.get("name"))
    call.ledger.update(row, card=row.body["card"] | {"exp_month": month, "exp_year": year})
    return row


def _expiry(call: Call, card: Json) -> tuple[int, int]:
    """Month and year; `30` means 2030. A card is good until the last day of its month."""
    month, year = (str(card.get(name, "")) for name in ("exp_month", "exp_year"))
    if not month.isdigit() or int(month) not in MONTHS:
        raise _card_error("Your card's expiration month is invalid.", "invalid_expiry_month", "exp_month")
    today = datetime.fromtimestamp(call.now, UTC)
    full = int(year) + 2000 if year.isdigit() and len(year) == 2 else int(year) if year.isdigit() else 0
    if not today.year <= full <= today.year + YEARS_AHEAD_MOST:
        raise _card_error("Your card's expiration year is invalid.", "invalid_expiry_year", "exp_year")
    if (full, int(month)) < (today.year, today.month):
        raise _card_error("Your card's expiration month is invalid.", "invalid_expiry_month", "exp_month")
    return int(month), full


def _card_error(message: str, code: str, param: str) -> StripeFault:
    return StripeFault(message, code, param, status=402)


def card_of(method: Row) -> Card:
    """How the card of a method behaves."""
    return card_of_number(method.hidden.get("number", "4242424242424242"))
