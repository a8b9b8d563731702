"""Delivery receipts: believed when they are signed, in any order, twice, and never about what is not ours.

Failure modes: F50 (forged), F51 (twice), F52 (out of order), F68 (nobody hears that it did not arrive)."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from urllib.parse import urlencode

import httpx
import pytest

from holdfast.app import create_app
from holdfast.messages.jobs import LEASE_S, send_due
from holdfast.messages.receipts import ReceiptRefused, parameters_of, sign, verify
from tests.messages.telephone import crash_after_sending, sms_of
from tests.support.appointments import diary
from tests.support.sandbox import Sandbox
from tests.support.system import Row, Stage, open_stage

PATH = "/api/webhooks/twilio"
TOKEN = "sandbox"


@asynccontextmanager
async def shop(stage: Stage) -> AsyncIterator[httpx.AsyncClient]:
    app = create_app(stage.system.settings, stage.system)
    async with (
        app.router.lifespan_context(app),
        httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://shop.test") as http,
    ):
        yield http


async def waiting(stage: Stage) -> Row:
    """An SMS to a provider that is due."""
    expert = await diary(stage, phone="+447700900123")
    placed = await expert.ask(await expert.service(price=0), expert.at())
    return await sms_of(stage, placed.booking_id)


async def sent(stage: Stage) -> Row:
    message = await waiting(stage)
    await send_due(stage.system)
    return await now_of(stage, message["message_id"])


async def now_of(stage: Stage, message_id: str) -> Row:
    return await stage.row("SELECT * FROM messages WHERE message_id = %s", message_id)


async def tell(
    http: httpx.AsyncClient, message: Row, status: str, *, sid: str = "", token: str = TOKEN, **more: str
) -> int:
    form = {
        "MessageSid": sid or message["provider_id"],
        "MessageStatus": status,
        "AccountSid": "ACsandbox",
        **more,
    }
    path = f"{PATH}?message={message['message_id']}"
    signature = sign(f"http://shop.test{path}", form, token)
    answer = await http.post(path, data=form, headers={"X-Twilio-Signature": signature})
    return answer.status_code


async def test_delivered_whatever_comes_before_after_and_twice(stage: Stage) -> None:
    message = await sent(stage)
    async with shop(stage) as http:
        for status in ("queued", "delivered", "sent", "delivered", "undelivered", "nobody_knows"):
            assert await tell(http, message, status) == 200
    told = await now_of(stage, message["message_id"])
    assert (told["status"], told["delivered_at"]) == ("delivered", stage.clock.now())
    assert await stage.tasks() == []
    await stage.assert_all_laws_hold()


async def test_what_did_not_arrive_becomes_a_task_and_a_late_arrival_closes_it(stage: Stage) -> None:
    message = await sent(stage)
    async with shop(stage) as http:
        for _ in range(2):
            assert await tell(http, message, "undelivered", ErrorCode="30003") == 200
        told = await now_of(stage, message["message_id"])
        assert (told["status"], told["error"]) == (
            "failed",
            "the phone is switched off or out of reach (30003)",
        )
        (task,) = await stage.rows("SELECT * FROM tasks WHERE done_at IS NULL")
        assert task["kind"] == "undeliverable"
        assert "did not arrive by SMS: the phone is switched off" in task["sentence"]
        await stage.assert_all_laws_hold()
        story = [row["what"] for row in await stage.rows("SELECT what FROM timeline ORDER BY entry_id")]
        assert story.count("provider_not_told") == 1
        assert await tell(http, message, "delivered") == 200
    assert (await now_of(stage, message["message_id"]))["status"] == "delivered"
    assert await stage.rows("SELECT * FROM tasks WHERE done_at IS NULL") == []
    await stage.assert_all_laws_hold()


@pytest.mark.parametrize(
    ("status", "ends"), [("sent", "sent"), ("delivered", "delivered"), ("failed", "failed")]
)
async def test_a_receipt_says_what_a_dead_process_could_not(stage: Stage, status: str, ends: str) -> None:
    message = await waiting(stage)
    await crash_after_sending(stage, message["message_id"])
    async with shop(stage) as http:
        assert await tell(http, message, status, sid="SM_of_the_sandbox") == 200
    told = await now_of(stage, message["message_id"])
    assert (told["status"], told["provider_id"], told["try_at"]) == (ends, "SM_of_the_sandbox", None)
    assert told["body_text"].startswith("New request: ")
    await stage.advance(seconds=LEASE_S)
    await send_due(stage.system)
    arrived = (await stage.http.get("/control/messages")).json()["messages"]
    assert len([one for one in arrived if one["channel"] == "sms"]) == 1
    await stage.assert_all_laws_hold()


async def test_only_the_arrival_of_another_copy_is_news(stage: Stage) -> None:
    message = await sent(stage)
    async with shop(stage) as http:
        assert await tell(http, message, "undelivered", sid="SM_another") == 200
        assert (await now_of(stage, message["message_id"]))["status"] == "sent"
        assert await tell(http, message, "delivered", sid="SM_another") == 200
    assert (await now_of(stage, message["message_id"]))["status"] == "delivered"
    await stage.assert_all_laws_hold()


async def test_forged_receipts_change_nothing(stage: Stage) -> None:
    message = await sent(stage)
    form = {"MessageSid": message["provider_id"], "MessageStatus": "undelivered"}
    path = f"{PATH}?message={message['message_id']}"
    right = sign(f"http://shop.test{path}", form, TOKEN)
    async with shop(stage) as http:
        assert await tell(http, message, "undelivered", token="guessed") == 403
        for given in (None, b"", b"\xf6", right[:-2].encode()):
            headers = {} if given is None else {b"X-Twilio-Signature": given}
            answer = await http.post(path, data=form, headers=headers)
            assert (answer.status_code, answer.json()["code"]) == (403, "bad_signature")
        # Signed for other words, and for another message.
        changed = {**form, "MessageStatus": "delivered"}
        assert (await http.post(path, data=changed, headers={"X-Twilio-Signature": right})).status_code == 403
        other = f"{PATH}?message=msg_other"
        assert (await http.post(other, data=form, headers={"X-Twilio-Signature": right})).status_code == 403
    assert (await now_of(stage, message["message_id"]))["status"] == "sent"
    await stage.assert_all_laws_hold()


async def test_receipts_about_nothing_of_ours_are_taken_and_ignored(stage: Stage) -> None:
    mail = await sent(stage)
    other = await stage.row("SELECT message_id FROM messages WHERE channel = 'email' LIMIT 1")
    async with shop(stage) as http:
        for message_id in ("msg_unknown", "", "x" * 500, other["message_id"]):
            assert await tell(http, {**mail, "message_id": message_id}, "failed") == 200
        assert await tell(http, {**mail, "provider_id": ""}, "failed", sid="") == 200
    assert await stage.tasks() == []
    await stage.assert_all_laws_hold()


async def test_without_a_token_no_receipt_is_believed(database_url: str, sandbox: Sandbox) -> None:
    async with open_stage(database_url, sandbox, twilio_auth_token="") as stage, shop(stage) as http:
        message = {"message_id": "msg_1", "provider_id": "SM1"}
        assert await tell(http, message, "delivered", token="") == 403


@pytest.mark.parametrize(("undelivered", "ends"), [(0, "delivered"), (1, "failed")])
async def test_the_sandboxs_own_receipts_are_believed(
    database_url: str, sandbox: Sandbox, undelivered: int, ends: str
) -> None:
    """Whole: the sandbox signs what it tells, for the address that it was given."""
    told: asyncio.Queue[tuple[str, dict[str, str], bytes]] = asyncio.Queue()

    async def take(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        lines = (await reader.readuntil(b"\r\n\r\n")).decode().split("\r\n")
        headers = dict(line.split(": ", 1) for line in lines[1:] if ": " in line)
        size = int(next(value for name, value in headers.items() if name.lower() == "content-length"))
        told.put_nowait((lines[0].split(" ")[1], headers, await reader.readexactly(size)))
        writer.write(b"HTTP/1.1 200 OK\r\ncontent-length: 0\r\nconnection: close\r\n\r\n")
        await writer.drain()
        writer.close()

    server = await asyncio.start_server(take, "127.0.0.1", 0)
    public = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"
    async with server, open_stage(database_url, sandbox, public_url=public) as stage, shop(stage) as http:
        await stage.faults(sms={"undelivered": undelivered})
        message = await sent(stage)
        for _ in range(2):  # it left, and what became of it
            path, headers, body = await told.get()
            answer = await http.post(path, content=body, headers=headers)
            assert answer.status_code == 200, answer.text
        assert (await now_of(stage, message["message_id"]))["status"] == ends
        assert await stage.tasks() == (["undeliverable"] if undelivered else [])
        await stage.assert_all_laws_hold()


def test_the_providers_own_example() -> None:
    """The signature that the provider's documentation and library give for this request."""
    from twilio.request_validator import RequestValidator

    url = "https://shop.example/api/webhooks/twilio?message=msg_1"
    form = {"CallSid": "CA1234", "To": "+18005551212", "Body": "Grüße & more", "From": ""}
    theirs = RequestValidator("12345").compute_signature(url, form)
    assert sign(url, form, "12345") == theirs
    assert parameters_of(urlencode(form).encode()) == form
    verify(url, form, theirs, "12345")
    with_port = url.replace("shop.example", "shop.example:8443")
    verify(with_port, form, theirs, "12345")  # proxies on the way take the port away
    with pytest.raises(ReceiptRefused):
        verify(url, form, theirs, "54321")


@pytest.mark.parametrize("body", [b"\xff\xfe", b"&".join(b"a=%d" % n for n in range(200))])
def test_what_is_no_form(body: bytes) -> None:
    with pytest.raises(ReceiptRefused):
        parameters_of(body)
