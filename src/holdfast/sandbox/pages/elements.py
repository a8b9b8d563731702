"""What a shop's page takes from the sandbox in place of Stripe: the script at `/v3/`, and the frames that it opens.

The frames belong on pages of other origins, so they say so in headers of their own; every other page of the sandbox
may be framed by nobody else. They hold nothing that a stranger could not see without an intent's client secret.
"""

from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl

from starlette.requests import Request
from starlette.responses import HTMLResponse, Response
from starlette.routing import Route

from holdfast.sandbox.ledger import Ledger, Row
from holdfast.sandbox.pages.rendering import TEMPLATES
from holdfast.sandbox.stripe_api import charging, intents
from holdfast.sandbox.stripe_api.cards import CARDS
from holdfast.sandbox.world import World

SCRIPT = Path(__file__).parent / "static" / "stripe.js"
FRAME_SECURITY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; form-action 'self'; base-uri 'none'; "
    "frame-ancestors *"
)
FRAME_HEADERS = {
    "Content-Security-Policy": FRAME_SECURITY,
    "Cache-Control": "no-store",
    "Referrer-Policy": "no-referrer",
    "X-Content-Type-Options": "nosniff",
    "Cross-Origin-Resource-Policy": "cross-origin",
}
SCRIPT_HEADERS = {
    "Cache-Control": "no-cache",
    "Access-Control-Allow-Origin": "*",
    "Cross-Origin-Resource-Policy": "cross-origin",
    "X-Content-Type-Options": "nosniff",
}
ANSWERS = ("complete_3ds", "fail_3ds")


def script(request: Request) -> Response:
    text = SCRIPT.read_text(encoding="utf-8")
    return Response(text, media_type="text/javascript", headers=SCRIPT_HEADERS)


def _frame(template: str, status: int = 200, **values: Any) -> Response:
    return HTMLResponse(TEMPLATES.get_template(template).render(**values), status, FRAME_HEADERS)


def payment(request: Request) -> Response:
    return _frame("payment_frame.html", cards=CARDS)


def controller(request: Request) -> Response:
    return _frame("controller_frame.html")


async def challenge(request: Request) -> Response:
    """The bank's question, while the intent waits for its answer; afterwards, that there is nothing left to ask."""
    world: World = request.app.state.world
    await world.catch_up()
    async with world.transaction() as ledger:
        intent = await _locked(request, ledger)
        return _shown(intent)


async def answer(request: Request) -> Response:
    """The customer has answered. A second answer changes nothing: the first one stands."""
    world: World = request.app.state.world
    await world.catch_up()
    action = dict(parse_qsl((await request.body()).decode("utf-8", "replace"))).get("action")
    if action not in ANSWERS:
        raise ValueError(f"action must be one of {', '.join(ANSWERS)}")
    async with world.transaction() as ledger:
        intent = await _locked(request, ledger)
        if intent is not None and intent.body["status"] == "requires_action":
            await intents.finish_3ds(ledger, intent, action == "complete_3ds")
        return _shown(intent)


async def _locked(request: Request, ledger: Ledger) -> Row | None:
    """The intent, for those who know its secret."""
    _, intent = await charging.locked_intent(ledger, request.path_params["id"])
    known = intent is not None and intent.body["client_secret"] == request.query_params.get("client_secret")
    return intent if known else None


def _shown(intent: Row | None) -> Response:
    if intent is None:
        return _frame("challenge_frame.html", 404, waits=False, known=False)
    waits = intent.body["status"] == "requires_action"
    return _frame(
        "challenge_frame.html",
        waits=waits,
        known=True,
        total=intent.body["amount"],
        currency=intent.body["currency"],
    )


ROUTES = [
    Route("/v3", script),
    Route("/v3/", script),
    Route("/v3/payment", payment),
    Route("/v3/controller", controller),
    Route("/v3/challenge/{id}", challenge, methods=["GET"]),
    Route("/v3/challenge/{id}", answer, methods=["POST"]),
]
