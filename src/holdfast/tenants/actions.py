"""Businesses on this installation, and the keys by which programs speak for them."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from holdfast.database.connection import Connection
from holdfast.errors import Conflict, NotFound, ValidationFailed
from holdfast.ids import Ids, sha256
from holdfast.tenants import store
from holdfast.web.dependencies import ApiKey, find_key

__all__ = ["KEY_PREFIX", "SCOPES", "create_key", "create_tenant", "find_key", "revoke_key"]

KEY_PREFIX = "hf_"
SCOPES = ("admin", "bookings", "provider", "door", "metrics")
HINT_LENGTH = 8


async def create_tenant(conn: Connection, now: datetime, row: dict[str, Any]) -> dict[str, Any]:
    """Raises Conflict when the slug is taken."""
    made = await store.insert_tenant(conn, now, row)
    if made is None:
        raise Conflict(f"There is a tenant called {row['slug']} already.")
    return made


async def create_key(
    conn: Connection,
    ids: Ids,
    now: datetime,
    tenant_id: int,
    name: str,
    scopes: Sequence[str],
    provider_id: int | None = None,
) -> tuple[str, ApiKey]:
    """A new key: its clear text, which nobody can read again, and what is kept of it. Raises ValidationFailed."""
    unknown = [scope for scope in scopes if scope not in SCOPES]
    if unknown or not scopes:
        raise ValidationFailed(f"A key needs one scope or more out of {', '.join(SCOPES)}.")
    if provider_id is not None and await store.provider_of(conn, tenant_id, provider_id) is None:
        raise ValidationFailed("There is no such provider.")
    clear = ids.secret(KEY_PREFIX)
    key = ApiKey(
        ids.new("key"), tenant_id, name, clear[:HINT_LENGTH], tuple(dict.fromkeys(scopes)), provider_id
    )
    await store.insert_key(
        conn,
        {
            "key_id": key.key_id,
            "tenant_id": tenant_id,
            "name": name,
            "key_hash": sha256(clear),
            "hint": key.hint,
            "scopes": list(key.scopes),
            "provider_id": provider_id,
            "created_at": now,
        },
    )
    return clear, key


async def revoke_key(conn: Connection, now: datetime, tenant_id: int, key_id: str) -> None:
    """From now on it opens nothing. Raises NotFound when the tenant has no such live key."""
    if not await store.end_key(conn, tenant_id, key_id, now):
        raise NotFound("There is no such key, or it was revoked before.")
