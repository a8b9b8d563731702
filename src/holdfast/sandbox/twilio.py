"""The SMS provider's wire. https://www.twilio.com/docs/messaging/api/message-resource"""

import asyncio
import base64
import hashlib
import hmac
import re
from datetime import UTC, datetime
from email.utils import format_datetime
from typing import Any
from urllib.parse import parse_qsl

import httpx
from psycopg.types.json import Jsonb
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from holdfast.sandbox import messages
from holdfast.sandbox.ledger import Json
from holdfast.sandbox.world import World

BODY_LENGTH = 1_600
NUMBER = re.compile(r"\+[1-9]\d{6,14}")
BASE = "/2010-04-01/Accounts/{sid}/Messages"
# What a message goes through after it was accepted. https://www.twilio.com/docs/messaging/guides/track-outbound-message-status
DELIVERED, UNDELIVERED = ("sent", "delivered"), ("sent", "undelivered")
CALLBACK_TRIES, CALLBACK_TIMEOUT_S = 3, 5.0


def signature(url: str, params: dict[str, str], token: str) -> str:
    """`X-Twilio-Signature`: HMAC-SHA1 over the URL and the sorted parameters. https://www.twilio.com/docs/usage/security"""
    signed = url + "".join(f"{name}{params[name]}" for name in sorted(params))
    return base64.b64encode(hmac.new(token.encode(), signed.encode(), hashlib.sha1).digest()).decode()


def _problem(status: int, code: int, message: str) -> Response:
    more = f"https://www.twilio.com/docs/errors/{code}"
    return JSONResponse({"code": code, "message": message, "more_info": more, "status": status}, status)


def refusal(request: Request) -> Response | None:
    """Why whoever asks gets no answer; None: they are who they say."""
    world: World = request.app.state.world
    wanted = f"{world.options.sms_account_sid}:{world.options.sms_auth_token}"
    scheme, _, given = request.headers.get("authorization", "").partition(" ")
    expected = base64.b64encode(wanted.encode()).decode()
    if scheme.lower() != "basic" or not hmac.compare_digest(given, expected):
        return _problem(401, 20003, "Authenticate")
    if request.path_params["sid"] != world.options.sms_account_sid:
        return _problem(404, 20404, f"The requested resource {request.url.path} was not found")
    return None


async def create(request: Request) -> Response:
    world: World = request.app.state.world
    if refused := refusal(request):
        return refused
    params = dict(parse_qsl((await request.body()).decode("utf-8", "replace"), keep_blank_values=True))
    if refused := _bad_message(params):
        return refused
    if world.chance.strikes(world.faults["sms"]["error"]):
        return _problem(500, 20500, "Internal Server Error")
    message = _message(world, params)
    async with world.pool.connection() as connection:
        await messages.keep_sms(connection, message, world.clock.now())
    _follow(world, message["sid"], params.get("StatusCallback"))
    return JSONResponse(_resource(message), 201)


def _bad_message(params: dict[str, str]) -> Response | None:
    if not params.get("To"):
        return _problem(400, 21604, "A 'To' phone number is required.")
    if not NUMBER.fullmatch(params["To"]):
        return _problem(400, 21211, f"Invalid 'To' Phone Number: {params['To']}")
    if not params.get("From") and not params.get("MessagingServiceSid"):
        return _problem(400, 21603, "A 'From' phone number is required.")
    if not params.get("Body"):
        return _problem(400, 21602, "Message body is required.")
    if len(params["Body"]) > BODY_LENGTH:
        return _problem(
            400, 21617, f"The concatenated message body exceeds the {BODY_LENGTH} character limit."
        )
    return None


def _message(world: World, params: dict[str, str]) -> Json:
    body = params["Body"]
    now = format_datetime(datetime.fromtimestamp(world.clock.seconds(), UTC))
    return {
        "sid": "SM" + hashlib.md5(world.chance.letters(32).encode(), usedforsecurity=False).hexdigest(),
        "to": params["To"],
        "from": params.get("From"),
        "messaging_service_sid": params.get("MessagingServiceSid"),
        "text": body,
        "status": "queued",
        "segments": max(1, -(-len(body) // 153)) if len(body) > 160 else 1,
        "date_created": now,
        "account_sid": world.options.sms_account_sid,
        "error_code": None,
        "error_message": None,
    }


def _resource(message: Json) -> Json:
    address = f"/2010-04-01/Accounts/{message['account_sid']}/Messages/{message['sid']}"
    sent = None if message["status"] == "queued" else message["date_created"]
    return {
        "account_sid": message["account_sid"],
        "api_version": "2010-04-01",
        "body": message["text"],
        "date_created": message["date_created"],
        "date_sent": sent,
        "date_updated": message["date_created"],
        "direction": "outbound-api",
        "error_code": message["error_code"],
        "error_message": message["error_message"],
        "from": message["from"],
        "messaging_service_sid": message["messaging_service_sid"],
        "num_media": "0",
        "num_segments": str(message["segments"]),
        "price": None,
        "price_unit": "USD",
        "sid": message["sid"],
        "status": message["status"],
        "subresource_uris": {"media": f"{address}/Media.json"},
        "to": message["to"],
        "uri": f"{address}.json",
    }


BACKGROUND: set[asyncio.Task[None]] = set()


def _follow(world: World, sid: str, callback: str | None) -> None:
    """The message's further life goes on while the caller already has its answer."""
    task = asyncio.create_task(_deliver(world, sid, callback))
    BACKGROUND.add(task)
    task.add_done_callback(BACKGROUND.discard)


async def _deliver(world: World, sid: str, callback: str | None) -> None:
    failed = world.chance.strikes(world.faults["sms"]["undelivered"])
    for status in UNDELIVERED if failed else DELIVERED:
        change: Json = {"status": status}
        if status == "undelivered":
            change |= {"error_code": 30003, "error_message": "Unreachable destination handset"}
        message = await _change(world, sid, change)
        if callback and message is not None:
            await _call_back(world, callback, message)


async def _change(world: World, sid: str, change: Json) -> Json | None:
    async with world.pool.connection() as connection:
        cursor = await connection.execute(
            "UPDATE sandbox.message SET body = body || %s WHERE message_key = %s RETURNING body",
            [Jsonb(change), sid],
        )
        row = await cursor.fetchone()
    return row["body"] if row else None


async def _call_back(world: World, url: str, message: Json) -> None:
    params = {
        "AccountSid": message["account_sid"],
        "ApiVersion": "2010-04-01",
        "From": message["from"] or "",
        "MessageSid": message["sid"],
        "MessageStatus": message["status"],
        "SmsSid": message["sid"],
        "SmsStatus": message["status"],
        "To": message["to"],
    }
    if message["error_code"]:
        params["ErrorCode"] = str(message["error_code"])
    headers = {"X-Twilio-Signature": signature(url, params, world.options.sms_auth_token)}
    async with httpx.AsyncClient(timeout=CALLBACK_TIMEOUT_S) as client:
        for _ in range(CALLBACK_TRIES):
            try:
                if (await client.post(url, data=params, headers=headers)).status_code < 500:
                    return
            except httpx.HTTPError:
                await asyncio.sleep(1)


async def retrieve(request: Request) -> Response:
    world: World = request.app.state.world
    if refused := refusal(request):
        return refused
    async with world.pool.connection() as connection:
        cursor = await connection.execute(
            "SELECT body FROM sandbox.message WHERE message_key = %s AND channel = 'sms'",
            [request.path_params["message"]],
        )
        row = await cursor.fetchone()
    if row is None:
        return _problem(404, 20404, f"The requested resource {request.url.path} was not found")
    return JSONResponse(_resource(row["body"]))


async def listing(request: Request) -> Response:
    """Newest first, by `To` and `From`, one page of up to a thousand."""
    world: World = request.app.state.world
    if refused := refusal(request):
        return refused
    size = _page_size(request.query_params.get("PageSize", "50"))
    wanted = {
        name.lower(): request.query_params[name] for name in ("To", "From") if name in request.query_params
    }
    async with world.pool.connection() as connection:
        cursor = await connection.execute(
            "SELECT body FROM sandbox.message WHERE channel = 'sms' AND body @> %s ORDER BY id DESC LIMIT %s",
            [Jsonb(wanted), size],
        )
        found: list[Any] = [_resource(row["body"]) for row in await cursor.fetchall()]
    address = request.url.path
    page = {
        "end": len(found) - 1,
        "first_page_uri": address,
        "next_page_uri": None,
        "page": 0,
        "page_size": size,
    }
    return JSONResponse(page | {"messages": found, "previous_page_uri": None, "start": 0, "uri": address})


def _page_size(text: str) -> int:
    return min(1_000, max(1, int(text))) if text.isdigit() else 50


ROUTES = [
    Route(BASE + ".json", create, methods=["POST"]),
    Route(BASE + ".json", listing, methods=["GET"]),
    Route(BASE + "/{message}.json", retrieve, methods=["GET"]),
]
