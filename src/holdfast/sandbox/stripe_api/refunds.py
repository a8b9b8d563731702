"""Refunds. https://docs.stripe.com/api/refunds and https://docs.stripe.com/refunds#failed-refunds"""

from holdfast.sandbox.ledger import Json, Ledger, Row
from holdfast.sandbox.stripe_api import charging, money, money_shapes
from holdfast.sandbox.stripe_api.context import Call, wanted
from holdfast.sandbox.stripe_api.errors import invalid, missing_resource, wrong_state
from holdfast.sandbox.stripe_api.parameters import merged_metadata

COPIED = ("reason", "instructions_email")


async def create(call: Call) -> Json:
    charge = await _charge_of(call)
    row = make(call.ledger, charge, call.params.get("amount"), call.faults)
    fields = {name: call.params[name] for name in COPIED if name in call.params}
    call.ledger.update(row, metadata=call.params.get("metadata") or {}, **fields)
    announce(call.ledger, row, charge)
    return row.body


async def _charge_of(call: Call) -> Row:
    """The charge to refund, locked with all that belongs to it."""
    params = call.params
    if "payment_intent" in params and "charge" in params:
        seen = await call.ledger.find(params["charge"])
        if seen is None or seen.payment_intent != params["payment_intent"]:
            raise invalid("The charge does not belong to this payment_intent.", "charge")
    if "payment_intent" in params:
        _, intent = await charging.locked_intent(call.ledger, params["payment_intent"])
        if intent is None:
            raise missing_resource("payment_intent", params["payment_intent"], "payment_intent")
        return await _successful_charge(call, intent)
    if "charge" not in params:
        message = "One of the following params should be provided for this request: payment_intent or charge."
        raise invalid(message, None, "parameter_missing")
    seen = await wanted(call, "charge", params["charge"], "charge")
    await charging.locked_intent(call.ledger, seen.body["payment_intent"])
    return await call.ledger.get(seen.id, lock=True)


async def _successful_charge(call: Call, intent: Row) -> Row:
    if intent.body["status"] not in ("succeeded", "requires_capture") or not intent.body["latest_charge"]:
        message = f"This PaymentIntent ({intent.id}) does not have a successful charge to refund."
        raise wrong_state(message, "payment_intent_unexpected_state", "payment_intent")
    return await call.ledger.get(intent.body["latest_charge"], lock=True)


def refundable(charge: Row) -> int:
    """What was captured and has not gone back. The uncaptured part never was ours to refund."""
    uncaptured = charge.body["amount"] - charge.body["amount_captured"]
    return int(charge.body["amount_captured"] - (charge.body["amount_refunded"] - uncaptured))


def make(ledger: Ledger, charge: Row, amount: int | None, faults: Json) -> Row:
    """A refund of some or all of what is left; refused where Stripe refuses."""
    left = _check(charge, amount)
    amount = left if amount is None else amount
    id = ledger.chance.id("re")
    body = money_shapes.refund(id, ledger.now, amount, charge.body["currency"])
    body |= {"charge": charge.id, "payment_intent": charge.payment_intent}
    row = ledger.add(
        Row(id, "refund", ledger.now, body, payment_intent=charge.payment_intent, charge=charge.id)
    )
    _plan(ledger, row, charge, faults)
    line = charging.book(ledger, "refund", -amount, 0, charge.body["currency"], id)
    ledger.update(row, balance_transaction=line.id)
    refunded = charge.body["amount_refunded"] + amount
    ledger.update(charge, amount_refunded=refunded, refunded=refunded >= charge.body["amount"])
    return row


def _check(charge: Row, amount: int | None) -> int:
    left = refundable(charge)
    if charge.body["disputed"]:
        message = f"Charge {charge.id} has been charged back; cannot issue a refund."
        raise wrong_state(message, "charge_disputed")
    if not charge.body["captured"]:
        message = f"Charge {charge.id} has not been captured; cancel its PaymentIntent to release the funds."
        raise wrong_state(message, "charge_not_refundable")
    if left <= 0:
        raise wrong_state(f"Charge {charge.id} has already been refunded.", "charge_already_refunded")
    if amount is not None and amount > left:
        currency = charge.body["currency"]
        message = (
            f"Refund amount ({money.shown(amount, currency)}) is greater than unrefunded amount on charge "
            f"({money.shown(left, currency)})"
        )
        raise wrong_state(message, "amount_too_large", "amount")
    return left


def _plan(ledger: Ledger, row: Row, charge: Row, faults: Json) -> None:
    """What time will do to this refund: most stay as they are."""
    later = charge.hidden.get("later")
    if later == "refund_pending":
        ledger.update(row, status="pending", pending_reason="processing")
        row.hidden["becomes"] = "succeeded"
    elif later == "refund_fails" or ledger.chance.strikes(faults["refunds"]["fail_later"]):
        row.hidden["becomes"] = "failed"
    if "becomes" in row.hidden:
        row.due_at = ledger.now + faults["refunds"]["delay_s"]


def announce(ledger: Ledger, row: Row, charge: Row) -> None:
    ledger.tell("refund.created", row)
    ledger.tell("charge.refunded", charge)


def settle(ledger: Ledger, row: Row, charge: Row, becomes: str) -> None:
    """A pending refund went through, or one that looked done has come back. Failed: the money is ours again."""
    row.due_at = None
    row.hidden.pop("becomes", None)
    if becomes == "succeeded":
        before = ledger.update(row, status="succeeded", pending_reason=None)
        ledger.tell("refund.updated", row, before)
        return
    before = _return_money(ledger, row, charge, becomes)
    if becomes == "failed":
        before |= ledger.update(row, failure_reason="expired_or_canceled_card")
        ledger.tell("refund.failed", row)
    ledger.tell("refund.updated", row, before)


def _return_money(ledger: Ledger, row: Row, charge: Row, status: str) -> Json:
    line = charging.book(ledger, "refund_failure", row.body["amount"], 0, row.body["currency"], row.id)
    before = ledger.update(row, status=status, failure_balance_transaction=line.id, pending_reason=None)
    refunded = charge.body["amount_refunded"] - row.body["amount"]
    previous = ledger.update(charge, amount_refunded=refunded, refunded=False)
    ledger.tell("charge.updated", charge, previous)
    return before


async def locked(ledger: Ledger, id: str) -> tuple[Row, Row]:
    """A refund and its charge, locked in the common order."""
    seen = await ledger.get(id)
    await charging.locked_intent(ledger, seen.body["payment_intent"])
    return await ledger.get(id, lock=True), await ledger.get(seen.body["charge"], lock=True)


async def retrieve(call: Call, id: str) -> Json:
    return (await wanted(call, "refund", id, "refund")).body


async def update(call: Call, id: str) -> Json:
    row = await wanted(call, "refund", id, "refund", lock=True)
    if "metadata" in call.params:
        metadata = merged_metadata(row.body["metadata"], call.params["metadata"])
        before = call.ledger.update(row, metadata=metadata)
        call.ledger.tell("refund.updated", row, before)
    return row.body


async def cancel(call: Call, id: str) -> Json:
    """Only a refund that waits for the customer can be cancelled; of ours, those that are pending."""
    await wanted(call, "refund", id, "refund")
    row, charge = await locked(call.ledger, id)
    if row.body["status"] not in ("pending", "requires_action"):
        raise wrong_state(
            f"Refund {id} has a status of `{row.body['status']}` and cannot be canceled.", param="refund"
        )
    settle(call.ledger, row, charge, "canceled")
    return row.body
