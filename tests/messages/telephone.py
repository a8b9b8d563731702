"""An SMS provider that breaks off, and workers that die: what the sandbox's own faults cannot do."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import httpx

from holdfast.messages import delivery_store, store
from holdfast.messages.actions import Claim
from holdfast.messages.carriers import SmsCarrier
from holdfast.messages.jobs import LEASE_S
from tests.support.sandbox import Sandbox
from tests.support.system import Row, Stage, open_stage

EMPTY_LIST = b'{"messages": [], "next_page_uri": null, "page": 0, "page_size": 50}'


class Telephone:
    """Answers lists with nothing; what is sent it takes, and then breaks off (`swallow`) or answers what it was told. With
    `forward_to` it hands on what it took."""

    def __init__(self) -> None:
        self.swallow = False
        self.answers: tuple[int, bytes] = (500, b"{}")
        self.forward_to = ""
        self.sent = 0
        self.url = ""

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            head = await reader.readuntil(b"\r\n\r\n")
            lines = head.decode().split("\r\n")
            headers = dict(line.lower().split(": ", 1) for line in lines[1:] if ": " in line)
            body = await reader.readexactly(int(headers.get("content-length", "0")))
            method, path, _ = lines[0].split(" ")
            if method == "GET":
                await self._answer(writer, 200, EMPTY_LIST)
                return
            self.sent += 1
            if self.forward_to:
                given = next(line for line in lines if line.lower().startswith("authorization: "))
                kept = {
                    "authorization": given.split(": ", 1)[1],
                    "content-type": headers["content-type"],
                }
                async with httpx.AsyncClient(trust_env=False) as http:
                    await http.post(self.forward_to + path, content=body, headers=kept)
            if not self.swallow:
                await self._answer(writer, *self.answers)
        finally:
            writer.close()

    async def _answer(self, writer: asyncio.StreamWriter, status: int, body: bytes) -> None:
        fields = f"content-type: application/json\r\ncontent-length: {len(body)}\r\nconnection: close\r\n\r\n"
        head = f"HTTP/1.1 {status} X\r\n{fields}"
        writer.write(head.encode() + body)
        await writer.drain()


@asynccontextmanager
async def running_telephone() -> AsyncIterator[Telephone]:
    telephone = Telephone()
    server = await asyncio.start_server(telephone.serve, "127.0.0.1", 0)
    telephone.url = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"
    async with server:
        yield telephone


def stage_with(database_url: str, sandbox: Sandbox, **settings: Any) -> Any:
    """A stage with other settings."""
    return open_stage(database_url, sandbox, **settings)


async def sms_of(stage: Stage, booking_id: str) -> Row:
    return await stage.row("SELECT * FROM messages WHERE booking_id = %s AND channel = 'sms'", booking_id)


async def crash_after_sending(stage: Stage, message_id: str) -> None:
    """Claimed and sent as the worker does it; then the process is gone before it wrote anything down."""
    system, now = stage.system, stage.clock.now()
    until = now.fromtimestamp(now.timestamp() + LEASE_S, now.tzinfo)
    async with system.database.transaction() as conn:
        claimed = await delivery_store.claim_due(conn, now, until, 20, "sms")
    [row] = [one for one in claimed if one["message_id"] == message_id]
    claim = Claim(
        row["message_id"],
        row["tenant_id"],
        row["booking_id"],
        row["kind"],
        row["tries"],
        row["try_at"],
        "sms",
    )
    facts = await system.database.read(lambda conn: store.facts_of(conn, [message_id]))
    async with system.sms.batch() as batch:
        await SmsCarrier(system, batch).hand_over(claim, facts[message_id])
