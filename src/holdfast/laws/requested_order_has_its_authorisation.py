"""A request that waits for its answer has its money authorised.

Why: a provider who says yes to nothing works for nothing.
Broken by: an authorisation that the bank, or somebody in Stripe's dashboard, let go; a status that was set by hand.
Prevented by: only evidence from Stripe makes an order `requested`, and evidence that its authorisation is gone ends it.
PostgreSQL: the authorisation is Stripe's; what is known of it lies in the attempt's evidence, another table's row.
Repair: Stripe is asked: either the authorisation is there, or the request is over and both are told.
Failure modes: F27, F28
"""

from __future__ import annotations

from holdfast.laws.law import Law, Severity
from holdfast.laws.request_repairs import settle_and_carry_out

LAW = Law(
    severity=Severity.MONEY,
    violations="""
        SELECT o.order_id AS subject, o.requested_at AS since, o.order_id, o.amount, o.currency, o.respond_by
          FROM bookings b JOIN orders o USING (order_id)
         WHERE b.status = 'requested' AND o.status = 'requested' AND o.amount > 0
           AND NOT EXISTS (SELECT FROM attempts a WHERE a.order_id = o.order_id
                              AND jsonb_path_exists(a.evidence, '$.intent.*.status ? (@ == "requires_capture")'))""",
    repair=settle_and_carry_out,
    breaks_with="""
        UPDATE attempts SET evidence = '{}' WHERE attempt_id = %(asked_attempt)s""",
)
