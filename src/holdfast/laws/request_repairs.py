"""The repairs of requests and slots, by the doors that everybody goes through: Stripe is asked first, the order's lock is held,
and what has to leave the building is a row."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

from holdfast.bookings import store as bookings
from holdfast.database.connection import Connection
from holdfast.laws.law import Violation
from holdfast.laws.repairs import found_by, make_stuck, settle_order
from holdfast.payments import capture_store, store
from holdfast.payments.captures import carry_out_of_order
from holdfast.requests import telling
from holdfast.requests.expiry import decline_overdue
from holdfast.system import System
from holdfast.tasks.actions import open_task

ANSWERABLE = "requested"
LAST_DAY = timedelta(hours=24)


async def carry_out(system: System, violation: Violation, actor: str) -> str:
    """For violations whose subject is a capture: it is carried out, under the same key as ever. The worker keeps to its times.
    What came of it is read from its row."""
    await _carry_out(system, violation, actor)
    return await _told_by_capture(system, violation.subject)


async def _carry_out(system: System, violation: Violation, actor: str) -> None:
    order_id = violation.order_id
    assert order_id is not None  # every law of requests names the order
    if actor != "worker":
        async with system.database.transaction() as conn:
            await conn.execute(
                """UPDATE captures SET try_at = %(now)s
                    WHERE order_id = %(order)s AND status IN ('owed', 'asked') AND try_at > %(now)s""",
                {"now": system.clock.now(), "order": order_id},
            )
    await carry_out_of_order(system, order_id, found_by(actor))


async def _told_by_capture(system: System, capture_id: str) -> str:
    row = await system.database.read(lambda conn: _capture(conn, capture_id))
    assert row is not None  # captures are never deleted
    why = f" {row['failure']}" if row["failure"] else ""
    return f"To {row['action']} the authorisation: {row['status']}.{why}"


async def _capture(conn: Connection, capture_id: str) -> dict[str, Any] | None:
    return await (
        await conn.execute("SELECT * FROM captures WHERE capture_id = %s", (capture_id,))
    ).fetchone()


async def settle_and_carry_out(system: System, violation: Violation, actor: str) -> str:
    """Asks Stripe about every attempt of the order, which owes what has to be done about an authorisation, and does it. Raises
    StripeUnavailable: then it stays as it is."""
    said = await settle_order(system, violation, actor)
    await _carry_out(system, violation, actor)
    return said


async def capture_accepted(system: System, violation: Violation, actor: str) -> str:
    """An accepted request: its capture is owed when it is not, and carried out; then Stripe is asked what came of it."""
    now = system.clock.now()

    async def work(conn: Connection) -> bool:
        order = await store.lock_order(conn, violation.subject)
        if order is None or order["status"] != ANSWERABLE or order["accepted_at"] is None:
            return False
        attempt = await _authorised_attempt(conn, violation.subject)
        return attempt is not None and await capture_store.owe(
            conn, system.ids.new("cap"), attempt, "capture", "accepted", actor, now
        )

    owed = await system.database.run(work)
    await _carry_out(system, violation, actor)
    settled = await settle_order(system, violation, actor)
    return f"Its capture was missing and was made. {settled}" if owed else settled


async def _authorised_attempt(
    conn: Connection, order_id: str, lapsing_before: datetime | None = None
) -> str | None:
    row = await (
        await conn.execute(
            """SELECT attempt_id FROM attempts
                WHERE order_id = %s AND kind = 'payment_intent'
                  AND jsonb_path_exists(evidence, '$.intent.*.status ? (@ == "requires_capture")')
                  AND (%s::timestamptz IS NULL OR coalesce(capture_before < %s, true))
             ORDER BY created_at DESC, attempt_id LIMIT 1""",
            (order_id, lapsing_before, lapsing_before),
        )
    ).fetchone()
    return row["attempt_id"] if row else None


async def decline_now(system: System, violation: Violation, actor: str) -> str:
    """As the worker does with every request whose time to answer is over."""
    declined = await decline_overdue(system)
    await _carry_out(system, violation, actor)
    return f"{declined} overdue {'request was' if declined == 1 else 'requests were'} declined."


async def settle_before_it_lapses(system: System, violation: Violation, actor: str) -> str:
    """What the rules decide is done: an overdue request is declined, what is owed is carried out. What only a person can still
    answer in time is put before one."""
    await decline_overdue(system)
    await _carry_out(system, violation, actor)
    said = await settle_order(system, violation, actor)
    now = system.clock.now()

    async def work(conn: Connection) -> str:
        order = await store.lock_order(conn, violation.order_id or "")
        attempt = await _authorised_attempt(conn, violation.order_id or "", now + LAST_DAY)
        if order is None or attempt is None or order["status"] not in {"pending", "requested", "stuck"}:
            return said
        await open_task(
            conn,
            system.ids,
            now,
            kind="authorisation_lapses",
            subject=violation.subject,
            sentence="The card's authorisation of this request lapses within a day, and it is neither captured nor let go: "
            "accept or decline it.",
            tenant_id=order["tenant_id"],
            order_id=order["order_id"],
            detail=violation.detail,
        )
        return "It waits for its answer; a person was told."

    return await system.database.run(work)


async def tell_provider_now(system: System, violation: Violation, actor: str) -> str:
    """The message is written when it is missing; when every way to the provider has failed, a person is told."""
    now = system.clock.now()

    async def work(conn: Connection) -> str:
        order = await store.lock_order(conn, violation.order_id or "")
        if order is None or order["status"] != ANSWERABLE or order["accepted_at"] is not None:
            return "It was answered meanwhile."
        if not violation.detail["messages"]:
            await telling.of_request(system, conn, order, order["respond_by"], actor)
            return "Its provider had not been told; the message was written."
        await open_task(
            conn,
            system.ids,
            now,
            kind="provider_not_told",
            subject=violation.subject,
            sentence="A request waits, and no message reaches its provider. Tell them in another way, or answer it.",
            tenant_id=order["tenant_id"],
            order_id=order["order_id"],
        )
        return "Nothing reaches the provider; a person was told."

    sentence = await system.database.run(work)
    system.signals.tell("work:messages")
    return sentence


async def give_slot(system: System, violation: Violation, actor: str) -> str:
    """The time that was agreed is taken for the booking; when the provider has something else then, a person decides. Locks the
    order, then the provider, then the slot."""
    now = system.clock.now()

    async def work(conn: Connection) -> str:
        order = await store.lock_order(conn, violation.order_id or "")
        if order is None or await _slots_of(conn, violation.subject):
            return "It has its slot by now."
        return await _take(system, conn, order, now, actor)

    sentence = await system.database.run(work)
    system.signals.tell(f"availability:{violation.detail['offering_id']}", f"booking:{violation.subject}")
    return sentence


async def _slots_of(conn: Connection, booking_id: str) -> bool:
    claims = await bookings.claims_of_booking(conn, booking_id)
    return any(claim["released_at"] is None for claim in claims)


async def _take(system: System, conn: Connection, order: dict[str, Any], now: datetime, actor: str) -> str:
    row = await (
        await conn.execute(
            "SELECT take_slot(%s, %s, %s) AS taken",
            (order["booking_id"], order["offering_id"], order["starts_at"]),
        )
    ).fetchone()
    if row and row["taken"]:
        return "It has its slot again."
    sentence = "Its provider has something else at its time: agree on another time, or refund it."
    await make_stuck(system, conn, now, order, "seats_gone", sentence, actor)
    return "Its time was given away; a person decides."
