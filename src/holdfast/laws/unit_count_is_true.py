"""A unit's count of taken seats is the sum of its live claims.

Why: too high, and seats stay empty that somebody wanted; too low, and the next guest is sold a seat that is
    taken.
Broken by: a row changed by hand; a restore of one table; code that moves one without the other.
Prevented by: counter and claims are moved by the same SQL functions, in one transaction, under the unit's
    lock.
PostgreSQL: a sum over another table's rows is no CHECK; a trigger that adds it up at each claim would make
    a hot event's every booking wait for a count of all the others.
Repair: the count is set to the sum, under the unit's lock, and how far it was off is kept.
Failure modes: F38, F40, F41
"""

from __future__ import annotations

from holdfast.database.connection import Connection
from holdfast.laws.law import Law, Severity, Violation
from holdfast.system import System


async def recount(system: System, violation: Violation, actor: str) -> str:
    """Locks the unit alone; whoever books it waits for this one statement."""

    async def work(conn: Connection) -> str:
        unit = await (
            await conn.execute(
                "SELECT * FROM units WHERE unit_id = %s FOR NO KEY UPDATE", (int(violation.subject),)
            )
        ).fetchone()
        counted = await (
            await conn.execute(
                "SELECT coalesce(sum(seats), 0) AS seats FROM claims WHERE unit_id = %s AND released_at IS NULL",
                (int(violation.subject),),
            )
        ).fetchone()
        assert unit is not None  # units are never deleted
        assert counted is not None
        if counted["seats"] > unit["capacity"]:
            return f"{unit['label']} has {counted['seats']} seats promised of {unit['capacity']}: see unit_is_not_oversold."
        await conn.execute(
            "UPDATE units SET taken = %s WHERE unit_id = %s", (counted["seats"], unit["unit_id"])
        )
        return f"The count of {unit['label']} was {unit['taken']} and is {counted['seats']}."

    sentence = await system.database.run(work)
    system.signals.tell(f"availability:{violation.detail['offering_id']}")
    return sentence


LAW = Law(
    severity=Severity.BOOKING,
    violations="""
        SELECT u.unit_id::text AS subject, NULL::timestamptz AS since, u.label, u.offering_id, u.capacity, u.taken,
               coalesce(c.seats, 0) AS claimed
          FROM units u
     LEFT JOIN (SELECT unit_id, sum(seats) AS seats FROM claims WHERE released_at IS NULL GROUP BY unit_id) c USING (unit_id)
         WHERE u.taken <> coalesce(c.seats, 0)""",
    repair=recount,
    breaks_with="""
        UPDATE units SET taken = taken + 1 WHERE unit_id = %(unit)s""",
)
