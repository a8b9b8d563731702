"""Asking: the question becomes a row, and the answer is the same whoever asks and whatever there is.

Whether something is found is told to nobody but the address on record. The looking is done by the worker (lookup/jobs.py), after
the answer has left: so the time that the answer takes says nothing either, and a crash loses no question.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from holdfast.database.connection import Connection
from holdfast.errors import NotFound, RateLimited
from holdfast.lookup import rules, store
from holdfast.system import System
from holdfast.tenants.store import tenant_by_slug

HOUR = timedelta(hours=1)
TOO_OFTEN = (
    "This was asked five times within the hour. What is found is on its way by e-mail; "
    "nothing is gained by asking more often."
)
SAID = (
    "If we find a payment by this contact, its booking is put right and its link is on its way to you by e-mail within "
    "minutes. Should the bank not answer just now, we go on asking for a day, and a person of ours looks at it too. "
)


@dataclass(frozen=True)
class Question:
    """`paid` as it was typed, `amount` in minor units."""

    contact: str
    paid: str = ""
    amount: int | None = None
    card_last4: str = ""


async def tenant_asked(system: System, slug: str) -> dict[str, Any] | None:
    """Whose guests are asking; None where that is open: several businesses, and none was named. NotFound for an unknown one."""

    async def read(conn: Connection) -> dict[str, Any] | None:
        return await (tenant_by_slug(conn, slug) if slug else store.only_tenant(conn))

    tenant = await system.database.read(read)
    if slug and tenant is None:
        raise NotFound("There is no such business here.")
    return tenant


async def ask(system: System, question: Question, tenant: dict[str, Any] | None) -> str:
    """Writes the question down and says the sentence that is always said. ValidationFailed for what nobody could look for;
    RateLimited after five questions an hour for one contact, found or not."""
    region = tenant["region"] if tenant else system.settings.default_region
    contact, proof = rules.read(
        question.contact,
        region,
        paid=question.paid,
        amount=question.amount,
        card_last4=question.card_last4,
    )
    asked = rules.contact_hash(system.settings.secret_key, contact)
    now = system.clock.now()

    async def write(conn: Connection) -> None:
        await store.lock_contact(conn, asked)
        if await store.asked_since(conn, asked, now - HOUR) >= rules.ASKED_AN_HOUR:
            raise RateLimited(TOO_OFTEN, retry_after=int(HOUR.total_seconds()))
        await store.insert(
            conn,
            {
                "lookup_id": system.ids.new("lku"),
                "tenant_id": tenant["tenant_id"] if tenant else None,
                "contact": contact,
                "contact_hash": asked,
                "proof": proof,
                "now": now,
            },
        )

    await system.database.run(write)
    system.signals.tell("work:lookups")
    return sentence(tenant)


def sentence(tenant: dict[str, Any] | None) -> str:
    where = tenant["contact_email"] if tenant else None
    if where:
        return SAID + f"If nothing has come after ten minutes, write to us: {where}."
    return SAID + "If nothing has come after ten minutes, write to whom you booked with."
