"""Webhook endpoints. https://docs.stripe.com/api/webhook_endpoints"""

import re

from holdfast.sandbox.ledger import Json, Ledger, Row
from holdfast.sandbox.stripe_api import API_VERSION, shapes
from holdfast.sandbox.stripe_api.context import Call, wanted
from holdfast.sandbox.stripe_api.errors import invalid, wrong_state
from holdfast.sandbox.stripe_api.parameters import merged_metadata

KIND = "webhook_endpoint"
# https://docs.stripe.com/webhooks#register-your-endpoint
MOST = 16
EVENT_NAME = re.compile(r"\*|[a-z0-9_]+(\.[a-z0-9_]+)+")


def add(
    ledger: Ledger, url: str, events: list[str], secret: str | None = None, version: str | None = None
) -> Row:
    body = shapes.webhook_endpoint(ledger.chance.id("we"), ledger.now, url, events, version)
    hidden = {"secret": secret or ledger.chance.id("whsec"), "payload": "snapshot"}
    return ledger.add(Row(body["id"], KIND, ledger.now, body, hidden))


async def create(call: Call) -> Json:
    params = call.params
    _check_events(params["enabled_events"])
    existing = await call.ledger.select("type = %s", KIND)
    if len(existing) >= MOST:
        raise wrong_state(f"You have reached the maximum of {MOST} test webhook endpoints.")
    row = add(call.ledger, params["url"], params["enabled_events"], version=params.get("api_version"))
    row.body |= {"description": params.get("description") or None, "metadata": params.get("metadata") or {}}
    # Only this answer ever shows the secret.
    return row.body | {"secret": row.hidden["secret"]}


def _check_events(events: list[str]) -> None:
    if not events:
        raise invalid("enabled_events must not be empty.", "enabled_events")
    for index, name in enumerate(events):
        if not EVENT_NAME.fullmatch(name):
            message = f"Invalid enabled_events[{index}]: {name} is not an event that exists."
            raise invalid(message, f"enabled_events[{index}]")


async def retrieve(call: Call, id: str) -> Json:
    return (await wanted(call, KIND, id, "webhook_endpoint")).body


async def update(call: Call, id: str) -> Json:
    row = await wanted(call, KIND, id, "webhook_endpoint", lock=True)
    params = call.params
    changes: Json = {name: params[name] for name in ("url", "enabled_events") if name in params}
    if "enabled_events" in params:
        _check_events(params["enabled_events"])
    if "description" in params:
        changes["description"] = params["description"] or None
    if "disabled" in params:
        changes["status"] = "disabled" if params["disabled"] else "enabled"
    if "metadata" in params:
        changes["metadata"] = merged_metadata(row.body["metadata"], params["metadata"])
    call.ledger.update(row, **changes)
    return row.body


async def delete(call: Call, id: str) -> Json:
    await wanted(call, KIND, id, "webhook_endpoint", lock=True)
    await remove(call.ledger, id)
    return {"id": id, "object": KIND, "deleted": True}


async def remove(ledger: Ledger, id: str) -> None:
    """The endpoint goes, and with it the retries that were still to come."""
    await ledger.connection.execute("DELETE FROM sandbox.object WHERE id = %s", [id])
    await ledger.connection.execute(
        "UPDATE sandbox.delivery SET status = 'failed', due_at = NULL, last_error = 'endpoint deleted' "
        "WHERE endpoint_id = %s AND status = 'pending'",
        [id],
    )
    ledger.rows.pop(id, None)


def wants(row: Row, kind: str) -> bool:
    """Whether an endpoint is to hear of events of a kind."""
    return row.body["status"] == "enabled" and (
        "*" in row.body["enabled_events"] or kind in row.body["enabled_events"]
    )


def version_of(endpoint: Json) -> str:
    return endpoint["api_version"] or API_VERSION
