"""The objects as Stripe shows them, with every field, before anything has happened to them.

Field lists follow the API reference of version 2026-10-28.endive. A field that Stripe shows only when it is
expanded (a charge's refunds, a session's line items) is left out here.
"""

from typing import Any

Json = dict[str, Any]
NO_ADDRESS = dict.fromkeys(("city", "country", "line1", "line2", "postal_code", "state"))


def _nothing(names: str) -> Json:
    return dict.fromkeys(names.split())


def checkout_session(id: str, created: int) -> Json:
    """https://docs.stripe.com/api/checkout/sessions/object"""
    return _nothing(
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
        "custom_text": _nothing("after_submit shipping_address submit terms_of_service_acceptance"),
        "customer_creation": "if_required",
        "discounts": [],
        "expires_at": created,
        "invoice_creation": {
            "enabled": False,
            "invoice_data": _nothing(
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
    return _nothing("custom_unit_amount lookup_key nickname recurring tiers_mode transform_quantity") | {
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
    return _nothing(
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
        "sepa_debit": _nothing("branch_code generated_from")
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


def charge(id: str, created: int, amount: int, currency: str) -> Json:
    """https://docs.stripe.com/api/charges/object"""
    return _nothing(
        "application application_fee application_fee_amount authorization_code balance_transaction customer description "
        "failure_balance_transaction failure_code failure_message level3 on_behalf_of payment_method "
        "payment_method_details presentment_details receipt_email receipt_number receipt_url review shipping "
        "source source_transfer statement_descriptor statement_descriptor_suffix transfer transfer_data transfer_group"
    ) | {
        "id": id,
        "object": "charge",
        "amount": amount,
        "amount_captured": 0,
        "amount_refunded": 0,
        "billing_details": billing_details(None, None),
        "calculated_statement_descriptor": "SANDBOX",
        "captured": False,
        "created": created,
        "currency": currency,
        "disputed": False,
        "fraud_details": {},
        "livemode": False,
        "metadata": {},
        "outcome": None,
        "paid": False,
        "payment_intent": None,
        "radar_options": {},
        "refunded": False,
        "status": "pending",
    }


def charged_card(
    card: Json, amount: int, authorization: str, capture_before: int | None, secured: bool
) -> Json:
    """`payment_method_details.card`; `capture_before` is there only while the charge waits to be captured."""
    details = _nothing(
        "description iin installments issuer mandate moto setup_credential_usage stored_credential_usage "
        "transaction_link_id wallet electronic_commerce_indicator"
    ) | {
        "amount_authorized": amount,
        "authorization_code": authorization,
        "brand": card["brand"],
        "checks": card["checks"],
        "country": card["country"],
        "exp_month": card["exp_month"],
        "exp_year": card["exp_year"],
        "extended_authorization": {"status": "disabled"},
        "fingerprint": card["fingerprint"],
        "funding": card["funding"],
        "incremental_authorization": {"status": "unavailable"},
        "last4": card["last4"],
        "multicapture": {"status": "unavailable"},
        "network": card["brand"],
        "network_token": {"used": False},
        "network_transaction_id": f"{authorization}{card['last4']}",
        "overcapture": {"maximum_amount_capturable": amount, "status": "unavailable"},
        "regulated_status": card["regulated_status"],
        "three_d_secure": three_d_secure() if secured else None,
    }
    return details if capture_before is None else details | {"capture_before": capture_before}


def three_d_secure() -> Json:
    return _nothing("exemption_indicator result_reason") | {
        "authentication_flow": "challenge",
        "electronic_commerce_indicator": "05",
        "exemption_indicator_applied": False,
        "result": "authenticated",
        "transaction_id": "00000000-0000-4000-8000-000000000000",
        "version": "2.2.0",
    }


def refund(id: str, created: int, amount: int, currency: str) -> Json:
    """https://docs.stripe.com/api/refunds/object"""
    return _nothing(
        "balance_transaction charge customer customer_account description failure_balance_transaction failure_reason "
        "instructions_email next_action payment_intent payment_method pending_reason presentment_details reason "
        "receipt_number source_transfer_reversal transfer_reversal"
    ) | {
        "id": id,
        "object": "refund",
        "amount": amount,
        "created": created,
        "currency": currency,
        "destination_details": {
            "card": {
                "reference": None,
                "reference_status": "pending",
                "reference_type": "acquirer_reference_number",
                "type": "refund",
            },
            "type": "card",
        },
        "metadata": {},
        "status": "succeeded",
    }


EVIDENCE = (
    "access_activity_log appeal billing_address cancellation_policy cancellation_policy_disclosure cancellation_rebuttal "
    "customer_communication customer_email_address customer_name customer_purchase_ip customer_signature "
    "duplicate_charge_documentation duplicate_charge_explanation duplicate_charge_id product_description receipt "
    "refund_policy refund_policy_disclosure refund_refusal_explanation service_date service_documentation "
    "shipping_address shipping_carrier shipping_date shipping_documentation shipping_tracking_number "
    "uncategorized_file uncategorized_text"
)


def dispute(id: str, created: int, charge: Json, reason: str, due_by: int) -> Json:
    """https://docs.stripe.com/api/disputes/object"""
    return {
        "id": id,
        "object": "dispute",
        "amount": charge["amount_captured"],
        "balance_transactions": [],
        "charge": charge["id"],
        "created": created,
        "currency": charge["currency"],
        "enhanced_eligibility_types": [],
        "evidence": _nothing(EVIDENCE) | {"enhanced_evidence": {}},
        "evidence_details": {
            "due_by": due_by,
            "enhanced_eligibility": {},
            "has_evidence": False,
            "past_due": False,
            "submission_count": 0,
            "submission_method": "not_submitted",
        },
        "intended_submission_method": "manual",
        "is_charge_refundable": False,
        "livemode": False,
        "metadata": {},
        "network_reason_code": "10.4",
        "payment_intent": charge["payment_intent"],
        "payment_method_details": {
            "card": {
                "brand": "visa",
                "case_type": "chargeback",
                "network": "visa",
                "network_reason_code": "10.4",
            },
            "type": "card",
        },
        "reason": reason,
        "status": "needs_response",
    }


def balance_transaction(
    id: str, created: int, kind: str, amount: int, fee: int, currency: str, source: str
) -> Json:
    """https://docs.stripe.com/api/balance_transactions/object"""
    details = [
        {
            "amount": fee,
            "application": None,
            "currency": currency,
            "description": "Fees",
            "type": "stripe_fee",
        }
    ]
    return {
        "id": id,
        "object": "balance_transaction",
        "amount": amount,
        "available_on": created + 2 * 24 * 3600,
        "balance_type": "payments",
        "created": created,
        "currency": currency,
        "description": None,
        "exchange_rate": None,
        "fee": fee,
        "fee_details": details if fee else [],
        "net": amount - fee,
        "reporting_category": "dispute" if kind == "adjustment" else kind,
        "source": source,
        "status": "pending",
        "type": kind,
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
    return _nothing(
        "address business_name currency customer_account default_source description discount email individual_name name "
        "phone shipping test_clock"
    ) | {
        "id": id,
        "object": "customer",
        "balance": 0,
        "created": created,
        "delinquent": False,
        "invoice_prefix": id[-8:].upper(),
        "invoice_settings": _nothing("custom_fields default_payment_method footer rendering_options"),
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
        "business_profile": _nothing(
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
        "settings": {"dashboard": {"display_name": "Sandbox", "timezone": "Etc/UTC"}},
        "type": "standard",
    }
