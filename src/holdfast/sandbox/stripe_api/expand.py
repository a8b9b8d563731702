"""`expand[]`: an id becomes the object that it names. https://docs.stripe.com/api/expanding_objects"""

from copy import deepcopy
from typing import Any

from holdfast.sandbox.ledger import Json
from holdfast.sandbox.stripe_api import sessions
from holdfast.sandbox.stripe_api.context import Call
from holdfast.sandbox.stripe_api.errors import invalid

DEPTH_MOST = 4
EXPANDABLE: dict[str, tuple[str, ...]] = {
    "checkout.session": ("payment_intent", "customer", "line_items"),
    "payment_intent": ("latest_charge", "customer", "payment_method"),
    "charge": ("payment_intent", "balance_transaction", "customer", "failure_balance_transaction", "refunds"),
    "refund": ("charge", "payment_intent", "balance_transaction", "failure_balance_transaction"),
    "dispute": ("charge", "payment_intent"),
    "balance_transaction": ("source",),
    "payment_method": ("customer",),
}


async def expanded(call: Call, body: Json, paths: list[str]) -> Json:
    """`body` with every path opened up. Its own copy: the ledger's objects keep their ids."""
    if not paths:
        return body
    body = deepcopy(body)
    for path in paths:
        parts = path.split(".")
        if len(parts) > DEPTH_MOST:
            raise invalid(
                f"You cannot expand more than {DEPTH_MOST} levels of a property. You attempted to expand: {path}",
                "expand",
            )
        await _open(call, body, parts, path)
    return body


async def _open(call: Call, value: Any, parts: list[str], path: str) -> None:
    if not parts or value is None:
        return
    if isinstance(value, list):
        for item in value:
            await _open(call, item, parts, path)
        return
    name, rest = parts[0], parts[1:]
    if value.get("object") == "list" and name == "data":
        await _open(call, value["data"], rest, path)
        return
    kind = value.get("object", "")
    if name not in EXPANDABLE.get(kind, ()):
        raise invalid(f"This property cannot be expanded ({path}).", "expand")
    value[name] = await _expansion(call, value, kind, name)
    await _open(call, value[name], rest, path)


async def _expansion(call: Call, value: Json, kind: str, name: str) -> Any:
    current = value.get(name)
    if isinstance(current, dict):
        return current
    if name == "line_items":
        row = await call.ledger.get(value["id"])
        items = sessions.visible_items(row)
        return {
            "object": "list",
            "data": items[:10],
            "has_more": len(items) > 10,
            "url": f"/v1/checkout/sessions/{row.id}/line_items",
        }
    if name == "refunds":
        rows = await call.ledger.select("type = 'refund' AND charge = %s", value["id"])
        data = [deepcopy(row.body) for row in reversed(rows)][:10]
        return {
            "object": "list",
            "data": data,
            "has_more": len(rows) > 10,
            "url": f"/v1/charges/{value['id']}/refunds",
        }
    return deepcopy((await call.ledger.get(current)).body) if current else None
