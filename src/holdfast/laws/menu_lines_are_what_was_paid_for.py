"""The lines of an order add up to its amount, and every dish in it belongs to that evening.

Why: the kitchen cooks what the lines say, and the guest paid what the order says; they must be one thing.
Broken by: a line written, changed or lost after the order; a dish of another event.
Prevented by: order and lines are written by one function, and a deferred constraint trigger adds them up at
    commit.
PostgreSQL: it adds up whenever the order changes; a trigger on each line too would add up once per line of
    a big party, for a table that nobody ever updates. That a dish belongs to the order's offering spans
    three tables.
Repair: none by machine.
Failure modes: F21
"""

from __future__ import annotations

from holdfast.laws.law import Law, Severity

LAW = Law(
    severity=Severity.MONEY,
    violations="""
        SELECT o.order_id AS subject, o.created_at AS since, o.order_id, o.amount, o.currency, coalesce(l.summed, 0) AS lines,
               coalesce(l.foreign_items, 0) AS foreign_items
          FROM orders o
     LEFT JOIN (SELECT l.order_id, sum(l.amount) AS summed, count(*) FILTER (WHERE l.amount < 0
            AND l.kind <> 'adjustment') AS odd,
                       count(*) FILTER (WHERE m.offering_id <> oo.offering_id) AS foreign_items
                  FROM order_lines l
                  JOIN orders oo USING (order_id)
             LEFT JOIN menu_items m USING (item_id)
              GROUP BY l.order_id) l USING (order_id)
         WHERE coalesce(l.summed, 0) <> o.amount OR l.odd > 0 OR l.foreign_items > 0""",
    person_decides="ask the guest what was ordered; the payment at Stripe shows what was agreed.",
    breaks_with="""
        DELETE FROM order_lines WHERE order_id = %(confirmed_order)s AND kind = 'menu'""",
)
