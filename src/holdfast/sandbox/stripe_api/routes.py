"""Every request that the sandbox answers: what it may say, and who answers it. All of it on one screen, or nearly."""

import re
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Any, LiteralString

from holdfast.sandbox.ledger import Json
from holdfast.sandbox.stripe_api import (
    disputes,
    endpoints,
    events,
    intents,
    lists,
    methods,
    plain,
    refunds,
    requests,
    sessions,
)
from holdfast.sandbox.stripe_api.context import Answer, Call
from holdfast.sandbox.stripe_api.parameters import Fields

Handler = Callable[..., Awaitable[Json | Answer]]


@dataclass(frozen=True)
class Route:
    method: str
    path: str
    handler: Handler
    fields: Fields
    required: tuple[str, ...] = ()
    # may be asked with a publishable key
    public: bool = False

    @property
    def pattern(self) -> re.Pattern[str]:
        return re.compile(re.sub(r"\{id\}", r"([^/]+)", self.path))


def listing(kind: str, url: str, **filters: LiteralString) -> Handler:
    """A plain list: each parameter that is a filter has its condition."""

    async def handler(call: Call) -> Json:
        chosen = {sql: _value(call.params[name]) for name, sql in filters.items() if name in call.params}
        return await lists.page(call, kind, url, chosen)

    return handler


def _value(value: Any) -> Any:
    return value["email"] if isinstance(value, dict) else value


async def session_items(call: Call, id: str) -> Json:
    return lists.slice_of(call, await sessions.line_items(call, id), f"/v1/checkout/sessions/{id}/line_items")


NOTHING: Fields = requests.EXPAND
SESSIONS, INTENTS, CHARGES = "/v1/checkout/sessions", "/v1/payment_intents", "/v1/charges"
REFUNDS, DISPUTES, ENDPOINTS = "/v1/refunds", "/v1/disputes", "/v1/webhook_endpoints"
BALANCE, CUSTOMERS, METHODS = "/v1/balance_transactions", "/v1/customers", "/v1/payment_methods"
BY_CUSTOMER: LiteralString = "body ->> 'customer' = %s"
BY_EMAIL: LiteralString = (
    "lower(coalesce(body -> 'customer_details' ->> 'email', body ->> 'email')) = lower(%s)"
)
NEVER: LiteralString = "%s::text IS NULL"
BY_INTENT: LiteralString = "payment_intent = %s"

session_list = listing(
    "checkout.session",
    SESSIONS,
    customer=BY_CUSTOMER,
    customer_account=NEVER,
    customer_details=BY_EMAIL,
    payment_intent=BY_INTENT,
    payment_link=NEVER,
    status="body ->> 'status' = %s",
    subscription=NEVER,
)
intent_list = listing("payment_intent", INTENTS, customer=BY_CUSTOMER, customer_account=NEVER)
charge_list = listing("charge", CHARGES, customer=BY_CUSTOMER, payment_intent=BY_INTENT, transfer_group=NEVER)
refund_list = listing("refund", REFUNDS, charge="charge = %s", payment_intent=BY_INTENT)
dispute_list = listing("dispute", DISPUTES, charge="charge = %s", payment_intent=BY_INTENT)
balance_list = listing(
    "balance_transaction",
    BALANCE,
    currency="body ->> 'currency' = %s",
    payout=NEVER,
    source="body ->> 'source' = %s",
    type="body ->> 'type' = %s",
)

ROUTES = [
    Route("POST", SESSIONS, sessions.create, requests.SESSION_CREATE, ("mode",)),
    Route("GET", SESSIONS, session_list, requests.SESSION_LIST),
    Route("GET", SESSIONS + "/{id}", sessions.retrieve, NOTHING),
    Route("POST", SESSIONS + "/{id}", sessions.update, requests.SESSION_UPDATE),
    Route("POST", SESSIONS + "/{id}/expire", sessions.expire, NOTHING),
    Route("GET", SESSIONS + "/{id}/line_items", session_items, lists.PAGE),
    Route("POST", INTENTS, intents.create, requests.INTENT_CREATE, ("amount", "currency")),
    Route("GET", INTENTS, intent_list, requests.INTENT_LIST),
    Route("GET", INTENTS + "/{id}", intents.retrieve, {**NOTHING, "client_secret": requests.ID}, public=True),
    Route("POST", INTENTS + "/{id}", intents.update, requests.INTENT_UPDATE),
    Route("POST", INTENTS + "/{id}/confirm", intents.confirm, requests.INTENT_CONFIRM, public=True),
    Route("POST", INTENTS + "/{id}/capture", intents.capture, requests.INTENT_CAPTURE),
    Route("POST", INTENTS + "/{id}/cancel", intents.cancel, requests.INTENT_CANCEL),
    Route("GET", CHARGES, charge_list, requests.CHARGE_LIST),
    Route("GET", CHARGES + "/{id}", plain.retrieve_charge, NOTHING),
    Route("POST", CHARGES + "/{id}", plain.update_charge, requests.CHARGE_UPDATE),
    Route("POST", CHARGES + "/{id}/capture", plain.capture_charge, requests.CHARGE_CAPTURE),
    Route("POST", REFUNDS, refunds.create, requests.REFUND_CREATE),
    Route("GET", REFUNDS, refund_list, requests.OF_PAYMENT_LIST),
    Route("GET", REFUNDS + "/{id}", refunds.retrieve, NOTHING),
    Route("POST", REFUNDS + "/{id}", refunds.update, requests.REFUND_UPDATE),
    Route("POST", REFUNDS + "/{id}/cancel", refunds.cancel, NOTHING),
    Route("GET", DISPUTES, dispute_list, requests.OF_PAYMENT_LIST),
    Route("GET", DISPUTES + "/{id}", disputes.retrieve, NOTHING),
    Route("POST", DISPUTES + "/{id}", disputes.update, requests.DISPUTE_UPDATE),
    Route("POST", DISPUTES + "/{id}/close", disputes.close, NOTHING),
    Route("GET", "/v1/events", events.listing, requests.EVENT_LIST),
    Route("GET", "/v1/events/{id}", events.retrieve, NOTHING),
    Route("GET", "/v2/core/events/{id}", events.retrieve_thin, NOTHING),
    Route("POST", ENDPOINTS, endpoints.create, requests.ENDPOINT_CREATE, ("url", "enabled_events")),
    Route("GET", ENDPOINTS, listing("webhook_endpoint", ENDPOINTS), lists.PAGE),
    Route("GET", ENDPOINTS + "/{id}", endpoints.retrieve, NOTHING),
    Route("POST", ENDPOINTS + "/{id}", endpoints.update, requests.ENDPOINT_UPDATE),
    Route("DELETE", ENDPOINTS + "/{id}", endpoints.delete, {}),
    Route("GET", BALANCE, balance_list, requests.BALANCE_LIST),
    Route("GET", BALANCE + "/{id}", plain.retrieve_balance_transaction, NOTHING),
    Route("GET", "/v1/account", plain.retrieve_account, NOTHING),
    Route("GET", "/v1/accounts/{id}", plain.retrieve_account, NOTHING),
    Route("POST", CUSTOMERS, plain.create_customer, requests.CUSTOMER_CREATE),
    Route(
        "GET",
        CUSTOMERS,
        listing("customer", CUSTOMERS, email="body ->> 'email' = %s", test_clock=NEVER),
        requests.CUSTOMER_LIST,
    ),
    Route("GET", CUSTOMERS + "/{id}", plain.retrieve_customer, NOTHING),
    Route("POST", CUSTOMERS + "/{id}", plain.update_customer, requests.CUSTOMER_CREATE),
    Route("POST", METHODS, methods.create, requests.PAYMENT_METHOD_CREATE, public=True),
    Route("GET", METHODS + "/{id}", methods.retrieve, NOTHING),
]
PATTERNS = [(route, route.pattern) for route in ROUTES]


def match(method: str, path: str) -> tuple[Route, tuple[str, ...]] | None:
    for route, pattern in PATTERNS:
        if route.method == method and (found := pattern.fullmatch(path)):
            return route, found.groups()
    return None
