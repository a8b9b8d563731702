"""The links in a provider's messages: signed, for one request, used once. Opening one changes nothing, because mail programs and
link previews open them too; the form on its page does."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from holdfast.database.connection import Connection
from holdfast.errors import Conflict, Expired, NotFound, ValidationFailed
from holdfast.ids import link_of_token
from holdfast.payments import store as payments
from holdfast.requests import rules, store
from holdfast.requests.answers import Answer, accept_locked, after_answer, decline_locked
from holdfast.requests.lists import shown
from holdfast.system import System

NO_SUCH = "This link is not one of ours: open it once more from the message, or sign in."

Row = dict[str, Any]


@dataclass(frozen=True)
class LinkState:
    """What a link leads to. `state`: open, used, answered (in another way), expired. `request` is as lists.py shows it."""

    link_id: str
    state: str
    used_for: str | None
    used_at: datetime | None
    expires_at: datetime
    provider_id: int
    request: dict[str, Any]


async def open_link(system: System, token: str) -> LinkState:
    """Reads it, and changes nothing. Raises NotFound for a forged one."""
    link_id = link_of_token(system.settings.secret_key, token)
    link = await system.database.read(lambda conn: store.link(conn, link_id)) if link_id else None
    if link is None or link["purpose"] != "answer_request":
        raise NotFound(NO_SUCH)
    row = await system.database.read(lambda conn: _request(conn, link))
    now = system.clock.now()
    return LinkState(
        link["link_id"],
        _state(link, row, now),
        link["used_for"],
        link["used_at"],
        row["respond_by"] or link["expires_at"],
        link["provider_id"],
        shown(row, now),
    )


async def use_link(
    system: System, token: str, answer: str, reason: str = "", seen: datetime | None = None
) -> Answer:
    """Answers the request: `accept` or `decline`. The answer and the link's use are one transaction, so that a link is used up
    by an answer and by nothing else. `seen`: the time that was read, for a yes. Raises NotFound for a forged one, Conflict for
    one that was used, and as accept and decline do. Locks the order, then the link."""
    link_id = link_of_token(system.settings.secret_key, token)
    if link_id is None:
        raise NotFound(NO_SUCH)
    if answer not in {"accept", "decline"}:
        raise ValidationFailed("The answer is accept or decline.")
    order = await system.database.run(lambda conn: _use(system, conn, link_id, answer, reason, seen))
    return await after_answer(system, order)


async def _use(
    system: System, conn: Connection, link_id: str, answer: str, reason: str, seen: datetime | None
) -> Row:
    link = await store.link(conn, link_id)
    if link is None or link["purpose"] != "answer_request":
        raise NotFound(NO_SUCH)
    order = await payments.lock_order(conn, link["order_id"])
    link = await store.lock_link(conn, link_id)
    if order is None or link is None:
        raise NotFound(NO_SUCH)
    now = system.clock.now()
    if link["used_at"] is not None:
        raise Conflict(
            f"This link was used already: the request was {link['used_for']}.", used_for=link["used_for"]
        )
    if order["status"] == "requested" and order["respond_by"] <= now:
        raise Expired("The time to answer was over, and the request has declined by itself.")
    actor = f"provider:{link['provider_id']}"
    if order["accepted_at"] is not None or order["status"] != "requested":
        rules.refuse_answer(order, now)
        raise Conflict("This request was answered already.", booking_status=order["status"])
    if answer == "accept":
        await accept_locked(system, conn, order["booking_id"], actor, link["provider_id"], seen)
    else:
        await decline_locked(system, conn, order["booking_id"], actor, reason, link["provider_id"])
    await store.use_link(conn, link_id, "accepted" if answer == "accept" else "declined", now)
    return order


async def _request(conn: Connection, link: Row) -> Row:
    order = await store.booking_of_order(conn, link["order_id"])
    row = await store.request_by_booking(conn, order) if order else None
    if row is None:
        raise NotFound("This request has no booking; it will be found and mended.")
    return row


def _state(link: Row, row: Row, now: datetime) -> str:
    if link["used_at"] is not None:
        return "used"
    if row["status"] != "requested" or row["accepted_at"] is not None:
        return "answered"
    return "expired" if row["respond_by"] <= now else "open"
