"""Every error as an answer: RFC 9457 problem documents for programs, a page for people.

    {"type": "urn:holdfast:problem:sold_out", "title": …, "status": 409, "detail": …, "code": "sold_out", …}

`detail` is a sentence; what the error knows beside it (`free`, `errors`, `order_id`) stands next to it. No answer holds a
trace, and no log line holds what the caller sent.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import psycopg
import structlog
from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from pydantic_core import to_json
from starlette.exceptions import HTTPException
from starlette.responses import Response

from holdfast.database.connection import AWAY, GIVEN_UP_BY_POSTGRES, is_away
from holdfast.errors import DatabaseUnavailable, HoldfastError, NotFound, ValidationFailed

PROBLEM = "application/problem+json"
MOST_ERRORS_SHOWN = 20
NOT_JSON = "The body must be a JSON object, sent with Content-Type: application/json."

log = structlog.get_logger()

ProblemPage = Callable[[Request, HoldfastError], Response]


class MethodNotAllowed(HoldfastError):
    status, code, title, exit_code = 405, "method_not_allowed", "This address does not take that method", 2


def problem_response(error: HoldfastError) -> Response:
    """The error as application/problem+json, with Retry-After where waiting helps."""
    return Response(
        to_json(problem_document(error)), error.status, headers=_headers(error), media_type=PROBLEM
    )


def problem_document(error: HoldfastError) -> dict[str, Any]:
    """RFC 9457: its own members come first, and no extra one of the same name takes their place."""
    own = {
        "type": f"urn:holdfast:problem:{error.code}",
        "title": error.title,
        "status": error.status,
        "detail": error.detail,
        "code": error.code,
    }
    return {**own, **error.extra, **own}


def internal_problem() -> Response:
    """What is answered when something broke that nobody foresaw; the log has the rest."""
    return problem_response(
        HoldfastError("Nothing was charged by this request. The fault is ours and is logged.")
    )


def validation_problem(errors: Sequence[Any], said: str | None = None) -> ValidationFailed:
    """pydantic's findings as a sentence and a list; never with what was sent, which may be somebody's data."""
    shown = [
        {"field": _field(error["loc"]), "problem": _words(error)} for error in errors[:MOST_ERRORS_SHOWN]
    ]
    first = shown[0]
    sentence = said or (f"{first['field']}: {first['problem']}" if first["field"] else str(first["problem"]))
    return ValidationFailed(sentence, errors=shown)


def install_problem_handlers(app: FastAPI, page: ProblemPage | None = None) -> None:
    """`page` renders an error for people; it is used where the caller prefers HTML."""

    def answer(request: Request, error: HoldfastError) -> Response:
        return page(request, error) if page and prefers_html(request) else problem_response(error)

    async def ours(request: Request, error: Exception) -> Response:
        assert isinstance(error, HoldfastError)
        if error.status >= 500:
            log.warning("request_failed", code=error.code, detail=error.detail)
        return answer(request, error)

    async def invalid(request: Request, error: Exception) -> Response:
        assert isinstance(error, RequestValidationError)
        return answer(request, _of_validation(error.errors()))

    async def http(request: Request, error: Exception) -> Response:
        assert isinstance(error, HTTPException)
        return answer(request, _of_http(error))

    async def unstorable(request: Request, error: Exception) -> Response:
        log.warning("value_refused_by_database", problem=type(error).__name__)
        return answer(request, ValidationFailed("The request holds a value that cannot be stored."))

    async def database_away(request: Request, error: Exception) -> Response:
        if not isinstance(error, GIVEN_UP_BY_POSTGRES) and not is_away(error):
            raise error  # PostgreSQL refused what must not be: a bug of ours, and not a matter of trying again
        log.warning("database_gave_up", problem=type(error).__name__)
        return answer(request, DatabaseUnavailable("The database is too busy just now. Nothing was lost."))

    app.add_exception_handler(HoldfastError, ours)
    app.add_exception_handler(RequestValidationError, invalid)
    app.add_exception_handler(HTTPException, http)
    app.add_exception_handler(psycopg.DataError, unstorable)
    for kind in (*GIVEN_UP_BY_POSTGRES, *AWAY):
        app.add_exception_handler(kind, database_away)


def prefers_html(request: Request) -> bool:
    """A browser's navigation; never an address below /api/, and never a client that takes anything."""
    accept = request.headers.get("accept", "")
    return not request.url.path.startswith("/api/") and accept.find("text/html") >= 0


def _of_validation(errors: Sequence[Any]) -> HoldfastError:
    if all(error["loc"] and error["loc"][0] == "path" for error in errors):
        return NotFound("There is nothing at this address.")  # an id that cannot be one names nothing
    whole_body = any(_is_no_object(error) for error in errors)
    return validation_problem(errors, NOT_JSON if whole_body else None)


def _is_no_object(error: Any) -> bool:
    return error["type"] == "json_invalid" or (
        tuple(error["loc"]) == ("body",) and error["type"] != "value_error"
    )


def _of_http(error: HTTPException) -> HoldfastError:
    if error.status_code == 404:
        return NotFound("There is nothing at this address.")
    if error.status_code == 405:
        return MethodNotAllowed("This address does not take that method.")
    if error.status_code == 400:  # FastAPI's word for a body that it could not decode
        return ValidationFailed(NOT_JSON)
    problem = HoldfastError(str(error.detail))
    problem.status, problem.code, problem.title = error.status_code, "refused", "The request was refused"
    return problem


def _headers(error: HoldfastError) -> dict[str, str]:
    seconds = error.extra.get("retry_after", error.retry_after)
    headers = {"Cache-Control": "no-store"}
    if seconds is not None:
        headers["Retry-After"] = str(seconds)
    if error.status == 401:
        headers["WWW-Authenticate"] = 'Bearer realm="holdfast"'
    return headers


def _field(location: Sequence[Any]) -> str:
    return ".".join(str(part) for part in location[1:])


def _words(error: Any) -> str:
    message = str(error["msg"]).removeprefix("Value error, ")
    return "Is needed" if error["type"] == "missing" else message
