"""Who may stand at a door: a session for one evening, begun by a key (scope door or admin) or by a secret link.

Cookie and link hold the same signed text: the evening, the key behind it, how it was begun, until when. The key is looked up with
each request, so that revoking it closes every door that was opened with it. The cookie is sent to this one evening's addresses
only; the link opens this one evening and nothing else of the staff's pages.
"""

from __future__ import annotations

import hmac
from dataclasses import dataclass
from datetime import datetime, timedelta
from hashlib import sha256

from fastapi import Response

from holdfast.catalog.store import event as event_by_id
from holdfast.clock import from_unix
from holdfast.database.connection import Connection
from holdfast.door.actions import Door, Row
from holdfast.errors import NotFound, Unauthorized
from holdfast.system import System
from holdfast.web import store
from holdfast.web.dependencies import ApiKey

COOKIE = "holdfast_door"
SHIFT = timedelta(hours=8)
AFTER_THE_START = timedelta(hours=18)  # until the next morning, as the staff's list of today
LARGEST_ID = 2**63 - 1
NO_EVENT = "There is no such event."
BY_KEY, BY_LINK = "key", "link"


@dataclass(frozen=True)
class Entered:
    """At this door now. `key`: in whose name."""

    door: Door
    key: ApiKey
    event: Row


async def event_of(conn: Connection, tenant_id: int, event_id: int) -> Row:
    """NotFound for another tenant's."""
    event = await event_by_id(conn, event_id) if 0 < event_id <= LARGEST_ID else None
    if event is None or event["tenant_id"] != tenant_id:
        raise NotFound(NO_EVENT)
    return event


def door_of(key: ApiKey, event_id: int, how: str = BY_KEY) -> Door:
    actor = key.actor if how == BY_KEY else f"door:{key.hint}"
    return Door(key.tenant_id, event_id, actor)


async def entered(system: System, event_id: int, sealed_text: str) -> Entered:
    """Unauthorized unless the text opens this evening's door now."""
    opened = unsealed(system.settings.secret_key, event_id, sealed_text, system.clock.now())
    if opened is None:
        raise Unauthorized("Sign in, or open the link for this door again.")
    key_id, how = opened

    async def read(conn: Connection) -> Entered:
        row = await store.live_key_by_id(conn, key_id)
        key = ApiKey(**{**row, "scopes": tuple(row["scopes"])}) if row else None
        if key is None or not key.may("door"):
            raise Unauthorized("The key behind this door is not valid any more.")
        return Entered(door_of(key, event_id, how), key, await event_of(conn, key.tenant_id, event_id))

    return await system.database.read(read)


def link_lasts_until(now: datetime, starts_at: datetime) -> datetime:
    """Until the morning after; for an evening that is over, for a shift."""
    return max(starts_at + AFTER_THE_START, now + SHIFT)


def begin(response: Response, system: System, event_id: int, sealed_text: str, until: datetime) -> None:
    response.set_cookie(
        COOKIE,
        sealed_text,
        max_age=max(0, int((until - system.clock.now()).total_seconds())),
        path=f"/door/{event_id}",
        httponly=True,
        samesite="lax",
        secure=system.settings.public_url.startswith("https://"),
    )


def sealed(secret_key: str, event_id: int, key_id: str, how: str, until: datetime) -> str:
    content = f"{event_id}.{key_id}.{how}.{int(until.timestamp())}"
    return f"{content}.{_mac(secret_key, content)}"


def unsealed(secret_key: str, event_id: int, text: str, now: datetime) -> tuple[str, str] | None:
    """The key's id and how it was begun; None when it is not ours, another evening's, or over."""
    content, _, mac = text.rpartition(".")
    parts = content.split(".")
    if not secret_key or not hmac.compare_digest(mac.encode(), _mac(secret_key, content).encode()):
        return None
    if len(parts) != 4 or parts[0] != str(event_id) or now.timestamp() >= int(parts[3]):
        return None
    return parts[1], parts[2]


def over_at(text: str) -> datetime:
    """Of one that `unsealed` has accepted."""
    return from_unix(int(text.rpartition(".")[0].rpartition(".")[2]))


def _mac(secret_key: str, content: str) -> str:
    return hmac.new(secret_key.encode(), f"door:{content}".encode(), sha256).hexdigest()
