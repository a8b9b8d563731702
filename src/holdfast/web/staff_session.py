"""Who of the staff is signed in: a short-lived cookie, signed, that names an API key.

The key itself is not in it, and a revoked key ends every session that was begun with it at once, because it is looked up
again with each page.
"""

from __future__ import annotations

import hmac
from datetime import datetime, timedelta
from hashlib import sha256

from fastapi import Request, Response

from holdfast.errors import Forbidden, Unauthorized
from holdfast.system import System
from holdfast.web import store
from holdfast.web.dependencies import ApiKey, get_system

COOKIE = "holdfast_staff"
LASTS = timedelta(hours=8)  # an evening's shift
FOLDER = "/staff"


async def signed_in(request: Request, *scopes: str) -> ApiKey:
    """The key that this session was begun with. Raises Unauthorized when nobody is signed in (problem_page then leads to the
    sign-in), Forbidden when the key has none of the scopes; `admin` may everything."""
    system = get_system(request)
    key_id = opened(system.settings.secret_key, request.cookies.get(COOKIE, ""), system.clock.now())
    row = await system.database.read(lambda conn: store.live_key_by_id(conn, key_id)) if key_id else None
    if row is None:
        raise Unauthorized("Please sign in.")
    key = ApiKey(**{**row, "scopes": tuple(row["scopes"])})
    if not key.may(*scopes):
        raise Forbidden("Your key may not open this page. Ask for one with the scope admin.")
    return key


def begin(response: Response, system: System, key: ApiKey) -> None:
    value = sealed(system.settings.secret_key, key.key_id, system.clock.now() + LASTS)
    response.set_cookie(
        COOKIE,
        value,
        max_age=int(LASTS.total_seconds()),
        path=FOLDER,
        httponly=True,
        samesite="lax",
        secure=system.settings.public_url.startswith("https://"),
    )


def end(response: Response) -> None:
    response.delete_cookie(COOKIE, path=FOLDER)


def sealed(secret_key: str, key_id: str, until: datetime) -> str:
    content = f"{key_id}.{int(until.timestamp())}"
    return f"{content}.{_mac(secret_key, content)}"


def opened(secret_key: str, cookie: str, now: datetime) -> str | None:
    """The key's id; None when the cookie is not ours, was changed, or is over. Without a SECRET_KEY there are no sessions."""
    content, _, mac = cookie.rpartition(".")
    key_id, _, until = content.rpartition(".")
    if not secret_key or not hmac.compare_digest(mac.encode(), _mac(secret_key, content).encode()):
        return None
    return key_id if until.isdecimal() and now.timestamp() < int(until) else None


def _mac(secret_key: str, content: str) -> str:
    return hmac.new(secret_key.encode(), f"staff:{content}".encode(), sha256).hexdigest()
