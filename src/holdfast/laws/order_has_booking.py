"""A live order has its booking.

Why: an order without a booking is money, or the promise of money, for which nobody will be expected at the
    door.
Broken by: order and booking written in two transactions; a restore that left out a table; a row deleted by
    hand.
Prevented by: both are written by one SQL function in one transaction, and a deferred constraint trigger
    refuses the commit.
PostgreSQL: it does refuse this at every commit; not where triggers are off, as in a restore or a bulk load.
Repair: the booking is made again from the order's lines and its customer, with its seats if they are still
    free; if they are not, the order becomes stuck and a person decides.
Failure modes: F01, F25
"""

from __future__ import annotations

from holdfast.bookings.records import fix_missing_booking_records
from holdfast.laws.law import Law, Severity, Violation
from holdfast.system import System


async def give_booking(system: System, violation: Violation, actor: str) -> str:
    report = await fix_missing_booking_records(system, violation.subject, actor)
    if report.stuck:
        return "It has a booking again but no seats: they are taken. A person decides."
    return (
        "Its booking was made again from what was ordered." if report.fixed else "It has its booking by now."
    )


LAW = Law(
    severity=Severity.BOOKING,
    violations="""
        SELECT o.order_id AS subject, o.created_at AS since, o.order_id, o.status, o.amount, o.currency
          FROM orders o
         WHERE o.status IN ('pending', 'requested', 'confirmed', 'in_progress', 'completed')
           AND NOT EXISTS (SELECT FROM bookings b WHERE b.order_id = o.order_id)""",
    repair=give_booking,
    breaks_with="""
        SET LOCAL session_replication_role = replica;
        DELETE FROM message_tries WHERE message_id IN (SELECT message_id FROM messages WHERE booking_id = %(confirmed_booking)s);
        DELETE FROM messages WHERE booking_id = %(confirmed_booking)s;
        DELETE FROM claims WHERE booking_id = %(confirmed_booking)s;
        DELETE FROM bookings WHERE booking_id = %(confirmed_booking)s""",
)
