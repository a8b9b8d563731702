"""What a person could do in Stripe's dashboard, and what only time or a bank does, at the push of a button."""

from collections.abc import Awaitable, Callable

from holdfast.sandbox.ledger import Json, Ledger, Row
from holdfast.sandbox.stripe_api import charging, disputes, intents, refunds, sessions
from holdfast.sandbox.stripe_api.context import Call
from holdfast.sandbox.stripe_api.endpoints import KIND as ENDPOINT
from holdfast.sandbox.stripe_api.errors import missing_resource
from holdfast.sandbox.world import World

VERDICTS = ("won", "lost")
CANCELLATION_REASONS = ("requested_by_customer", "abandoned", "duplicate", "fraudulent")
Action = Callable[[World, Ledger, Json], Awaitable[Row]]


async def act(world: World, body: Json) -> Json:
    """Do one of `ACTIONS`; answers with the object that it changed. Nothing of it is an API request."""
    action = ACTIONS.get(str(body.get("action")))
    if action is None:
        raise ValueError(f"action must be one of {', '.join(ACTIONS)}")
    async with world.transaction() as ledger:
        row = await action(world, ledger, body)
        await ledger.write()
    return row.body


async def _charge(ledger: Ledger, body: Json) -> Row:
    """The charge meant by `payment` (a pi_ or ch_) or by `session`, locked."""
    id = str(body.get("payment") or body.get("charge") or body.get("session") or "")
    row = await ledger.find(id)
    if row is not None and row.type == "checkout.session":
        row = await ledger.find(str(row.body["payment_intent"]))
    if row is not None and row.type == "payment_intent":
        row = await ledger.find(str(row.body["latest_charge"]))
    if row is None or row.type != "charge":
        raise missing_resource("charge", id)
    await charging.locked_intent(ledger, row.body["payment_intent"])
    return await ledger.get(row.id, lock=True)


def _amount(body: Json) -> int | None:
    amount = body.get("amount")
    if amount is None:
        return None
    if isinstance(amount, bool) or not isinstance(amount, int) or amount < 1:
        raise ValueError("amount must be a whole number of minor units")
    return amount


async def refund(world: World, ledger: Ledger, body: Json) -> Row:
    charge = await _charge(ledger, body)
    row = refunds.make(ledger, charge, _amount(body), world.faults)
    refunds.announce(ledger, row, charge)
    return row


async def fail_refund(world: World, ledger: Ledger, body: Json) -> Row:
    """The customer's bank sends a refund back."""
    id = str(body.get("refund", ""))
    seen = await ledger.find(id)
    if seen is None or seen.type != "refund":
        raise missing_resource("refund", id)
    row, charge = await refunds.locked(ledger, id)
    if row.body["status"] not in ("pending", "succeeded"):
        raise ValueError(f"the refund is {row.body['status']}")
    refunds.settle(ledger, row, charge, "failed")
    return row


async def open_dispute(world: World, ledger: Ledger, body: Json) -> Row:
    charge = await _charge(ledger, body)
    if charge.body["disputed"] or not charge.body["captured"]:
        raise ValueError("only a captured charge that is not disputed yet can be disputed")
    return disputes.open_dispute(ledger, charge, str(body.get("reason", "fraudulent")))


async def close_dispute(world: World, ledger: Ledger, body: Json) -> Row:
    id = str(body.get("dispute", ""))
    row = await ledger.find(id, lock=True)
    if row is None or row.type != "dispute":
        raise missing_resource("dispute", id)
    verdict = str(body.get("outcome", "lost"))
    if verdict not in VERDICTS:
        raise ValueError(f"outcome must be one of {', '.join(VERDICTS)}")
    disputes.close_dispute(ledger, row, verdict)
    return row


async def settle(world: World, ledger: Ledger, body: Json) -> Row:
    """The bank answers to a debit now: `outcome` is succeed or fail, by default what was chosen when paying."""
    seen = await _charge(ledger, body)
    if seen.body["status"] != "pending":
        raise ValueError("this payment has been settled")
    outcome = body.get("outcome")
    if outcome not in (None, "succeed", "fail"):
        raise ValueError("outcome must be succeed or fail")
    await sessions.settle_debit(ledger, seen.id, None if outcome is None else outcome == "succeed")
    return await ledger.get(seen.id)


async def expire(world: World, ledger: Ledger, body: Json) -> Row:
    id = str(body.get("session", ""))
    row = await ledger.find(id, lock=True)
    if row is None or row.type != sessions.KIND:
        raise missing_resource("checkout.session", id)
    if row.body["status"] != "open":
        raise ValueError(f"the session is {row.body['status']}")
    await sessions.make_expired(ledger, row)
    return row


async def capture(world: World, ledger: Ledger, body: Json) -> Row:
    """Take an authorised amount, or `amount` of it."""
    amount = _amount(body)
    id = await _intent_id(ledger, body)
    params: Json = {} if amount is None else {"amount_to_capture": amount}
    await intents.capture(Call(ledger, params, world.faults, ""), id)
    return await ledger.get(id)


async def cancel(world: World, ledger: Ledger, body: Json) -> Row:
    """Call a payment off; what was authorised is released. `reason` as Stripe's `cancellation_reason`."""
    reason = str(body.get("reason", "requested_by_customer"))
    if reason not in CANCELLATION_REASONS:
        raise ValueError(f"reason must be one of {', '.join(CANCELLATION_REASONS)}")
    id = await _intent_id(ledger, body)
    await intents.cancel(Call(ledger, {"cancellation_reason": reason}, world.faults, ""), id)
    return await ledger.get(id)


async def lapse(world: World, ledger: Ledger, body: Json) -> Row:
    """The authorisation runs out now: Stripe cancels the intent and says so."""
    intent, charge = await _authorised(ledger, body)
    charging.lapse(ledger, intent, charge)
    return intent


async def lapse_at_bank(world: World, ledger: Ledger, body: Json) -> Row:
    """The bank lets an authorisation go and tells nobody: it comes out when somebody captures, or when time is up."""
    intent, charge = await _authorised(ledger, body)
    charge.hidden["lapsed"] = True
    ledger.save(charge)
    return intent


async def _authorised(ledger: Ledger, body: Json) -> tuple[Row, Row]:
    """The intent that waits to be captured and its charge, locked."""
    _, intent = await charging.locked_intent(ledger, await _intent_id(ledger, body))
    assert intent is not None
    if intent.body["status"] != "requires_capture":
        raise ValueError(f"the payment is {intent.body['status']}")
    return intent, await ledger.get(intent.body["latest_charge"], lock=True)


async def _intent_id(ledger: Ledger, body: Json) -> str:
    """The intent meant by `payment` (a pi_ or ch_) or by `session`."""
    id = str(body.get("payment") or body.get("session") or "")
    row = await ledger.find(id)
    if row is not None and row.type in ("charge", "checkout.session") and row.body["payment_intent"]:
        row = await ledger.find(row.body["payment_intent"])
    if row is None or row.type != "payment_intent":
        raise missing_resource("payment_intent", id)
    return row.id


ACTIONS: dict[str, Action] = {
    "refund": refund,
    "fail_refund": fail_refund,
    "open_dispute": open_dispute,
    "close_dispute": close_dispute,
    "settle": settle,
    "expire": expire,
    "capture": capture,
    "cancel": cancel,
    "lapse": lapse,
    "lapse_at_bank": lapse_at_bank,
}


async def resend(world: World, event_id: str) -> int:
    """Send an event once more to every enabled endpoint, whatever the faults say: a person asked for it."""
    async with world.pool.connection() as connection, connection.transaction():
        cursor = await connection.execute(
            "INSERT INTO sandbox.delivery (event_id, event_type, endpoint_id, status, due_at, first_at) "
            "SELECT event.id, event.body ->> 'type', endpoint.id, 'pending', %(now)s, %(now)s "
            "FROM sandbox.object AS event, sandbox.object AS endpoint WHERE event.id = %(id)s AND event.type = 'event' "
            "AND endpoint.type = 'webhook_endpoint' AND endpoint.body ->> 'status' = 'enabled' RETURNING id",
            {"id": event_id, "now": world.clock.now()},
        )
        made = len(await cursor.fetchall())
    if not made and await _unknown(world, event_id):
        raise missing_resource("event", event_id)
    world.dispatcher.wake()
    return made


async def _unknown(world: World, event_id: str) -> bool:
    async with world.pool.connection() as connection:
        cursor = await connection.execute(
            "SELECT FROM sandbox.object WHERE id = %s AND type = 'event'", [event_id]
        )
        return await cursor.fetchone() is None


async def set_payload(world: World, endpoint_id: str, payload: str) -> None:
    if payload not in ("thin", "snapshot"):
        raise ValueError("payload must be thin or snapshot")
    async with world.transaction() as ledger:
        row = await ledger.find(endpoint_id, lock=True)
        if row is None or row.type != ENDPOINT:
            raise missing_resource("webhook endpoint", endpoint_id)
        row.hidden["payload"] = payload
        ledger.save(row)
