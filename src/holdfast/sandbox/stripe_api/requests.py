"""The parameters of every request, as the API reference lists them."""

from typing import Any

from holdfast.sandbox.stripe_api import lists
from holdfast.sandbox.stripe_api.errors import invalid
from holdfast.sandbox.stripe_api.money import SUPPORTED
from holdfast.sandbox.stripe_api.money_shapes import EVIDENCE
from holdfast.sandbox.stripe_api.parameters import (
    Fields,
    amount,
    anything,
    boolean,
    decimal,
    email,
    gone,
    hash_of,
    integer,
    list_of,
    metadata,
    one_of,
    text,
    url,
)


def currency(value: Any, param: str) -> str:
    code = str(text()(value, param)).lower()
    if code not in SUPPORTED:
        message = f"Invalid currency: {code}. Stripe currently supports these currencies: {', '.join(sorted(SUPPORTED))}"
        raise invalid(message, param)
    return code


EXPAND: Fields = {"expand": list_of(text())}
ID = text(255)
CAPTURE_METHOD = one_of("automatic", "automatic_async", "manual")
FUTURE_USAGE = one_of("off_session", "on_session")
METHOD_TYPES = gone(
    "The `payment_method_types` parameter has been removed. Use `allowed_payment_method_types`, or leave it out to use "
    "the payment methods that are enabled in the Dashboard."
)


def _anything(names: str) -> Fields:
    return dict.fromkeys(names.split(), anything)


PRODUCT_DATA = hash_of(
    {
        "name": text(),
        "description": text(40_000),
        "images": list_of(text(), 8),
        "metadata": metadata,
        **_anything("tax_code tax_details unit_label"),
    },
    required=("name",),
)
PRICE_DATA = hash_of(
    {
        "currency": currency,
        "product": ID,
        "product_data": PRODUCT_DATA,
        "unit_amount": amount(),
        "unit_amount_decimal": decimal,
        "tax_behavior": one_of("exclusive", "inclusive", "unspecified"),
        "recurring": gone("`recurring` prices cannot be used in `payment` mode."),
    },
    required=("currency",),
)
LINE_ITEM = hash_of(
    {
        "price": ID,
        "price_data": PRICE_DATA,
        "quantity": integer(1, 999_999),
        "metadata": metadata,
        **_anything("adjustable_quantity tax_rates"),
    }
)
PAYMENT_INTENT_DATA = hash_of(
    {
        "capture_method": CAPTURE_METHOD,
        "description": text(1_000),
        "metadata": metadata,
        "receipt_email": email,
        "setup_future_usage": FUTURE_USAGE,
        "statement_descriptor": text(22),
        "statement_descriptor_suffix": text(22),
        **_anything("application_fee_amount on_behalf_of shipping transfer_data transfer_group"),
    }
)
LOCALES = (
    "auto bg cs da de el en en-GB es es-419 et fi fil fr fr-CA hi-IN hr hu id it ja ko lt lv ms mt nb nl pl pt pt-BR ro ru "
    "sk sl sv th tr vi zh zh-HK zh-TW"
).split()

SESSION_CREATE: Fields = {
    **EXPAND,
    "mode": one_of("payment", "setup", "subscription"),
    "line_items": list_of(LINE_ITEM, 100),
    "success_url": url,
    "cancel_url": url,
    "return_url": url,
    # The reference gives no bound but the general one for ids; pages of the docs say 200.
    "client_reference_id": text(200),
    "currency": currency,
    "customer": ID,
    "customer_email": email,
    "expires_at": integer(),
    "metadata": metadata,
    "payment_intent_data": PAYMENT_INTENT_DATA,
    "payment_method_types": METHOD_TYPES,
    "allowed_payment_method_types": list_of(text(100)),
    "excluded_payment_method_types": list_of(text(100)),
    "ui_mode": one_of("elements", "embedded_page", "form", "hosted_page"),
    "submit_type": one_of("auto", "book", "donate", "pay", "subscribe"),
    "locale": one_of(*LOCALES),
    "origin_context": one_of("mobile_app", "web"),
    "billing_address_collection": one_of("auto", "required"),
    "customer_creation": one_of("always", "if_required"),
    "payment_method_collection": one_of("always", "if_required"),
    "redirect_on_completion": one_of("always", "if_required", "never"),
    "allow_promotion_codes": boolean,
    "integration_identifier": text(200),
    "after_expiration": hash_of({"recovery": hash_of(_anything("enabled allow_promotion_codes"))}),
    "phone_number_collection": hash_of({"enabled": boolean}, required=("enabled",)),
    "custom_text": hash_of(_anything("after_submit shipping_address submit terms_of_service_acceptance")),
    **_anything(
        "adaptive_pricing automatic_tax branding_settings consent_collection custom_fields customer_account "
        "customer_update discounts invoice_creation managed_payments name_collection optional_items "
        "payment_method_configuration payment_method_data payment_method_options permissions "
        "saved_payment_method_options setup_intent_data shipping_address_collection shipping_options "
        "subscription_data tax_id_collection wallet_options"
    ),
}
SESSION_UPDATE: Fields = {
    **EXPAND,
    "metadata": metadata,
    **_anything("collected_information shipping_options line_items automatic_tax discounts invoice_creation"),
}
SESSION_LIST: Fields = {
    **lists.LIST,
    "customer": ID,
    "customer_account": ID,
    "customer_details": hash_of({"email": text(800)}, required=("email",)),
    "payment_intent": ID,
    "payment_link": ID,
    "status": one_of("open", "complete", "expired"),
    "subscription": ID,
}

INTENT_CREATE: Fields = {
    **EXPAND,
    "amount": amount(1),
    "currency": currency,
    "automatic_payment_methods": hash_of(
        {"enabled": boolean, "allow_redirects": one_of("always", "never")}, required=("enabled",)
    ),
    "capture_method": CAPTURE_METHOD,
    "confirm": boolean,
    "confirmation_method": one_of("automatic", "manual"),
    "customer": ID,
    "description": text(1_000),
    "error_on_requires_action": boolean,
    "metadata": metadata,
    "payment_method": ID,
    "payment_method_types": METHOD_TYPES,
    "allowed_payment_method_types": list_of(text(100)),
    "receipt_email": email,
    "return_url": url,
    "setup_future_usage": FUTURE_USAGE,
    "statement_descriptor": text(22),
    "statement_descriptor_suffix": text(22),
    "transfer_group": text(),
    "use_stripe_sdk": boolean,
    **_anything(
        "amount_details application_fee_amount confirmation_token customer_account excluded_payment_method_types hooks "
        "mandate mandate_data off_session on_behalf_of payment_details payment_method_configuration "
        "payment_method_data payment_method_options radar_options shipping transfer_data"
    ),
}
NOT_IN_UPDATE = frozenset(
    "automatic_payment_methods confirm confirmation_method confirmation_token error_on_requires_action mandate "
    "mandate_data off_session on_behalf_of radar_options return_url use_stripe_sdk".split()
)
INTENT_UPDATE: Fields = {
    **{name: kind for name, kind in INTENT_CREATE.items() if name not in NOT_IN_UPDATE},
    "receipt_email": text(800, unset=True),
    "setup_future_usage": one_of("off_session", "on_session", unset=True),
}
INTENT_CONFIRM: Fields = {
    **EXPAND,
    "capture_method": CAPTURE_METHOD,
    "error_on_requires_action": boolean,
    "payment_method": ID,
    "payment_method_types": METHOD_TYPES,
    "receipt_email": text(800, unset=True),
    "return_url": url,
    "setup_future_usage": one_of("off_session", "on_session", unset=True),
    "use_stripe_sdk": boolean,
    # A browser confirms with the publishable key and the intent's secret.
    "client_secret": text(),
    **_anything(
        "allowed_payment_method_types amount_details amount_to_confirm confirmation_token "
        "excluded_payment_method_types hooks mandate mandate_data off_session payment_details payment_method_data "
        "payment_method_options radar_options shipping"
    ),
}
INTENT_CAPTURE: Fields = {
    **EXPAND,
    "amount_to_capture": amount(1),
    "metadata": metadata,
    "final_capture": boolean,
    "statement_descriptor": text(22),
    "statement_descriptor_suffix": text(22),
    **_anything("amount_details application_fee_amount hooks payment_details transfer_data"),
}
INTENT_CANCEL: Fields = {
    **EXPAND,
    "cancellation_reason": one_of("abandoned", "duplicate", "fraudulent", "requested_by_customer"),
}
INTENT_LIST: Fields = {**lists.LIST, "customer": ID, "customer_account": ID}

CHARGE_LIST: Fields = {**lists.LIST, "customer": ID, "payment_intent": ID, "transfer_group": text()}
CHARGE_UPDATE: Fields = {
    **EXPAND,
    "description": text(40_000, unset=True),
    "metadata": metadata,
    "receipt_email": text(800, unset=True),
    **_anything("customer fraud_details shipping transfer_group"),
}
CHARGE_CAPTURE: Fields = {
    **EXPAND,
    "amount": amount(1),
    **_anything(
        "application_fee application_fee_amount receipt_email statement_descriptor statement_descriptor_suffix "
        "transfer_data transfer_group"
    ),
}

REFUND_CREATE: Fields = {
    **EXPAND,
    "amount": amount(1),
    "charge": ID,
    "payment_intent": ID,
    "reason": one_of("duplicate", "fraudulent", "requested_by_customer"),
    "metadata": metadata,
    "instructions_email": email,
    "currency": currency,
    **_anything("customer origin refund_application_fee reverse_transfer"),
}
REFUND_UPDATE: Fields = {**EXPAND, "metadata": metadata}
OF_PAYMENT_LIST: Fields = {**lists.LIST, "charge": ID, "payment_intent": ID}

DISPUTE_UPDATE: Fields = {
    **EXPAND,
    "evidence": hash_of(_anything(EVIDENCE + " enhanced_evidence")),
    "metadata": metadata,
    "submit": boolean,
    "intended_submission_method": one_of(
        "manual", "prefer_manual", "prefer_smart_disputes", "smart_disputes"
    ),
}

EVENT_LIST: Fields = {
    **lists.LIST,
    "type": text(),
    "types": list_of(text()),
    "delivery_success": boolean,
}

ENDPOINT_CREATE: Fields = {
    **EXPAND,
    "url": url,
    "enabled_events": list_of(text(), 500),
    "api_version": text(50),
    "description": text(unset=True),
    "metadata": metadata,
    "connect": boolean,
}
ENDPOINT_UPDATE: Fields = {
    **EXPAND,
    "url": url,
    "enabled_events": list_of(text(), 500),
    "description": text(unset=True),
    "metadata": metadata,
    "disabled": boolean,
}

BALANCE_LIST: Fields = {**lists.LIST, "currency": currency, "payout": ID, "source": ID, "type": text()}

CUSTOMER_CREATE: Fields = {
    **EXPAND,
    "email": text(512, unset=True),
    "name": text(256, unset=True),
    "description": text(unset=True),
    "phone": text(20, unset=True),
    "metadata": metadata,
    **_anything(
        "address balance business_name cash_balance individual_name invoice_prefix invoice_settings "
        "next_invoice_sequence payment_method preferred_locales shipping source tax tax_exempt tax_id_data test_clock validate"
    ),
}
CUSTOMER_LIST: Fields = {**lists.LIST, "email": text(512), "test_clock": ID}
PAYMENT_METHOD_CREATE: Fields = {
    **EXPAND,
    "type": text(50),
    "card": anything,
    "billing_details": anything,
    "metadata": metadata,
    "allow_redisplay": one_of("always", "limited", "unspecified"),
}
