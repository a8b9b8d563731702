"""Charges, refunds, disputes and lines of the balance as Stripe shows them, before anything has happened to them."""

from holdfast.sandbox.stripe_api.shapes import Json, billing_details, nothing


def charge(id: str, created: int, amount: int, currency: str) -> Json:
    """https://docs.stripe.com/api/charges/object"""
    return nothing(
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
    details = nothing(
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
    return nothing("exemption_indicator result_reason") | {
        "authentication_flow": "challenge",
        "electronic_commerce_indicator": "05",
        "exemption_indicator_applied": False,
        "result": "authenticated",
        "transaction_id": "00000000-0000-4000-8000-000000000000",
        "version": "2.2.0",
    }


def refund(id: str, created: int, amount: int, currency: str) -> Json:
    """https://docs.stripe.com/api/refunds/object"""
    return nothing(
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
        "evidence": nothing(EVIDENCE) | {"enhanced_evidence": {}},
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
