"""Sent is not delivered. Of an SMS whose receipt does not come the provider itself is asked what became of it."""

from __future__ import annotations

from datetime import datetime

from holdfast.database.connection import Connection
from holdfast.messages import actions, delivery_store, rules
from holdfast.messages.rules import Told
from holdfast.messages.senders.sms import SmsError, SmsState
from holdfast.system import System
from holdfast.tasks.actions import open_task

WITHOUT_OUTCOME = "sms_without_outcome"
UNKNOWN_THERE = 404  # it knows of no such SMS; without settings there is nobody to ask


async def ask(system: System, message_id: str) -> str:
    """Asks the provider, outside of any transaction, and writes down what it says, once each time (`asked` in the message's
    history). Says what came of it. Where the provider knows no more than that it left, a person is told once per tenant."""
    row = await system.database.read(lambda conn: delivery_store.sms_of(conn, message_id))
    if row is None or row["status"] != "sent" or not row["provider_id"]:
        return "Its outcome came meanwhile."
    try:
        async with system.sms.batch() as batch:
            state = await batch.state_of(row["provider_id"])
    except SmsError as error:
        if error.status != UNKNOWN_THERE and error.stage != "settings":
            return f"The SMS provider cannot be asked: {error.reply or error.stage}."
        state = SmsState("", "", None, None)
    now = system.clock.now()
    return await system.database.run(lambda conn: _record(conn, system, now, row, state))


async def _record(
    conn: Connection, system: System, now: datetime, row: delivery_store.Row, state: SmsState
) -> str:
    told = rules.RECEIPTS.get(state.status)
    if told in {Told.DELIVERED, Told.FAILED}:
        receipt = actions.Receipt(
            row["provider_id"], told, state.error_code, state.price, state.currency, source="asked"
        )
        await actions.record_receipt(conn, system.ids, now, row["message_id"], receipt)
        return f"The SMS provider says: {state.status}."
    said = state.status or "it knows of no such SMS"
    await delivery_store.note_status(conn, now, row["message_id"], "sent", "asked", f"The provider: {said}.")
    await open_task(
        conn,
        system.ids,
        now,
        kind=WITHOUT_OUTCOME,
        subject=f"tenant:{row['tenant_id']}",
        sentence=(
            "Of some SMS nobody knows whether they arrived: no receipt came, and the SMS provider does not know either. "
            "Look at Messages for those that are only sent; telephone where it matters."
        ),
        tenant_id=row["tenant_id"],
        detail={"message_id": row["message_id"]},
    )
    return f"The SMS provider does not know either ({said}); a person is told."
