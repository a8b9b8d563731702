"""What a publishable key may do and see: one intent at a time, and only with that intent's secret.

https://docs.stripe.com/keys and https://docs.stripe.com/api/payment_intents/retrieve (client_secret). The key stands
in the source of a web page, so whoever holds it is a stranger; the client secret is what makes them the customer.
"""

import hmac

from holdfast.sandbox.ledger import Json, Row
from holdfast.sandbox.stripe_api.context import Call
from holdfast.sandbox.stripe_api.errors import invalid, missing_parameter

# The fields that the API reference marks as retrievable with a publishable key.
INTENT_FIELDS = (
    "id object amount amount_details automatic_payment_methods canceled_at cancellation_reason capture_method "
    "client_secret confirmation_method created currency description last_payment_error livemode next_action "
    "payment_method payment_method_configuration_details payment_method_types processing receipt_email "
    "setup_future_usage shipping source status"
).split()


def check_secret(call: Call, intent: Row) -> None:
    """A browser proves that it is this intent's customer. A secret key needs no proof, but a wrong one is refused."""
    given = call.params.get("client_secret")
    if given is None and not call.public:
        return
    if given is None:
        raise missing_parameter("client_secret")
    if not hmac.compare_digest(str(given).encode(), str(intent.body["client_secret"]).encode()):
        message = (
            "The client_secret provided does not match the client_secret associated with the PaymentIntent."
        )
        raise invalid(message, "client_secret", "payment_intent_invalid_parameter")


def shown(body: Json) -> Json:
    """An object, or an error with one inside, as a browser may see it."""
    if body.get("object") == "payment_intent":
        return {name: body[name] for name in INTENT_FIELDS if name in body}
    if isinstance(body.get("error"), dict):
        return body | {"error": error_shown(body["error"])}
    return body


def error_shown(error: Json) -> Json:
    inside = error.get("payment_intent")
    return error | {"payment_intent": shown(inside)} if inside else error
