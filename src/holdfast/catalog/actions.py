"""What is sold is put in, changed and taken off sale."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from pydantic import ValidationError

from holdfast.catalog import store
from holdfast.catalog.rules import Row, next_version, refuse_smaller_than_taken
from holdfast.catalog.schemas import (
    CatalogDocument,
    EventIn,
    EventPatch,
    EventWritten,
    event_row,
    item_rows,
    unit_rows,
)
from holdfast.database.connection import Connection
from holdfast.errors import Conflict, NotFound, ValidationFailed
from holdfast.messages.store import enqueue_moved
from holdfast.providers.loading import load_providers
from holdfast.tenants import store as tenants
from holdfast.web.problems import validation_problem

HOLD_MINUTES = 30  # where neither the event nor the setting says how long


@dataclass(frozen=True)
class LoadReport:
    """What loading a catalogue did. `events`, `providers`: the id of each, in its order. `created`, `updated`: how many events;
    of providers and their services `providers_created`, `providers_updated`."""

    tenant_id: int
    tenant: str
    events: list[int] = field(default_factory=list)
    created: int = 0
    updated: int = 0
    providers: list[int] = field(default_factory=list)
    providers_created: int = 0
    providers_updated: int = 0


async def load_catalog(
    conn: Connection, now: datetime, document: dict[str, Any], *, hold_minutes: int = HOLD_MINUTES
) -> LoadReport:
    """Puts a whole catalogue in, or brings it up to date: loading it twice is loading it once. The tenant is found by its
    slug, an event by its id or else by title and start, a unit by its label, an item by its name, providers and services as
    providers/loading.py says; what the document does not name stays. Raises ValidationFailed, and Conflict when a capacity
    would fall below what is taken."""
    return await put_catalog(conn, now, parsed_catalog(document), hold_minutes=hold_minutes)


async def put_catalog(
    conn: Connection, now: datetime, wanted: CatalogDocument, *, hold_minutes: int = HOLD_MINUTES
) -> LoadReport:
    """As load_catalog, of a document that was read already."""
    tenant = {**await _ensure_tenant(conn, now, wanted.tenant.model_dump()), "hold_minutes": hold_minutes}
    events, created = [], 0
    for written in wanted.events:
        event_id, is_new = await _load_event(conn, now, tenant, written)
        events.append(event_id)
        created += is_new
    loaded = await load_providers(conn, now, tenant, wanted.providers)
    return LoadReport(
        tenant["tenant_id"],
        tenant["slug"],
        events,
        created,
        len(events) - created,
        loaded.providers,
        loaded.created,
        loaded.updated,
    )


def parsed_catalog(document: dict[str, Any]) -> CatalogDocument:
    try:
        return CatalogDocument.model_validate(document)
    except ValidationError as problem:
        errors = [{**error, "loc": ("body", *error["loc"])} for error in problem.errors()]
        raise validation_problem(errors) from None


async def create_event(
    conn: Connection, now: datetime, tenant_id: int, wanted: EventIn, *, hold_minutes: int = HOLD_MINUTES
) -> int:
    """Says its id. Raises NotFound when there is no such tenant."""
    tenant = await tenants.tenant_by_id(conn, tenant_id)
    if tenant is None:
        raise NotFound("There is no such tenant.")
    row = event_row(wanted, {**tenant, "hold_minutes": hold_minutes}, now)
    event_id = await store.insert_event(
        conn, {**row, "offering_id": None, "tenant_id": tenant_id, "now": now}
    )
    await _write_parts(
        conn,
        tenant_id,
        event_id,
        unit_rows(wanted.units, row["currency"]),
        item_rows(wanted.menu, row["currency"]),
    )
    return event_id


async def update_event(
    conn: Connection, now: datetime, tenant_id: int, event_id: int, patch: EventPatch
) -> None:
    """Changes what was named. `status: closed` ends the sale, `cancelled` says that it does not take place; what is booked
    stays booked until somebody cancels it, and whoever has booked hears of a new time or place. Locks the event, then its
    units. Raises NotFound, Conflict, ValidationFailed."""
    before = await _lock_own_event(conn, tenant_id, event_id)
    after = {**before, **patch.changes()}
    if after["ends_at"] is not None and after["ends_at"] <= after["starts_at"]:
        raise ValidationFailed("ends_at must be after starts_at.")
    await _write_event(conn, now, before, after)
    currency = before["currency"]
    await _write_parts(
        conn, tenant_id, event_id, unit_rows(patch.units, currency), item_rows(patch.menu, currency)
    )


async def _lock_own_event(conn: Connection, tenant_id: int, event_id: int) -> Row:
    event = await store.lock_event(conn, event_id)
    if event is None or event["tenant_id"] != tenant_id:  # another tenant's does not exist for this one
        raise NotFound("There is no such event.")
    return event


async def _ensure_tenant(conn: Connection, now: datetime, row: Row) -> Row:
    made = await tenants.insert_tenant(conn, now, row)
    if made is not None:
        return made
    known = await tenants.lock_tenant(conn, row["slug"])
    assert known is not None  # the insert met it, and tenants are never deleted
    await tenants.update_tenant(conn, known["tenant_id"], row)
    return {**known, **row}


async def _load_event(
    conn: Connection, now: datetime, tenant: Row, written: EventWritten
) -> tuple[int, bool]:
    """Its id, and whether it is new."""
    row = event_row(written, tenant, now)
    before = await _find_event(conn, tenant, written, row["starts_at"])
    if before is None:
        new = {**row, "offering_id": written.id, "tenant_id": tenant["tenant_id"], "now": now}
        event_id = await store.insert_event(conn, new)
        if written.id is not None:
            await store.number_events_after(conn, written.id)
    else:
        event_id = before["offering_id"]
        await _update_loaded(conn, now, before, row, written)
    units, items = unit_rows(written.units, row["currency"]), item_rows(written.menu, row["currency"])
    await _write_parts(conn, tenant["tenant_id"], event_id, units, items)
    return event_id, before is None


async def _find_event(
    conn: Connection, tenant: Row, written: EventWritten, starts_at: datetime
) -> Row | None:
    if written.id is None:
        return await store.event_by_title(conn, tenant["tenant_id"], written.title, starts_at)
    found = await store.lock_event(conn, written.id)
    foreign = found is not None and found["tenant_id"] != tenant["tenant_id"]
    if foreign or await store.is_taken_by_another_kind(conn, written.id):
        raise Conflict(
            f"The id {written.id} belongs to something else on this installation; leave it out or choose another."
        )
    return found


async def _update_loaded(
    conn: Connection, now: datetime, before: Row, row: Row, written: EventWritten
) -> None:
    if row["currency"] != before["currency"] and await store.has_orders(conn, before["offering_id"]):
        raise Conflict(
            f"{before['title']} has orders in {before['currency']}; its currency cannot be changed any more."
        )
    if written.starts_in_days is not None:  # "in 35 days" was meant when it was first loaded
        row = {**row, "starts_at": before["starts_at"], "ends_at": before["ends_at"]}
    await _write_event(conn, now, before, row)


async def _write_event(conn: Connection, now: datetime, before: Row, after: Row) -> None:
    """A new version is news for everybody who has booked; the caller tells `work:messages` after the commit."""
    version = next_version(before, after)
    await store.update_event(conn, before["offering_id"], {**after, "version": version})
    if version > before["version"]:
        await enqueue_moved(conn, before["offering_id"], version, now)


async def _write_parts(
    conn: Connection, tenant_id: int, event_id: int, units: Sequence[Row], items: Sequence[Row]
) -> None:
    known = {unit["label"]: unit for unit in await store.lock_units(conn, event_id)} if units else {}
    for unit in units:
        if unit["label"] in known:
            refuse_smaller_than_taken(known[unit["label"]], unit["capacity"])
    kept = [{**unit, "unit_id": known[unit["label"]]["unit_id"]} for unit in units if unit["label"] in known]
    await store.update_units(conn, kept)
    await store.insert_units(
        conn, tenant_id, event_id, [unit for unit in units if unit["label"] not in known]
    )
    await store.upsert_menu(conn, tenant_id, event_id, items)
