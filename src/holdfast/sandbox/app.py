"""Every address of the sandbox's port, and the ASGI application that serves them."""

from pathlib import Path

from psycopg import DataError
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, PlainTextResponse, Response
from starlette.routing import Mount, Route
from starlette.staticfiles import StaticFiles

from holdfast.sandbox import control, numbers, twilio
from holdfast.sandbox.faults import BadFaults
from holdfast.sandbox.pages import elements, inbox, ledger_page, pay
from holdfast.sandbox.stripe_api import wire
from holdfast.sandbox.stripe_api.errors import StripeFault
from holdfast.sandbox.world import World

STATIC = Path(__file__).parent / "pages" / "static"
METHODS = ["GET", "POST", "DELETE", "PUT", "PATCH", "OPTIONS"]
# A page of any origin may ask; without a key and an intent's secret it learns nothing.
ANY_ORIGIN = {
    "Access-Control-Allow-Origin": "*",
    "Access-Control-Expose-Headers": "Request-Id, Stripe-Version, Stripe-Should-Retry",
}
PREFLIGHT = ANY_ORIGIN | {
    "Access-Control-Allow-Headers": "Authorization, Content-Type, Idempotency-Key, Stripe-Version",
    "Access-Control-Allow-Methods": "GET, POST, DELETE",
    "Access-Control-Max-Age": "300",
}


def build(world: World) -> Starlette:
    """The application over one world."""
    app = Starlette(
        routes=[
            Route("/v1/{rest:path}", _stripe, methods=METHODS),
            Route("/v2/{rest:path}", _stripe, methods=METHODS),
            Route("/healthz", _health),
            *twilio.ROUTES,
            *numbers.ROUTES,
            *control.ROUTES,
            *pay.ROUTES,
            *elements.ROUTES,
            *inbox.ROUTES,
            *ledger_page.ROUTES,
            Mount("/static", StaticFiles(directory=STATIC)),
        ],
        exception_handlers={
            BadFaults: _bad,
            DataError: _bad,
            StripeFault: _refused,
            ValueError: _bad,
            LookupError: _missing,
        },
    )
    app.state.world = world
    app.state.api = wire.Api(world)
    return app


def base_url(request: Request) -> str:
    """Where a browser finds this sandbox: as configured, else as this request found it."""
    world: World = request.app.state.world
    return world.options.public_url or str(request.base_url).rstrip("/")


async def _stripe(request: Request) -> Response:
    if request.method == "OPTIONS":
        return Response(status_code=204, headers=PREFLIGHT)
    asked = wire.Request(
        request.method,
        request.url.path,
        request.url.query,
        dict(request.headers),
        await request.body(),
        base_url(request),
    )
    answer = await request.app.state.api.answer(asked)
    return Response(answer.body, answer.status, answer.headers | ANY_ORIGIN)


async def _health(request: Request) -> Response:
    return PlainTextResponse("ok")


async def _bad(request: Request, error: Exception) -> Response:
    return JSONResponse({"error": str(error)}, 422)


async def _missing(request: Request, error: Exception) -> Response:
    return JSONResponse({"error": str(error)}, 404)


async def _refused(request: Request, error: Exception) -> Response:
    assert isinstance(error, StripeFault)
    return JSONResponse({"error": error.error}, error.status)
