"""Signing in and out, for staff pages: an API key with the scope admin or door begins a session of one shift."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Form, Request, Response
from fastapi.responses import RedirectResponse

from holdfast.errors import HoldfastError
from holdfast.web import staff_session
from holdfast.web.dependencies import TheSystem, find_key
from holdfast.web.rendering import render

LONGEST_KEY = 200
LONGEST_PATH = 300
START = "/staff/today"
UNKNOWN_KEY = "This key is not known here, or was revoked."
NOT_FOR_STAFF = "This key opens no staff pages: it needs the scope admin or door."

router = APIRouter(include_in_schema=False, prefix="/staff")


@router.get("")
async def staff(request: Request, next: str = "") -> Response:  # noqa: A002  # the query's name in the address
    """The start for whoever is signed in, the sign-in for everybody else."""
    try:
        await staff_session.signed_in(request, "door")
    except HoldfastError:
        return _form(request, next)
    return RedirectResponse(_inside(next), 303)


@router.post("/sign-in")
async def sign_in(
    request: Request,
    system: TheSystem,
    key: Annotated[str, Form(max_length=LONGEST_KEY)] = "",
    next: Annotated[str, Form(max_length=LONGEST_PATH)] = "",  # noqa: A002  # the field's name in the form
) -> Response:
    found = await system.database.read(lambda conn: find_key(conn, key.strip())) if key.strip() else None
    if found is None:
        return _form(request, next, UNKNOWN_KEY)
    if not found.may("door"):
        return _form(request, next, NOT_FOR_STAFF)
    answer = RedirectResponse(_inside(next), 303)
    staff_session.begin(answer, system, found)
    return answer


@router.post("/sign-out")
async def sign_out() -> Response:
    answer = RedirectResponse("/staff", 303)
    staff_session.end(answer)
    return answer


def _form(request: Request, wanted: str, problem: str | None = None) -> Response:
    errors = {"key": problem} if problem else {}
    status = 422 if problem else 200
    return render(request, "staff_sign_in.html", status=status, errors=errors, next=_inside(wanted), here="")


def _inside(path: str) -> str:
    """Only ever to a staff page of this site: `//elsewhere` and the like lead to the start."""
    plain = path.startswith("/staff/") and "\\" not in path and "//" not in path and len(path) <= LONGEST_PATH
    return path if plain else START
