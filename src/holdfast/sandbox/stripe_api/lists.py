"""Lists: newest first, with cursors. https://docs.stripe.com/api/pagination"""

from collections.abc import Mapping
from typing import Any, LiteralString

from holdfast.sandbox.ledger import Json, Row
from holdfast.sandbox.stripe_api.context import Call
from holdfast.sandbox.stripe_api.errors import invalid, missing_resource, unknown_parameter
from holdfast.sandbox.stripe_api.parameters import Fields, integer, list_of, text

LIMIT_DEFAULT, LIMIT_MOST = 10, 100
COMPARISONS: dict[str, LiteralString] = {"gt": ">", "gte": ">=", "lt": "<", "lte": "<="}
ID = text(255)


def created(value: Any, param: str) -> Any:
    """`created=5` or `created[gte]=5`."""
    if isinstance(value, str):
        return integer()(value, param)
    if not isinstance(value, dict):
        raise invalid("Invalid object", param)
    for name in value:
        if name not in COMPARISONS:
            raise unknown_parameter(f"{param}[{name}]")
    return {name: integer()(item, f"{param}[{name}]") for name, item in value.items()}


PAGE: Fields = {
    "limit": integer(1, LIMIT_MOST),
    "starting_after": ID,
    "ending_before": ID,
    "expand": list_of(text()),
}
LIST: Fields = {**PAGE, "created": created}


async def page(call: Call, kind: str, url: str, filters: Mapping[LiteralString, Any]) -> Json:
    """One page of objects of a kind; each filter is a condition with one placeholder and its value."""
    conditions: list[LiteralString] = ["type = %s", *filters]
    values: list[Any] = [kind, *filters.values()]
    for condition, value in _created(call.params.get("created")):
        conditions.append(condition)
        values.append(value)
    backwards = "ending_before" in call.params
    for name, comparison in (("starting_after", "seq < %s"), ("ending_before", "seq > %s")):
        if name in call.params:
            conditions.append(comparison)
            values.append(await _seq(call, kind, name))
    limit = call.params.get("limit", LIMIT_DEFAULT)
    where: LiteralString = " AND ".join(conditions)
    rows = await _rows(call, where, values, backwards, limit + 1)
    kept = rows[:limit]
    data = [row.body for row in (reversed(kept) if backwards else kept)]
    return {"object": "list", "data": data, "has_more": len(rows) > limit, "url": url}


def _created(wanted: Any) -> list[tuple[LiteralString, int]]:
    if wanted is None:
        return []
    if isinstance(wanted, int):
        return [("created = %s", wanted)]
    return [("created " + COMPARISONS[name] + " %s", value) for name, value in wanted.items()]


async def _seq(call: Call, kind: str, param: str) -> int:
    id = call.params[param]
    cursor = await call.ledger.connection.execute(
        "SELECT seq FROM sandbox.object WHERE id = %s AND type = %s", [id, kind]
    )
    row = await cursor.fetchone()
    if row is None:
        raise missing_resource(kind, id, param)
    return int(row["seq"])


async def _rows(
    call: Call, where: LiteralString, values: list[Any], backwards: bool, limit: int
) -> list[Row]:
    order: LiteralString = "ASC" if backwards else "DESC"
    query: LiteralString = "SELECT id, type, created, body FROM sandbox.object WHERE " + where  # noqa: S608
    query += " ORDER BY seq " + order + " LIMIT %s"
    cursor = await call.ledger.connection.execute(query, [*values, limit])
    return [Row(**row) for row in await cursor.fetchall()]


def slice_of(call: Call, items: list[Json], url: str) -> Json:
    """A page of a list that is small enough to sit in memory, in its own order."""
    start, end = 0, len(items)
    ids = [item["id"] for item in items]
    if "starting_after" in call.params:
        start = _index(ids, call.params["starting_after"], "starting_after") + 1
    if "ending_before" in call.params:
        end = _index(ids, call.params["ending_before"], "ending_before")
    limit = call.params.get("limit", LIMIT_DEFAULT)
    if "ending_before" in call.params:
        return {
            "object": "list",
            "data": items[max(0, end - limit) : end],
            "has_more": end > limit,
            "url": url,
        }
    return {
        "object": "list",
        "data": items[start : start + limit],
        "has_more": end - start > limit,
        "url": url,
    }


def _index(ids: list[str], wanted: str, param: str) -> int:
    if wanted not in ids:
        raise missing_resource("item", wanted, param)
    return ids.index(wanted)
