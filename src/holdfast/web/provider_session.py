"""Which provider is signed in: a cookie, signed, that names what the session was begun with, and the provider.

Begun with an API key (scope provider: its own provider; scope admin: any of the tenant's) or with a link that was sent to the
provider's address. It is looked up again with each page: a revoked key ends its sessions at once, and so does another address of
the provider those that were begun by link.
"""

from __future__ import annotations

import hmac
from dataclasses import dataclass
from datetime import datetime, timedelta
from hashlib import sha256
from typing import Any

from fastapi import Request, Response

from holdfast.database.connection import Connection
from holdfast.errors import Unauthorized
from holdfast.system import System
from holdfast.web import store
from holdfast.web.dependencies import ADMIN, ApiKey, get_system

COOKIE = "holdfast_provider"
LASTS = timedelta(hours=12)
FOLDER = "/provider"  # a browser sends the cookie to /provider and below it, not to the public /providers
START = "/provider/requests"
BY_KEY, BY_LINK = "key", "link"
NOBODY_YET = 0  # an administrator who has not chosen a provider
LARGEST_ID = 2**63 - 1

Row = dict[str, Any]


@dataclass(frozen=True)
class SignedIn:
    """`provider` is its whole row; `key` is None when the session was begun by a link."""

    provider: Row
    key: ApiKey | None

    @property
    def provider_id(self) -> int:
        return int(self.provider["provider_id"])

    @property
    def tenant_id(self) -> int:
        return int(self.provider["tenant_id"])

    @property
    def is_staff(self) -> bool:
        """Somebody of the business, and not the provider."""
        return self.key is not None and ADMIN in self.key.scopes

    @property
    def actor(self) -> str:
        """How timelines call whoever uses this session."""
        return self.key.actor if self.key and self.is_staff else f"provider:{self.provider_id}"


@dataclass(frozen=True)
class Content:
    """What a cookie says. `who`: the key's id, or the mark of the address that the link was sent to."""

    how: str
    who: str
    provider_id: int


async def signed_in(request: Request) -> SignedIn:
    """Raises Unauthorized when nobody is signed in, or an administrator has chosen no provider yet (problem_page then leads to
    /provider, which knows what comes next)."""
    system = get_system(request)
    content = _content(request, system)
    found = await system.database.read(lambda conn: _looked_up(conn, content)) if content else None
    if found is None:
        raise Unauthorized("Please sign in.")
    return found


async def chooser(request: Request) -> ApiKey | None:
    """The administrator's key behind this session, who may choose among the tenant's providers; None for everybody else."""
    system = get_system(request)
    content = _content(request, system)
    if content is None or content.how != BY_KEY:
        return None
    key = await system.database.read(lambda conn: _live_key(conn, content.who))
    return key if key and ADMIN in key.scopes else None


def begin_with_key(response: Response, system: System, key: ApiKey, provider_id: int) -> None:
    _begin(response, system, Content(BY_KEY, key.key_id, provider_id))


def begin_with_link(response: Response, system: System, provider: Row) -> None:
    who = address_mark(provider["email"])
    _begin(response, system, Content(BY_LINK, who, provider["provider_id"]))


def end(response: Response) -> None:
    response.delete_cookie(COOKIE, path=FOLDER)


def address_mark(email: str | None) -> str:
    """By which a session knows that the provider's address is still the one its link was sent to."""
    return sha256((email or "").lower().encode()).hexdigest()[:16]


def sealed(secret_key: str, content: Content, until: datetime) -> str:
    text = f"{content.how}.{content.who}.{content.provider_id}.{int(until.timestamp())}"
    return f"{text}.{_mac(secret_key, text)}"


def opened(secret_key: str, cookie: str, now: datetime) -> Content | None:
    """None when the cookie is not ours, was changed, or is over. Without a SECRET_KEY there are no sessions."""
    text, _, mac = cookie.rpartition(".")
    if not secret_key or not hmac.compare_digest(mac.encode(), _mac(secret_key, text).encode()):
        return None
    parts = text.split(".")
    if len(parts) != 4 or not parts[2].isdecimal() or now.timestamp() >= int(parts[3]):
        return None
    return Content(parts[0], parts[1], int(parts[2]))


def _begin(response: Response, system: System, content: Content) -> None:
    response.set_cookie(
        COOKIE,
        sealed(system.settings.secret_key, content, system.clock.now() + LASTS),
        max_age=int(LASTS.total_seconds()),
        path=FOLDER,
        httponly=True,
        samesite="lax",
        secure=system.settings.public_url.startswith("https://"),
    )


def _content(request: Request, system: System) -> Content | None:
    return opened(system.settings.secret_key, request.cookies.get(COOKIE, ""), system.clock.now())


async def _looked_up(conn: Connection, content: Content) -> SignedIn | None:
    provider = await store.provider_by_id(conn, content.provider_id)
    if provider is None:
        return None
    if content.how == BY_LINK:
        return SignedIn(provider, None) if content.who == address_mark(provider["email"]) else None
    key = await _live_key(conn, content.who)
    return SignedIn(provider, key) if key and may_be(key, provider) else None


def may_be(key: ApiKey, provider: Row) -> bool:
    """Whether this key opens this provider's pages."""
    if key.tenant_id != provider["tenant_id"]:
        return False
    own = "provider" in key.scopes and key.provider_id == provider["provider_id"]
    return own or ADMIN in key.scopes


async def _live_key(conn: Connection, key_id: str) -> ApiKey | None:
    row = await store.live_key_by_id(conn, key_id)
    return ApiKey(**{**row, "scopes": tuple(row["scopes"])}) if row else None


def _mac(secret_key: str, text: str) -> str:
    return hmac.new(secret_key.encode(), f"provider:{text}".encode(), sha256).hexdigest()
