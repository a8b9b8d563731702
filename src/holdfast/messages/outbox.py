"""Writing into the outbox, inside the transaction of the cause: which channel, to whom, and when it may leave."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from psycopg.types.json import Jsonb

from holdfast.database.connection import Connection
from holdfast.ids import Ids
from holdfast.messages.quiet import CAN_WAIT, wait_until
from holdfast.messages.rules import ANSWERS_TO_SMS, KINDS, KINDS_TO_PROVIDERS, TRIAL

Row = dict[str, Any]

NO_ADDRESS = "there is no e-mail address to send to"
OPTED_OUT = "opted out"
LAST_WORD = "opt_out_confirmed"  # the one SMS that whoever opts out still gets, by law


@dataclass(frozen=True)
class Wanted:
    """A message as it is to be written. `unique_key` is the kind where nothing else is said; `booking_id` may be missing for what
    is said to a number."""

    tenant_id: int
    booking_id: str | None
    kind: str
    channel: str
    recipient: str
    cause: str
    params: dict[str, Any] = field(default_factory=dict)
    unique_key: str = ""
    customer_id: str | None = None
    instead_of: str | None = None


async def enqueue(
    conn: Connection,
    ids: Ids,
    now: datetime,
    *,
    booking: Row,
    kind: str,
    cause: str,
    params: dict[str, Any] | None = None,
    unique_key: str | None = None,
) -> str | None:
    """Puts a message to the booking's contact into the outbox, inside the transaction of its cause (F67): by e-mail, or by SMS to
    a guest who has a number and no address. Says its id, or None when the booking already has one with this key (by default
    the kind: one of each kind), by whichever channel. After the commit the caller tells `work:messages`.

    `booking` needs booking_id, tenant_id and contact_email; without an address and a number the row is kept as
    `suppressed`, so that staff see what was not said. `params` is what the template needs beyond the booking
    (messages/render.py). An unknown kind is a ValueError."""
    address = booking.get("contact_email") or ""
    number = "" if address else await _number_of(conn, booking)
    return await write(
        conn,
        ids,
        now,
        Wanted(
            booking["tenant_id"],
            booking["booking_id"],
            kind,
            "sms" if number else "email",
            number or address,
            cause,
            params or {},
            unique_key or kind,
        ),
        once_in_all=True,
    )


async def enqueue_sms(
    conn: Connection,
    ids: Ids,
    now: datetime,
    *,
    tenant_id: int,
    phone: str,
    kind: str,
    cause: str,
    params: dict[str, Any] | None = None,
    booking: Row | None = None,
    customer_id: str | None = None,
    unique_key: str | None = None,
) -> str | None:
    """An SMS to a number (E.164) that need not be anybody's. Ask limits.refuse_sms before. Says its id, or None when the booking
    has one with this key. To a number that has opted out it is written as `suppressed`."""
    return await write(
        conn,
        ids,
        now,
        Wanted(
            tenant_id,
            booking["booking_id"] if booking else None,
            kind,
            "sms",
            phone,
            cause,
            params or {},
            unique_key or kind,
            customer_id,
        ),
    )


async def enqueue_for_provider(
    conn: Connection,
    ids: Ids,
    now: datetime,
    *,
    booking: Row,
    provider: Row,
    kind: str,
    cause: str,
    params: dict[str, Any] | None = None,
    unique_key: str | None = None,
) -> list[str]:
    """The same for whoever delivers the booking: by e-mail, and by SMS too when the provider has a phone. `provider` needs
    email and phone, `booking` booking_id and tenant_id. Says the ids of those that are new."""
    ways = [("email", provider["email"] or "")]
    if provider["phone"]:
        ways.append(("sms", provider["phone"]))
    made = [
        await write(
            conn,
            ids,
            now,
            Wanted(
                booking["tenant_id"],
                booking["booking_id"],
                kind,
                channel,
                recipient,
                cause,
                params or {},
                unique_key or kind,
            ),
        )
        for channel, recipient in ways
    ]
    return [message_id for message_id in made if message_id is not None]


async def enqueue_again(
    conn: Connection,
    ids: Ids,
    now: datetime,
    *,
    old: Row,
    recipient: str,
    cause: str,
    unique_key: str,
    channel: str | None = None,
    instead: bool = False,
) -> str | None:
    """The same message as `old` (a row of `locked`) as a new one, by its channel or by the one given; `instead` of it. Its id, or
    None: there is one of this key."""
    return await write(
        conn,
        ids,
        now,
        Wanted(
            old["tenant_id"],
            old["booking_id"],
            old["kind"],
            channel or old["channel"],
            recipient,
            cause,
            old["params"],
            unique_key,
            old.get("customer_id"),
            old["message_id"] if instead else None,
        ),
    )


async def write(
    conn: Connection, ids: Ids, now: datetime, wanted: Wanted, *, once_in_all: bool = False
) -> str | None:
    """The row itself. `once_in_all`: not when the booking has one of this key by the other channel either."""
    if wanted.kind not in KINDS | ANSWERS_TO_SMS | {TRIAL}:
        raise ValueError(f"there is no message of kind {wanted.kind!r}")
    row = await (
        await conn.execute(
            """INSERT INTO messages (message_id, tenant_id, booking_id, customer_id, kind, channel, recipient,
                                     params, unique_key, cause, status, try_at, created_at, error, instead_of)
               SELECT %(message_id)s, %(tenant_id)s, %(booking_id)s,
                      coalesce(%(customer_id)s, (SELECT o.customer_id FROM bookings b JOIN orders o USING (order_id)
                                                  WHERE b.booking_id = %(booking_id)s AND NOT %(to_provider)s)),
                      %(kind)s, %(channel)s, %(recipient)s, %(params)s, %(unique_key)s, %(cause)s,
                      CASE WHEN refused.why IS NULL THEN 'queued' ELSE 'suppressed' END,
                      coalesce(%(waits_until)s, %(now)s), %(now)s, refused.why, %(instead_of)s
                 FROM (SELECT CASE WHEN %(recipient)s = '' THEN %(no_address)s
                                   WHEN %(channel)s = 'sms' AND %(kind)s <> %(last_word)s AND EXISTS (
                                        SELECT FROM opt_outs WHERE tenant_id = %(tenant_id)s AND phone = %(recipient)s
                                           AND lifted_at IS NULL) THEN %(opted_out)s END AS why) refused
                WHERE NOT (%(once_in_all)s AND EXISTS (
                           SELECT FROM messages m WHERE m.booking_id = %(booking_id)s AND m.unique_key = %(unique_key)s))
               ON CONFLICT (booking_id, unique_key, channel) WHERE booking_id IS NOT NULL DO NOTHING
               RETURNING message_id""",
            {
                "message_id": ids.new("msg"),
                "tenant_id": wanted.tenant_id,
                "booking_id": wanted.booking_id,
                "customer_id": wanted.customer_id,
                "to_provider": wanted.kind in KINDS_TO_PROVIDERS,
                "kind": wanted.kind,
                "channel": wanted.channel,
                "recipient": wanted.recipient,
                "params": Jsonb(wanted.params),
                "unique_key": wanted.unique_key or wanted.kind,
                "cause": wanted.cause,
                "now": now,
                "waits_until": await _waits_until(conn, now, wanted),
                "no_address": NO_ADDRESS,
                "opted_out": OPTED_OUT,
                "last_word": LAST_WORD,
                "instead_of": wanted.instead_of,
                "once_in_all": once_in_all,
            },
        )
    ).fetchone()
    return str(row["message_id"]) if row else None


async def _number_of(conn: Connection, booking: Row) -> str:
    if "contact_phone" in booking:
        return booking["contact_phone"] or ""
    row = await (
        await conn.execute(
            "SELECT contact_phone FROM bookings WHERE booking_id = %s", (booking["booking_id"],)
        )
    ).fetchone()
    return (row["contact_phone"] or "") if row else ""


async def _waits_until(conn: Connection, now: datetime, wanted: Wanted) -> datetime | None:
    """The end of the tenant's quiet hours for what can wait; None: it leaves now."""
    if wanted.channel != "sms" or wanted.kind not in CAN_WAIT:
        return None
    row = await (
        await conn.execute(
            """SELECT t.time_zone, t.quiet_from, t.quiet_until,
                      (SELECT coalesce(o.starts_at, f.starts_at) FROM bookings b JOIN orders o USING (order_id)
                         JOIN offerings f ON f.offering_id = o.offering_id WHERE b.booking_id = %s) AS starts_at
                 FROM tenants t WHERE t.tenant_id = %s""",
            (wanted.booking_id, wanted.tenant_id),
        )
    ).fetchone()
    if row is None:
        return None
    return wait_until(
        wanted.kind,
        wanted.channel,
        now,
        row["time_zone"],
        row["quiet_from"],
        row["quiet_until"],
        row["starts_at"],
    )
