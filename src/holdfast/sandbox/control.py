"""The sandbox's own controls: faults, clock, ledger, messages, and what a dashboard's user could do."""

import json
from typing import Any

from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from holdfast.sandbox import dashboard, messages
from holdfast.sandbox.stripe_api import foreign
from holdfast.sandbox.world import World

CLOCK_MOST_S = 10 * 365 * 24 * 3600


def world_of(request: Request) -> World:
    world: World = request.app.state.world
    return world


async def _body(request: Request) -> dict[str, Any]:
    raw = await request.body()
    try:
        body = json.loads(raw) if raw.strip() else {}
    except ValueError as error:
        raise ValueError("the body must be JSON") from error
    if not isinstance(body, dict):
        raise ValueError("the body must be a JSON object")
    return body


async def get_faults(request: Request) -> Response:
    return JSONResponse(world_of(request).faults)


async def set_faults(request: Request) -> Response:
    """A partial change is merged; a change that is wrong anywhere changes nothing."""
    return JSONResponse(await world_of(request).change_faults(await _body(request)))


async def reset(request: Request) -> Response:
    await world_of(request).reset()
    return JSONResponse({"reset": True})


async def get_clock(request: Request) -> Response:
    clock = world_of(request).clock
    return JSONResponse({"now": clock.now(), "offset_s": clock.offset})


async def move_clock(request: Request) -> Response:
    """Forward only: what has happened cannot be taken back."""
    seconds = (await _body(request)).get("advance_s")
    if isinstance(seconds, bool) or not isinstance(seconds, int | float) or not 0 <= seconds <= CLOCK_MOST_S:
        raise ValueError("advance_s must be a number of seconds, 0 or more")
    world = world_of(request)
    return JSONResponse({"now": await world.advance(seconds), "offset_s": world.clock.offset})


async def ledger(request: Request) -> Response:
    """Every object by type, oldest first."""
    world = world_of(request)
    await world.catch_up()
    books: dict[str, list[Any]] = {}
    async with world.pool.connection() as connection:
        cursor = await connection.execute("SELECT type, body FROM sandbox.object ORDER BY seq")
        async for row in cursor:
            books.setdefault(row["type"], []).append(row["body"])
    return JSONResponse(books)


async def deliveries(request: Request) -> Response:
    """Every webhook delivery and how it went."""
    async with world_of(request).pool.connection() as connection:
        cursor = await connection.execute("SELECT * FROM sandbox.delivery ORDER BY id")
        return JSONResponse({"deliveries": await cursor.fetchall()})


async def flush(request: Request) -> Response:
    """Deliver what is due now and wait for it; `{"all": true}` also what is due later."""
    everything = bool((await _body(request)).get("all", False))
    world = world_of(request)
    await world.catch_up()
    return JSONResponse({"delivered": await world.dispatcher.flush(everything)})


async def resend(request: Request) -> Response:
    event_id = str((await _body(request)).get("event_id", ""))
    return JSONResponse({"deliveries": await dashboard.resend(world_of(request), event_id)})


async def act(request: Request) -> Response:
    """`{"action": "refund", "payment": "pi_…", …}`: see `dashboard.ACTIONS`."""
    return JSONResponse(await dashboard.act(world_of(request), await _body(request)))


async def foreign_session(request: Request) -> Response:
    """A paid session as another system would have left it."""
    body = await _body(request)
    return JSONResponse(await foreign.make(world_of(request), body))


async def list_messages(request: Request) -> Response:
    found = await messages.everything(world_of(request).pool)
    return JSONResponse({"messages": found})


async def payload(request: Request) -> Response:
    """`{"endpoint": "we_…", "payload": "thin"|"snapshot"}`: which kind of event an endpoint gets."""
    body = await _body(request)
    await dashboard.set_payload(
        world_of(request), str(body.get("endpoint", "")), str(body.get("payload", ""))
    )
    return JSONResponse({"endpoint": body["endpoint"], "payload": body["payload"]})


ROUTES = [
    Route("/control/faults", get_faults, methods=["GET"]),
    Route("/control/faults", set_faults, methods=["POST"]),
    Route("/control/reset", reset, methods=["POST"]),
    Route("/control/clock", get_clock, methods=["GET"]),
    Route("/control/clock", move_clock, methods=["POST"]),
    Route("/control/ledger", ledger),
    Route("/control/deliveries", deliveries),
    Route("/control/flush", flush, methods=["POST"]),
    Route("/control/webhooks/resend", resend, methods=["POST"]),
    Route("/control/webhooks/payload", payload, methods=["POST"]),
    Route("/control/dashboard", act, methods=["POST"]),
    Route("/control/foreign-session", foreign_session, methods=["POST"]),
    Route("/control/messages", list_messages),
]
