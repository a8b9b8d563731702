"""The objects as Stripe shows them, with every field, before anything has happened to them.

Field lists follow the API reference of version 2026-10-28.endive. A field that Stripe shows only when it is
expanded (a charge's refunds, a session's line items) is left out here.
"""

from typing import Any

Json = dict[str, Any]
NO_ADDRESS = dict.fromkeys(("city", "country", "line1", "line2", "postal_code", "state"))


def nothing(names: str) -> Json:
    return dict.fromkeys(names.split())


def checkout_session(id: str, created: int) -> Json:
    """https://docs.stripe.com/api/checkout/sessions/object"""
    return nothing(
        "after_expiration allow_promotion_codes allowed_payment_method_types billing_address_collection branding_settings "
        "cancel_url client_reference_id client_secret collected_information consent consent_collection "
        "currency_conversion customer customer_account customer_details customer_email "
        "excluded_payment_method_types integration_identifier invoice locale managed_payments name_collection "
        "optional_items origin_context payment_intent payment_link payment_method_configuration_details "
        "permissions presentment_details recovered_from redirect_on_completion return_url "
        "saved_payment_method_options setup_intent shipping_address_collection shipping_cost submit_type "
        "subscription success_url tax_id_collection url"
    ) | {
        "id": id,
        "object": "checkout.session",
        "adaptive_pricing": {"enabled": False},
        "amount_subtotal": 0,
        "amount_total": 0,
        "automatic_tax": {"enabled": False, "liability": None, "provider": None, "status": None},
        "created": created,
        "currency": None,
        "custom_fields": [],
        "custom_text": nothing("after_submit shipping_address submit terms_of_service_acceptance"),
        "customer_creation": "if_required",
        "discounts": [],
        "expires_at": created,
        "invoice_creation": {
            "enabled": False,
            "invoice_data": nothing(
                "account_tax_ids custom_fields description footer issuer rendering_options"
            )
            | {"metadata": {}},
        },
        "livemode": False,
        "metadata": {},
        "mode": "payment",
        "payment_method_collection": "if_required",
        "payment_method_options": {"card": {"request_three_d_secure": "automatic"}},
        "payment_method_types": ["card"],
        "payment_status": "unpaid",
        "phone_number_collection": {"enabled": False},
        "shipping_options": [],
        "status": "open",
        "total_details": {"amount_discount": 0, "amount_shipping": 0, "amount_tax": 0},
        "ui_mode": "hosted_page",
        "wallet_options": None,
    }


def customer_details(email: str | None, name: str | None = None, phone: str | None = None) -> Json:
    return {
        "address": NO_ADDRESS | {"country": "GB"} if name else None,
        "business_name": None,
        "email": email,
        "individual_name": None,
        "name": name,
        "phone": phone,
        "tax_exempt": "none",
        "tax_ids": [],
    }


def line_item(id: str, price: Json, quantity: int, description: str | None, metadata: Json) -> Json:
    """https://docs.stripe.com/api/checkout/sessions/line_items"""
    total = price["unit_amount"] * quantity
    return {
        "id": id,
        "object": "item",
        "adjustable_quantity": None,
        "amount_discount": 0,
        "amount_subtotal": total,
        "amount_tax": 0,
        "amount_total": total,
        "currency": price["currency"],
        "description": description,
        "discounts": [],
        "metadata": metadata,
        "price": price,
        "quantity": quantity,
        "taxes": [],
    }


def price(id: str, created: int, currency: str, unit_amount: int, product: str) -> Json:
    """https://docs.stripe.com/api/prices/object; made on the spot for `price_data`, so it is not active."""
    return nothing("custom_unit_amount lookup_key nickname recurring tiers_mode transform_quantity") | {
        "id": id,
        "object": "price",
        "active": False,
        "billing_scheme": "per_unit",
        "created": created,
        "currency": currency,
        "livemode": False,
        "metadata": {},
        "product": product,
        "tax_behavior": "unspecified",
        "type": "one_time",
        "unit_amount": unit_amount,
        "unit_amount_decimal": str(unit_amount),
    }


def payment_intent(id: str, created: int, amount: int, currency: str, client_secret: str) -> Json:
    """https://docs.stripe.com/api/payment_intents/object"""
    return nothing(
        "allowed_payment_method_types amount_details application application_fee_amount canceled_at cancellation_reason "
        "customer customer_account description excluded_payment_method_types hooks last_payment_error latest_charge "
        "managed_payments next_action on_behalf_of payment_details payment_method payment_record "
        "presentment_details processing receipt_email review setup_future_usage shipping source statement_descriptor "
        "statement_descriptor_suffix transfer_data transfer_group"
    ) | {
        "id": id,
        "object": "payment_intent",
        "amount": amount,
        "amount_capturable": 0,
        "amount_received": 0,
        "automatic_payment_methods": {"allow_redirects": "always", "enabled": True},
        "capture_method": "automatic_async",
        "client_secret": client_secret,
        "confirmation_method": "automatic",
        "created": created,
        "currency": currency,
        "livemode": False,
        "metadata": {},
        "payment_method_configuration_details": None,
        "payment_method_options": {"card": {"request_three_d_secure": "automatic"}},
        "payment_method_types": ["card"],
        "status": "requires_payment_method",
    }


def billing_details(email: str | None, name: str | None) -> Json:
    return {"address": dict(NO_ADDRESS), "email": email, "name": name, "phone": None, "tax_id": None}


def card_payment_method(id: str, created: int, brand: str, last4: str, billing: Json) -> Json:
    """https://docs.stripe.com/api/payment_methods/object"""
    return {
        "id": id,
        "object": "payment_method",
        "allow_redisplay": "unspecified",
        "billing_details": billing,
        "card": {
            "brand": brand,
            "checks": {"address_line1_check": None, "address_postal_code_check": None, "cvc_check": "pass"},
            "country": "US",
            "description": None,
            "display_brand": brand,
            "exp_month": 12,
            "exp_year": 2034,
            "fingerprint": f"sandbox{last4}{brand}"[:16],
            "funding": "credit",
            "generated_from": None,
            "iin": None,
            "issuer": None,
            "last4": last4,
            "networks": {"available": [brand], "preferred": None},
            "regulated_status": "unregulated",
            "three_d_secure_usage": {"supported": True},
            "wallet": None,
        },
        "created": created,
        "customer": None,
        "customer_account": None,
        "livemode": False,
        "metadata": {},
        "radar_options": {"session": None},
        "type": "card",
    }


def bank_payment_method(id: str, created: int, kind: str, billing: Json) -> Json:
    bank: Json = {
        "bacs_debit": {"fingerprint": "sandboxbank", "last4": "2345", "sort_code": "108800"},
        "sepa_debit": nothing("branch_code generated_from")
        | {"bank_code": "37040044", "country": "DE", "fingerprint": "sandboxbank", "last4": "3000"},
    }[kind]
    return {
        "id": id,
        "object": "payment_method",
        "allow_redisplay": "unspecified",
        "billing_details": billing,
        "created": created,
        "customer": None,
        "customer_account": None,
        "livemode": False,
        "metadata": {},
        "radar_options": {"session": None},
        "type": kind,
        kind: bank,
    }


def webhook_endpoint(
    id: str, created: int, url: str, enabled_events: list[str], api_version: str | None
) -> Json:
    """https://docs.stripe.com/api/webhook_endpoints/object"""
    return {
        "id": id,
        "object": "webhook_endpoint",
        "api_version": api_version,
        "application": None,
        "created": created,
        "description": None,
        "enabled_events": enabled_events,
        "livemode": False,
        "metadata": {},
        "status": "enabled",
        "url": url,
    }


def customer(id: str, created: int) -> Json:
    """https://docs.stripe.com/api/customers/object"""
    return nothing(
        "address business_name currency customer_account default_source description discount email individual_name name "
        "phone shipping test_clock"
    ) | {
        "id": id,
        "object": "customer",
        "balance": 0,
        "created": created,
        "delinquent": False,
        "invoice_prefix": id[-8:].upper(),
        "invoice_settings": nothing("custom_fields default_payment_method footer rendering_options"),
        "livemode": False,
        "metadata": {},
        "next_invoice_sequence": 1,
        "preferred_locales": [],
        "tax_exempt": "none",
    }


def account() -> Json:
    """https://docs.stripe.com/api/accounts/object: the account that the key belongs to."""
    return {
        "id": "acct_sandbox00000000",
        "object": "account",
        "business_profile": nothing(
            "mcc product_description support_address support_email support_phone support_url url"
        )
        | {"name": "Sandbox"},
        "business_type": "company",
        "capabilities": {"card_payments": "active", "transfers": "active"},
        "charges_enabled": True,
        "country": "GB",
        "created": 1_700_000_000,
        "default_currency": "gbp",
        "details_submitted": True,
        "email": "sandbox@example.com",
        "metadata": {},
        "payouts_enabled": True,
        "settings": {
            "branding": nothing("icon logo primary_color secondary_color"),
            "card_payments": nothing("statement_descriptor_prefix_kana statement_descriptor_prefix_kanji")
            | {
                "decline_on": {"avs_failure": False, "cvc_failure": False},
                "statement_descriptor_prefix": "SANDBOX",
            },
            "dashboard": {"display_name": "Sandbox", "timezone": "Etc/UTC"},
            "payments": nothing("statement_descriptor_kana statement_descriptor_kanji")
            | {"statement_descriptor": "SANDBOX"},
        },
        "type": "standard",
    }
