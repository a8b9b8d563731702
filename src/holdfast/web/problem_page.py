"""A problem as a page, for people: what happened, what it means for them, what to do."""

from __future__ import annotations

from urllib.parse import quote

from fastapi import Request
from starlette.responses import RedirectResponse, Response

from holdfast.errors import HoldfastError
from holdfast.web.rendering import render

PROBLEM_WORDS = {
    "not_found": (
        "There is nothing at this address",
        "Perhaps the link was cut off: copy all of it, up to its last letter.",
    ),
    "rate_limited": (
        "That was a lot at once",
        "Wait half a minute, then load the page again. Nothing was lost.",
    ),
    "internal": (
        "Something went wrong on our side",
        "Nothing was charged by this. Load the page again in a moment.",
    ),
    "database_unavailable": (
        "We cannot be reached just now",
        "Nothing was lost. Load the page again in a minute.",
    ),
    "stripe_unavailable": (
        "The payment page cannot be reached just now",
        "Your seats are held; we keep trying.",
    ),
    "forbidden": ("This page is not open to you", ""),
}


def problem_page(request: Request, error: HoldfastError) -> Response:
    """An error for people: what happened, what it means, what to do. Staff and providers who are not signed in are led to their
    sign-in."""
    sign_in = _sign_in_of(request.url.path)
    if error.status == 401 and sign_in:
        back = f"?next={quote(request.url.path)}" if request.method == "GET" else ""
        return RedirectResponse(f"{sign_in}{back}", 303)
    title, advice = PROBLEM_WORDS.get(error.code, (error.title, ""))
    page = render(
        request, "problem.html", status=error.status, title=title, detail=error.detail, advice=advice
    )
    seconds = error.extra.get("retry_after", error.retry_after)
    if seconds is not None:
        page.headers["Retry-After"] = str(seconds)
    return page


def _sign_in_of(path: str) -> str | None:
    """`/providers` is public, and no part of `/provider/`."""
    if path.startswith("/staff"):
        return "/staff"
    return "/provider" if path.startswith("/provider/") else None
