"""A real SMTP server for tests, told how to misbehave."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field
from email import message_from_bytes
from email.message import EmailMessage
from email.policy import SMTPUTF8
from typing import Any

from aiosmtpd.controller import Controller
from aiosmtpd.smtp import SMTP, AuthResult


@dataclass
class Mailbox:
    """What arrived. The hooks answer in SMTP's words, or None for yes."""

    mails: list[EmailMessage] = field(default_factory=list)
    raw: list[bytes] = field(default_factory=list)
    recipients: list[str] = field(default_factory=list)
    connections: int = 0
    on_mail: Callable[[str], str | None] = lambda address: None
    on_recipient: Callable[[str], str | None] = lambda address: None
    on_data: Callable[[], str | None] = lambda: None
    lose_connection_after_data: int = 0  # how many times
    close_after_each: bool = False
    logins: list[tuple[str, str]] = field(default_factory=list)
    password: str = "right"

    async def handle_EHLO(  # noqa: N802 (aiosmtpd's name)
        self, server: SMTP, session: Any, envelope: Any, hostname: str, responses: list[str]
    ) -> list[str]:
        self.connections += 1
        session.host_name = hostname
        return responses

    async def handle_MAIL(  # noqa: N802
        self, server: SMTP, session: Any, envelope: Any, address: str, options: list[str]
    ) -> str:
        refusal = self.on_mail(address)
        if refusal:
            return refusal
        envelope.mail_from = address
        envelope.smtp_utf8 = "SMTPUTF8" in options
        return "250 OK"

    async def handle_RCPT(  # noqa: N802
        self, server: SMTP, session: Any, envelope: Any, address: str, options: list[str]
    ) -> str:
        refusal = self.on_recipient(address)
        if refusal:
            return refusal
        envelope.rcpt_tos.append(address)
        return "250 OK"

    async def handle_DATA(self, server: SMTP, session: Any, envelope: Any) -> str:  # noqa: N802
        refusal = self.on_data()
        if refusal:
            return refusal
        mail = message_from_bytes(envelope.content, policy=SMTPUTF8)
        assert isinstance(mail, EmailMessage)
        self.mails.append(mail)
        self.raw.append(envelope.content)
        self.recipients += envelope.rcpt_tos
        if self.lose_connection_after_data or self.close_after_each:
            lost = self.lose_connection_after_data > 0
            self.lose_connection_after_data = max(0, self.lose_connection_after_data - 1)
            if lost:
                server.transport.abort()  # type: ignore[union-attr]
            else:
                server.loop.call_later(0.001, server.transport.close)  # type: ignore[union-attr]
        return "250 Taken"

    def authenticate(
        self, server: SMTP, session: Any, envelope: Any, mechanism: str, data: Any
    ) -> AuthResult:
        login, password = data.login.decode(), data.password.decode()
        self.logins.append((login, password))
        right = password == self.password
        return AuthResult(success=right, handled=False)


class Server(Controller):
    """aiosmtpd in a thread of its own, on a free port."""

    def __init__(self, mailbox: Mailbox, **options: Any) -> None:
        international = options.pop("international", True)
        super().__init__(mailbox, hostname="127.0.0.1", port=0, enable_SMTPUTF8=international, **options)
        self._sessions: list[SMTP] = []

    def factory(self) -> SMTP:
        session: SMTP = super().factory()  # type: ignore[no-untyped-call]
        self._sessions.append(session)
        return session

    def _trigger_server(self) -> None:
        # The port is only known now; the controller wants to greet it before `start` returns.
        listening: Any = self.server
        self.port = listening.sockets[0].getsockname()[1]
        super()._trigger_server()  # type: ignore[no-untyped-call]

    def stop(self, no_assert: bool = False) -> None:
        with suppress(Exception):
            asyncio.run_coroutine_threadsafe(self._hang_up(), self.loop).result(5)
        with suppress(Exception):
            super().stop(no_assert=no_assert)

    async def _hang_up(self) -> None:
        """The thread's loop ends with `stop`: connections that are still open then would never let go of their sockets."""
        for session in self._sessions:
            if session.transport is not None:
                session.transport.abort()  # type: ignore[attr-defined]
        for _ in range(3):
            await asyncio.sleep(0)


def text_of(mail: EmailMessage) -> str:
    part = mail.get_body(("plain",))
    assert part is not None
    return str(part.get_content())


def html_of(mail: EmailMessage) -> str:
    part = mail.get_body(("html",))
    assert part is not None
    return str(part.get_content())
