"""A tenant's own words: kept, tried out, given up for the built-in ones, and told of when they can no longer be used."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from holdfast.database.connection import Connection
from holdfast.errors import NotFound, RateLimited, ValidationFailed
from holdfast.ids import Ids
from holdfast.messages import limits, outbox, template_store
from holdfast.messages.languages import LANGUAGES
from holdfast.messages.own_words import channels_of, problems_of
from holdfast.messages.qr import qr_png_address
from holdfast.messages.render import QR_CID, render
from holdfast.messages.rules import TRIAL
from holdfast.messages.sample import sample_row, starting_words
from holdfast.messages.segments import segments_of
from holdfast.messages.senders.mail import MailRefused, wire_address
from holdfast.messages.template_store import Place, Row
from holdfast.messages.texts import render_sms
from holdfast.tasks.actions import close_task_about, open_task
from holdfast.tenants.store import tenant_by_id

MESSAGE_WORDS = "message_words"  # the task that tells of own words that cannot be used
TRIALS_AN_HOUR = 20
NO_SUCH_PLACE = "There is no such message, channel or language."


@dataclass(frozen=True)
class OwnWords:
    subject: str
    body: str

    @classmethod
    def typed(cls, subject: str, body: str) -> OwnWords:
        """As a form sends them: browsers end lines with two characters."""
        return cls(subject.strip(), body.replace("\r\n", "\n").replace("\r", "\n").strip())


@dataclass(frozen=True)
class Preview:
    """What a made-up booking's guest would read; `html` is empty for an SMS, `segments` for an e-mail."""

    subject: str
    text: str
    html: str
    segments: str


def known_place(kind: str, channel: str, language: str) -> Place:
    """Raises NotFound."""
    if channel not in channels_of(kind) or language not in LANGUAGES:
        raise NotFound(NO_SUCH_PLACE)
    return Place(kind, channel, language)


def refuse_wrong(place: Place, words: OwnWords) -> None:
    """Raises ValidationFailed with a sentence for each field."""
    problems = problems_of(place.kind, place.channel, words.subject, words.body)
    if problems:
        errors = [{"field": field, "problem": problem} for field, problem in problems.items()]
        raise ValidationFailed("These words cannot be used.", errors=errors)


async def words_or_start(conn: Connection, tenant_id: int, place: Place) -> tuple[OwnWords, Row | None]:
    """The tenant's own words and their row, or the built-in ones to begin with."""
    row = await template_store.one(conn, tenant_id, place)
    if row is not None:
        return OwnWords(row["subject"], row["body"]), row
    return OwnWords(*starting_words(place.kind, place.channel, place.language)), None


async def keep(
    conn: Connection, now: datetime, tenant_id: int, place: Place, words: OwnWords, actor: str
) -> Row:
    """From now on the tenant's messages say this. Raises ValidationFailed."""
    refuse_wrong(place, words)
    kept = await template_store.keep(conn, now, tenant_id, place, words.subject, words.body, actor)
    await close_task_about(conn, now, MESSAGE_WORDS, _subject(tenant_id, place), actor)
    return kept


async def reset(conn: Connection, now: datetime, tenant_id: int, place: Place, actor: str) -> None:
    """Back to the built-in words; there need not have been others."""
    await template_store.remove(conn, tenant_id, place)
    await close_task_about(conn, now, MESSAGE_WORDS, _subject(tenant_id, place), actor)


def preview(tenant: Row, place: Place, words: OwnWords, now: datetime) -> Preview:
    """Raises ValidationFailed when they cannot be used."""
    refuse_wrong(place, words)
    row = {
        **sample_row(tenant, place.kind, place.channel, place.language, now),
        "own_words": _own(place, words),
    }
    # Of nobody: neither address nor key leads anywhere.
    public_url, secret_key = "https://example.com", "a sample opens nothing"
    if place.channel == "sms":
        sms = render_sms(row, public_url=public_url, secret_key=secret_key)
        _refuse_what_went_wrong(sms.own_words_wrong)
        return Preview("", sms.sms.body, "", str(segments_of(sms.sms.body)))
    mail = render(row, public_url=public_url, secret_key=secret_key, now=now)
    _refuse_what_went_wrong(mail.own_words_wrong)
    html = mail.mail.html.replace(f"cid:{QR_CID}", qr_png_address(public_url))
    return Preview(mail.mail.subject, mail.mail.text, html, "")


def _refuse_what_went_wrong(problem: str) -> None:
    if problem:
        sentence = f"These words cannot be used: {problem}."
        raise ValidationFailed(sentence, errors=[{"field": "body", "problem": sentence}])


async def send_trial(
    conn: Connection,
    ids: Ids,
    now: datetime,
    *,
    tenant_id: int,
    place: Place,
    words: OwnWords,
    recipient: str,
    actor: str,
    key_id: str | None,
) -> str:
    """Writes a test with a made-up booking into the outbox; says its id. Then jobs.send_now, or tell `work:messages`.

    ValidationFailed: the words, the address or the number. OptedOut, RateLimited: as for every SMS; and 20 tests an hour."""
    refuse_wrong(place, words)
    if await template_store.count_trials(conn, tenant_id, now) >= TRIALS_AN_HOUR:
        raise RateLimited(f"{TRIALS_AN_HOUR} tests an hour can be sent; please wait a while.")
    if place.channel == "sms":
        address = await _number(conn, tenant_id, recipient, key_id, now)
    else:
        address = _address(recipient)
    params = {
        "kind": place.kind,
        "language": place.language,
        "subject": words.subject,
        "body": words.body,
    }
    message_id = await outbox.write(
        conn,
        ids,
        now,
        outbox.Wanted(
            tenant_id=tenant_id,
            booking_id=None,
            kind=TRIAL,
            channel=place.channel,
            recipient=address,
            cause=actor,
            params=params,
            unique_key=TRIAL,
            customer_id=None,
        ),
    )
    assert message_id is not None  # only messages of a booking are unique
    return message_id


def _address(recipient: str) -> str:
    try:
        wire_address(recipient)
        return recipient.strip()
    except MailRefused as problem:
        raise _refused("Write an e-mail address, such as you@example.com.") from problem


async def _number(conn: Connection, tenant_id: int, recipient: str, key_id: str | None, now: datetime) -> str:
    try:
        return await limits.refuse_sms(conn, tenant_id, recipient, key_id, now)
    except ValidationFailed as problem:
        raise _refused(problem.detail) from problem


def _refused(sentence: str) -> ValidationFailed:
    return ValidationFailed(sentence, errors=[{"field": "recipient", "problem": sentence}])


async def trial_rows(conn: Connection, message_ids: list[str], now: datetime) -> dict[str, Row]:
    """What store.facts_of says of bookings, of the tests among these messages: about a made-up booking."""
    rows: dict[str, Row] = {}
    for trial in await template_store.trials(conn, message_ids):
        params = trial["params"]
        place = Place(params["kind"], trial["channel"], params["language"])
        own = _own(place, OwnWords(params["subject"], params["body"]))
        about = sample_row(trial.pop("tenant"), place.kind, place.channel, place.language, now)
        same = {name: trial[name] for name in trial if name != "params"}
        rows[trial["message_id"]] = {**about, **same, "own_words": own}
    return rows


async def tell_of_wrong_words(
    conn: Connection, ids: Ids, now: datetime, tenant_id: int, place: Place, why: str
) -> None:
    """The message has left with the built-in words; a person is told, once."""
    language = LANGUAGES.get(place.language, place.language)
    channel = "SMS" if place.channel == "sms" else "e-mails"
    await open_task(
        conn,
        ids,
        now,
        kind=MESSAGE_WORDS,
        subject=_subject(tenant_id, place),
        sentence=(
            f"Your own words for {place.kind.replace('_', ' ')} ({channel}, {language}) cannot be used: {why.rstrip('.')}. "
            "The built-in words are sent instead. Correct yours, or go back to the built-in ones."
        ),
        tenant_id=tenant_id,
        detail={"kind": place.kind, "channel": place.channel, "language": place.language},
    )


async def tenant_of(conn: Connection, tenant_id: int) -> Row:
    tenant = await tenant_by_id(conn, tenant_id)
    assert tenant is not None  # a key belongs to a tenant
    return tenant


def _own(place: Place, words: OwnWords) -> dict[str, Any]:
    return {place.language: {"subject": words.subject, "body": words.body}}


def _subject(tenant_id: int, place: Place) -> str:
    return f"{tenant_id}:{place.kind}:{place.channel}:{place.language}"
