"""Turns a message's row into the mail that leaves: words, HTML, QR code, calendar file.

Kinds and what their `params` may hold (all optional):
    booking_confirmed   nothing booking_moved       (the new time and place are the offering's)
    booking_cancelled   refund_amount, currency: what is refunded, 0: nothing; unset: what the order's refunds
    say payment_failed      (whether the seats are still held is read from the booking) money_returned
    amount, currency, why: "late", "surplus" or "cancelled"
    booking_link        nothing (asked for on "I paid, where is my booking?"; how it stands is the booking's own)
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from functools import cache
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from jinja2 import Environment, FileSystemLoader, StrictUndefined, select_autoescape

from holdfast.ids import booking_token
from holdfast.messages.calendar import ics_of
from holdfast.messages.facts import facts_for_words
from holdfast.messages.qr import qr_png
from holdfast.messages.senders.mail import Attachment, OutgoingMail

TEMPLATES = Path(__file__).parent / "templates"
SUBJECTS = {
    "booking_confirmed": "Your booking is confirmed: {title} ({reference})",
    "booking_moved": "New date or place: {title} ({reference})",
    "booking_cancelled": "Your booking is cancelled: {title} ({reference})",
    "booking_link": "The link to your booking: {title} ({reference})",
    "payment_failed": "Your payment did not go through: {title} ({reference})",
    "money_returned": "We are sending money back to you ({reference})",
}
WITH_QR = frozenset({"booking_confirmed", "booking_moved"})
WITH_CALENDAR = frozenset({"booking_confirmed", "booking_moved", "booking_cancelled"})
QR_CID = "qr@holdfast"
SECRET_LEFT_OUT = "[secret]"  # noqa: S105 (what stands in its place)


@dataclass(frozen=True)
class Rendered:
    """The mail, and its words as they are kept: without the secret of the link, which the database does not
    know."""

    mail: OutgoingMail
    kept_text: str
    kept_html: str


def render(row: dict[str, Any], *, public_url: str, secret_key: str, now: datetime) -> Rendered:
    """`row` is one of store.facts_of. Raises KeyError or jinja2's errors when kind or parameters do not fit a
    template."""
    token = booking_token(secret_key, row["booking_id"])
    link = f"{public_url}/b/{token}"
    facts = facts_for_words(row, row["params"], link, now)
    subject = SUBJECTS[row["kind"]].format(title=row["title"], reference=row["reference"])
    facts |= {"subject": subject, "qr_cid": QR_CID if row["kind"] in WITH_QR else ""}
    text = _words(f"mail/{row['kind']}.txt", facts)
    html = _words(f"mail/{row['kind']}.html", facts)
    mail = OutgoingMail(
        message_id=message_id_header(row["message_id"], public_url),
        to_address=row["recipient"],
        to_name=row["contact_name"],
        subject=subject,
        text=text,
        html=html,
        date=now,
        from_name=row["tenant_name"],
        from_address=row["mail_from"] or "",
        reply_to=row["contact_email_of_tenant"] or "",
        attachments=_attachments(row, link, now),
    )
    return Rendered(mail, text.replace(token, SECRET_LEFT_OUT), html.replace(token, SECRET_LEFT_OUT))


def message_id_header(message_id: str, public_url: str) -> str:
    """Derived, so that every try of a message carries the same one and a second copy can be recognised."""
    host = urlsplit(public_url).hostname or "localhost"
    return f"<{message_id}@{f'[IPv6:{host}]' if ':' in host else host}>"


def _attachments(row: dict[str, Any], link: str, now: datetime) -> tuple[Attachment, ...]:
    attachments = []
    if row["kind"] in WITH_QR:
        attachments.append(Attachment("booking-qr.png", qr_png(link), "image/png", content_id=QR_CID))
    if row["kind"] in WITH_CALENDAR and row["starts_at"]:
        cancelled = row["kind"] == "booking_cancelled"
        attachments.append(
            Attachment(
                "booking.ics",
                ics_of(
                    row,
                    {**row, "contact_email": row["contact_email_of_tenant"]},
                    link,
                    now=now,
                    cancelled=cancelled,
                ),
                "text/calendar",
                (("charset", "utf-8"), ("method", "CANCEL" if cancelled else "PUBLISH")),
            )
        )
    return tuple(attachments)


def _words(template: str, facts: dict[str, Any]) -> str:
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
