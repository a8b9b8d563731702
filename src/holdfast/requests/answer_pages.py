"""The pages behind the links in a provider's messages. Opening one shows what would happen and changes nothing, because mail
programs and link previews open links too; the button does it, once. No sign-in: who has the message may answer it."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from fastapi import APIRouter, Form, Request, Response

from holdfast.database.connection import Connection
from holdfast.errors import HoldfastError, NotFound, Unavailable
from holdfast.providers import store as providers
from holdfast.requests import links
from holdfast.requests.provider_pages import LONGEST_REASON, Seen, reason_problem, seen_time
from holdfast.requests.provider_words import read_back, shown
from holdfast.system import System
from holdfast.tenants.store import tenant_by_id
from holdfast.web.dependencies import TheSystem
from holdfast.web.rendering import render

LONGEST_TOKEN = 200
DONE = {"accept": "Accepted", "decline": "Declined"}

Row = dict[str, Any]
Answer = Literal["accept", "decline"]

router = APIRouter(include_in_schema=False, prefix="/answer/{token}")


@router.get("/{answer}")
async def question(request: Request, system: TheSystem, token: str, answer: Answer) -> Response:
    """What will happen, and a button."""
    try:
        state = await _opened(system, token)
    except NotFound as unknown:
        return _unknown(request, unknown)
    return await _page(request, system, token, answer, state)


@router.post("/{answer}")
async def give(
    request: Request,
    system: TheSystem,
    token: str,
    answer: Answer,
    reason: Annotated[str, Form(max_length=4000)] = "",
    seen: Seen = "",
) -> Response:
    """Does it. A second time, too late, or after another answer: the page says what became of the request."""
    try:
        before = await _opened(system, token)
    except NotFound as unknown:
        return _unknown(request, unknown)
    wrong = reason_problem(reason) if answer == "decline" else ""
    if wrong and before.state == "open":
        return await _page(request, system, token, answer, before, reason=reason, wrong=wrong, status=422)
    try:
        await links.use_link(system, token, answer, reason.strip(), seen_time(seen))
    except NotFound as unknown:
        return _unknown(request, unknown)
    except Unavailable:
        raise
    except HoldfastError as refused:
        state = await _opened(system, token)
        return await _page(
            request, system, token, answer, state, refused=refused.detail, status=refused.status
        )
    return await _page(request, system, token, answer, await _opened(system, token), done=DONE[answer])


async def _opened(system: System, token: str) -> links.LinkState:
    if len(token) > LONGEST_TOKEN:
        raise NotFound(links.NO_SUCH)
    return await links.open_link(system, token)


async def _page(
    request: Request,
    system: System,
    token: str,
    answer: str,
    state: links.LinkState,
    *,
    done: str = "",
    refused: str = "",
    reason: str = "",
    wrong: str = "",
    status: int = 200,
) -> Response:
    async def read(conn: Connection) -> tuple[Row | None, Row | None]:
        provider = await providers.provider(conn, state.provider_id)
        return provider, await tenant_by_id(conn, provider["tenant_id"]) if provider else None

    provider, tenant = await system.database.read(read)
    return render(
        request,
        "requests/answer_link.html",
        status=status,
        secret=True,
        tenant=tenant,
        provider=provider,
        token=token,
        answer=answer,
        state=state,
        asked=shown(read_back(state.request), system.clock.now()),
        done=done,
        refused=refused if state.state == "open" else "",
        reason=reason,
        wrong=wrong,
        longest_reason=LONGEST_REASON,
    )


def _unknown(request: Request, unknown: NotFound) -> Response:
    return render(request, "requests/answer_unknown.html", status=404, secret=True, detail=unknown.detail)
