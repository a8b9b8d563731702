"""What a request may say: every parameter that the SDK knows is taken, and what is wrong is refused as Stripe does."""

from __future__ import annotations

import importlib
from typing import Any

import httpx
import pytest
import stripe

from holdfast.sandbox.stripe_api import requests
from holdfast.sandbox.stripe_api.errors import StripeFault
from holdfast.sandbox.stripe_api.form import parse_form
from holdfast.sandbox.stripe_api.parameters import Fields
from tests.sandbox.conftest import session_params

KEY = {"Authorization": "Bearer sk_test_sandbox"}
SPECS: dict[str, Fields] = {
    "checkout._session_create_params.SessionCreateParams": requests.SESSION_CREATE,
    "checkout._session_list_params.SessionListParams": requests.SESSION_LIST,
    "_payment_intent_create_params.PaymentIntentCreateParams": requests.INTENT_CREATE,
    "_payment_intent_update_params.PaymentIntentUpdateParams": requests.INTENT_UPDATE,
    "_payment_intent_confirm_params.PaymentIntentConfirmParams": requests.INTENT_CONFIRM,
    "_payment_intent_capture_params.PaymentIntentCaptureParams": requests.INTENT_CAPTURE,
    "_payment_intent_cancel_params.PaymentIntentCancelParams": requests.INTENT_CANCEL,
    "_payment_intent_list_params.PaymentIntentListParams": requests.INTENT_LIST,
    "_charge_list_params.ChargeListParams": requests.CHARGE_LIST,
    "_charge_update_params.ChargeUpdateParams": requests.CHARGE_UPDATE,
    "_refund_create_params.RefundCreateParams": requests.REFUND_CREATE,
    "_refund_update_params.RefundUpdateParams": requests.REFUND_UPDATE,
    "_refund_list_params.RefundListParams": requests.OF_PAYMENT_LIST,
    "_dispute_list_params.DisputeListParams": requests.OF_PAYMENT_LIST,
    "_dispute_update_params.DisputeUpdateParams": requests.DISPUTE_UPDATE,
    "_event_list_params.EventListParams": requests.EVENT_LIST,
    "_webhook_endpoint_create_params.WebhookEndpointCreateParams": requests.ENDPOINT_CREATE,
    "_webhook_endpoint_update_params.WebhookEndpointUpdateParams": requests.ENDPOINT_UPDATE,
    "_balance_transaction_list_params.BalanceTransactionListParams": requests.BALANCE_LIST,
    "_customer_create_params.CustomerCreateParams": requests.CUSTOMER_CREATE,
    "_customer_list_params.CustomerListParams": requests.CUSTOMER_LIST,
}


@pytest.mark.parametrize("name", SPECS)
def test_every_parameter_of_the_sdk_is_known(name: str) -> None:
    module, _, declared = name.rpartition(".")
    known = getattr(importlib.import_module(f"stripe.params.{module}"), declared).__annotations__
    names = set(known) - set(stripe.RequestOptions.__annotations__)
    assert names <= set(SPECS[name]), names - set(SPECS[name])
    assert set(SPECS[name]) - names <= {"payment_method_types", "client_secret"}


def flat(value: Any, name: str = "") -> dict[str, str]:
    """A form, as the SDK would write it."""
    if isinstance(value, dict):
        parts = [flat(item, f"{name}[{key}]" if name else key) for key, item in value.items()]
    elif isinstance(value, list):
        parts = [flat(item, f"{name}[{index}]") for index, item in enumerate(value)]
    else:
        return {name: str(value).lower() if isinstance(value, bool) else str(value)}
    return {key: item for part in parts for key, item in part.items()}


def line(**price: Any) -> list[dict[str, Any]]:
    return [{"price_data": {"currency": "gbp", "unit_amount": 900, "product_data": {"name": "x"}} | price}]


SESSION_REFUSALS: list[tuple[dict[str, Any], str | None, str | None]] = [
    ({"nonsense": "1"}, "parameter_unknown", "nonsense"),
    ({"line_items": line(colour="red")}, "parameter_unknown", "line_items[0][price_data][colour]"),
    ({"mode": "giving"}, None, "mode"),
    ({"mode": "subscription"}, None, "mode"),
    ({"payment_method_types": ["card"]}, "parameter_unknown", "payment_method_types"),
    ({"success_url": ""}, "parameter_invalid_empty", "success_url"),
    ({"success_url": "not an address"}, "url_invalid", "success_url"),
    ({"customer_email": "nobody"}, "email_invalid", "customer_email"),
    ({"client_reference_id": "x" * 201}, None, "client_reference_id"),
    (
        {"line_items": line(unit_amount="12.5")},
        "parameter_invalid_integer",
        "line_items[0][price_data][unit_amount]",
    ),
    (
        {"line_items": line(unit_amount=-1)},
        "parameter_invalid_integer",
        "line_items[0][price_data][unit_amount]",
    ),
    ({"line_items": line(unit_amount=29)}, "amount_too_small", None),
    (
        {"line_items": line(unit_amount=100_000_000)},
        "amount_too_large",
        "line_items[0][price_data][unit_amount]",
    ),
    ({"line_items": line(currency="zzz")}, None, "line_items[0][price_data][currency]"),
    ({"line_items": line() + line(currency="eur")}, None, "line_items"),
    ({"line_items": [{"price": "price_x"}]}, "resource_missing", "line_items[0][price]"),
    ({"line_items": [{"quantity": 1}]}, "parameter_missing", "line_items[0][price_data]"),
    ({"metadata": {f"k{n}": "v" for n in range(51)}}, None, "metadata"),
    ({"metadata": {"k" * 41: "v"}}, None, f"metadata[{'k' * 41}]"),
    ({"metadata": {"k": "v" * 501}}, None, "metadata[k]"),
    ({"metadata": {"k": {"deep": "v"}}}, None, "metadata[k]"),
    ({"customer": "cus_none"}, "resource_missing", "customer"),
    ({"locale": "klingon"}, None, "locale"),
]


@pytest.mark.parametrize(("change", "code", "param"), SESSION_REFUSALS)
def test_a_session_is_refused(
    change: dict[str, Any], code: str | None, param: str | None, web: httpx.Client
) -> None:
    answer = web.post("/v1/checkout/sessions", data=flat(session_params() | change), headers=KEY)
    error = answer.json()["error"]
    assert answer.status_code in (400, 404), error
    assert (error["type"], error.get("code"), error.get("param")) == ("invalid_request_error", code, param), (
        error
    )


@pytest.mark.parametrize("name", ["mode", "success_url", "line_items"])
def test_what_is_missing_is_named(name: str, web: httpx.Client) -> None:
    params = {key: value for key, value in session_params().items() if key != name}
    error = web.post("/v1/checkout/sessions", data=flat(params), headers=KEY).json()["error"]
    assert (error["code"], error["param"]) == ("parameter_missing", name)


@pytest.mark.parametrize(("offset", "fine"), [(1799, False), (1810, True), (86_390, True), (86_410, False)])
def test_a_session_lives_from_half_an_hour_to_a_day(offset: int, fine: bool, web: httpx.Client) -> None:
    at = int(web.get("/control/clock").json()["now"]) + offset
    answer = web.post("/v1/checkout/sessions", data=flat(session_params(expires_at=at)), headers=KEY)
    assert answer.is_success == fine
    if not fine:
        assert answer.json()["error"]["param"] == "expires_at"


def test_fifty_keys_of_five_hundred_characters_are_fine(web: httpx.Client) -> None:
    metadata = {f"{'k' * 38}{n:02d}": "v" * 500 for n in range(50)}
    answer = web.post("/v1/checkout/sessions", data=flat(session_params(metadata=metadata)), headers=KEY)
    assert answer.json()["metadata"] == metadata


@pytest.mark.parametrize(
    ("params", "code"),
    [
        ({"amount": "100"}, "parameter_missing"),
        ({"amount": "29", "currency": "gbp"}, "amount_too_small"),
        ({"amount": "a", "currency": "gbp"}, "parameter_invalid_integer"),
        ({"amount": "100", "currency": "gbp", "payment_method_types[]": "card"}, "parameter_unknown"),
        ({"amount": "100", "currency": "gbp", "confirm": "true"}, "payment_intent_unexpected_state"),
        (
            {"amount": "100", "currency": "gbp", "confirm": "true", "payment_method": "pm_no"},
            "resource_missing",
        ),
    ],
)
def test_an_intent_is_refused(params: dict[str, str], code: str, web: httpx.Client) -> None:
    answer = web.post("/v1/payment_intents", data=params, headers=KEY)
    assert answer.json()["error"]["code"] == code


def test_zero_decimals_are_whole(web: httpx.Client) -> None:
    yen = session_params(line_items=line(currency="jpy", unit_amount=2500))
    made = web.post("/v1/checkout/sessions", data=flat(yen), headers=KEY).json()
    assert made["amount_total"] == 2500
    assert "¥2,500" in web.get(f"/pay/{made['id']}").text


def test_forms_become_trees() -> None:
    tree = parse_form("a[b][0][c]=1&a[b][1][c]=2&d[]=x&d[]=y&e=%C3%A9&f[10]=k&f[9]=j")
    assert tree == {"a": {"b": [{"c": "1"}, {"c": "2"}]}, "d": ["x", "y"], "e": "é", "f": ["j", "k"]}


@pytest.mark.parametrize("junk", ["a[b=1", "a]b[=1", "[a]=1", "a=1&a[b]=2", "a[b]=2&a[b][c]=3", "a[b]c=1"])
def test_junk_is_refused_and_never_crashes(junk: str) -> None:
    with pytest.raises(StripeFault):
        parse_form(junk)


@pytest.mark.parametrize(
    "path", ["/v1/checkout/sessions", "/v1/payment_intents", "/v1/refunds", "/v1/webhook_endpoints"]
)
@pytest.mark.parametrize(
    "body", [b"\xff\xfe\x00", b"a[]=1&a[][b]=2", b"metadata=x", b"=", b"amount[]=1", b"mode[x]=1"]
)
def test_no_body_brings_a_500(path: str, body: bytes, web: httpx.Client) -> None:
    headers = KEY | {"Content-Type": "application/x-www-form-urlencoded"}
    assert web.post(path, content=body, headers=headers).status_code == 400
