"""A message is sent once.

Why: a guest who is told the same thing again and again stops reading, and asks what is going on.
Broken by: sending inside a transaction that is rolled back and repeated; a lease that is shorter than a
    slow mail server.
Prevented by: one row per kind and booking (unique), claimed under a lease, sent outside the transaction,
    its outcome kept.
PostgreSQL: it refuses a second row, not a second e-mail.
Repair: none by machine.
Failure modes: F67
"""

from __future__ import annotations

from holdfast.laws.law import Law, Severity

LAW = Law(
    severity=Severity.NOTICE,
    violations="""
        SELECT m.message_id AS subject, max(t.tried_at) AS since, b.order_id, m.kind, count(*) AS times
          FROM message_tries t JOIN messages m USING (message_id) LEFT JOIN bookings b USING (booking_id)
         WHERE t.outcome = 'sent' AND t.tried_at > %(now)s - interval '7 days'
      GROUP BY m.message_id, b.order_id
        HAVING count(*) > 1""",
    person_decides="it has left; look at the tries for why it was sent again.",
    breaks_with="""
        INSERT INTO message_tries (message_id, try_no, tried_at, outcome)
        VALUES (%(confirmed_message)s, 98, %(now)s, 'sent'), (%(confirmed_message)s, 99, %(now)s, 'sent')""",
)
