"""What routes ask for: the System, and the key that the caller showed."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Annotated

from fastapi import Depends, Request
from fastapi.security import APIKeyHeader, HTTPBearer

from holdfast.database.connection import Connection
from holdfast.errors import Forbidden, Unauthorized
from holdfast.ids import sha256
from holdfast.system import System
from holdfast.web import store

LONGEST_KEY = 200
ADMIN = "admin"


@dataclass(frozen=True)
class ApiKey:
    """A key as it is known here: never its clear text."""

    key_id: str
    tenant_id: int
    name: str
    hint: str
    scopes: tuple[str, ...]
    provider_id: int | None

    @property
    def actor(self) -> str:
        """How timelines call whoever uses it."""
        return f"staff:{self.hint}"

    def may(self, *scopes: str) -> bool:
        """One of the scopes is enough; `admin` may everything."""
        return ADMIN in self.scopes or not set(scopes).isdisjoint(self.scopes)


def get_system(request: Request) -> System:
    system: System = request.app.state.system
    return system


async def _the_system(request: Request) -> System:
    """Asynchronous, because FastAPI sends every other dependency to a thread and back: most of what a light request costs."""
    return get_system(request)


TheSystem = Annotated[System, Depends(_the_system)]


def require_key(*scopes: str) -> Callable[..., Awaitable[ApiKey]]:
    """A dependency that gives the caller's key. Raises Unauthorized without a valid one, Forbidden when it has none of the
    scopes."""

    async def key_of_caller(
        request: Request,
        system: TheSystem,
        _bearer: Annotated[object, Depends(HTTPBearer(auto_error=False, description="An API key"))],
        _header: Annotated[object, Depends(APIKeyHeader(name="X-API-Key", auto_error=False))],
    ) -> ApiKey:
        key = await caller_key(request, system)
        if key is None:
            raise Unauthorized("Send a valid key: `Authorization: Bearer KEY` or `X-API-Key: KEY`.")
        if not key.may(*scopes):
            raise Forbidden(f"This needs a key with the scope {' or '.join(scopes)}.")
        return key

    return key_of_caller


async def caller_key(request: Request, system: System) -> ApiKey | None:
    """The key that the request shows; None when it shows none. One that is unknown or revoked is Unauthorized."""
    clear = shown_key(request)
    if clear is None:
        return None
    key = await system.database.read(lambda conn: find_key(conn, clear))
    if key is None:
        raise Unauthorized("This key is not valid here: it is unknown or was revoked.")
    return key


def shown_key(request: Request) -> str | None:
    kind, _, value = request.headers.get("authorization", "").partition(" ")
    if kind.lower() == "bearer" and value.strip():
        return value.strip()
    return request.headers.get("x-api-key") or None


async def find_key(conn: Connection, clear: str) -> ApiKey | None:
    """By its SHA-256, so that the time it takes says nothing about a key; None when it is unknown or revoked."""
    if len(clear) > LONGEST_KEY:
        return None
    row = await store.live_key(conn, sha256(clear))
    return ApiKey(**{**row, "scopes": tuple(row["scopes"])}) if row else None
