"""An attempt that took money names the PaymentIntent of it, or of one of them when it was paid twice.

Why: refunds, disputes and questions come by the intent's id; where it is missing or another's, they do not
    find their order.
Broken by: a session whose intent was still unknown when it was made, and never read again; one intent for
    two orders.
Prevented by: the intent's id is taken from the evidence at every settling, and is unique in both tables.
PostgreSQL: the attempt's id may be unknown until the money is, so a foreign key on it would have to wait
    too.
Repair: the attempt takes over the id of its recorded payment when it has none; if it has another, a person
    looks.
Failure modes: F20, F32
"""

from __future__ import annotations

from holdfast.laws.law import Law, Severity, Violation
from holdfast.system import System


async def take_over_intent(system: System, violation: Violation, actor: str) -> str:
    async with system.database.transaction() as conn:
        await conn.execute("SELECT FROM orders WHERE order_id = %s FOR UPDATE", (violation.order_id,))
        changed = await conn.execute(
            """UPDATE attempts a SET payment_intent_id = p.payment_intent_id FROM payments p
                WHERE p.payment_id = %s AND a.attempt_id = p.attempt_id AND a.payment_intent_id IS NULL""",
            (violation.subject,),
        )
    return (
        "The attempt has its intent's id."
        if changed.rowcount
        else "They name two intents; a person has to look at Stripe."
    )


LAW = Law(
    severity=Severity.SERVICE,
    violations="""
        SELECT p.payment_id AS subject, p.recorded_at AS since, p.order_id, p.payment_intent_id, a.attempt_id,
               a.payment_intent_id AS attempts_intent
          FROM payments p JOIN attempts a USING (attempt_id)
         WHERE NOT EXISTS (SELECT FROM payments one
                            WHERE one.attempt_id = a.attempt_id AND one.payment_intent_id = a.payment_intent_id)""",
    repair=take_over_intent,
    breaks_with="""
        UPDATE attempts SET payment_intent_id = NULL WHERE attempt_id = %(confirmed_attempt)s""",
)
