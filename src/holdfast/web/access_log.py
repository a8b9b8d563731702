"""One line of JSON for each request, without personal data: the route's pattern, never its address (a booking's link holds
its secret), no query, no address of a caller, no body. And the last resort: what nobody foresaw becomes a clear 500."""

from __future__ import annotations

from traceback import extract_tb

import structlog
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from holdfast.clock import monotonic
from holdfast.web.measurements import Measurements
from holdfast.web.problems import internal_problem

METHODS = frozenset({"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"})
QUIET = frozenset({"/healthz", "/readyz", "/metrics"})

log = structlog.get_logger()


class AccessLog:
    """Outermost: measures, logs, and answers 500 when something raised."""

    def __init__(self, app: ASGIApp, measurements: Measurements) -> None:
        self._app = app
        self._measurements = measurements

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        started, status = monotonic(), 0

        async def noting_status(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
            await send(message)

        try:
            await self._app(scope, receive, noting_status)
        except Exception as unforeseen:
            # Where, not what: an exception's words and a frame's variables may hold what somebody typed.
            where = [
                f"{frame.filename}:{frame.lineno} {frame.name}"
                for frame in extract_tb(unforeseen.__traceback__)
            ]
            log.error(
                "unforeseen", route=route_of(scope), problem=type(unforeseen).__name__, where=where[-12:]
            )
            if status:  # the answer has begun: all that is left is to break it off
                raise
            await internal_problem()(scope, receive, noting_status)
        finally:
            self._note(scope, status, monotonic() - started)

    def _note(self, scope: Scope, status: int, seconds: float) -> None:
        method = scope["method"] if scope["method"] in METHODS else "other"
        route = route_of(scope)
        self._measurements.answered(method, route, status, seconds)
        if route not in QUIET:
            log.info("request", method=method, route=route, status=status, ms=round(seconds * 1000, 1))


def route_of(scope: Scope) -> str:
    """`/api/events/{event_id}/bookings`; for a plain ASGI route its function's name; `none` when nothing answers there."""
    pattern = getattr(scope.get("route"), "path", None)
    return str(pattern or getattr(scope.get("endpoint"), "__name__", "none"))
