"""Whose event it is, remembered for a minute: placing a booking asks this first, and the answer hardly ever changes."""

from __future__ import annotations

from dataclasses import dataclass

from holdfast.catalog import store
from holdfast.catalog.views import NO_EVENT
from holdfast.clock import monotonic
from holdfast.errors import NotFound
from holdfast.system import System

KEPT_S = 60.0
MOST_KEPT = 1_000


@dataclass(frozen=True)
class Owner:
    tenant_id: int
    region: str  # how its guests' telephone numbers are read


class EventOwners:
    def __init__(self) -> None:
        self._known: dict[int, tuple[Owner, float]] = {}

    async def of(self, system: System, event_id: int) -> Owner:
        """Raises NotFound; that there is none is not remembered."""
        known = self._known.get(event_id)
        if known is not None and known[1] > monotonic():
            return known[0]
        row = await system.database.read(lambda conn: store.owner_of_event(conn, event_id))
        if row is None:
            raise NotFound(NO_EVENT)
        if len(self._known) >= MOST_KEPT:
            self._known.clear()
        owner = Owner(row["tenant_id"], row["region"])
        self._known[event_id] = (owner, monotonic() + KEPT_S)
        return owner
