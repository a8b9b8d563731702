"""The sender against a real server: TLS, log-in, addresses of the world, and nothing that could be smuggled
into a header."""

from __future__ import annotations

import socket
import ssl
import subprocess
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from holdfast.messages.senders.mail import (
    Attachment,
    MailDeferred,
    MailRefused,
    OutgoingMail,
    as_bytes,
    one_line,
    wire_address,
    without_addresses,
)
from holdfast.messages.senders.smtp import SmtpSender, parse_smtp_url
from tests.messages.server import Mailbox, Server, html_of, text_of

MAIL_FROM = "bookings@book.example"


def a_mail(**changes: Any) -> OutgoingMail:
    mail = {
        "message_id": "<msg_1@book.example>",
        "to_address": "guest@example.com",
        "to_name": "Sample Guest",
        "subject": "Hello",
        "text": "Good evening",
        "html": '<p>Good evening <img src="cid:qr@holdfast"></p>',
        "date": datetime(2026, 11, 20, 12, 0, tzinfo=UTC),
        "from_name": "The Sample Room",
        "attachments": (
            Attachment("booking-qr.png", b"\x89PNG", "image/png", content_id="qr@holdfast"),
            Attachment("booking.ics", b"BEGIN:VCALENDAR", "text/calendar", (("method", "PUBLISH"),)),
        ),
    }
    return OutgoingMail(**{**mail, **changes})


@pytest.fixture
def certificate(tmp_path: Path) -> ssl.SSLContext:
    """Of the server's own making, as mail servers on one's own machine have it."""
    key, chain = tmp_path / "key.pem", tmp_path / "chain.pem"
    command = "openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -days 2 -subj /CN=mail.example"
    subprocess.run([*command.split(), "-keyout", key, "-out", chain], check=True, capture_output=True)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(chain, key)
    return context


@pytest.fixture
def started() -> Iterator[Any]:
    """Starts servers that are stopped at the end."""
    servers: list[Server] = []

    def start(mailbox: Mailbox, **options: Any) -> Server:
        server = Server(mailbox, **options)
        server.start()
        servers.append(server)
        return server

    yield start
    for server in servers:
        server.stop()


async def test_the_parts_of_a_mail(mailbox: Mailbox, smtp: Server) -> None:
    await SmtpSender(f"smtp://127.0.0.1:{smtp.port}", MAIL_FROM).send(a_mail(reply_to="host@book.example"))
    (mail,) = mailbox.mails
    assert mail["From"] == "The Sample Room <bookings@book.example>"
    assert mail["To"] == "Sample Guest <guest@example.com>"
    assert mail["Reply-To"] == "The Sample Room <host@book.example>"
    assert mail["Date"] == "Fri, 20 Nov 2026 12:00:00 +0000"
    assert mail["Auto-Submitted"] == "auto-generated"
    assert mail["Message-ID"] == "<msg_1@book.example>"
    assert text_of(mail).strip() == "Good evening"
    assert "cid:qr@holdfast" in html_of(mail)
    inline = [part for part in mail.walk() if part["Content-ID"]]
    assert [part["Content-ID"] for part in inline] == ["<qr@holdfast>"]
    assert [part.get_filename() for part in mail.iter_attachments()] == ["booking.ics"]


async def test_starttls_is_used_where_it_is_offered(
    mailbox: Mailbox, started: Any, certificate: ssl.SSLContext
) -> None:
    server = started(
        mailbox, tls_context=certificate, require_starttls=True, authenticator=mailbox.authenticate
    )
    await SmtpSender(f"smtp://user:right@127.0.0.1:{server.port}", MAIL_FROM).send(a_mail())
    assert len(mailbox.mails) == 1
    assert mailbox.logins == [("user", "right")]


async def test_smtps_speaks_tls_from_the_first_byte(
    mailbox: Mailbox, started: Any, certificate: ssl.SSLContext
) -> None:
    server = started(mailbox, ssl_context=certificate)
    await SmtpSender(f"smtps://127.0.0.1:{server.port}", MAIL_FROM).send(a_mail())
    assert len(mailbox.mails) == 1


async def test_a_log_in_that_the_server_does_not_offer(mailbox: Mailbox, smtp: Server) -> None:
    with pytest.raises(MailRefused, match="no log-in") as refused:
        await SmtpSender(f"smtp://user:right@127.0.0.1:{smtp.port}", MAIL_FROM).send(a_mail())
    assert refused.value.stage == "auth"


async def test_what_is_not_set() -> None:
    with pytest.raises(MailDeferred, match="SMTP_URL is not set"):
        await SmtpSender("", MAIL_FROM).send(a_mail())
    with pytest.raises(MailDeferred, match="MAIL_FROM is not set"):
        await SmtpSender("smtp://127.0.0.1:1", "").send(a_mail())


async def test_the_tenants_own_sender_address(mailbox: Mailbox, smtp: Server) -> None:
    sender = SmtpSender(f"smtp://127.0.0.1:{smtp.port}", "Somebody <bookings@book.example>")
    await sender.send(a_mail(from_address="evenings@sample.example"))
    await sender.send(a_mail())
    assert [mail["From"].addresses[0].addr_spec for mail in mailbox.mails] == [
        "evenings@sample.example",
        "bookings@book.example",
    ]


async def test_addresses_of_the_world(mailbox: Mailbox, smtp: Server) -> None:
    sender = SmtpSender(f"smtp://127.0.0.1:{smtp.port}", MAIL_FROM)
    await sender.send(a_mail(to_address="gast@bücher.example", to_name="Ærøskøbing 雪 Gast"))
    await sender.send(a_mail(to_address="gäst@bücher.example"))
    assert mailbox.recipients == ["gast@xn--bcher-kva.example", "gäst@xn--bcher-kva.example"]
    assert mailbox.mails[0]["To"].addresses[0].display_name == "Ærøskøbing 雪 Gast"
    assert "To: Sample Guest <gäst@xn--bcher-kva.example>".encode() in mailbox.raw[1]


async def test_a_server_that_cannot_take_such_letters(mailbox: Mailbox, started: Any) -> None:
    server = started(mailbox, international=False)
    async with SmtpSender(f"smtp://127.0.0.1:{server.port}", MAIL_FROM).batch() as batch:
        with pytest.raises(MailRefused, match="SMTPUTF8") as refused:
            await batch.send(a_mail(to_address="gäst@example.com"))
        assert refused.value.stage == "recipient"
        await batch.send(a_mail())
    assert mailbox.recipients == ["guest@example.com"]


@pytest.mark.parametrize(
    "address", ["", "guest", "@example.com", "a b@example.com", "a@b\r\nRCPT TO:<x@y.z>", "a@" + "ü" * 300]
)
def test_what_is_no_address_is_refused_without_asking_anybody(address: str) -> None:
    with pytest.raises(MailRefused):
        wire_address(address)


async def test_a_server_that_never_answers() -> None:
    with socket.socket() as silent:
        silent.bind(("127.0.0.1", 0))
        silent.listen()
        sender = SmtpSender(f"smtp://127.0.0.1:{silent.getsockname()[1]}", MAIL_FROM, timeout_s=0.1)
        with pytest.raises(MailDeferred, match="did not answer in time") as deferred:
            await sender.send(a_mail())
    assert (deferred.value.stage, deferred.value.code) == ("connect", None)


@pytest.mark.parametrize(
    ("url", "expected"),
    [
        ("smtp://mail.example", ("mail.example", 25, False, "", "")),
        ("smtp://u:p@mail.example", ("mail.example", 587, False, "u", "p")),
        ("smtps://u%40x:p%3A%2F@mail.example", ("mail.example", 465, True, "u@x", "p:/")),
        ("smtp://[::1]:2525", ("::1", 2525, False, "", "")),
    ],
)
def test_smtp_url(url: str, expected: tuple[object, ...]) -> None:
    server = parse_smtp_url(url)
    assert (server.host, server.port, server.tls_from_start, server.user, server.password) == expected


@pytest.mark.parametrize("url", ["http://mail.example", "smtp://", "mail.example:25"])
def test_what_is_no_smtp_url(url: str) -> None:
    with pytest.raises(ValueError, match="SMTP_URL"):
        parse_smtp_url(url)


def test_servers_words_are_kept_without_addresses() -> None:
    assert without_addresses("5.1.1 <guest@example.com>: no such user guest@example.com") == (
        "5.1.1 [address]: no such user [address]"
    )


@given(text=st.text(st.characters(exclude_categories=["Cs"])))
def test_nothing_can_be_smuggled_into_a_header(text: str) -> None:
    raw = as_bytes(a_mail(subject=text, to_name=text, from_name=text), MAIL_FROM)
    head = raw.split(b"\r\n\r\n", 1)[0].replace(b"\r\n ", b" ").replace(b"\r\n\t", b" ").split(b"\r\n")
    names = [line.split(b":")[0] for line in head]
    assert names == [
        b"From",
        b"To",
        b"Subject",
        b"Date",
        b"Message-ID",
        b"Auto-Submitted",
        b"X-Auto-Response-Suppress",
        b"MIME-Version",
        b"Content-Type",
    ]
    assert max(map(len, raw.split(b"\r\n"))) <= 998  # RFC 5322


@pytest.mark.parametrize(
    "text", ["Hello\r\nBcc: all@example.com", "a\nb", "\x00\x1b[31m", "x" * 5000, "\u202egnp.exe"]
)
def test_one_line(text: str) -> None:
    line = one_line(text)
    assert len(line) <= 300
    assert line.isprintable()
