"""A booking as guests and as staff see it, and the kitchen's list. Reads only; settling comes before."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime
from typing import Any

from holdfast.bookings import view_store
from holdfast.database.connection import Connection
from holdfast.disputes.rules import MONEY_IS_OURS
from holdfast.errors import NotFound
from holdfast.messages.rules import KINDS_TO_PROVIDERS

Row = dict[str, Any]

# What a guest may see of each row; staff see all of it.
GUEST_PAYMENT = ("amount", "captured", "currency", "card_brand", "card_last4", "charged_at")
GUEST_REFUND = ("amount", "currency", "reason", "status", "created_at")
GUEST_MESSAGE = ("kind", "channel", "status", "sent_at")


def paid_at(charged_at: datetime | None, accepted_at: datetime | None) -> datetime | None:
    """When money was paid: Stripe dates a charge by its authorisation, and what a provider accepts is taken only then."""
    known = [moment for moment in (charged_at, accepted_at) if moment is not None]
    return None if charged_at is None else max(known)


async def guest_view(conn: Connection, booking_id: str) -> Row:
    """The JSON of GET /api/bookings/{reference}. Amounts in minor units."""
    row, parts = await _parts(conn, booking_id)
    return {
        **_common(row, parts),
        "payments": [_only(one, GUEST_PAYMENT) for one in parts["payments"]],
        "refunds": [_only(one, GUEST_REFUND) for one in parts["refunds"]],
        # What was sent to the provider is not the customer's to read.
        "messages": [
            _only(one, GUEST_MESSAGE) for one in parts["messages"] if one["kind"] not in KINDS_TO_PROVIDERS
        ],
        "timeline": [_only(one, ("at", "what", "detail")) for one in parts["timeline"]],
    }


async def staff_view(conn: Connection, tenant_id: int, booking_id: str) -> Row | None:
    """All of it: money row by row, attempts, disputes, timeline, messages, tasks, metadata; `disputed` while a bank has the
    money or has kept it. None for another tenant's."""
    row = await view_store.head(conn, booking_id)
    if row is None or row["tenant_id"] != tenant_id:
        return None
    row, parts = await _parts(conn, booking_id)
    disputes = await view_store.disputes(conn, row["order_id"])
    return {
        **_common(row, parts),
        "customer_id": row["customer_id"],
        "source": row["source"],
        "stuck_reason": row["stuck_reason"],
        "cancel_requested_at": row["cancel_requested_at"],
        "metadata": row["metadata"],
        "attempts": await view_store.attempts(conn, row["order_id"]),
        "payments": parts["payments"],
        "refunds": parts["refunds"],
        "disputed": any(one["status"] not in MONEY_IS_OURS for one in disputes),
        "disputes": disputes,
        "messages": parts["messages"],
        "timeline": parts["timeline"],
        "tasks": await view_store.tasks(conn, row["order_id"]),
    }


async def kitchen_list(conn: Connection, tenant_id: int, event_id: int) -> Row:
    """Food and wine per table and in sum, of everybody who comes. A party at several tables is listed, with what it ordered, at
    its first, so that nothing is cooked twice."""
    seated = await view_store.kitchen_units(conn, tenant_id, event_id)
    ordered: dict[str, list[Row]] = {}
    for line in await view_store.kitchen_lines(conn, tenant_id, event_id):
        ordered.setdefault(line["booking_id"], []).append(_only(line, ("name", "category", "quantity")))
    tables: dict[int, Row] = {}
    served: set[str] = set()
    for claim in seated:
        table = tables.setdefault(
            claim["unit_id"],
            {"unit_id": claim["unit_id"], "label": claim["label"], "guests": 0, "bookings": []},
        )
        table["guests"] += claim["guests"]
        first = claim["booking_id"] not in served
        served.add(claim["booking_id"])
        table["bookings"].append(
            {
                "reference": claim["reference"],
                "name": claim["contact_name"],
                "late_minutes": claim["late_minutes"],
                "guests": claim["guests"],
                "lines": ordered.get(claim["booking_id"], []) if first else [],
            }
        )
    for table in tables.values():
        table["lines"] = _summed(line for booking in table["bookings"] for line in booking["lines"])
    everything = (line for table in tables.values() for line in table["lines"])
    return {
        "tables": list(tables.values()),
        "totals": _summed(everything),
        "guests": sum(table["guests"] for table in tables.values()),
    }


async def search_bookings(
    conn: Connection, tenant_id: int, query: str, status: str | None, limit: int, after: str | None
) -> list[Row]:
    """Newest first; `after` is the booking id at which the page before ended."""
    position = await view_store.booking_position(conn, tenant_id, after) if after else None
    before = (position["created_at"], position["booking_id"]) if position else None
    return await view_store.search(conn, tenant_id, query.strip(), status or None, limit, before)


async def _parts(conn: Connection, booking_id: str) -> tuple[Row, dict[str, list[Row]]]:
    row = await view_store.head(conn, booking_id)
    if row is None:
        raise NotFound("There is no such booking.")
    order_id = row["order_id"]
    # Most bookings are of evenings: their page is not made to wait for a question that has no answer.
    appointment = await view_store.appointment(conn, order_id) if row["kind"] == "appointment" else None
    return {**row, "appointment": appointment}, {
        "units": await view_store.units(conn, booking_id),
        "lines": await view_store.lines(conn, order_id),
        "payments": await view_store.payments(conn, order_id),
        "refunds": await view_store.refunds(conn, order_id),
        "messages": await view_store.messages(conn, booking_id),
        "timeline": await view_store.timeline(conn, order_id),
    }


def _common(row: Row, parts: dict[str, list[Row]]) -> Row:
    return {
        "booking_id": row["booking_id"],
        "order_id": row["order_id"],
        "reference": row["reference"],
        "status": row["status"],
        "amount": row["amount"],
        "amount_paid": sum(one["captured"] for one in parts["payments"]),
        "amount_refunded": sum(
            one["amount"] for one in parts["refunds"] if one["status"] in {"pending", "succeeded"}
        ),
        "currency": row["currency"],
        "event": {
            "event_id": row["offering_id"],
            "title": row["title"],
            "venue": row["venue"],
            "starts_at": row["starts_at"],
            "time_zone": row["time_zone"],
        },
        "appointment": _appointment(row["appointment"]),
        "seats": row["seats"],
        "units": [_only(one, ("unit_id", "label", "seats", "amount")) for one in parts["units"]],
        "menu": [_only(one, MENU) for one in parts["lines"] if one["kind"] == "menu"],
        "adjustments": [
            _only(one, ("name", "amount")) for one in parts["lines"] if one["kind"] == "adjustment"
        ],
        "customer": {
            "name": row["contact_name"],
            "email": row["contact_email"],
            "phone": row["contact_phone"],
        },
        "created_at": row["created_at"],
        "payment_under_way": row["status"] == "pending" and row["payment_under_way"],
        "expires_at": row["expires_at"] if row["status"] in {"pending", "requested"} else None,
        "confirmed_at": row["confirmed_at"],
        "ended_at": row["ended_at"],
    }


def _appointment(row: Row | None) -> Row | None:
    if row is None:
        return None
    provider = {
        "provider_id": row["provider_id"],
        "name": row["provider_name"],
        "time_zone": row["provider_time_zone"],
    }
    return {"provider": provider, **_only(row, APPOINTMENT)}


APPOINTMENT = (
    "timing",
    "duration_minutes",
    "starts_at",
    "ends_at",
    "details_label",
    "details",
    "requested_at",
    "respond_by",
    "accepted_at",
    "decline_reason",
    "times_rescheduled",
    "most_reschedules",
    "reschedule_minutes",
    "refund_tiers",
)
MENU = ("item_id", "name", "category", "quantity", "unit_amount", "amount")


def _only(row: Row, names: tuple[str, ...]) -> Row:
    return {name: row[name] for name in names}


def _summed(lines: Iterable[Row]) -> list[Row]:
    sums: dict[tuple[str, str], int] = {}
    for line in lines:
        key = (line["category"], line["name"])
        sums[key] = sums.get(key, 0) + line["quantity"]
    return [{"name": name, "category": category, "quantity": n} for (category, name), n in sums.items()]
