"""Events, as snapshots and thin. https://docs.stripe.com/api/events and https://docs.stripe.com/event-destinations"""

from datetime import UTC, datetime
from typing import Any, LiteralString

from holdfast.sandbox.ledger import Json
from holdfast.sandbox.stripe_api import lists
from holdfast.sandbox.stripe_api.context import Call, wanted
from holdfast.sandbox.stripe_api.errors import invalid, missing_resource

KIND = "event"
# https://docs.stripe.com/api/events/list#list_events-types
TYPES_MOST = 20
# Stripe keeps events for 30 days.
KEPT_SECONDS = 30 * 24 * 3600
THIN_PREFIX = "evt_test_65"

UNDELIVERED: LiteralString = (
    "EXISTS (SELECT FROM sandbox.delivery WHERE event_id = object.id "
    "GROUP BY endpoint_id HAVING bool_and(status <> 'delivered')) = %s"
)
URLS = {
    "checkout.session": "/v1/checkout/sessions/",
    "payment_intent": "/v1/payment_intents/",
    "charge": "/v1/charges/",
    "refund": "/v1/refunds/",
    "dispute": "/v1/disputes/",
}


async def retrieve(call: Call, id: str) -> Json:
    row = await wanted(call, KIND, id, "id")
    if row.created <= call.now - KEPT_SECONDS:
        raise missing_resource(KIND, id)
    return (await with_pending(call, [row.body]))[0]


async def listing(call: Call) -> Json:
    params = call.params
    if "type" in params and "types" in params:
        raise invalid("You may pass either `type` or `types`, but not both.", "type")
    if len(params.get("types", [])) > TYPES_MOST:
        raise invalid(f"You may pass at most {TYPES_MOST} types.", "types")
    filters: dict[LiteralString, Any] = {"created > %s": call.now - KEPT_SECONDS}
    wanted_types = params.get("types") or ([params["type"]] if "type" in params else None)
    if wanted_types:
        filters["body ->> 'type' LIKE ANY (%s)"] = [
            name.replace("_", "\\_").replace("*", "%") for name in wanted_types
        ]
    if "delivery_success" in params:
        filters[UNDELIVERED] = not params["delivery_success"]
    found = await lists.page(call, KIND, "/v1/events", filters)
    found["data"] = await with_pending(call, found["data"])
    return found


async def with_pending(call: Call, bodies: list[Json]) -> list[Json]:
    """The events with the number of endpoints that have not yet answered 2xx."""
    cursor = await call.ledger.connection.execute(
        "SELECT event_id, count(*) AS waiting FROM (SELECT event_id, endpoint_id FROM sandbox.delivery "
        "WHERE event_id = ANY (%s) GROUP BY event_id, endpoint_id HAVING bool_and(status <> 'delivered')) AS open "
        "GROUP BY event_id",
        [[body["id"] for body in bodies]],
    )
    waiting = {row["event_id"]: row["waiting"] for row in await cursor.fetchall()}
    return [body | {"pending_webhooks": waiting.get(body["id"], 0)} for body in bodies]


def thin(event: Json) -> Json:
    """The notification of an event: what changed, but not how it looks now."""
    about = event["data"]["object"]
    address = URLS.get(about["object"], "/v1/") + about["id"]
    request = event.get("request") or {}
    reason = None
    if request.get("id"):
        reason = {
            "type": "request",
            "request": {"id": request["id"], "idempotency_key": request.get("idempotency_key") or ""},
        }
    return {
        "id": THIN_PREFIX + event["id"].removeprefix("evt_"),
        "object": "v2.core.event",
        "type": f"v1.{event['type']}",
        "livemode": False,
        "created": datetime.fromtimestamp(event["created"], UTC).strftime("%Y-%m-%dT%H:%M:%S.000Z"),
        "context": None,
        "reason": reason,
        "related_object": {"id": about["id"], "type": about["object"], "url": address},
        "snapshot_event": event["id"],
    }


async def retrieve_thin(call: Call, id: str) -> Json:
    snapshot = "evt_" + id.removeprefix(THIN_PREFIX) if id.startswith(THIN_PREFIX) else id
    event = (await wanted(call, KIND, snapshot, "id")).body
    return thin(event) | {"changes": None}
