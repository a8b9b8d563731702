"""Disputes. https://docs.stripe.com/api/disputes and https://docs.stripe.com/disputes/how-disputes-work"""

from holdfast.sandbox.ledger import Json, Ledger, Row
from holdfast.sandbox.stripe_api import charging, money_shapes
from holdfast.sandbox.stripe_api.context import Call, wanted
from holdfast.sandbox.stripe_api.errors import wrong_state
from holdfast.sandbox.stripe_api.parameters import merged_metadata

DISPUTE_FEE = 2_000
RESPOND_WITHIN = 9 * 24 * 3600
CLOSED = ("won", "lost", "warning_closed", "prevented")
# https://docs.stripe.com/testing#evidence
TEST_EVIDENCE = {"winning_evidence": "won", "losing_evidence": "lost"}


def open_dispute(ledger: Ledger, charge: Row, reason: str = "fraudulent") -> Row:
    """The cardholder's bank takes the money back and asks for an explanation."""
    id = ledger.chance.id("du")
    body = money_shapes.dispute(id, ledger.now, charge.body, reason, ledger.now + RESPOND_WITHIN)
    brand = charge.body["payment_method_details"].get("card", {}).get("brand", "visa")
    body["payment_method_details"]["card"] |= {"brand": brand, "network": brand}
    row = ledger.add(
        Row(id, "dispute", ledger.now, body, payment_intent=charge.payment_intent, charge=charge.id)
    )
    ledger.update(charge, disputed=True)
    ledger.tell("charge.dispute.created", row)
    _move_money(ledger, row, -body["amount"], DISPUTE_FEE)
    ledger.tell("charge.dispute.funds_withdrawn", row)
    return row


def _move_money(ledger: Ledger, row: Row, amount: int, fee: int) -> None:
    line = charging.book(ledger, "adjustment", amount, fee, row.body["currency"], row.id)
    ledger.update(row, balance_transactions=[*row.body["balance_transactions"], line.body])


def close_dispute(ledger: Ledger, row: Row, verdict: str) -> None:
    """The bank has decided. `won` brings the money back."""
    if row.body["status"] in CLOSED:
        raise wrong_state("This dispute is already closed.", param="dispute")
    ledger.update(row, status=verdict)
    if verdict == "won":
        _move_money(ledger, row, row.body["amount"], 0)
        ledger.tell("charge.dispute.funds_reinstated", row)
    ledger.tell("charge.dispute.closed", row)


async def retrieve(call: Call, id: str) -> Json:
    return (await wanted(call, "dispute", id, "dispute")).body


async def update(call: Call, id: str) -> Json:
    row = await wanted(call, "dispute", id, "dispute", lock=True)
    params, ledger = call.params, call.ledger
    if row.body["status"] in CLOSED and set(params) - {"metadata"}:
        raise wrong_state("This dispute is already closed; its evidence cannot be changed.", param="dispute")
    changes: Json = {}
    if "metadata" in params:
        changes["metadata"] = merged_metadata(row.body["metadata"], params["metadata"])
    if "evidence" in params:
        changes["evidence"] = row.body["evidence"] | params["evidence"]
        changes["evidence_details"] = row.body["evidence_details"] | {"has_evidence": True}
    submitted = "evidence" in params and params.get("submit", True)
    if submitted:
        changes["status"] = "under_review"
        changes["evidence_details"] |= {"submission_count": 1, "submission_method": "manual"}
    before = ledger.update(row, **changes)
    ledger.tell("charge.dispute.updated", row, before)
    verdict = TEST_EVIDENCE.get(row.body["evidence"].get("uncategorized_text") or "")
    if submitted and verdict:
        close_dispute(ledger, row, verdict)
    return row.body


async def close(call: Call, id: str) -> Json:
    """To close a dispute is to accept it: it is lost. https://docs.stripe.com/api/disputes/close"""
    row = await wanted(call, "dispute", id, "dispute", lock=True)
    close_dispute(call.ledger, row, "lost")
    return row.body
