"""The question as a page: a form that works without scripts, and one sentence for everybody."""

from __future__ import annotations

from typing import Annotated, Any
from urllib.parse import urlencode

from fastapi import APIRouter, Form, Query, Request, Response
from fastapi.responses import RedirectResponse

from holdfast.errors import RateLimited, ValidationFailed
from holdfast.lookup import actions, rules
from holdfast.lookup.actions import Question
from holdfast.lookup.api import refuse_too_many
from holdfast.web.dependencies import TheSystem
from holdfast.web.rendering import render

PATH = "/where-is-my-booking"
LONGEST_SLUG = 63

Slug = Annotated[str, Query(max_length=LONGEST_SLUG)]

router = APIRouter(include_in_schema=False)


@router.get(PATH)
async def question_page(
    request: Request, system: TheSystem, tenant: Slug = "", asked: Annotated[str, Query(max_length=10)] = ""
) -> Response:
    owner = await actions.tenant_asked(system, tenant)
    return _page(request, owner, tenant, said=actions.sentence(owner) if asked else "")


@router.post(PATH)
async def ask(
    request: Request,
    system: TheSystem,
    contact: Annotated[str, Form(max_length=rules.LONGEST_CONTACT)] = "",
    paid: Annotated[str, Form(max_length=rules.LONGEST_SUM)] = "",
    card_last4: Annotated[str, Form(max_length=rules.LONGEST_SUM)] = "",
    tenant: Annotated[str, Form(max_length=LONGEST_SLUG)] = "",
) -> Response:
    owner = await actions.tenant_asked(system, tenant)
    typed = {"contact": contact.strip(), "paid": paid.strip(), "card_last4": card_last4.strip()}
    try:
        refuse_too_many(request)
        question = Question(typed["contact"], paid=typed["paid"], card_last4=typed["card_last4"])
        await actions.ask(system, question, owner)
    except ValidationFailed as refused:
        errors = {one["field"]: one["problem"] for one in refused.extra["errors"]}
        return _page(request, owner, tenant, typed=typed, errors=errors, status=422)
    except RateLimited as refused:
        page = _page(request, owner, tenant, typed=typed, too_often=refused.detail, status=429)
        page.headers["Retry-After"] = str(refused.extra["retry_after"])
        return page
    # A reload of what follows asks nothing again.
    return RedirectResponse(f"{PATH}?{urlencode({'asked': 'yes', 'tenant': tenant})}", 303)


def _page(
    request: Request,
    owner: dict[str, Any] | None,
    slug: str,
    *,
    typed: dict[str, str] | None = None,
    errors: dict[str, str] | None = None,
    said: str = "",
    too_often: str = "",
    status: int = 200,
) -> Response:
    return render(
        request,
        "lookup/question.html",
        status=status,
        tenant=owner,
        slug=slug,
        typed=typed or {"contact": "", "paid": "", "card_last4": ""},
        errors=errors or {},
        said=said,
        too_often=too_often,
    )
