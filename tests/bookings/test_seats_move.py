"""Seats that move with a booking: everybody reads where it sits now."""

from __future__ import annotations

from holdfast.bookings.actions import Placed
from holdfast.bookings.cancelling import request_cancel
from holdfast.database.connection import Connection
from holdfast.messages import store as messages
from tests.support.system import Stage


async def seated_from_the_reserve(stage: Stage) -> Placed:
    """Let go, its table sold to others, paid late: it sits at the organiser's reserve."""
    await stage.execute(
        """INSERT INTO units (tenant_id, offering_id, kind, label, capacity, price, buffer, position)
           SELECT tenant_id, offering_id, 'table', 'Reserve', 4, 8500, true, 9 FROM offerings"""
    )
    late = await stage.book(3)
    let_go = stage.clock.now()
    await stage.rows("SELECT release_claims(%s, %s)", late.booking_id, let_go)
    await stage.execute("UPDATE bookings SET ended_at = %s", let_go)
    await stage.execute("UPDATE orders SET status = 'expired'")
    await stage.execute("UPDATE attempts SET status = 'expired', ask_at = NULL, closed_at = %s", let_go)
    await stage.book(4, email="other@example.com")
    assert await stage.pay(late.checkout_session_id) == 303
    await stage.deliver()
    await stage.run_jobs()
    assert await stage.status(late) == "confirmed"
    return late


async def test_f13_the_mail_says_where_a_late_guest_sits_now(stage: Stage) -> None:
    late = await seated_from_the_reserve(stage)

    async def facts(conn: Connection) -> list[str]:
        [message] = await (
            await conn.execute(
                "SELECT message_id FROM messages WHERE booking_id = %s AND kind = 'booking_confirmed'",
                (late.booking_id,),
            )
        ).fetchall()
        found = await messages.facts_of(conn, [message["message_id"]])
        return [place["label"] for place in found[message["message_id"]]["places"]]

    assert await stage.system.database.read(facts) == ["Reserve"]
    await request_cancel(stage.system, late.booking_id, "customer")
    assert await stage.system.database.read(facts) == ["Table 1", "Reserve"]  # let go: all that it ever had
