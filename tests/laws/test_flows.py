"""What the application itself writes, by any way that an evening can go, breaks no law: no false alarms."""

from __future__ import annotations

from datetime import timedelta
from typing import Any, cast

import pytest

from holdfast.bookings.actions import (
    HoldRequest,
    MenuQuantity,
    Placed,
    UnitSeats,
    open_checkout,
    place_booking,
)
from holdfast.bookings.cancelling import request_cancel
from holdfast.clock import ManualClock
from holdfast.laws.jobs import keep_laws
from holdfast.messages.jobs import send_due
from holdfast.payments.jobs import ask_about_due, let_due_lapse
from holdfast.payments.settle import settle_booking
from holdfast.refunds.jobs import ask_for_due
from holdfast.system import System
from tests.laws.test_repairs import pay
from tests.support.laws import assert_all_laws_hold
from tests.support.sandbox import Sandbox
from tests.support.world import SampleEvent, sample_event

pytestmark = pytest.mark.filterwarnings("ignore:Use 'content=:DeprecationWarning")


async def an_evening(system: System, **how: Any) -> SampleEvent:
    async with system.database.transaction() as conn:
        return await sample_event(conn, system.clock.now(), **how)


async def place(system: System, event: SampleEvent, seats: int = 2) -> Placed:
    menu = [MenuQuantity(item_id=event.item_ids[0], quantity=1)] if event.item_ids else []
    return await place_booking(
        system,
        HoldRequest(
            tenant_id=event.tenant_id,
            offering_id=event.offering_id,
            units=[UnitSeats(unit_id=event.unit_ids[0], seats=seats)],
            menu=menu,
            name="A Guest",
            email="guest@example.com",
            phone=None,
            source="page",
        ),
    )


async def work(system: System, **passing: float) -> None:
    """Time passes, and the worker does what is due."""
    cast(ManualClock, system.clock).advance(**passing)
    for job in (ask_about_due, let_due_lapse, ask_for_due, send_due):
        await job(system)
    await keep_laws(system)
    async with system.database.transaction() as conn:
        await assert_all_laws_hold(conn, system.clock.now())


async def status_of(system: System, placed: Placed) -> str:
    async with system.database.transaction() as conn:
        row = await (
            await conn.execute("SELECT status FROM bookings WHERE booking_id = %s", (placed.booking_id,))
        ).fetchone()
    assert row is not None
    return str(row["status"])


async def test_paid_and_confirmed(system: System, sandbox: Sandbox) -> None:
    placed = await place(system, await an_evening(system))
    await work(system, seconds=1)
    pay(sandbox, str(placed.checkout_session_id))
    await settle_booking(system, placed.booking_id, "page")
    await work(system, minutes=6)
    assert await status_of(system, placed) == "confirmed"


async def test_free(system: System, sandbox: Sandbox) -> None:
    placed = await place(system, await an_evening(system, price=0))
    await work(system, minutes=6)
    assert await status_of(system, placed) == "confirmed"


async def test_never_paid(system: System, sandbox: Sandbox) -> None:
    placed = await place(system, await an_evening(system))
    for _ in range(5):
        await work(system, minutes=12)
    assert await status_of(system, placed) == "expired"


async def test_cancelled_with_a_refund(system: System, sandbox: Sandbox) -> None:
    placed = await place(system, await an_evening(system))
    pay(sandbox, str(placed.checkout_session_id))
    await settle_booking(system, placed.booking_id, "page")
    await work(system, minutes=6)
    await request_cancel(system, placed.booking_id, "customer")
    for _ in range(3):
        await work(system, minutes=8)
    assert await status_of(system, placed) == "cancelled"


async def test_cancelled_too_late_for_a_refund(system: System, sandbox: Sandbox) -> None:
    placed = await place(system, await an_evening(system, starts_in=timedelta(hours=1)))
    pay(sandbox, str(placed.checkout_session_id))
    await settle_booking(system, placed.booking_id, "page")
    await work(system, minutes=6)
    await request_cancel(system, placed.booking_id, "customer")
    await work(system, minutes=20)
    assert await status_of(system, placed) == "cancelled"


async def test_cancelled_before_it_was_paid(system: System, sandbox: Sandbox) -> None:
    placed = await place(system, await an_evening(system))
    await request_cancel(system, placed.booking_id, "customer")
    await work(system, minutes=20)
    assert await status_of(system, placed) == "cancelled"


async def test_paid_after_the_hold_and_found_by_nobody_but_the_sweep(
    system: System, sandbox: Sandbox
) -> None:
    placed = await place(system, await an_evening(system))
    pay(sandbox, str(placed.checkout_session_id))
    await work(system, hours=2)
    await work(system, minutes=6)
    assert await status_of(system, placed) == "confirmed"


async def test_the_page_opened_again(system: System, sandbox: Sandbox) -> None:
    placed = await place(system, await an_evening(system))
    await open_checkout(system, placed.booking_id)
    await work(system, minutes=6)
    assert await status_of(system, placed) == "pending"
