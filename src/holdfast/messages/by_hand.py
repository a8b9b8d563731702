"""What a person does about messages: sends one again, sends it the other way, writes one. Each in one transaction; the caller
then tells `work:messages`. An SMS keeps to the limits of messages/limits.py, whoever starts it."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from jinja2 import TemplateNotFound

from holdfast.bookings.store import booking_by_reference
from holdfast.customers.store import by_phone
from holdfast.database.connection import Connection
from holdfast.errors import Conflict, NotFound, ValidationFailed
from holdfast.ids import Ids
from holdfast.messages import actions, limits, record_store, render, rules, store
from holdfast.messages.rules import KINDS_TO_PROVIDERS
from holdfast.messages.staff_words import CHANNEL_NAMES, OTHER_CHANNEL
from holdfast.tasks.actions import close_task_about
from holdfast.web.dependencies import ApiKey

NOTE = "note"
LONGEST_NOTE = 800  # characters: six SMS
NO_SUCH_MESSAGE = "There is no such message."

Row = dict[str, Any]


@dataclass(frozen=True)
class Note:
    """What somebody writes to a booking's guest (`booking`: reference or id) or to a number. `channel` "": by e-mail when the
    booking has an address. `form_id`: sent twice under one id, it is one message."""

    text: str
    booking: str = ""
    number: str = ""
    channel: str = ""
    form_id: str = ""


async def send_again(
    conn: Connection, ids: Ids, now: datetime, staff: ApiKey, message_id: str, recipient: str | None = None
) -> str:
    """The same, made anew, by the same channel; says the new one's id. Locks the old one. NotFound: the tenant has none such.
    Conflict: it is still on its way; the number wants no SMS. ValidationFailed: there is nowhere to send it. RateLimited."""
    old = await _ended(conn, staff, message_id)
    if old["booking_id"] is None:
        return await _note_again(conn, ids, now, staff, old, recipient)
    if old["channel"] == "sms":
        side = "provider" if old["kind"] in KINDS_TO_PROVIDERS else "contact"
        number = recipient or old[f"{side}_phone"] or old["recipient"]
        recipient = await limits.refuse_sms(conn, staff.tenant_id, number, staff.key_id, now)
    return await actions.resend(
        conn,
        ids,
        now,
        tenant_id=staff.tenant_id,
        message_id=message_id,
        actor=staff.actor,
        recipient=recipient,
    )


async def send_by_other_channel(
    conn: Connection, ids: Ids, now: datetime, staff: ApiKey, message_id: str
) -> str:
    """The same by SMS that went by e-mail, or the reverse, to whom it was for; says the new one's id, which names the old one as
    `instead_of`. Locks the old one. Errors as of send_again; ValidationFailed also when there are no words for it there."""
    old = await _ended(conn, staff, message_id)
    channel = OTHER_CHANNEL[old["channel"]]
    if old["booking_id"] is None:
        raise ValidationFailed("This message is about no booking: nothing is known of the other channel.")
    _refuse_without_words(old["kind"], channel)
    side = "provider" if old["kind"] in KINDS_TO_PROVIDERS else "contact"
    recipient = old[f"{side}_{'phone' if channel == 'sms' else 'email'}"]
    if not recipient:
        what = "telephone number" if channel == "sms" else "e-mail address"
        raise ValidationFailed(f"No {what} is known for it.")
    if channel == "sms":
        recipient = await limits.refuse_sms(conn, staff.tenant_id, recipient, staff.key_id, now)
    base = old["unique_key"].partition(":again-")[0]
    times = await store.count_again(conn, old["booking_id"], base) + 1
    new_id = await store.enqueue_again(
        conn,
        ids,
        now,
        old=old,
        recipient=recipient,
        cause=staff.actor,
        unique_key=f"{base}:again-{times}",
        channel=channel,
        instead=True,
    )
    if new_id is None:
        raise Conflict("Somebody is sending this message again just now.")
    await close_task_about(conn, now, actions.UNDELIVERABLE, message_id, staff.actor)
    detail = {"kind": old["kind"], "message_id": new_id, "channel": channel}
    await store.insert_timeline(conn, now, old["booking_id"], staff.actor, "mail_again", detail)
    return new_id


async def write(conn: Connection, ids: Ids, now: datetime, staff: ApiKey, note: Note) -> str:
    """Says the message's id. ValidationFailed: no text, no recipient, a number that no SMS reaches. NotFound: no such booking.
    Conflict: the number wants no SMS. RateLimited."""
    text = _checked(note.text)
    key = f"{NOTE}:{note.form_id or ids.new('frm')}"
    if bool(note.booking) == bool(note.number):
        raise _refused("number", "Say to whom: a booking, or a telephone number.")
    if note.number:
        if note.channel == "email":
            raise _refused("channel", "To a telephone number goes an SMS.")
        return await _to_number(conn, ids, now, staff, note.number, text, key)
    booking = await booking_by_reference(conn, note.booking, staff.tenant_id)
    if booking is None:
        raise NotFound("There is no such booking.")
    return await _to_guest(conn, ids, now, staff, booking, note.channel, text, key)


async def read_answer(conn: Connection, now: datetime, staff: ApiKey, inbound_id: str) -> Row:
    """Somebody has seen what a person answered; its task is done. NotFound: the tenant has none such."""
    row = await record_store.mark_read(conn, now, staff.tenant_id, inbound_id, staff.actor)
    if row is None:
        raise NotFound("There is no such answer.")
    await close_task_about(conn, now, "sms_answer", inbound_id, staff.actor)
    return row


async def _to_number(
    conn: Connection, ids: Ids, now: datetime, staff: ApiKey, number: str, text: str, key: str
) -> str:
    phone = await limits.refuse_sms(conn, staff.tenant_id, number, staff.key_id, now)
    before = await record_store.by_key(conn, staff.tenant_id, phone, key)
    if before is not None:
        return before
    made = await store.enqueue_sms(
        conn,
        ids,
        now,
        tenant_id=staff.tenant_id,
        phone=phone,
        kind=NOTE,
        cause=staff.actor,
        params={"text": text},
        customer_id=await by_phone(conn, staff.tenant_id, phone),
        unique_key=key,
    )
    assert made is not None  # without a booking nothing is unique
    return made


async def _to_guest(
    conn: Connection, ids: Ids, now: datetime, staff: ApiKey, booking: Row, channel: str, text: str, key: str
) -> str:
    email, phone = booking["contact_email"], booking["contact_phone"]
    channel = channel or ("email" if email else "sms")
    if not (email if channel == "email" else phone):
        raise _refused(
            "channel", f"Nothing is known of this guest by which to send {_a(channel)}; choose the other way."
        )
    about = {**booking, "contact_phone": None} if channel == "email" else {**booking, "contact_email": None}
    if channel == "sms":
        await limits.refuse_sms(conn, staff.tenant_id, phone, staff.key_id, now)
    made = await store.enqueue(
        conn, ids, now, booking=about, kind=NOTE, cause=staff.actor, params={"text": text}, unique_key=key
    )
    if made is not None:
        detail = {"kind": NOTE, "message_id": made, "channel": channel}
        await store.insert_timeline(conn, now, booking["booking_id"], staff.actor, "message_written", detail)
        return made
    recipient = email if channel == "email" else phone
    before = await record_store.by_key(conn, staff.tenant_id, recipient, key)
    if before is None:
        raise Conflict("This was written already, to another address.")
    return before


async def _note_again(
    conn: Connection, ids: Ids, now: datetime, staff: ApiKey, old: Row, recipient: str | None
) -> str:
    if old["kind"] != NOTE or old["channel"] != "sms":
        raise ValidationFailed("This is sent only when it is asked for, and is not sent again.")
    key = f"{NOTE}:{ids.new('frm')}"
    number = recipient or old["recipient"]
    new_id = await _to_number(conn, ids, now, staff, number, str(old["params"].get("text") or ""), key)
    await close_task_about(conn, now, actions.UNDELIVERABLE, old["message_id"], staff.actor)
    return new_id


async def _ended(conn: Connection, staff: ApiKey, message_id: str) -> Row:
    """Locked. What is under way will leave by itself."""
    old = await store.locked(conn, staff.tenant_id, message_id)
    if old is None:
        raise NotFound(NO_SUCH_MESSAGE)
    rules.refuse_resending(old["status"])
    return old


def _refuse_without_words(kind: str, channel: str) -> None:
    try:
        render.environment().get_template(f"sms/{kind}.txt" if channel == "sms" else f"mail/{kind}.txt")
    except TemplateNotFound:
        raise ValidationFailed(f"There are no words for this by {CHANNEL_NAMES[channel]}.") from None


def _checked(text: str) -> str:
    """Without what no telephone shows. Raises ValidationFailed."""
    lines = [" ".join(line.split()) for line in text.strip().splitlines()]
    plain = "".join(
        character for character in "\n".join(lines) if character.isprintable() or character == "\n"
    )
    if not plain:
        raise _refused("text", "Write what is to be said.")
    if len(plain) > LONGEST_NOTE:
        raise _refused("text", f"A message has at most {LONGEST_NOTE} characters; this has {len(plain)}.")
    return plain


def _a(channel: str) -> str:
    return "an e-mail" if channel == "email" else "an SMS"


def _refused(field: str, sentence: str) -> ValidationFailed:
    return ValidationFailed(sentence, errors=[{"field": field, "problem": sentence}])
