"""Signing in by a link in an e-mail: asked for by anybody, sent to nobody but the provider's own address.

The answer is the same whether the address is known or not, and takes as long: one statement, and a commit that does not wait for
the disk. What PostgreSQL's own crash could so lose is a link, which is asked for again.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from holdfast.customers.rules import normalised_email
from holdfast.database.connection import Connection
from holdfast.errors import Conflict, NotFound
from holdfast.ids import action_token, link_of_token
from holdfast.providers import sign_in_store as store
from holdfast.system import System

LINK_LASTS = timedelta(minutes=15)
LINKS_AN_HOUR = 5  # of one provider
FROM_ONE_ADDRESS_A_MINUTE = 6
AT_MOST_PROVIDERS = 5  # that share one e-mail address
KEPT = timedelta(days=7)
LONGEST_TOKEN = 100
KIND = "provider_sign_in"

Row = dict[str, Any]


@dataclass(frozen=True)
class SignInLink:
    """`wrong` says why it opens nothing; empty: it does. `provider` is its row, None for a link that we did not make."""

    wrong: str
    provider: Row | None
    link_id: str = ""


UNKNOWN = "This link opens nothing. Perhaps it was cut off: copy all of it, up to its last letter."
USED = "This link was used already. Each opens the pages once; ask for a new one."
OVER = "This link is too old: each is good for fifteen minutes. Ask for a new one."


async def send_link(system: System, email: str) -> None:
    """A link to every provider with this address, at most five an hour; nothing for an address that is nobody's. Raises
    ValidationFailed for what is no address."""
    address = normalised_email(email)
    now = system.clock.now()

    async def write(conn: Connection) -> None:
        await store.do_not_wait_for_the_disk(conn)
        await store.insert_links(
            conn,
            address,
            link_ids=[system.ids.new("lnk") for _ in range(AT_MOST_PROVIDERS)],
            message_ids=[system.ids.new("msg") for _ in range(AT_MOST_PROVIDERS)],
            now=now,
            expires_at=now + LINK_LASTS,
            since=now - timedelta(hours=1),
            most=LINKS_AN_HOUR,
        )
        await store.forget_links(conn, now - KEPT)

    await system.database.run(write)
    system.signals.tell("work:messages")


def link_address(public_url: str, secret_key: str, link_id: str) -> str:
    return f"{public_url}/provider/sign-in/{action_token(secret_key, link_id)}"


async def look_at(system: System, token: str) -> SignInLink:
    """What a link is good for now. Changes nothing: mail programs open links to look at them."""
    link_id = link_of_token(system.settings.secret_key, token) if len(token) <= LONGEST_TOKEN else None
    row = await system.database.read(lambda conn: store.link(conn, link_id)) if link_id else None
    if row is None:
        return SignInLink(UNKNOWN, None)
    return SignInLink(_wrong(row, system.clock.now()), row, row["link_id"])


async def use_link(system: System, token: str) -> Row:
    """The provider who signs in by it, once. Raises NotFound for one that we did not make, Conflict for one that was used or is
    over."""
    seen = await look_at(system, token)
    if seen.provider is None:
        raise NotFound(seen.wrong)
    if seen.wrong:
        raise Conflict(seen.wrong)
    now = system.clock.now()
    if not await system.database.run(lambda conn: store.use(conn, seen.link_id, now)):
        raise Conflict(USED)  # two at once: the other one has it
    return seen.provider


def _wrong(row: Row, now: datetime) -> str:
    if row["used_at"] is not None:
        return USED
    return OVER if row["expires_at"] <= now else ""
