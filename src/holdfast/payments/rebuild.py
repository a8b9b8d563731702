"""Building an order that the database does not have: out of our signed snapshot, or out of another system's metadata."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any

from holdfast.bookings import store as bookings
from holdfast.bookings.rules import FreeUnit, choose_units
from holdfast.clock import from_unix
from holdfast.customers.rules import normalised_email, normalised_phone
from holdfast.database.connection import Connection
from holdfast.errors import ValidationFailed
from holdfast.ids import Ids, booking_token, sha256
from holdfast.payments import store
from holdfast.payments.foreign import ForeignOrder
from holdfast.payments.snapshot import Snapshot, SnapshotClaim, SnapshotLine
from holdfast.requests import store as requests
from holdfast.stripe_gateway.references import References
from holdfast.system import System

Row = dict[str, Any]


@dataclass(frozen=True)
class Plan:
    """An order to be written. `how` and `remarks` are told to the operator."""

    order_id: str
    booking_id: str
    attempt_id: str
    reference: str
    tenant_id: int
    offering_id: int
    amount: int
    currency: str
    source: str
    name: str
    email: str | None
    phone: str | None
    created_at: datetime | None
    expires_at: datetime | None  # None: there never was a hold, so nothing can be late
    lines: tuple[SnapshotLine, ...]
    claims: tuple[SnapshotClaim, ...]
    how: str
    remarks: tuple[str, ...] = field(default=())
    starts_at: datetime | None = None  # of an appointment
    details: str = ""
    on_request: bool = (
        False  # authorised first: rebuilt as a hold that still waits, so that its provider is asked
    )


async def from_snapshot(conn: Connection, snapshot: Snapshot) -> Plan | str:
    """The very same order, with its ids, reference and so its link. The catalogue must still know what was sold."""
    offering = await store.offering_for_rebuild(conn, snapshot.offering_id, snapshot.tenant)
    if offering is None:
        return "its signed metadata names an event that is not in the catalogue"
    on_request = offering["kind"] == "appointment"
    known = {
        row["unit_id"] for row in await bookings.units_by_name(conn, snapshot.offering_id, _ids(snapshot))
    }
    # A slot is no part of the catalogue: it is taken again by its time.
    if not on_request and not {claim.unit_id for claim in snapshot.claims} <= known:
        return "its signed metadata names tables that are not in the catalogue"
    lines, unlisted = await _lines_as_sold(conn, snapshot)
    return Plan(
        order_id=snapshot.order_id,
        booking_id=snapshot.booking_id,
        attempt_id=snapshot.attempt_id,
        reference=snapshot.reference,
        tenant_id=offering["tenant_id"],
        offering_id=snapshot.offering_id,
        amount=snapshot.amount,
        currency=snapshot.currency,
        source="rebuilt",
        name=snapshot.name,
        email=snapshot.email,
        phone=snapshot.phone,
        created_at=from_unix(snapshot.created),
        expires_at=from_unix(snapshot.expires),
        lines=lines,
        claims=() if on_request else snapshot.claims,
        starts_at=from_unix(snapshot.starts) if snapshot.starts else None,
        details=snapshot.details or "",
        on_request=on_request,
        how="rebuilt the order and its booking from the signed metadata",
        remarks=unlisted,
    )


async def _lines_as_sold(
    conn: Connection, snapshot: Snapshot
) -> tuple[tuple[SnapshotLine, ...], tuple[str, ...]]:
    """The lines at their prices, and a remark for each dish that the catalogue does not know (any more): it stays by its name,
    because the kitchen must hear of it."""
    wanted = [str(line.item_id) for line in snapshot.lines if line.item_id is not None]
    known = {row["item_id"] for row in await bookings.menu_by_name(conn, snapshot.offering_id, wanted)}
    unlisted = [line for line in snapshot.lines if line.item_id is not None and line.item_id not in known]
    lines = tuple(replace(line, item_id=None) if line in unlisted else line for line in snapshot.lines)
    return lines, tuple(
        f"not on this event's menu, noted for the kitchen as it was sold: {line.quantity} × {line.label}"
        for line in unlisted
    )


def _ids(snapshot: Snapshot) -> list[str]:
    return [str(claim.unit_id) for claim in snapshot.claims]


async def from_foreign(
    conn: Connection, ids: Ids, foreign: ForeignOrder, amount: int, currency: str, region: str
) -> Plan | str:
    """What another system sold: seats by our catalogue, at the sum that was paid there."""
    if foreign.event_id is None:
        return "its metadata names no event"
    offering = await store.offering_for_rebuild(conn, foreign.event_id, None)
    if offering is None or offering["kind"] != "event":
        return "its metadata names an event that is not in the catalogue"
    if offering["currency"] != currency:
        return f"it was paid in {currency}, and the event is sold in {offering['currency']}"
    if foreign.seats is None and not foreign.unit_names:
        return "; ".join(("its metadata names neither seats nor tables", *foreign.problems))
    try:
        email = normalised_email(foreign.email)
    except ValidationFailed:
        return "its metadata and the session name no usable e-mail address"
    seating = await _seating(conn, foreign)
    if isinstance(seating, str):
        return seating
    claims, unit_lines = seating
    menu_lines, unlisted = await _menu_lines(conn, foreign)
    lines = [*unit_lines, *menu_lines]
    difference = amount - sum(line.quantity * line.unit_amount for line in lines)
    if difference:
        lines.append(SnapshotLine("adjustment", "Price as agreed elsewhere", 1, difference))
    phone, phone_remark = _phone(foreign.phone, region)
    return Plan(
        order_id=ids.new("ord"),
        booking_id=ids.new("bkg"),
        attempt_id=ids.new("att"),
        reference=ids.reference(),
        tenant_id=offering["tenant_id"],
        offering_id=foreign.event_id,
        amount=amount,
        currency=currency,
        source="foreign",
        name=foreign.name[:120] or email.split("@")[0],
        email=email,
        phone=phone,
        created_at=None,
        expires_at=None,
        lines=tuple(lines),
        claims=tuple(claims),
        how="built the order and its booking from another system's metadata",
        remarks=(*unlisted, *phone_remark, *foreign.problems, *_price_remark(difference, currency)),
    )


async def _seating(
    conn: Connection, foreign: ForeignOrder
) -> tuple[list[SnapshotClaim], list[SnapshotLine]] | str:
    assert foreign.event_id is not None
    if foreign.unit_names:
        rows = await bookings.units_by_name(conn, foreign.event_id, list(foreign.unit_names))
        if len(rows) != len(set(foreign.unit_names)):
            return "its metadata names tables that are not in the catalogue"
    else:
        rows = await bookings.lock_free_units(conn, foreign.event_id, buffer=False)
    by_id = {row["unit_id"]: row for row in rows}
    free = [
        FreeUnit(row["unit_id"], row["label"], row["capacity"], row["free"], row["pricing"]) for row in rows
    ]
    # Named tables count with all their places: whether they are free is for the ladder to find out.
    named = [replace(unit, free=unit.capacity) for unit in free]
    seats = foreign.seats or sum(unit.capacity for unit in named)
    chosen = choose_units(free, seats) or choose_units(named, seats)
    if chosen is None:
        return (
            f"{seats} seats do not fit into the tables it names"
            if foreign.unit_names
            else f"the event has no {seats} seats"
        )
    claims, lines = [], []
    for unit, guests in chosen:
        whole = unit.pricing == "per_unit"
        claims.append(SnapshotClaim(unit.unit_id, unit.capacity if whole else guests, guests))
        price = by_id[unit.unit_id]["price"]
        lines.append(SnapshotLine("unit", unit.label, 1 if whole else guests, price, unit_id=unit.unit_id))
    return claims, lines


async def _menu_lines(conn: Connection, foreign: ForeignOrder) -> tuple[list[SnapshotLine], list[str]]:
    assert foreign.event_id is not None
    rows = await bookings.menu_by_name(conn, foreign.event_id, [item.name for item in foreign.menu])
    by_name = {str(row["item_id"]): row for row in rows} | {row["name"].lower(): row for row in rows}
    lines, unlisted = [], []
    for item in foreign.menu:
        row = by_name.get(item.name.lower())
        if row is None:
            # The kitchen must hear of it all the same: under its own name, at no price of ours.
            lines.append(SnapshotLine("menu", item.name, item.quantity, 0))
            unlisted.append(
                f"not on this event's menu, noted for the kitchen as it was written: {item.quantity} × {item.name}"
            )
        else:
            lines.append(
                SnapshotLine("menu", row["name"], item.quantity, row["price"], item_id=row["item_id"])
            )
    return lines, unlisted


def _phone(text: str, region: str) -> tuple[str | None, list[str]]:
    if not text:
        return None, []
    try:
        return normalised_phone(text, region), []
    except ValidationFailed:
        return None, ["its phone number cannot be called and was left out"]


def _price_remark(difference: int, currency: str) -> list[str]:
    if not difference:
        return []
    more = "more" if difference > 0 else "less"
    return [
        f"the sum paid is {abs(difference)} {currency} (minor units) {more} than our prices; it stands as it was agreed there"
    ]


async def write(system: System, conn: Connection, plan: Plan, named: References, actor: str) -> str:
    """Writes it as a hold that has lapsed, seats not taken; settling it in the same transaction takes them. Says the attempt.
    A UniqueViolation means that somebody else was here first."""
    now = system.clock.now()
    created = plan.created_at or now
    if await store.lock_order(conn, plan.order_id) is None:
        await _write_order(system, conn, plan, created, now)
        await bookings.tell(
            conn,
            plan.tenant_id,
            plan.order_id,
            now,
            actor,
            "rebuilt",
            how=plan.how,
            remarks=list(plan.remarks),
        )
    await store.insert_attempt(
        conn,
        {
            "attempt_id": plan.attempt_id,
            "order_id": plan.order_id,
            "tenant_id": plan.tenant_id,
            "kind": "checkout_session" if named.session_id else "payment_intent",
            "status": "open" if plan.on_request else "complete",
            "amount": plan.amount,
            "currency": plan.currency,
            "session_id": named.session_id,
            "created_at": created,
            "ask_at": now,
        },
    )
    return plan.attempt_id


async def _write_order(
    system: System, conn: Connection, plan: Plan, created: datetime, now: datetime
) -> None:
    customer_id = await bookings.upsert_customer(
        conn,
        {
            "customer_id": system.ids.new("cus"),
            "tenant_id": plan.tenant_id,
            "name": plan.name,
            "email": plan.email,
            "phone": plan.phone,
            "created_at": now,
        },
    )
    row = {
        "order_id": plan.order_id,
        "offering_id": plan.offering_id,
        "customer_id": customer_id,
        "status": "pending" if plan.on_request else "expired",
        "amount": plan.amount,
        "currency": plan.currency,
        "source": plan.source,
        "created_at": created,
    }
    await bookings.insert_order(conn, row)
    if plan.on_request:
        await requests.restore_request(conn, plan.order_id, plan.starts_at, plan.details)
    for number, line in enumerate(plan.lines, start=1):
        await bookings.insert_order_line(conn, _line_row(plan.order_id, number, line))
    token = booking_token(system.settings.secret_key, plan.booking_id)
    await bookings.insert_booking(
        conn,
        {
            "booking_id": plan.booking_id,
            "order_id": plan.order_id,
            "reference": plan.reference,
            "token_hash": sha256(token),
            "name": plan.name,
            "email": plan.email,
            "phone": plan.phone,
            "seats": 1 if plan.on_request else sum(claim.guests for claim in plan.claims),
            "metadata": {"recovered": plan.how},
            "created_at": created,
            "expires_at": plan.expires_at or (now if plan.on_request else None),
        },
    )
    for claim in plan.claims:
        await bookings.insert_claim(conn, plan.booking_id, claim.unit_id, claim.seats, claim.guests, now)


def _line_row(order_id: str, number: int, line: SnapshotLine) -> Row:
    return {
        "order_id": order_id,
        "line_no": number,
        "kind": line.kind,
        "unit_id": line.unit_id,
        "item_id": line.item_id,
        "label": line.label,
        "quantity": line.quantity,
        "unit_amount": line.unit_amount,
        "amount": line.quantity * line.unit_amount,
    }
