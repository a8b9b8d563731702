"""Turns a message's row into the mail that leaves: words, HTML, QR code, calendar file.

Kinds to the customer and what their `params` may hold (all optional):
    booking_confirmed    nothing
    booking_moved        nothing (the new time and place are the event's)
    booking_rescheduled  was: the time that was agreed until now, RFC 3339
    booking_cancelled    amount or refund_amount, currency: what is refunded, 0: nothing; unset: what the order's refunds say;
                         why: a sentence about why nothing is
    payment_failed       nothing (whether anything is still held is read from the booking)
    money_returned       amount, currency, why: "late", "surplus" or "cancelled"
    booking_link         nothing (asked for on "I paid, where is my booking?"; how it stands is the booking's own)
    request_received     nothing (sum and deadline are the order's)
    request_declined     reason: the provider's words; why or reason "unanswered": the deadline passed
    authorisation_lost   nothing
    booking_started      nothing (the link completes it; until when is the booking's)
    reminder             nothing
    note                 text: what a person wrote
Kinds to the provider:
    request_to_answer, request_reminder    link_id: the action link that accepts or declines; without it only the page of
                                           requests is linked
    provider_booking_rescheduled           was, as above
    request_withdrawn, provider_booking_confirmed, provider_booking_cancelled, provider_authorisation_lost    nothing
    provider_sign_in                       link_id: the link that signs in. About no booking.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import datetime
from functools import cache
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from jinja2 import Environment, FileSystemLoader, StrictUndefined, select_autoescape

from holdfast.ids import action_token, booking_token
from holdfast.messages.calendar import ics_of
from holdfast.messages.facts import facts_for_words, facts_of_sign_in, first_name
from holdfast.messages.languages import PHRASES, language_of, path_of
from holdfast.messages.own_words import OwnWordsWrong, fill, paragraphs_of, values_of_mail
from holdfast.messages.qr import qr_png
from holdfast.messages.rules import KINDS_TO_PROVIDERS, SIGN_IN
from holdfast.messages.senders.mail import Attachment, OutgoingMail, one_line

OWN = "own"  # the frame of a tenant's own words
CUT = "\x1f"
TEMPLATES = Path(__file__).parent / "templates"
WITH_QR = frozenset({"booking_confirmed", "booking_moved"})
CANCELS_CALENDAR = frozenset({"booking_cancelled", "provider_booking_cancelled"})
WITH_CALENDAR = CANCELS_CALENDAR | {
    "booking_confirmed",
    "booking_moved",
    "booking_rescheduled",
    "provider_booking_confirmed",
    "provider_booking_rescheduled",
}
QR_CID = "qr@holdfast"
# Where a template left several parts out, one empty line stands for all of them.
EMPTY_LINES = re.compile(r"\n{3,}")
SECRET_LEFT_OUT = "[secret]"  # noqa: S105 (what stands in its place)


@dataclass(frozen=True)
class Rendered:
    """The mail, and its words as they are kept: without the secret of the link, which the database does not
    know."""

    mail: OutgoingMail
    kept_text: str
    kept_html: str
    own_words_wrong: str = ""  # why the built-in words were said instead of the tenant's own


@dataclass(frozen=True)
class Links:
    """Where a message leads, and the secrets in it, which are not kept."""

    main: str
    accept: str
    decline: str
    secrets: tuple[str, ...]

    def left_out(self, words: str) -> str:
        for secret in self.secrets:
            words = words.replace(secret, SECRET_LEFT_OUT)
        return words


def links_of(row: dict[str, Any], public_url: str, secret_key: str) -> Links:
    """To a customer the booking's own link; to a provider the page of requests, and when the message asks for an answer the
    two links that give it. Neither ever gets the other's."""
    if row["kind"] not in KINDS_TO_PROVIDERS:
        token = booking_token(secret_key, row["booking_id"])
        return Links(f"{public_url}/b/{token}", "", "", (token,))
    main = f"{public_url}/provider/requests"
    link_id = row["params"].get("link_id")
    if not link_id:
        return Links(main, "", "", ())
    token = action_token(secret_key, str(link_id))
    answer = f"{public_url}/answer/{token}"
    return Links(main, f"{answer}/accept", f"{answer}/decline", (token,))


def facts_with_links(row: dict[str, Any], links: Links, now: datetime) -> dict[str, Any]:
    facts = facts_for_words(row, row["params"], links.main, now)
    return facts | {"accept_link": links.accept, "decline_link": links.decline}


def render(row: dict[str, Any], *, public_url: str, secret_key: str, now: datetime) -> Rendered:
    """`row` is one of store.facts_of. Raises KeyError or jinja2's errors when kind or parameters do not fit a
    template."""
    if row["kind"] == SIGN_IN:
        return _render_sign_in(row, public_url=public_url, secret_key=secret_key, now=now)
    links = links_of(row, public_url, secret_key)
    facts = facts_with_links(row, links, now)
    language = language_of(row["locale"])
    subject = PHRASES[language].subjects[row["kind"]].format(title=row["title"], reference=row["reference"])
    facts |= {"subject": subject, "qr_cid": QR_CID if _has_qr(row) else ""}
    own, wrong = _own_words(row, language, facts)
    subject, text, html = own or (subject, *mail_words(language, row["kind"], facts))
    mail = OutgoingMail(
        message_id=message_id_header(row["message_id"], public_url),
        to_address=row["recipient"],
        to_name=facts["addressee"] if facts["to_provider"] else row["contact_name"],
        subject=subject,
        text=text,
        html=html,
        date=now,
        from_name=row["tenant_name"],
        from_address=row["mail_from"] or "",
        reply_to=row["contact_email_of_tenant"] or "",
        attachments=_attachments(row, links.main, now),
    )
    return Rendered(mail, links.left_out(text), links.left_out(html), wrong)


def _own_words(
    row: dict[str, Any], language: str, facts: dict[str, Any]
) -> tuple[tuple[str, str, str] | None, str]:
    """The tenant's own subject, text and HTML, in the frame that is ours; None when it has none, or why they cannot be used."""
    own = (row.get("own_words") or {}).get(language)
    if own is None:
        return None, ""
    try:
        values = values_of_mail(facts)
        subject = one_line(fill(own["subject"], values)) or facts["subject"]
        paragraphs = paragraphs_of(fill(own["body"], values))
        if not paragraphs:
            raise OwnWordsWrong("nothing is left of it when the placeholders are filled in")
    except OwnWordsWrong as problem:
        return None, str(problem)
    about = facts | {"subject": subject, "paragraphs": paragraphs}
    return (subject, *mail_words(language, OWN, about)), ""


def _render_sign_in(row: dict[str, Any], *, public_url: str, secret_key: str, now: datetime) -> Rendered:
    """`row` is one of store.sign_in_facts_of."""
    token = action_token(secret_key, row["link_id"])
    language = language_of(row["locale"])
    subject = PHRASES[language].subjects[SIGN_IN].format(tenant=row["tenant_name"])
    facts = {
        **facts_of_sign_in(row),
        "subject": subject,
        "link": f"{public_url}/provider/sign-in/{token}",
    }
    text, html = mail_words(language, SIGN_IN, facts)
    mail = OutgoingMail(
        message_id=message_id_header(row["message_id"], public_url),
        to_address=row["recipient"],
        to_name=row["provider_name"],
        subject=subject,
        text=text,
        html=html,
        date=now,
        from_name=row["tenant_name"],
        from_address=row["mail_from"] or "",
        reply_to=row["contact_email_of_tenant"] or "",
    )
    return Rendered(mail, text.replace(token, SECRET_LEFT_OUT), html.replace(token, SECRET_LEFT_OUT))


def message_id_header(message_id: str, public_url: str) -> str:
    """Derived, so that every try of a message carries the same one and a second copy can be recognised."""
    host = urlsplit(public_url).hostname or "localhost"
    return f"<{message_id}@{f'[IPv6:{host}]' if ':' in host else host}>"


def _attachments(row: dict[str, Any], link: str, now: datetime) -> tuple[Attachment, ...]:
    attachments = []
    if _has_qr(row):
        attachments.append(Attachment("booking-qr.png", qr_png(link), "image/png", content_id=QR_CID))
    if row["kind"] in WITH_CALENDAR and row["starts_at"]:
        cancelled = row["kind"] in CANCELS_CALENDAR
        attachments.append(
            Attachment(
                "booking.ics",
                ics_of(
                    row,
                    {**row, "contact_email": row["contact_email_of_tenant"], "title": _title(row)},
                    link,
                    now=now,
                    cancelled=cancelled,
                ),
                "text/calendar",
                (("charset", "utf-8"), ("method", "CANCEL" if cancelled else "PUBLISH")),
            )
        )
    return tuple(attachments)


def _title(row: dict[str, Any]) -> str:
    """What stands in a calendar: whom one meets."""
    if row["kind"] in KINDS_TO_PROVIDERS:
        return f"{row['title']} ({first_name(row['contact_name']) or row['reference']})"
    if not row["provider_name"]:
        return str(row["title"])
    phrases = PHRASES[language_of(row["locale"])]
    return phrases.with_whom.format(title=row["title"], provider=row["provider_name"])


def _has_qr(row: dict[str, Any]) -> bool:
    """It is shown at a door, and an appointment has none."""
    return row["kind"] in WITH_QR and row["offering_kind"] != "appointment"


def mail_words(language: str, kind: str, facts: dict[str, Any]) -> tuple[str, str]:
    """As text, and as HTML."""
    text = words(path_of(language, f"mail/{kind}.txt"), facts)
    return EMPTY_LINES.sub("\n\n", text), words(path_of(language, f"mail/{kind}.html"), facts)


def without_frame(template: str, facts: dict[str, Any]) -> str:
    """A mail's greeting and words as text, without what stands below them."""
    cut = f'{{% extends "{template}" %}}{{% block action %}}{CUT}{{% endblock %}}'
    return environment().from_string(cut).render(facts).partition(CUT)[0]


def words(template: str, facts: dict[str, Any]) -> str:
    return environment().get_template(template).render(facts)


@cache
def environment() -> Environment:
    return Environment(
        loader=FileSystemLoader(TEMPLATES),
        autoescape=select_autoescape(["html"]),
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
    )
