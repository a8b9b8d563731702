"""Providers, services, hours and slots as JSON."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from holdfast.clock import rfc3339
from holdfast.database.connection import Connection
from holdfast.errors import NotFound
from holdfast.providers import store
from holdfast.providers.actions import NO_PROVIDER
from holdfast.providers.rules import Row, slot_id

SERVICE_FIELDS = (
    "offering_id",
    "title",
    "description",
    "venue",
    "status",
    "currency",
    "price",
    "hold_minutes",
    "refund_tiers",
    "timing",
    "duration_minutes",
    "step_minutes",
    "buffer_before_minutes",
    "buffer_after_minutes",
    "lead_minutes",
    "horizon_days",
    "respond_minutes",
    "reschedule_minutes",
    "most_reschedules",
    "details_label",
)


async def public_provider(conn: Connection, provider_id: int) -> dict[str, Any]:
    """With what is on sale. Raises NotFound, for one who takes no bookings too."""
    provider = await store.provider(conn, provider_id)
    if provider is None or not provider["active"]:
        raise NotFound(NO_PROVIDER)
    services = [one for one in await store.services_of(conn, provider_id) if one["status"] == "on_sale"]
    return {
        **provider_json(provider),
        "services": [service_json(one) for one in services],
        "opening_hours": await store.hours_of(conn, provider_id),
    }


async def staff_provider(conn: Connection, provider: Row) -> dict[str, Any]:
    """All of it: how to reach the provider, drafts and what is closed. `provider` is its row."""
    services = await store.services_of(conn, provider["provider_id"])
    return {
        **staff_provider_json(provider),
        "services": [staff_service_json(one) for one in services],
        "opening_hours": await store.hours_of(conn, provider["provider_id"]),
    }


def provider_json(provider: Row) -> dict[str, Any]:
    """What anybody may know: neither e-mail address nor telephone number."""
    return {name: provider[name] for name in ("provider_id", "tenant", "name", "about", "time_zone")}


def staff_provider_json(provider: Row) -> dict[str, Any]:
    return {**provider_json(provider), **{name: provider[name] for name in ("email", "phone", "active")}}


def service_json(service: Row) -> dict[str, Any]:
    return {**{name: service[name] for name in SERVICE_FIELDS}, "kind": "appointment"}


def staff_service_json(service: Row) -> dict[str, Any]:
    return {
        **service_json(service),
        **{n: rfc3339(service[n]) if service[n] else None for n in ("on_sale_from", "on_sale_until")},
    }


def slot_json(slot: Row) -> dict[str, Any]:
    """Of a row with offering_id, starts_at, ends_at."""
    return {
        "slot_id": slot_id(slot["offering_id"], slot["starts_at"]),
        "offering_id": slot["offering_id"],
        "starts_at": rfc3339(slot["starts_at"]),
        "ends_at": rfc3339(slot["ends_at"]),
    }


def exception_json(exception: Row) -> dict[str, Any]:
    return {
        "exception_id": exception["exception_id"],
        "kind": exception["kind"],
        "starts_at": rfc3339(exception["starts_at"]),
        "ends_at": rfc3339(exception["ends_at"]),
        "note": exception["note"],
    }


def closed_over_json(bookings: Iterable[Row]) -> list[dict[str, Any]]:
    """Bookings within a time that was closed."""
    return [
        {
            **{name: one[name] for name in ("booking_id", "reference", "status", "name", "title")},
            "starts_at": rfc3339(one["starts_at"]),
            "ends_at": rfc3339(one["ends_at"]),
        }
        for one in bookings
    ]
