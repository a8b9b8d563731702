"""The mail server: takes everything, shows it at /inbox, and refuses what the faults want refused."""

import asyncio
from typing import Any

from aiosmtpd.smtp import SMTP, Envelope, Session

from holdfast.sandbox import messages
from holdfast.sandbox.world import World

SIZE_MOST = 25 * 1024 * 1024


class Mailbox:
    """aiosmtpd's hooks, which are named after the commands of SMTP."""

    def __init__(self, world: World) -> None:
        self.world = world

    async def handle_RCPT(  # noqa: N802 - the name is the hook
        self, server: SMTP, session: Session, envelope: Envelope, address: str, options: list[str]
    ) -> str:
        if address.lower().startswith("bounce"):
            return "550 5.1.1 No such mailbox here"
        envelope.rcpt_tos.append(address)
        envelope.rcpt_options.extend(options)
        return "250 2.1.5 OK"

    async def handle_DATA(  # noqa: N802 - the name is the hook
        self, server: SMTP, session: Session, envelope: Envelope
    ) -> str:
        faults, chance = self.world.faults["mail"], self.world.chance
        if chance.strikes(faults["drop_connection"]):
            transport: Any = server.transport
            transport.abort()
            return "421 4.3.2 Gone"
        if chance.strikes(faults["refuse"]):
            return "550 5.7.1 Refused by the sandbox"
        if chance.strikes(faults["defer"]):
            return "451 4.3.0 Try again later"
        raw = envelope.content if isinstance(envelope.content, bytes) else (envelope.content or "").encode()
        sender = envelope.mail_from or ""
        await messages.keep_email(
            self.world.pool, raw, sender, list(envelope.rcpt_tos), self.world.clock.now()
        )
        return "250 2.0.0 Kept"

    async def handle_exception(self, error: Exception) -> str:
        """The sandbox's own trouble (its database went away) is no word about the recipient."""
        return "451 4.3.0 The sandbox had trouble of its own; try again"


async def start(world: World) -> tuple[asyncio.Server, int]:
    """Listen; returns the server and its port."""
    loop = asyncio.get_running_loop()
    options = world.options

    def session() -> SMTP:
        return SMTP(
            Mailbox(world), hostname="sandbox", data_size_limit=SIZE_MOST, enable_SMTPUTF8=True, loop=loop
        )

    server = await loop.create_server(session, options.host, options.smtp_port)
    return server, int(server.sockets[0].getsockname()[1])
