"""Providers, their services and their hours are put in and changed.

Whoever changes hours holds the provider's row, as whoever takes a slot does: a slot is taken by the old hours or by the new
ones. What is booked stays booked: closing over it is allowed, and the answer names the bookings inside.
"""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

from holdfast.catalog.rules import refuse_unpayable
from holdfast.customers.rules import normalised_phone
from holdfast.database.connection import Connection
from holdfast.errors import Conflict, NotFound, ValidationFailed
from holdfast.ids import feed_token
from holdfast.providers import store
from holdfast.providers.rules import OpeningHours, Row, moment_of
from holdfast.providers.schemas import (
    MOST_EXCEPTION_DAYS,
    ExceptionIn,
    ProviderIn,
    ProviderPatch,
    ServiceIn,
    ServicePatch,
    SlotIn,
)
from holdfast.system import System
from holdfast.tenants import store as tenants

NO_PROVIDER = "There is no such provider."
NO_SERVICE = "This provider has no such service."
NO_EXCEPTION = "This provider has no such exception."


async def own_provider(
    conn: Connection, provider_id: int, tenant_id: int, bound_to: int | None = None
) -> Row:
    """A provider of this tenant, and of this key when it is bound to one (`bound_to`): any other does not exist for the
    caller. Raises NotFound."""
    found = await store.provider(conn, provider_id)
    if found is None or found["tenant_id"] != tenant_id or bound_to not in (None, provider_id):
        raise NotFound(NO_PROVIDER)
    return found


# ─── providers and services ─────────────────────────────────────────────────────────────────────────────────────────────


async def create_provider(conn: Connection, now: datetime, tenant_id: int, wanted: ProviderIn) -> int:
    """Says its id. Raises NotFound when there is no such tenant, ValidationFailed for a telephone number that is none."""
    tenant = await tenants.tenant_by_id(conn, tenant_id)
    if tenant is None:
        raise NotFound("There is no such tenant.")
    return await store.insert_provider(
        conn, now, tenant_id, {**provider_row(wanted, tenant), "provider_id": None}
    )


async def update_provider(conn: Connection, provider_id: int, patch: ProviderPatch) -> None:
    """Changes what was named. Another time zone moves the opening hours with it; what is booked stays where it is. Locks the
    provider. Raises NotFound, ValidationFailed."""
    before = await _lock(conn, provider_id)
    changes = patch.changes()
    if changes.get("phone") is not None:
        tenant = await tenants.tenant_by_id(conn, before["tenant_id"])
        assert tenant is not None  # the provider is its
        changes["phone"] = _phone(changes["phone"], tenant["region"])
    await store.update_provider(conn, provider_id, {**before, **changes})


async def create_service(
    conn: Connection, now: datetime, provider: Row, wanted: ServiceIn, *, hold_minutes: int
) -> int:
    """Says its offering's id. `provider` is its row; `hold_minutes` in minutes, where the service does not say. Raises
    ValidationFailed."""
    row = {**wanted.row(provider, hold_minutes=hold_minutes), "price": wanted.price, "offering_id": None}
    refuse_impossible_service(row)
    own = {"tenant_id": provider["tenant_id"], "provider_id": provider["provider_id"]}
    return await store.insert_service(conn, now, {**row, **own})


async def update_service(conn: Connection, provider_id: int, offering_id: int, patch: ServicePatch) -> None:
    """Changes what was named; orders keep what was agreed. Locks the offering. Raises NotFound when it is no service of this
    provider, Conflict for another `timing` while it is booked, ValidationFailed."""
    before = await store.lock_service(conn, offering_id)
    if before is None or before["provider_id"] != provider_id:
        raise NotFound(NO_SERVICE)
    await write_service(conn, before, {**before, **patch.changes()})


async def write_service(conn: Connection, before: Row, after: Row) -> None:
    """The caller holds the offering's lock. Raises Conflict, ValidationFailed."""
    refuse_impossible_service(after)
    for field, word in (("timing", "timing"), ("currency", "currency")):
        if after[field] != before[field] and await store.has_live_orders(conn, before["offering_id"]):
            raise Conflict(
                f"{before['title']} is booked; its {word} cannot be changed until that is over. Add another service."
            )
    await store.update_service(conn, before["offering_id"], after)


def refuse_impossible_service(row: Row) -> None:
    """Raises ValidationFailed for a price that cannot be paid in its currency, and for a sale that ends before it begins."""
    try:
        refuse_unpayable(row["price"], row["currency"])
    except ValueError as problem:
        raise ValidationFailed(f"{row['title']}: {problem}.") from None
    if row["on_sale_from"] and row["on_sale_until"] and row["on_sale_until"] <= row["on_sale_from"]:
        raise ValidationFailed("on_sale_until must be after on_sale_from.")


def provider_row(wanted: ProviderIn, tenant: Row) -> Row:
    """The columns; telephone numbers without a country code are read in the tenant's region. Raises ValidationFailed."""
    return {
        **{name: getattr(wanted, name) for name in ("name", "email", "about", "active")},
        "phone": _phone(wanted.phone, tenant["region"]) if wanted.phone else None,
        "time_zone": wanted.time_zone or tenant["time_zone"],
    }


def _phone(written: str, region: str) -> str:
    try:
        return normalised_phone(written, region)
    except ValidationFailed as problem:
        errors = [{"field": "phone", "problem": problem.detail}]
        raise ValidationFailed(problem.detail, errors=errors) from None


# ─── hours ──────────────────────────────────────────────────────────────────────────────────────────────────────────────


async def replace_hours(conn: Connection, provider_id: int, week: list[OpeningHours]) -> None:
    """The whole week's: what is not named is closed. Locks the provider. Raises NotFound."""
    provider = await _lock(conn, provider_id)
    await store.replace_hours(conn, provider["tenant_id"], provider_id, week)


async def add_exception(conn: Connection, now: datetime, provider_id: int, wanted: ExceptionIn) -> Row:
    """Closed, or open besides. Answers the exception and, in `bookings`, what is booked within a time that was closed: it
    stays booked until somebody cancels it. Locks the provider. Raises NotFound, ValidationFailed."""
    provider = await _lock(conn, provider_id)
    zone = provider["time_zone"]
    starts_at = moment_of(wanted.starts_at, zone, wanted.fold)
    ends_at = moment_of(wanted.ends_at, zone, wanted.fold)
    return await _except(conn, now, provider, wanted.kind, starts_at, ends_at, wanted.note)


async def add_slot(conn: Connection, now: datetime, provider_id: int, wanted: SlotIn) -> Row:
    """One slot outside of the week's hours. Locks the provider. Raises NotFound, ValidationFailed: for a service without
    slots, and for a time that clocks leave out."""
    provider = await _lock(conn, provider_id)
    starts_at = moment_of(wanted.starts_at, provider["time_zone"], wanted.fold)
    minutes = wanted.duration_minutes
    if wanted.offering_id is not None:
        service = await store.service(conn, wanted.offering_id)
        if service is None or service["provider_id"] != provider_id:
            raise NotFound(NO_SERVICE)
        if service["timing"] != "slot":
            raise ValidationFailed(f"{service['title']} has no slots.")
        minutes = service["duration_minutes"]
    assert minutes is not None  # SlotIn has seen to it
    ends_at = starts_at + timedelta(minutes=minutes)
    return await _except(conn, now, provider, "open", starts_at, ends_at, wanted.note)


async def remove_exception(conn: Connection, provider_id: int, exception_id: int) -> None:
    """Locks the provider. Raises NotFound."""
    await _lock(conn, provider_id)
    if not await store.delete_exception(conn, provider_id, exception_id):
        raise NotFound(NO_EXCEPTION)


async def _except(
    conn: Connection,
    now: datetime,
    provider: Row,
    kind: str,
    starts_at: datetime,
    ends_at: datetime,
    note: str,
) -> Row:
    if ends_at <= starts_at:
        raise ValidationFailed("ends_at must be after starts_at.")
    if ends_at <= now:
        raise ValidationFailed("This time is over.")
    if ends_at - starts_at > timedelta(days=MOST_EXCEPTION_DAYS):
        raise ValidationFailed(f"An exception has {MOST_EXCEPTION_DAYS} days at most.")
    row = {
        "tenant_id": provider["tenant_id"],
        "provider_id": provider["provider_id"],
        "kind": kind,
        "starts_at": starts_at,
        "ends_at": ends_at,
        "note": note,
    }
    exception_id = await store.insert_exception(conn, now, row)
    inside: list[dict[str, Any]] = []
    if kind == "closed":
        inside = await store.bookings_within(conn, provider["provider_id"], starts_at, ends_at)
    return {**row, "exception_id": exception_id, "bookings": inside}


async def _lock(conn: Connection, provider_id: int) -> Row:
    provider = await store.lock_provider(conn, provider_id)
    if provider is None:
        raise NotFound(NO_PROVIDER)
    return provider


# ─── the calendar feed ──────────────────────────────────────────────────────────────────────────────────────────────────


def feed_address(system: System, provider: Row) -> str:
    """Where the provider's calendar is; whoever has this address can read it."""
    token = feed_token(system.settings.secret_key, provider["provider_id"], provider["feed_version"])
    return f"{system.settings.public_url}/api/providers/{provider['provider_id']}/calendar.ics?token={token}"


async def new_feed_address(system: System, conn: Connection, provider: Row) -> str:
    """The old address is dead from now on."""
    version = await store.raise_feed_version(conn, provider["provider_id"])
    return feed_address(system, {**provider, "feed_version": version})
