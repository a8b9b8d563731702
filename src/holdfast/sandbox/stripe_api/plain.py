"""The objects that are looked at more than acted on: charges, customers, balance, account."""

from holdfast.sandbox.ledger import Json, Row
from holdfast.sandbox.stripe_api import intents, shapes
from holdfast.sandbox.stripe_api.context import Call, wanted
from holdfast.sandbox.stripe_api.errors import wrong_state
from holdfast.sandbox.stripe_api.parameters import merged_metadata

CHARGE_FIELDS = ("description", "receipt_email")
CUSTOMER_FIELDS = (
    "address business_name description email individual_name name phone shipping tax_exempt".split()
)


async def retrieve_charge(call: Call, id: str) -> Json:
    return (await wanted(call, "charge", id, "charge")).body


async def update_charge(call: Call, id: str) -> Json:
    row = await wanted(call, "charge", id, "charge", lock=True)
    changes: Json = {name: call.params[name] or None for name in CHARGE_FIELDS if name in call.params}
    if "metadata" in call.params:
        changes["metadata"] = merged_metadata(row.body["metadata"], call.params["metadata"])
    before = call.ledger.update(row, **changes)
    call.ledger.tell("charge.updated", row, before)
    return row.body


async def capture_charge(call: Call, id: str) -> Json:
    """The older way to capture; it comes down to capturing the intent."""
    row = await wanted(call, "charge", id, "charge")
    _check_capturable(row)
    params = dict(call.params)
    if "amount" in params:
        params["amount_to_capture"] = params.pop("amount")
    await intents.capture(Call(call.ledger, params, call.faults, call.base_url), row.body["payment_intent"])
    return (await call.ledger.get(id)).body


def _check_capturable(charge: Row) -> None:
    if charge.hidden.get("lapsed"):
        raise intents.expired_for_capture()
    if charge.body["captured"]:
        raise wrong_state(f"Charge {charge.id} has already been captured.", "charge_already_captured")
    if charge.body["refunded"]:
        raise wrong_state(f"Charge {charge.id} has already been refunded.", "charge_already_refunded")


async def create_customer(call: Call) -> Json:
    body = shapes.customer(call.ledger.chance.id("cus"), call.now)
    body |= {name: call.params[name] or None for name in CUSTOMER_FIELDS if name in call.params}
    body["metadata"] = call.params.get("metadata") or {}
    row = call.ledger.add(Row(body["id"], "customer", call.now, body))
    call.ledger.tell("customer.created", row)
    return row.body


async def retrieve_customer(call: Call, id: str) -> Json:
    return (await wanted(call, "customer", id, "customer")).body


async def update_customer(call: Call, id: str) -> Json:
    row = await wanted(call, "customer", id, "customer", lock=True)
    changes = {name: call.params[name] or None for name in CUSTOMER_FIELDS if name in call.params}
    if "metadata" in call.params:
        changes["metadata"] = merged_metadata(row.body["metadata"], call.params["metadata"])
    before = call.ledger.update(row, **changes)
    call.ledger.tell("customer.updated", row, before)
    return row.body


async def retrieve_balance_transaction(call: Call, id: str) -> Json:
    return (await wanted(call, "balance_transaction", id, "id")).body


async def retrieve_account(call: Call, id: str = "") -> Json:
    return shapes.account()
