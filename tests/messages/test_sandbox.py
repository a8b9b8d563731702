"""The confirmation as the sandbox's mailbox shows it: the same path as in the demonstration."""

from __future__ import annotations

import httpx

from holdfast.messages.jobs import send_due
from tests.messages.conftest import OpenOutbox
from tests.support.sandbox import Sandbox


async def test_a_confirmation_arrives_in_the_sandboxs_inbox(
    open_outbox: OpenOutbox, sandbox: Sandbox
) -> None:
    async with open_outbox(f"smtp://127.0.0.1:{sandbox.smtp_port}") as outbox:
        booking = await outbox.confirmed()
        await send_due(outbox.system)
        assert (await outbox.message(booking["message_id"]))["status"] == "sent"
    async with httpx.AsyncClient() as client:
        inbox = (await client.get(f"{sandbox.url}/control/messages")).json()["messages"]
    (arrived,) = inbox
    assert booking["reference"] in str(arrived)
