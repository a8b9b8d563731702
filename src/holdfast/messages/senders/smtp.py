"""Sends e-mail by SMTP. Says precisely how far a mail came, because what is to be done depends on it
(messages/rules.py).

smtp://  uses STARTTLS where the server offers it; a password never travels unencrypted, except to this
machine itself.
smtps:// speaks TLS from the first byte. User and password in the address are percent-encoded.
Neither addresses nor bodies are logged here.
"""

from __future__ import annotations

import asyncio
import contextlib
import ssl
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from email.utils import parseaddr
from urllib.parse import unquote, urlsplit

import aiosmtplib

from holdfast.messages.senders.mail import (
    Attachment,
    MailDeferred,
    MailError,
    MailRefused,
    OutgoingMail,
    as_bytes,
    needs_smtputf8,
    wire_address,
)

__all__ = ["Attachment", "MailDeferred", "MailError", "MailRefused", "OutgoingMail", "SmtpSender"]

SEND_TIMEOUT_S = 20.0  # connecting and sending one mail, all together
GOODBYE_TIMEOUT_S = 2.0
LOOPBACK = frozenset({"localhost", "127.0.0.1", "::1"})
# What a server says when it closes the connection instead of taking another mail.
CLOSING = 421


@dataclass(frozen=True)
class SmtpServer:
    host: str
    port: int
    tls_from_start: bool
    user: str
    password: str

    @property
    def is_this_machine(self) -> bool:
        return self.host in LOOPBACK


def parse_smtp_url(url: str) -> SmtpServer:
    """Raises ValueError when it is no smtp:// or smtps:// address."""
    parts = urlsplit(url)
    if parts.scheme not in {"smtp", "smtps"} or not parts.hostname:
        raise ValueError("SMTP_URL must be like smtp://user:password@host:587")
    tls = parts.scheme == "smtps"
    usual = 465 if tls else 587 if parts.username else 25
    return SmtpServer(
        parts.hostname,
        parts.port or usual,
        tls,
        unquote(parts.username or ""),
        unquote(parts.password or ""),
    )


class SmtpSender:
    """Where e-mails leave. Holds no connection between batches."""

    def __init__(self, smtp_url: str, mail_from: str, *, timeout_s: float = SEND_TIMEOUT_S) -> None:
        self._server = parse_smtp_url(smtp_url) if smtp_url else None
        self.mail_from = parseaddr(mail_from)[1]
        self.timeout_s = timeout_s

    @property
    def missing(self) -> str:
        """What has to be set before anything can be sent; empty when it can."""
        return "" if self._server else "SMTP_URL is not set"

    async def send(self, mail: OutgoingMail) -> None:
        """Sends one mail over a connection of its own. Raises MailRefused or MailDeferred."""
        async with self.batch() as batch:
            await batch.send(mail)

    @asynccontextmanager
    async def batch(self) -> AsyncIterator[SmtpBatch]:
        """One connection for many mails, opened with the first."""
        batch = SmtpBatch(self._server, self.mail_from, self.timeout_s)
        try:
            yield batch
        finally:
            await batch.close()


class SmtpBatch:
    def __init__(self, server: SmtpServer | None, mail_from: str, timeout_s: float) -> None:
        self._server = server
        self._mail_from = mail_from
        self._timeout_s = timeout_s
        self._client: aiosmtplib.SMTP | None = None
        self._stage = "connect"

    async def send(self, mail: OutgoingMail) -> None:
        """Raises MailRefused or MailDeferred, and returns only when the server has taken the mail."""
        if self._server is None:
            raise MailDeferred("settings", None, "SMTP_URL is not set")
        sender = self._sender_of(mail)
        recipient = wire_address(mail.to_address)
        content = _composed(mail, sender)
        try:
            async with asyncio.timeout(self._timeout_s):
                await self._deliver(self._server, sender, recipient, content)
        except aiosmtplib.SMTPResponseException as answer:
            await self._start_afresh()
            raise _from_answer(self._stage, answer) from None
        except ssl.SSLError as problem:
            self._drop()
            raise MailDeferred(
                "tls", None, f"no secure connection: {problem.reason or 'TLS failed'}"
            ) from None
        except (
            Exception
        ) as problem:  # also a mistake of ours or the library's: no mail may hold up the others
            self._drop()
            raise MailDeferred(self._stage, None, _in_words(problem)) from problem
        except BaseException:  # told to stop
            self._drop()
            raise

    async def close(self) -> None:
        client, self._client = self._client, None
        if client is not None and client.is_connected:
            transport = client.transport  # the client forgets it when it has said goodbye
            with contextlib.suppress(aiosmtplib.SMTPException, OSError):
                await client.quit(timeout=GOODBYE_TIMEOUT_S)
            _hang_up(client, transport)
        # A transport lets go of its socket in the loop's next rounds, over TLS in the second.
        await asyncio.sleep(0)
        await asyncio.sleep(0)

    def _sender_of(self, mail: OutgoingMail) -> str:
        address = parseaddr(mail.from_address)[1] or self._mail_from
        if not address:
            raise MailDeferred("settings", None, "MAIL_FROM is not set")
        try:
            return wire_address(address)
        except MailRefused:
            raise MailDeferred("settings", None, "MAIL_FROM is not an e-mail address") from None

    async def _deliver(self, server: SmtpServer, sender: str, recipient: str, content: bytes) -> None:
        international = needs_smtputf8(sender, recipient)
        client = await self._open_transaction(server, sender, len(content), international)
        self._stage = "recipient"
        await client.rcpt(recipient, encoding="utf-8" if international else "ascii")
        self._stage = "data"
        await client.data(content)

    async def _open_transaction(
        self, server: SmtpServer, sender: str, size: int, international: bool
    ) -> aiosmtplib.SMTP:
        """A connection on which MAIL FROM was accepted. A kept connection may have been closed by the server
        meanwhile (idle, or enough mails for one connection): then once more over a new one, because nothing
        was handed over yet."""
        client = self._client
        if client is not None and client.is_connected:
            try:
                await self._mail_from_command(client, sender, size, international)
                return client
            except (aiosmtplib.SMTPServerDisconnected, aiosmtplib.SMTPSenderRefused) as problem:
                if isinstance(problem, aiosmtplib.SMTPSenderRefused) and problem.code != CLOSING:
                    raise
                self._drop()
        client = await self._connected(server, sender)
        await self._mail_from_command(client, sender, size, international)
        return client

    async def _mail_from_command(
        self, client: aiosmtplib.SMTP, sender: str, size: int, international: bool
    ) -> None:
        options = [f"SIZE={size}"] if client.supports_extension("size") else []
        if international:
            if not client.supports_extension("smtputf8"):
                self._stage = "recipient"
                raise aiosmtplib.SMTPRecipientRefused(
                    553, "5.6.7 The mail server does not take addresses with such letters (SMTPUTF8).", ""
                )
            options.append("SMTPUTF8")
        self._stage = "sender"
        await client.mail(sender, options=options, encoding="utf-8" if international else "ascii")

    async def _connected(self, server: SmtpServer, sender: str) -> aiosmtplib.SMTP:
        self._stage = "connect"
        client = aiosmtplib.SMTP(
            hostname=server.host,
            port=server.port,
            use_tls=server.tls_from_start,
            start_tls=False,
            # A mail server on this machine has a certificate of its own making; nobody sits in between.
            validate_certs=not server.is_this_machine,
            # The name we greet with. Asking the resolver for our own may take long where there is no DNS.
            local_hostname=sender.rpartition("@")[2],
            timeout=self._timeout_s,
        )
        self._client = client
        await client.connect()
        await client._ehlo_or_helo_if_needed()
        if not server.tls_from_start and client.supports_extension("starttls"):
            self._stage = "tls"
            await client.starttls()
            await client.ehlo()
        if server.user:
            await self._log_in(client, server)
        return client

    async def _log_in(self, client: aiosmtplib.SMTP, server: SmtpServer) -> None:
        self._stage = "auth"
        encrypted = client.get_transport_info("sslcontext") is not None
        if not encrypted and not server.is_this_machine:
            raise aiosmtplib.SMTPAuthenticationError(
                538, "5.7.11 The mail server offers no STARTTLS; the password is not sent unencrypted."
            )
        if not client.supports_extension("auth"):
            raise aiosmtplib.SMTPAuthenticationError(503, "5.7.4 The mail server offers no log-in.")
        await client.login(server.user, server.password)

    async def _start_afresh(self) -> None:
        """After a refusal the next mail needs a clean transaction."""
        client = self._client
        if client is None or not client.is_connected or self._stage in {"connect", "tls", "auth"}:
            self._drop()
            return
        try:
            await client.rset(timeout=GOODBYE_TIMEOUT_S)
        except (aiosmtplib.SMTPException, OSError):
            self._drop()

    def _drop(self) -> None:
        client, self._client = self._client, None
        if client is not None:
            _hang_up(client, client.transport)


def _hang_up(client: aiosmtplib.SMTP, transport: asyncio.BaseTransport | None) -> None:
    """At once: a polite end over TLS would wait for the server's own."""
    client.close()
    if isinstance(transport, asyncio.WriteTransport):
        transport.abort()


def _composed(mail: OutgoingMail, sender: str) -> bytes:
    try:
        return as_bytes(mail, sender)
    except MailError:
        raise
    except Exception as problem:  # the standard library's parsers raise many kinds
        raise MailDeferred(
            "compose", None, f"the mail cannot be composed: {type(problem).__name__}"
        ) from problem


def _from_answer(stage: str, answer: aiosmtplib.SMTPResponseException) -> MailError:
    kind = MailRefused if 500 <= answer.code < 600 else MailDeferred
    return kind(stage, answer.code if answer.code > 0 else None, answer.message)


def _in_words(problem: BaseException) -> str:
    if isinstance(problem, TimeoutError):
        return "the mail server did not answer in time"
    if isinstance(problem, aiosmtplib.SMTPServerDisconnected):
        return "the mail server closed the connection"
    if isinstance(problem, aiosmtplib.SMTPConnectError | OSError):
        return "the mail server cannot be reached"
    return type(problem).__name__
