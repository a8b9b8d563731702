"""Providers of a catalogue, put in or brought up to date: loading one twice is loading it once."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime

from holdfast.catalog.rules import price_in_minor_units
from holdfast.database.connection import Connection
from holdfast.errors import Conflict
from holdfast.providers import actions, store
from holdfast.providers.rules import Row
from holdfast.providers.written import ProviderWritten, ServiceWritten


@dataclass
class ProvidersLoaded:
    """`providers`: the id of each, in the catalogue's order. `created` and `updated` count providers and services."""

    providers: list[int] = field(default_factory=list)
    created: int = 0
    updated: int = 0


async def load_providers(
    conn: Connection, now: datetime, tenant: Row, wanted: Sequence[ProviderWritten]
) -> ProvidersLoaded:
    """A provider is found by its id or else by its name, a service by its id or else by its title; what the catalogue does not
    name stays. `tenant`: its row, with `hold_minutes`. Locks the providers, then their services. Raises ValidationFailed and
    Conflict."""
    loaded = ProvidersLoaded()
    for written in wanted:
        known = await _find(conn, tenant, written)
        provider_id = await _put(conn, now, tenant, written, known)
        provider = await store.provider(conn, provider_id)
        assert provider is not None  # just written
        for service in written.services:
            is_new = await _load_service(conn, now, provider, service, tenant["hold_minutes"])
            loaded.created, loaded.updated = loaded.created + is_new, loaded.updated + (not is_new)
        loaded.providers.append(provider_id)
        loaded.created, loaded.updated = (
            loaded.created + (known is None),
            loaded.updated + (known is not None),
        )
    return loaded


async def _find(conn: Connection, tenant: Row, written: ProviderWritten) -> Row | None:
    if written.id is None:
        found = await store.provider_by_name(conn, tenant["tenant_id"], written.name)
        return await store.lock_provider(conn, found["provider_id"]) if found else None
    found = await store.lock_provider(conn, written.id)
    if found is not None and found["tenant_id"] != tenant["tenant_id"]:
        raise Conflict(
            f"The provider's id {written.id} belongs to somebody else on this installation; leave it out or choose another."
        )
    return found


async def _put(
    conn: Connection, now: datetime, tenant: Row, written: ProviderWritten, known: Row | None
) -> int:
    row = actions.provider_row(written, tenant)
    if known is None:
        new = {**row, "provider_id": written.id}
        provider_id = await store.insert_provider(conn, now, tenant["tenant_id"], new)
        if written.id is not None:
            await store.number_providers_after(conn, written.id)
    else:
        provider_id = int(known["provider_id"])
        await store.update_provider(conn, provider_id, {**known, **row})
    if written.hours is not None:
        await store.replace_hours(conn, tenant["tenant_id"], provider_id, written.week)
    for exception in written.exceptions:
        if exception.in_days is not None and known is not None:
            continue  # "in three days" was meant when it was first loaded
        own = {"tenant_id": tenant["tenant_id"], "provider_id": provider_id}
        await store.insert_exception(conn, now, {**exception.row(now, row["time_zone"]), **own})
    return provider_id


async def _load_service(
    conn: Connection, now: datetime, provider: Row, written: ServiceWritten, hold_minutes: int
) -> bool:
    """Whether it is new."""
    row = written.row(provider, hold_minutes=hold_minutes)
    row["price"] = price_in_minor_units(written.price, row["currency"])
    before = await _find_service(conn, provider, written)
    if before is None:
        actions.refuse_impossible_service(row)
        own = {"tenant_id": provider["tenant_id"], "provider_id": provider["provider_id"]}
        await store.insert_service(conn, now, {**row, **own, "offering_id": written.id})
        if written.id is not None:
            await store.number_offerings_after(conn, written.id)
        return True
    await actions.write_service(conn, before, {**before, **row})
    return False


async def _find_service(conn: Connection, provider: Row, written: ServiceWritten) -> Row | None:
    if written.id is None:
        return await store.service_by_title(conn, provider["provider_id"], written.title)
    found = await store.lock_service(conn, written.id)
    foreign = found is not None and found["provider_id"] != provider["provider_id"]
    if foreign or await store.is_no_service(conn, written.id):
        raise Conflict(
            f"The id {written.id} belongs to something else on this installation; leave it out or choose another."
        )
    return found
