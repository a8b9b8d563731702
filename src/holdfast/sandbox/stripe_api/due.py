"""What time does by itself: sessions expire, debits settle, refunds come back, authorisations lapse."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING

from holdfast.sandbox.ledger import Ledger, Row
from holdfast.sandbox.stripe_api import charging, refunds, sessions
from holdfast.sandbox.stripe_api.errors import StripeFault

if TYPE_CHECKING:
    from holdfast.sandbox.world import World

LOG = logging.getLogger(__name__)
BATCH = 200
PUT_OFF_S = 60


async def run(world: World) -> int:
    """Everything that is due by the sandbox's clock, oldest first; returns how many objects were looked at."""
    done = 0
    while ids := await _due(world):
        for id, kind in ids:
            try:
                async with world.transaction() as ledger:
                    await _happen(ledger, id, kind, world.clock.now())
            except (LookupError, StripeFault, KeyError):
                LOG.exception("%s is due, and what should happen to it cannot", id)
                await _put_off(world, id)
        done += len(ids)
    return done


async def _due(world: World) -> list[tuple[str, str]]:
    async with world.pool.connection() as connection:
        cursor = await connection.execute(
            "SELECT id, type FROM sandbox.object WHERE due_at <= %s ORDER BY due_at, seq LIMIT %s",
            [world.clock.now(), BATCH],
        )
        return [(row["id"], row["type"]) for row in await cursor.fetchall()]


async def _put_off(world: World, id: str) -> None:
    """One object in disorder (its payment is gone, say) must not stop time for all the others."""
    async with world.pool.connection() as connection:
        await connection.execute(
            "UPDATE sandbox.object SET due_at = %s WHERE id = %s", [world.clock.now() + PUT_OFF_S, id]
        )


async def _happen(ledger: Ledger, id: str, kind: str, now: float) -> None:
    if kind == "checkout.session":
        await _expire(ledger, await ledger.get(id, lock=True), now)
    elif kind == "charge":
        await sessions.settle_debit(ledger, id)
    elif kind == "refund":
        row, charge = await refunds.locked(ledger, id)
        if row.due_at is not None and row.due_at <= now:
            refunds.settle(ledger, row, charge, row.hidden["becomes"])
    elif kind == "payment_intent":
        await _lapse(ledger, id, now)


async def _expire(ledger: Ledger, row: Row, now: float) -> None:
    if row.due_at is None or row.due_at > now:
        return
    if row.body["status"] == "open":
        await sessions.make_expired(ledger, row)
    else:
        row.due_at = None
        ledger.save(row)


async def _lapse(ledger: Ledger, id: str, now: float) -> None:
    """Nobody captured in time: the bank has let the money go."""
    _, intent = await charging.locked_intent(ledger, id)
    if intent is None or intent.due_at is None or intent.due_at > now:
        return
    charge = await ledger.get(intent.body["latest_charge"], lock=True)
    charging.lapse(ledger, intent, charge)
