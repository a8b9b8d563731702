"""Every order has its booking: made together in one transaction, refused otherwise at commit, and made again where a foreign
import, a hand or an old version left one out. These names are public: `from holdfast import ensure_booking_record`."""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import partial
from typing import Any

from holdfast.bookings import record_store, store
from holdfast.bookings.rules import LIVE
from holdfast.database.connection import Connection
from holdfast.errors import Conflict, NotFound
from holdfast.payments.store import lock_order
from holdfast.requests import telling
from holdfast.system import System
from holdfast.tasks.actions import open_task


@dataclass(frozen=True)
class FixReport:
    """`orders` are the live ones; of them `with_bookings` had theirs and `missing` had not; `fixed` have it now; `stuck` have it
    without seats, and a person decides."""

    orders: int
    with_bookings: int
    missing: int
    fixed: list[str] = field(default_factory=list)
    stuck: list[str] = field(default_factory=list)


async def ensure_booking_record(system: System, order_id: str, actor: str = "operator") -> str:
    """The id of the order's booking, made from its lines when it has none. Locks the order, then the provider of an appointment,
    then the units. Its seats, or its slot, are taken again when they are free; when they are not, the order becomes stuck and a
    person is told. Of a request that waits for an answer its provider is told. Raises NotFound."""

    async def work(conn: Connection) -> str:
        order = await record_store.order_without_booking(conn, order_id)
        if order is None:
            facts = await record_store.order_facts(conn, order_id)
            if facts is None or facts["booking_id"] is None:
                raise NotFound("There is no such live order.")
            return str(facts["booking_id"])
        return await _make_again(system, conn, order, actor)

    booking_id = await system.database.run(work)
    system.signals.tell("work:messages", f"booking:{booking_id}")
    return booking_id


async def _make_again(system: System, conn: Connection, order: dict[str, Any], actor: str) -> str:
    now = system.clock.now()
    order_id: str = order["order_id"]
    booking_id = await record_store.insert_lost_booking(conn, system, now, order)
    full = (
        await record_store.take_slot_again(conn, booking_id, order, now)
        if order["kind"] == "appointment"
        else await record_store.take_seats_again(conn, booking_id, order_id, now)
    )
    await store.tell(conn, order["tenant_id"], order_id, now, actor, "booking_made_again", seats_missing=full)
    if full is not None:
        await _stick(system, conn, order, full)
    elif order["status"] == "requested" and order["accepted_at"] is None:
        await _tell_provider(system, conn, order_id, actor)
    return booking_id


async def _tell_provider(system: System, conn: Connection, order_id: str, cause: str) -> None:
    """Puts the question to whoever has to answer a request into the outbox, with its link, once; the customer hears that it was
    sent, once."""
    order = await lock_order(conn, order_id)
    if order is not None and order["provider_id"] is not None:
        await telling.of_request(system, conn, order, order["respond_by"], cause)


async def ensure_bookings_of_provider(system: System, provider_id: int) -> list[str]:
    """The orders of one provider that had lost their booking and have it again; one query when there are none, as nearly always.
    For whoever reads a provider's requests (F01, F25). One that cannot be mended is left to its law, and keeps nobody from
    reading the others."""
    missing = await system.database.read(
        lambda conn: record_store.orders_of_provider_without_booking(conn, provider_id)
    )
    healed = []
    for order_id in missing:
        try:
            await ensure_booking_record(system, order_id, "worker")
        except NotFound:  # it ended meanwhile
            continue
        healed.append(order_id)
    return healed


async def create_booking_record(system: System, order_id: str, actor: str = "operator") -> str:
    """As ensure_booking_record, for an order that must not have one yet: Conflict when it has."""
    facts = await system.database.read(lambda conn: record_store.order_facts(conn, order_id))
    if facts is not None and facts["booking_id"] is not None:
        raise Conflict("This order has its booking.", booking_id=facts["booking_id"])
    return await ensure_booking_record(system, order_id, actor)


async def fix_missing_booking_records(
    system: System, order_id: str | None = None, actor: str = "operator"
) -> FixReport:
    """ensure_booking_record for every live order, or for one; running it again changes nothing. Raises NotFound for an
    order that is not there."""
    if (
        order_id is not None
        and await system.database.read(lambda conn: record_store.order_facts(conn, order_id)) is None
    ):
        raise NotFound("There is no such order.")
    counted = await system.database.read(lambda conn: record_store.count_orders(conn, order_id))
    missing = await system.database.read(lambda conn: record_store.orders_without_booking(conn, order_id))
    fixed: list[str] = []
    stuck: list[str] = []
    for missed in missing:
        await ensure_booking_record(system, missed, actor)
        facts = await system.database.read(partial(record_store.order_facts, order_id=missed))
        (stuck if facts and facts["status"] == "stuck" else fixed).append(missed)
    return FixReport(counted["orders"], counted["with_bookings"], len(missing), fixed, stuck)


async def validate_order_booking(system: System, order_id: str) -> list[str]:
    """What is wrong between an order and its booking, in sentences; empty when nothing is. Raises NotFound."""
    facts = await system.database.read(lambda conn: record_store.order_facts(conn, order_id))
    if facts is None:
        raise NotFound("There is no such order.")
    problems = []
    if facts["status"] in LIVE and facts["booking_id"] is None:
        problems.append(f"The order is {facts['status']} and has no booking.")
    if facts["booking_id"] is not None and facts["booking_status"] != facts["status"]:
        problems.append(f"The order is {facts['status']}, its booking {facts['booking_status']}.")
    if facts["lines"] != facts["amount"]:
        problems.append(f"Its lines add up to {facts['lines']}, not to {facts['amount']}.")
    if facts["status"] in LIVE and facts["booking_id"] is not None:
        problems += _seats_that_differ(facts)
    return problems


def _seats_that_differ(facts: dict[str, Any]) -> list[str]:
    if facts["kind"] != "appointment":
        same = facts["claimed"] == facts["seats"]
        return [] if same else [f"It is for {facts['seats']} guests and claims seats for {facts['claimed']}."]
    accepted = facts["accepted_at"] is not None or facts["status"] not in {"pending", "requested"}
    has_slot = facts["starts_at"] is not None and (facts["timing"] == "slot" or accepted)
    if has_slot == (facts["claimed"] == 1):
        return []
    return ["It has a time, and no slot for it." if has_slot else "It claims a slot that it should not have."]


async def _stick(system: System, conn: Connection, order: dict[str, Any], full: str) -> None:
    await store.move_order(conn, order["order_id"], "stuck", stuck_reason="seats_gone")
    missing = (
        f"its provider has something else at {full}: agree on another time, or refund it."
        if order["kind"] == "appointment"
        else f"{full} has no seats left for it: find other seats, or refund it."
    )
    await open_task(
        conn,
        system.ids,
        system.clock.now(),
        kind="stuck",
        subject=order["order_id"],
        sentence=f"Its booking was lost and made again, but {missing}",
        tenant_id=order["tenant_id"],
        order_id=order["order_id"],
    )
