"""The mailbox and the phone, as a person sees them."""

import base64
from typing import Any

from starlette.requests import Request
from starlette.responses import HTMLResponse, Response
from starlette.routing import Route

from holdfast.sandbox import messages
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
        phones.setdefault(text["to"], []).append(text)
    return page(request, "inbox.html", refresh_s=REFRESH_S, mails=mails, texts=texts, phones=phones)


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
    Route("/inbox/{id:int}", one),
    Route("/inbox/{id:int}/html", html),
    Route("/inbox/{id:int}/attachments/{index:int}", attachment),
]
