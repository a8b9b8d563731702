"""Everything about one order belongs to one tenant.

Why: a row of another tenant shows one business's guests to another.
Broken by: code that takes the tenant from the wrong place; a restore.
Prevented by: foreign keys carry the tenant wherever both rows have one.
PostgreSQL: it refuses where a foreign key can say it; claims, lines, timeline and tasks have no such key,
    because they do not all have a tenant, or are older than their order.
Repair: none by machine.
Failure modes: F58
"""

from __future__ import annotations

from holdfast.laws.law import Law, Severity

LAW = Law(
    severity=Severity.BOOKING,
    violations="""
        SELECT found.order_id || ' ' || found.what AS subject, min(found.since) AS since, found.order_id, found.what,
               count(*) AS rows
          FROM (SELECT o.order_id, 'booking' AS what, b.created_at AS since
                  FROM orders o JOIN bookings b USING (order_id) WHERE b.tenant_id <> o.tenant_id
             UNION ALL
                SELECT o.order_id, 'offering', o.created_at
                  FROM orders o JOIN offerings f USING (offering_id) WHERE f.tenant_id <> o.tenant_id
             UNION ALL
                SELECT o.order_id, 'customer', o.created_at
                  FROM orders o JOIN customers c USING (customer_id) WHERE c.tenant_id <> o.tenant_id
             UNION ALL
                SELECT o.order_id, 'line', o.created_at
                  FROM orders o JOIN order_lines l USING (order_id) JOIN units u USING (unit_id) WHERE u.tenant_id <> o.tenant_id
             UNION ALL
                SELECT o.order_id, 'claim', o.created_at
                  FROM orders o JOIN bookings b USING (order_id) JOIN claims c USING (booking_id) JOIN units u USING (unit_id)
                 WHERE u.tenant_id <> o.tenant_id
             UNION ALL
                SELECT o.order_id, 'attempt', a.created_at
                  FROM orders o JOIN attempts a USING (order_id) WHERE a.tenant_id <> o.tenant_id
             UNION ALL
                SELECT o.order_id, 'payment', p.recorded_at
                  FROM orders o JOIN payments p USING (order_id) WHERE p.tenant_id <> o.tenant_id
             UNION ALL
                SELECT o.order_id, 'refund', r.created_at
                  FROM orders o JOIN refunds r USING (order_id) WHERE r.tenant_id <> o.tenant_id
             UNION ALL
                SELECT o.order_id, 'capture', c.created_at
                  FROM orders o JOIN captures c USING (order_id) WHERE c.tenant_id <> o.tenant_id
             UNION ALL
                SELECT o.order_id, 'link', l.created_at
                  FROM orders o JOIN action_links l USING (order_id) WHERE l.tenant_id <> o.tenant_id
             UNION ALL
                SELECT o.order_id, 'service', o.created_at
                  FROM orders o JOIN services s USING (offering_id) WHERE s.tenant_id <> o.tenant_id
             UNION ALL
                SELECT o.order_id, 'message', m.created_at
                  FROM orders o JOIN bookings b USING (order_id) JOIN messages m USING (booking_id)
                 WHERE m.tenant_id <> o.tenant_id
             UNION ALL
                SELECT o.order_id, 'task', t.created_at
                  FROM orders o JOIN tasks t USING (order_id) WHERE t.tenant_id <> o.tenant_id
             UNION ALL
                SELECT o.order_id, 'timeline', t.at
                  FROM orders o JOIN timeline t USING (order_id) WHERE t.tenant_id <> o.tenant_id) found
      GROUP BY found.order_id, found.what""",
    person_decides="find out which of the two it belongs to, and whether the other has seen it.",
    breaks_with="""
        INSERT INTO timeline (tenant_id, order_id, at, actor, what)
        VALUES (%(other_tenant)s, %(confirmed_order)s, %(now)s, 'worker', 'planted')""",
)
