"""One request's view of the books: what it read, what it changed, what it has to tell.

A `Ledger` lives as long as one transaction. Objects are read once, changed in memory and written together at
the end, with the events that tell of them: an object and its event are never seen one without the other.
"""

from collections.abc import Callable
from copy import deepcopy
from dataclasses import dataclass, field
from typing import Any, LiteralString

from psycopg.types.json import Jsonb

from holdfast.sandbox.chance import Chance
from holdfast.sandbox.database import Connection

Json = dict[str, Any]
COLUMNS: LiteralString = "id, type, created, due_at, payment_intent, charge, body, hidden"


@dataclass
class Row:
    """An object as it stands in the ledger."""

    id: str
    type: str
    created: int
    body: Json
    hidden: Json = field(default_factory=dict)
    due_at: float | None = None
    payment_intent: str | None = None
    charge: str | None = None


@dataclass
class Told:
    """An event that this transaction tells, and the row it will be kept in."""

    row: Row
    kind: str


class Ledger:
    """`request_id` and `idempotency_key` are of the request that causes the changes, and go into the events.

    `authorised_for_s`: how long an authorisation made in this transaction can be captured.
    """

    def __init__(
        self,
        connection: Connection,
        now: int,
        chance: Chance,
        request_id: str | None = None,
        idempotency_key: str | None = None,
        authorised_for_s: float = 0,
    ) -> None:
        self.connection = connection
        self.now = now
        self.chance = chance
        self.request_id = request_id
        self.idempotency_key = idempotency_key
        self.authorised_for_s = authorised_for_s
        self.rows: dict[str, Row] = {}
        self.locked: set[str] = set()
        self.new: dict[str, Row] = {}
        self.changed: dict[str, Row] = {}
        self.told: list[Told] = []
        self.earliest_due: float | None = None

    async def find(self, id: str, lock: bool = False) -> Row | None:
        """The object of that id. A lock holds every other change of it off until this transaction ends."""
        if id in self.rows and (not lock or id in self.locked or id in self.new):
            return self.rows[id]
        query: LiteralString = "SELECT " + COLUMNS + " FROM sandbox.object WHERE id = %s"  # noqa: S608 - constants
        cursor = await self.connection.execute(query + (" FOR UPDATE" if lock else ""), [id])
        found = await cursor.fetchone()
        if found is None:
            return None
        if lock:
            self.locked.add(id)
        self.rows[id] = Row(**found)
        return self.rows[id]

    async def get(self, id: str, lock: bool = False) -> Row:
        """As `find`, for an object that must be there because another one points to it."""
        row = await self.find(id, lock)
        if row is None:
            raise LookupError(f"the ledger has lost {id}")
        return row

    async def select(self, where: LiteralString, *values: Any) -> list[Row]:
        """Rows in the order of their making. What this transaction has changed itself is seen as changed."""
        await self.write()
        query: LiteralString = "SELECT " + COLUMNS + " FROM sandbox.object WHERE " + where  # noqa: S608 - constants
        query += " ORDER BY seq"
        cursor = await self.connection.execute(query, values)
        found = [Row(**row) for row in await cursor.fetchall()]
        return [self.rows.setdefault(row.id, row) for row in found]

    def add(self, row: Row) -> Row:
        self.rows[row.id] = row
        self.new[row.id] = row
        return row

    def save(self, row: Row) -> None:
        if row.id not in self.new:
            self.changed[row.id] = row

    def tell(self, kind: str, about: Row, previous: Json | None = None) -> None:
        """An event about an object as it is now. https://docs.stripe.com/api/events/object"""
        id = self.chance.id("evt")
        data: Json = {"object": deepcopy(about.body)}
        if previous is not None:
            data["previous_attributes"] = previous
        body: Json = {
            "id": id,
            "object": "event",
            "account": None,
            "api_version": None,
            "context": None,
            "created": self.now,
            "data": data,
            "livemode": False,
            "pending_webhooks": 0,
            "request": {"id": self.request_id, "idempotency_key": self.idempotency_key},
            "type": kind,
        }
        self.told.append(Told(Row(id, "event", self.now, body), kind))

    def update(self, row: Row, **values: Any) -> Json:
        """Change fields of an object; returns what they were, as `previous_attributes` wants it."""
        before = {
            name: deepcopy(row.body.get(name))
            for name, value in values.items()
            if row.body.get(name) != value
        }
        row.body.update(values)
        self.save(row)
        return before

    async def write(self) -> None:
        """Put what is new and what has changed into the transaction."""
        dues = [row.due_at for row in (*self.new.values(), *self.changed.values()) if row.due_at is not None]
        self.earliest_due = min(
            [*dues, *([] if self.earliest_due is None else [self.earliest_due])], default=None
        )
        async with self.connection.cursor() as cursor:
            if self.new:
                await cursor.executemany(INSERT, [_values(row) for row in self.new.values()])
            if self.changed:
                await cursor.executemany(UPDATE, [_changes(row) for row in self.changed.values()])
        self.new.clear()
        self.changed.clear()

    async def write_events(self, keep: Callable[[Told], bool], api_version: str) -> list[Told]:
        """Store the events in the order in which they were told; those that `keep` refuses never come to be."""
        kept = [told for told in self.told if keep(told)]
        for told in kept:
            told.row.body["api_version"] = api_version
            self.add(told.row)
        self.told.clear()
        await self.write()
        return kept


INSERT = (
    "INSERT INTO sandbox.object (id, type, created, due_at, payment_intent, charge, body, hidden) "
    "VALUES (%s, %s, %s, %s, %s, %s, %s, %s)"
)
UPDATE = "UPDATE sandbox.object SET due_at = %s, payment_intent = %s, charge = %s, body = %s, hidden = %s WHERE id = %s"


def _values(row: Row) -> list[Any]:
    return [
        row.id,
        row.type,
        row.created,
        row.due_at,
        row.payment_intent,
        row.charge,
        Jsonb(row.body),
        Jsonb(row.hidden),
    ]


def _changes(row: Row) -> list[Any]:
    return [row.due_at, row.payment_intent, row.charge, Jsonb(row.body), Jsonb(row.hidden), row.id]
