"""Ways to a provider's pages: by key, by a link in an e-mail, and for an administrator by choosing a provider."""

from __future__ import annotations

from typing import Annotated, Any

from fastapi import APIRouter, Form, Query, Request, Response
from fastapi.responses import RedirectResponse

from holdfast.clock import monotonic
from holdfast.database.connection import Connection
from holdfast.errors import Conflict, HoldfastError, NotFound, RateLimited, ValidationFailed
from holdfast.providers import sign_in, sign_in_store
from holdfast.system import System
from holdfast.tenants.store import tenant_by_id
from holdfast.web import provider_session, staff_session
from holdfast.web import store as sessions
from holdfast.web.dependencies import ADMIN, ApiKey, TheSystem, find_key
from holdfast.web.limits import RateLimiter, client_address
from holdfast.web.provider_session import LARGEST_ID, NOBODY_YET, START
from holdfast.web.rendering import render

LONGEST_KEY = 200
LONGEST_PATH = 300
LONGEST_EMAIL = 254
MOST_PROVIDERS = 500
UNKNOWN_KEY = "This key is not known here, or was revoked."
NOT_FOR_PROVIDERS = (
    "This key opens no provider's pages: it needs the scope provider, and to belong to a provider."
)
TOO_MANY = "Too many links were asked for from here. Wait a minute, and look into your mailbox first."

Row = dict[str, Any]

router = APIRouter(include_in_schema=False)


@router.get("/provider")
async def provider(
    request: Request,
    next: Annotated[str, Query(max_length=LONGEST_PATH)] = "",  # noqa: A002  # the query's name in the address
    sent: Annotated[str, Query(max_length=10)] = "",
) -> Response:
    """The start for whoever is signed in, the choice for an administrator, the sign-in for everybody else."""
    try:
        await provider_session.signed_in(request)
    except HoldfastError:
        if await provider_session.chooser(request):
            return RedirectResponse("/provider/choose", 303)
        return _form(request, next, sent=bool(sent))
    return RedirectResponse(_inside(next), 303)


@router.post("/provider/sign-in")
async def by_key(
    request: Request,
    system: TheSystem,
    key: Annotated[str, Form(max_length=LONGEST_KEY)] = "",
    next: Annotated[str, Form(max_length=LONGEST_PATH)] = "",  # noqa: A002  # the field's name in the form
) -> Response:
    found = await system.database.read(lambda conn: find_key(conn, key.strip())) if key.strip() else None
    if found is None:
        return _form(request, next, errors={"key": UNKNOWN_KEY})
    if "provider" in found.scopes and found.provider_id is not None:
        answer = RedirectResponse(_inside(next), 303)
        provider_session.begin_with_key(answer, system, found, found.provider_id)
        return answer
    if ADMIN not in found.scopes:
        return _form(request, next, errors={"key": NOT_FOR_PROVIDERS})
    answer = RedirectResponse("/provider/choose", 303)
    provider_session.begin_with_key(answer, system, found, NOBODY_YET)
    return answer


@router.post("/provider/sign-in-link")
async def ask_for_link(
    request: Request, system: TheSystem, email: Annotated[str, Form(max_length=LONGEST_EMAIL)] = ""
) -> Response:
    """The same answer whether the address is known or not."""
    try:
        _refuse_too_many(request)
        await sign_in.send_link(system, email)
    except ValidationFailed as refused:
        return _form(request, "", errors={"email": refused.detail}, email=email.strip())
    except RateLimited as refused:
        return _form(request, "", errors={"email": refused.detail}, email=email.strip(), status=429)
    return RedirectResponse("/provider?sent=yes", 303)


@router.get("/provider/sign-in/{token}")
async def link_page(request: Request, system: TheSystem, token: str) -> Response:
    """Shows a button and changes nothing."""
    seen = await sign_in.look_at(system, token)
    return _link_page(request, token, seen.provider, seen.wrong, 404 if seen.provider is None else 200)


@router.post("/provider/sign-in/{token}")
async def by_link(request: Request, system: TheSystem, token: str) -> Response:
    try:
        row = await sign_in.use_link(system, token)
    except (NotFound, Conflict) as refused:
        return _link_page(request, token, None, refused.detail, refused.status)
    answer = RedirectResponse(START, 303)
    provider_session.begin_with_link(answer, system, row)
    return answer


@router.post("/provider/sign-out")
async def sign_out() -> Response:
    answer = RedirectResponse("/provider", 303)
    provider_session.end(answer)
    return answer


@router.get("/provider/choose")
async def choose_page(request: Request, system: TheSystem) -> Response:
    key = await provider_session.chooser(request)
    if key is None:
        return RedirectResponse("/provider", 303)
    listed, tenant = await _listed(system, key)
    return render(
        request, "providers/own_choose.html", tenant=tenant, here_as=None, here="", providers=listed
    )


@router.post("/provider/choose")
async def choose(
    request: Request, system: TheSystem, provider_id: Annotated[int, Form(ge=1, le=LARGEST_ID)]
) -> Response:
    key = await provider_session.chooser(request)
    if key is None:
        return RedirectResponse("/provider", 303)
    return await _opened(system, key, provider_id)


@router.get("/staff/providers")
async def for_staff(request: Request, system: TheSystem) -> Response:
    """All of the tenant's, with what waits for an answer, and the way to each one's pages."""
    staff = await staff_session.signed_in(request, ADMIN)
    listed, tenant = await _listed(system, staff)
    return render(
        request,
        "providers/own_staff.html",
        staff=staff,
        tenant=tenant,
        here="/staff/providers",
        providers=listed,
    )


@router.get("/staff/providers/{provider_id}")
async def as_staff(request: Request, system: TheSystem, provider_id: int) -> Response:
    """The staff's cookie is not sent to the provider's addresses: there begins a session of its own."""
    staff = await staff_session.signed_in(request, ADMIN)
    return await _opened(system, staff, provider_id)


async def _opened(system: System, key: ApiKey, provider_id: int) -> Response:
    row = await system.database.read(lambda conn: _provider(conn, key, provider_id))
    answer = RedirectResponse(START, 303)
    provider_session.begin_with_key(answer, system, key, row["provider_id"])
    return answer


async def _provider(conn: Connection, key: ApiKey, provider_id: int) -> Row:
    known = 0 < provider_id <= LARGEST_ID
    row = await sessions.provider_by_id(conn, provider_id) if known else None
    if row is None or not provider_session.may_be(key, row):
        raise NotFound("There is no such provider.")
    return row


async def _listed(system: System, key: ApiKey) -> tuple[list[Row], Row | None]:
    async def read(conn: Connection) -> tuple[list[Row], Row | None]:
        listed = await sign_in_store.providers_to_choose(conn, key.tenant_id, MOST_PROVIDERS)
        return listed, await tenant_by_id(conn, key.tenant_id)

    return await system.database.read(read)


def _refuse_too_many(request: Request) -> None:
    limiter: RateLimiter = request.app.state.sign_in_limiter
    address = client_address(request.scope)
    if address is not None and not limiter.allows(address, monotonic()):
        raise RateLimited(TOO_MANY)


def _form(
    request: Request,
    wanted: str,
    *,
    errors: dict[str, str] | None = None,
    email: str = "",
    sent: bool = False,
    status: int = 422,
) -> Response:
    return render(
        request,
        "providers/own_sign_in.html",
        status=status if errors else 200,
        here_as=None,
        here="",
        errors=errors or {},
        next=_inside(wanted),
        email=email,
        sent=sent,
    )


def _link_page(request: Request, token: str, row: Row | None, wrong: str, status: int) -> Response:
    return render(
        request,
        "providers/own_link.html",
        status=status,
        secret=True,
        here_as=None,
        here="",
        token=token,
        provider=row,
        wrong=wrong,
    )


def _inside(path: str) -> str:
    """Only ever to a provider's page of this site: `//elsewhere` and the like lead to the start."""
    plain = path.startswith("/provider/") and "\\" not in path and "//" not in path
    return path if plain and len(path) <= LONGEST_PATH else START
