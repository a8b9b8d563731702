"""What people answer by SMS (www.twilio.com/docs/messaging/guides/webhook-request). Each is stored once, however often the
provider tells it. STOP and START are obeyed, HELP is answered, everything else is shown to the staff.

All tenants of an installation send from one number, so STOP counts for each of them that has written to the person.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from holdfast.customers.rules import E164
from holdfast.database.connection import Connection
from holdfast.ids import Ids
from holdfast.messages import opting_out
from holdfast.messages.limits import TO_A_NUMBER_AN_HOUR, answers_within_an_hour
from holdfast.messages.outbox import enqueue_sms
from holdfast.messages.store import insert_timeline
from holdfast.tasks.actions import open_task

Row = dict[str, Any]

STOP, START, HELP, OTHER = "stop", "start", "help", "other"
# What the provider's own lists have (www.twilio.com/docs/messaging/tutorials/advanced-opt-out), and German.
MEANINGS = {
    **dict.fromkeys(
        ("STOP", "STOPALL", "UNSUBSCRIBE", "CANCEL", "END", "QUIT", "REVOKE", "OPTOUT", "STOPP"), STOP
    ),
    **dict.fromkeys(("START", "UNSTOP"), START),
    **dict.fromkeys(("HELP", "INFO", "HILFE"), HELP),
}
NO_LETTERS = re.compile(r"[\W_]+")
LONGEST_BODY = 1600
SMS_ANSWER = "sms_answer"


@dataclass(frozen=True)
class Inbound:
    """As the provider told it. `answered`: it has obeyed the word and answered by itself (its own opt-out management)."""

    provider_id: str
    sender: str
    body: str
    answered: bool = False


def meaning_of(body: str) -> str:
    """One word, whatever its case and the marks around it: who writes a sentence with `stop` in it wants to be read."""
    return MEANINGS.get(NO_LETTERS.sub("", body).upper(), OTHER)


async def take_in(conn: Connection, ids: Ids, now: datetime, told: Inbound) -> str | None:
    """Stores it and does what it says, in one transaction; says the tenant's booking that it is about, "" when about none, None
    when it was stored before. After the commit the caller tells `work:messages`."""
    meaning = meaning_of(told.body)
    about = await _about(conn, told.sender)
    if about is None:
        return None  # an installation without a tenant
    inbound_id = await _insert(conn, ids, now, told, meaning, about)
    if inbound_id is None:
        return None
    if meaning == STOP:
        await _stop(conn, ids, now, told, about)
    elif meaning == START:
        await opting_out.lift(conn, now, told.sender)
    elif meaning == HELP:
        await _help(conn, ids, now, told, about)
    else:
        await _show(conn, ids, now, inbound_id, about)
    if about["booking_id"]:
        await insert_timeline(
            conn, now, about["booking_id"], "customer", f"sms_{meaning}", {"inbound_id": inbound_id}
        )
    return about["booking_id"] or ""


async def _stop(conn: Connection, ids: Ids, now: datetime, told: Inbound, about: Row) -> None:
    """One confirmation, by the tenant that wrote last, and only of what is new."""
    word = NO_LETTERS.sub("", told.body).upper()
    new = [
        tenant_id
        for tenant_id in await _writers(conn, told.sender, about["tenant_id"])
        if await opting_out.opt_out(conn, now, tenant_id, told.sender, word)
    ]
    if about["tenant_id"] in new and not told.answered and E164.fullmatch(told.sender):
        await enqueue_sms(
            conn,
            ids,
            now,
            tenant_id=about["tenant_id"],
            phone=told.sender,
            kind="opt_out_confirmed",
            cause=f"answered {word}",
            customer_id=about["customer_id"],
        )


async def _help(conn: Connection, ids: Ids, now: datetime, told: Inbound, about: Row) -> None:
    """Not endlessly: the other side may be a robot too."""
    if told.answered or not E164.fullmatch(told.sender):
        return
    if await answers_within_an_hour(conn, about["tenant_id"], told.sender, now) >= TO_A_NUMBER_AN_HOUR:
        return
    await enqueue_sms(
        conn,
        ids,
        now,
        tenant_id=about["tenant_id"],
        phone=told.sender,
        kind="help",
        cause="answered HELP",
        customer_id=about["customer_id"],
    )


async def _show(conn: Connection, ids: Ids, now: datetime, inbound_id: str, about: Row) -> None:
    whom = f"The guest of {about['reference']}" if about["reference"] else "Somebody without a booking"
    await open_task(
        conn,
        ids,
        now,
        kind=SMS_ANSWER,
        subject=inbound_id,
        sentence=f"{whom} has answered by SMS. Read it under Messages, and answer there.",
        tenant_id=about["tenant_id"],
        order_id=about["order_id"],
        detail={"inbound_id": inbound_id, "booking_id": about["booking_id"]},
    )


async def _about(conn: Connection, sender: str) -> Row | None:
    """Whom and what the last SMS to this number was about; else the tenant whose customer it is; else the first tenant."""
    return await (
        await conn.execute(
            """SELECT tenant_id, booking_id, customer_id, reference, order_id FROM (
                   SELECT 1 AS choice, m.created_at AS at, m.tenant_id, m.booking_id, m.customer_id, b.reference, b.order_id
                     FROM messages m LEFT JOIN bookings b USING (booking_id)
                    WHERE m.recipient = %(sender)s AND m.channel = 'sms'
                    UNION ALL
                   SELECT 2, created_at, tenant_id, NULL, coalesce(merged_into, customer_id), NULL, NULL
                     FROM customers WHERE phone = %(sender)s
                    UNION ALL
                   SELECT 3, NULL, min(tenant_id), NULL, NULL, NULL, NULL FROM tenants HAVING min(tenant_id) IS NOT NULL) known
            ORDER BY choice, booking_id IS NULL, at DESC LIMIT 1""",
            {"sender": sender},
        )
    ).fetchone()


async def _writers(conn: Connection, sender: str, tenant_id: int) -> list[int]:
    found = await conn.execute(
        "SELECT DISTINCT tenant_id FROM messages WHERE recipient = %s AND channel = 'sms'", (sender,)
    )
    return sorted({tenant_id} | {row["tenant_id"] for row in await found.fetchall()})


async def _insert(
    conn: Connection, ids: Ids, now: datetime, told: Inbound, meaning: str, about: Row
) -> str | None:
    row = await (
        await conn.execute(
            """INSERT INTO inbound_messages (inbound_id, provider_id, tenant_id, sender, body, meaning, booking_id, customer_id,
                                             received_at)
               VALUES (%s, %s, %s, %s, %s, %s, %s, %s, %s)
               ON CONFLICT (provider_id) DO NOTHING RETURNING inbound_id""",
            (
                ids.new("inb"),
                told.provider_id,
                about["tenant_id"],
                told.sender,
                told.body[:LONGEST_BODY],
                meaning,
                about["booking_id"],
                about["customer_id"],
                now,
            ),
        )
    ).fetchone()
    return row["inbound_id"] if row else None
