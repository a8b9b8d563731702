"""One e-mail on its way out, as a value, and the ways in which it can fail to leave."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import datetime
from email.headerregistry import Address
from email.message import EmailMessage
from email.policy import SMTP
from email.utils import format_datetime

import idna

MOST_OF_A_HEADER = 300  # characters of a subject or name; what is longer is cut, with an ellipsis
MOST_OF_A_REPLY = 300

# Seven bits only, so that no server on the way has to re-encode (8BITMIME may be missing).
SEVEN_BIT = SMTP.clone(cte_type="7bit")
# For addresses whose local part is not ASCII (RFC 6531): such headers are UTF-8.
INTERNATIONAL = SEVEN_BIT.clone(utf8=True)

CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f\u2028\u2029\u200e\u200f\u202a-\u202e\u2066-\u2069]+")
ADDRESS = re.compile(r"<?[^\s<>@\"]+@[^\s<>]+>?")


@dataclass(frozen=True)
class Attachment:
    filename: str
    content: bytes
    mime_type: str  # "image/png"
    parameters: tuple[tuple[str, str], ...] = ()  # of the Content-Type
    content_id: str | None = None  # set: shown inside the HTML as cid:…


@dataclass(frozen=True)
class OutgoingMail:
    """Everything that goes over the wire. `message_id` is the header's, with its angle brackets, and the same
    at every try: a mail that arrives twice can be recognised by it."""

    message_id: str
    to_address: str
    to_name: str
    subject: str
    text: str
    html: str
    date: datetime
    from_name: str = ""
    from_address: str = ""  # empty: the sender's own (MAIL_FROM)
    reply_to: str = ""
    attachments: tuple[Attachment, ...] = ()


class MailError(Exception):
    """`stage` is how far it came: settings, compose, connect, tls, auth, sender, recipient, data. `code` is
    SMTP's, None when there was no answer. `reply` is what the server said, without addresses."""

    def __init__(self, stage: str, code: int | None, reply: str) -> None:
        self.stage = stage
        self.code = code
        self.reply = without_addresses(reply)[:MOST_OF_A_REPLY]
        super().__init__(f"{stage}: {code or 'no answer'} {self.reply}".strip())


class MailRefused(MailError):
    """The server said no for good (5xx)."""


class MailDeferred(MailError):
    """Not now (4xx), or no answer: after `data` it may have been delivered all the same."""


def one_line(text: str, most: int = MOST_OF_A_HEADER) -> str:
    """Text that is safe in a header: no line breaks, controls or changes of direction, and not endless."""
    flat = " ".join(CONTROL.sub(" ", text).split())
    return flat if len(flat) <= most else flat[: most - 1].rstrip() + "…"


def without_addresses(text: str) -> str:
    """Servers repeat the recipient's address in their answers; it has no place in logs and error columns."""
    return ADDRESS.sub("[address]", one_line(text, 2000))


def wire_address(address: str) -> str:
    """The address with its domain in ASCII (IDNA 2008). Raises MailRefused when it is no address at all."""
    local, at, domain = address.strip().rpartition("@")
    if not (at and local and domain) or CONTROL.search(address) or any(c in local for c in ' <>",;'):
        raise MailRefused("recipient", 553, "5.1.3 This is not an e-mail address.")
    try:
        return f"{local}@{domain if domain.isascii() else idna.encode(domain, uts46=True).decode()}"
    except idna.IDNAError as problem:
        raise MailRefused(
            "recipient", 553, "5.1.2 The domain of the e-mail address does not exist."
        ) from problem


def needs_smtputf8(*addresses: str) -> bool:
    """Whether a server without SMTPUTF8 cannot take a mail with these addresses."""
    return not all(address.isascii() for address in addresses)


def as_bytes(mail: OutgoingMail, from_address: str) -> bytes:
    """The mail as it goes over the wire."""
    recipient = wire_address(mail.to_address)
    policy = INTERNATIONAL if needs_smtputf8(recipient, from_address) else SEVEN_BIT
    message = EmailMessage(policy)
    _headers(message, mail, from_address, recipient)
    message.set_content(mail.text, cte="quoted-printable")
    message.add_alternative(mail.html, subtype="html", cte="quoted-printable")
    parts = message.get_payload()
    assert isinstance(parts, list)  # text and html
    for attachment in mail.attachments:
        if attachment.content_id:
            _inline(parts[1], attachment)
        else:
            _attach(message, attachment)
    return message.as_bytes(policy=policy)


def _headers(message: EmailMessage, mail: OutgoingMail, from_address: str, recipient: str) -> None:
    message["From"] = _mailbox(mail.from_name, from_address)
    message["To"] = _mailbox(mail.to_name, recipient)
    if mail.reply_to:
        message["Reply-To"] = _mailbox(mail.from_name, wire_address(mail.reply_to))
    message["Subject"] = one_line(mail.subject)
    message["Date"] = format_datetime(mail.date)
    message["Message-ID"] = mail.message_id
    # RFC 3834: nobody's out-of-office notice should answer this.
    message["Auto-Submitted"] = "auto-generated"
    message["X-Auto-Response-Suppress"] = "All"


def _mailbox(name: str, address: str) -> Address:
    # By its two halves: given whole, an address with letters beyond ASCII is taken for a defect.
    local, _, domain = address.rpartition("@")
    return Address(display_name=one_line(name, 80), username=local, domain=domain)


def _inline(html: object, attachment: Attachment) -> None:
    assert isinstance(html, EmailMessage)
    main, _, sub = attachment.mime_type.partition("/")
    html.add_related(
        attachment.content,
        maintype=main,
        subtype=sub,
        cid=f"<{attachment.content_id}>",
        disposition="inline",
        filename=attachment.filename,
    )


def _attach(message: EmailMessage, attachment: Attachment) -> None:
    main, _, sub = attachment.mime_type.partition("/")
    message.add_attachment(
        attachment.content,
        maintype=main,
        subtype=sub,
        filename=attachment.filename,
        params=dict(attachment.parameters),
    )
