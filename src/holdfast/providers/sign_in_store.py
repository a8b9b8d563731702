"""The SQL of sign-in links, and of choosing among providers. One function, one statement."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from holdfast.database.connection import Connection

Row = dict[str, Any]


async def do_not_wait_for_the_disk(conn: Connection) -> None:
    """Until the transaction ends. Else a commit that wrote something takes longer than one that did not, and tells which."""
    await conn.execute("SET LOCAL synchronous_commit = off")


async def insert_links(
    conn: Connection,
    email: str,
    *,
    link_ids: Sequence[str],
    message_ids: Sequence[str],
    now: datetime,
    expires_at: datetime,
    since: datetime,
    most: int,
) -> None:
    """For every provider with this address, but for who has had `most` since then: a link, and the e-mail that brings it."""
    await conn.execute(
        """WITH known AS (
               SELECT p.provider_id, p.tenant_id, row_number() OVER (ORDER BY p.provider_id) AS place
                 FROM providers p
                WHERE lower(p.email) = %(email)s
                  AND (SELECT count(*) FROM action_links l
                        WHERE l.provider_id = p.provider_id AND l.purpose = 'provider_sign_in'
                          AND l.created_at > %(since)s) < %(most)s
             ORDER BY p.provider_id LIMIT cardinality(%(link_ids)s::text[])),
           made AS (
               INSERT INTO action_links (link_id, tenant_id, purpose, provider_id, created_at, expires_at)
               SELECT (%(link_ids)s::text[])[place], tenant_id, 'provider_sign_in', provider_id, %(now)s, %(expires_at)s
                 FROM known)
           INSERT INTO messages (message_id, tenant_id, kind, channel, recipient, params, unique_key, cause, status, try_at,
                                 created_at)
           SELECT (%(message_ids)s::text[])[place], tenant_id, 'provider_sign_in', 'email', %(email)s,
                  jsonb_build_object('link_id', (%(link_ids)s::text[])[place]),
                  'provider_sign_in:' || (%(link_ids)s::text[])[place], 'provider:' || provider_id, 'queued', %(now)s, %(now)s
             FROM known""",
        {
            "email": email,
            "link_ids": list(link_ids),
            "message_ids": list(message_ids),
            "now": now,
            "expires_at": expires_at,
            "since": since,
            "most": most,
        },
    )


async def forget_links(conn: Connection, before: datetime) -> None:
    await conn.execute(
        "DELETE FROM action_links WHERE purpose = 'provider_sign_in' AND created_at < %s", (before,)
    )


async def link(conn: Connection, link_id: str | None) -> Row | None:
    """With its provider's whole row."""
    found = await conn.execute(
        """SELECT p.*, l.link_id, l.expires_at, l.used_at FROM action_links l JOIN providers p USING (tenant_id, provider_id)
            WHERE l.link_id = %s AND l.purpose = 'provider_sign_in'""",
        (link_id,),
    )
    return await found.fetchone()


async def use(conn: Connection, link_id: str, now: datetime) -> bool:
    """False: it was used or is over. The row's lock decides between two at once."""
    done = await conn.execute(
        """UPDATE action_links SET used_at = %(now)s, used_for = 'signed_in'
            WHERE link_id = %(id)s AND used_at IS NULL AND expires_at > %(now)s""",
        {"id": link_id, "now": now},
    )
    return done.rowcount == 1


async def providers_to_choose(conn: Connection, tenant_id: int, limit: int) -> list[Row]:
    """The tenant's, with how many requests wait for each one's answer and until when the first of them."""
    found = await conn.execute(
        """SELECT p.provider_id, p.name, p.email, p.time_zone, p.active, count(o.order_id) AS open_requests,
                  min(o.respond_by) AS respond_by
             FROM providers p
             LEFT JOIN services s USING (tenant_id, provider_id)
             LEFT JOIN orders o ON o.offering_id = s.offering_id AND o.status = 'requested' AND o.accepted_at IS NULL
            WHERE p.tenant_id = %s
         GROUP BY p.provider_id ORDER BY p.active DESC, p.name, p.provider_id LIMIT %s""",
        (tenant_id, limit),
    )
    return await found.fetchall()
