"""The mailbox and the phone, as a person sees them."""

import base64
from typing import Any
from urllib.parse import quote

from starlette.requests import Request
from starlette.responses import HTMLResponse, RedirectResponse, Response
from starlette.routing import Route

from holdfast.sandbox import messages, replies
from holdfast.sandbox.ledger import Json
from holdfast.sandbox.pages.rendering import page
from holdfast.sandbox.world import World

REFRESH_S = 5
# The mail's own HTML gets no script, no form and no network: only its styles and the pictures it brought along.
MAIL_SECURITY = "default-src 'none'; style-src 'unsafe-inline'; img-src 'self' data:; sandbox allow-popups"


async def listing(request: Request) -> Response:
    world: World = request.app.state.world
    found = await messages.recent(world.pool)
    mails = [message for message in found if message["channel"] == "email"]
    texts = [message for message in found if message["channel"] == "sms"]
    phones: dict[str, list[Json]] = {}
    for text in texts:
        phones.setdefault(_phone_of(text), []).append(text)
    return page(request, "inbox.html", refresh_s=REFRESH_S, mails=mails, texts=texts, phones=phones)


def _phone_of(text: Json) -> str:
    """The phone that it is on: its reader's, or of an answer its writer's."""
    return str(text["from"] if text.get("direction") == "inbound" else text["to"])


async def phone(request: Request) -> Response:
    """One phone, with a box to answer; it does not load itself anew while somebody writes."""
    world: World = request.app.state.world
    number = request.query_params.get("number", "")
    return await _phone(request, world, number)


async def answer(request: Request) -> Response:
    """Sends what was written, from this phone to whoever wrote to it last."""
    world: World = request.app.state.world
    form = await request.form()
    number, text = str(form.get("number", "")), str(form.get("text", "")).strip()
    if not text:
        return await _phone(request, world, number, "Write something first.", 422)
    known = [one for one in await messages.recent(world.pool) if one["channel"] == "sms"]
    to = next((one["from"] for one in known if one["to"] == number and one["from"]), None)
    if to is None:
        return await _phone(request, world, number, "Nobody has written to this phone.", 422)
    try:
        await replies.answer(world, number, to, text)
    except replies.NotTaken as problem:
        return await _phone(request, world, number, str(problem), 502)
    return RedirectResponse(f"/inbox/phone?number={quote(number)}", 303)


async def _phone(
    request: Request, world: World, number: str, problem: str = "", status: int = 200
) -> Response:
    found = await messages.recent(world.pool)
    texts = [one for one in found if one["channel"] == "sms" and _phone_of(one) == number]
    if not texts:
        return _nothing(request)
    return page(request, "phone.html", status, number=number, texts=texts, problem=problem)


async def _wanted(request: Request) -> Json | None:
    world: World = request.app.state.world
    return await messages.one(world.pool, request.path_params["id"])


def _nothing(request: Request) -> Response:
    return page(request, "gone.html", 404, title="Not found", text="There is no such message.")


async def one(request: Request) -> Response:
    message = await _wanted(request)
    return page(request, "message.html", message=message) if message else _nothing(request)


async def html(request: Request) -> Response:
    """The HTML part alone, for the frame; `cid:` pictures point to the attachments."""
    message = await _wanted(request)
    if message is None or not message["html"]:
        return _nothing(request)
    text = str(message["html"])
    for index, part in enumerate(message["attachments"]):
        if part["content_id"]:
            text = text.replace(
                f"cid:{part['content_id']}", f"/inbox/{message['id']}/attachments/{index}?inline=1"
            )
    return HTMLResponse(
        text, headers={"Content-Security-Policy": MAIL_SECURITY, "X-Content-Type-Options": "nosniff"}
    )


async def attachment(request: Request) -> Response:
    message = await _wanted(request)
    index: int = request.path_params["index"]
    if message is None or index >= len(message["attachments"]):
        return _nothing(request)
    part: dict[str, Any] = message["attachments"][index]
    inline = request.query_params.get("inline") == "1" and part["content_type"].startswith("image/")
    name = (part["filename"] or f"attachment-{index}").replace('"', "").replace("\r", "").replace("\n", "")
    ascii_name = name.encode("ascii", "replace").decode()
    headers = {
        "Content-Disposition": "inline" if inline else f'attachment; filename="{ascii_name}"',
        "Content-Security-Policy": "default-src 'none'; sandbox",
        "X-Content-Type-Options": "nosniff",
    }
    return Response(base64.b64decode(part["content"]), media_type=part["content_type"], headers=headers)


ROUTES = [
    Route("/inbox", listing),
    Route("/inbox/phone", phone, methods=["GET"]),
    Route("/inbox/phone", answer, methods=["POST"]),
    Route("/inbox/{id:int}", one),
    Route("/inbox/{id:int}/html", html),
    Route("/inbox/{id:int}/attachments/{index:int}", attachment),
]
