"""What customer and provider are told of a request, inside the transaction of its cause. `order` is a row of
payments.store.lock_order: the order, its booking and its provider, locked."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from holdfast.database.connection import Connection
from holdfast.messages import store as messages
from holdfast.requests import store
from holdfast.system import System

Row = dict[str, Any]


async def customer(
    system: System, conn: Connection, order: Row, kind: str, cause: str, key: str | None = None, **params: Any
) -> None:
    now = system.clock.now()
    await messages.enqueue(
        conn, system.ids, now, booking=order, kind=kind, cause=cause, params=params, unique_key=key
    )


async def provider(
    system: System, conn: Connection, order: Row, kind: str, cause: str, key: str | None = None, **params: Any
) -> None:
    """By e-mail, and by SMS when the provider has a phone. Nothing for an offering that has no provider."""
    if order["provider_id"] is None:
        return
    whom = {"email": order["provider_email"], "phone": order["provider_phone"]}
    await messages.enqueue_for_provider(
        conn,
        system.ids,
        system.clock.now(),
        booking=order,
        provider=whom,
        kind=kind,
        cause=cause,
        params=params,
        unique_key=key,
    )


async def of_request(system: System, conn: Connection, order: Row, respond_by: datetime, cause: str) -> None:
    """A request waits: the provider gets the link to answer by, the customer hears that it was sent."""
    link_id = await answer_link(system, conn, order, respond_by)
    await provider(system, conn, order, "request_to_answer", cause, link_id=link_id)
    await customer(system, conn, order, "request_received", cause)


async def answer_link(system: System, conn: Connection, order: Row, respond_by: datetime) -> str:
    """The id of the request's one answer link; ids.action_token makes the secret of it."""
    return await store.insert_link(
        conn,
        {
            "link_id": system.ids.new("lnk"),
            "tenant_id": order["tenant_id"],
            "provider_id": order["provider_id"],
            "order_id": order["order_id"],
            "created_at": system.clock.now(),
            "expires_at": respond_by,
        },
    )


def subjects(order: Row) -> tuple[str, ...]:
    """Whom to wake after the commit."""
    return (
        "work:messages",
        "work:captures",
        f"booking:{order['booking_id']}",
        f"provider:{order['provider_id']}",
        f"availability:{order['offering_id']}",
    )
