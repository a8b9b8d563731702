"""Two rows that are one person become one, and can become two again.

Nothing is deleted and nothing is lost: the row that goes stays, says into which it was merged, and keeps its address and its
number, by which customer_of (schema.sql) finds the one that was kept. What went over is written down row by row in
customer_merges. Undoing brings back exactly that, as far as it is still there; what came later belongs to the one that was
kept. Lock order: the merge, the customers by id, then their orders.
"""

from __future__ import annotations

from datetime import datetime
from typing import Any

from holdfast.customers import store
from holdfast.database.connection import Connection
from holdfast.errors import Conflict, NotFound, ValidationFailed
from holdfast.ids import Ids
from holdfast.system import System

NO_SUCH_CUSTOMER = "There is no such customer."


async def merge(system: System, tenant_id: int, kept_id: str, merged_id: str, actor: str) -> str:
    """`merged_id`'s orders, messages and answers are `kept_id`'s from now on; says the merge's id, by which it is undone. One
    transaction. NotFound: the tenant has no such customer. Conflict: one of them was merged already. ValidationFailed: they are
    the same."""
    now = system.clock.now()
    return await system.database.run(
        lambda conn: merge_rows(
            conn, system.ids, now, tenant_id=tenant_id, kept_id=kept_id, merged_id=merged_id, actor=actor
        )
    )


async def undo(system: System, tenant_id: int, merge_id: str, actor: str) -> str:
    """Two again; says the id of the customer that is back. One transaction. NotFound: the tenant has no such merge. Conflict: it
    was undone already, or somebody else is known by the number alone by now."""
    now = system.clock.now()
    return await system.database.run(lambda conn: _undo(conn, now, tenant_id, merge_id, actor))


async def join_by_contact(
    conn: Connection,
    ids: Ids,
    now: datetime,
    *,
    tenant_id: int,
    customer_id: str,
    phone: str | None,
    actor: str = "rule",
) -> str | None:
    """For whoever learns, in its own transaction, that a customer has this number: one that completes by e-mail a booking that
    an SMS to `phone` began. Who was known by that number alone is merged into the customer, whose own number it becomes when
    none is known. Says the merge's id, None when there was nothing to merge. `phone` is E.164. Two customers with e-mail
    addresses of their own are never merged by a machine: a household may share a number."""
    if not phone:
        return None
    alone = await store.alone_with_phone(conn, tenant_id, phone)
    if alone is not None and alone != customer_id:
        found = await store.lock_customers(conn, tenant_id, [customer_id, alone])
        if len(found) == 2 and all(row["merged_into"] is None for row in found.values()):
            return await merge_rows(
                conn, ids, now, tenant_id=tenant_id, kept_id=customer_id, merged_id=alone, actor=actor
            )
    await store.fill_in(conn, customer_id, "", phone)
    return None


async def merge_rows(
    conn: Connection, ids: Ids, now: datetime, *, tenant_id: int, kept_id: str, merged_id: str, actor: str
) -> str:
    """merge, inside the caller's transaction."""
    if kept_id == merged_id:
        raise ValidationFailed("Choose two different customers: this is one and the same.")
    found = await store.lock_customers(conn, tenant_id, [kept_id, merged_id])
    if len(found) < 2:
        raise NotFound(NO_SUCH_CUSTOMER)
    kept, merged = found[kept_id], found[merged_id]
    if kept["merged_into"] or merged["merged_into"]:
        raise Conflict("One of these two was joined to another customer already. Look at that one.")
    orders = await store.move_orders(conn, merged_id, kept_id)
    moved: dict[str, Any] = {
        "followers": await store.move_followers(conn, merged_id, kept_id),
        "orders": orders,
        "messages": await store.move_messages(conn, merged_id, kept_id),
        "answers": await store.move_answers(conn, merged_id, kept_id),
        "name": merged["name"] if not kept["name"] else None,
        "phone": merged["phone"] if not kept["phone"] else None,
    }
    await store.set_merged_into(conn, merged_id, kept_id)
    await store.fill_in(conn, kept_id, merged["name"], merged["phone"])
    merge_id = ids.new("mrg")
    await store.insert_merge(conn, now, merge_id, tenant_id, kept_id, merged_id, moved, actor)
    detail = {"from": merged_id, "to": kept_id, "merge_id": merge_id}
    await store.note_on_orders(conn, now, orders, actor, "customer_merged", detail)
    return merge_id


async def _undo(conn: Connection, now: datetime, tenant_id: int, merge_id: str, actor: str) -> str:
    done = await store.merge_row(conn, tenant_id, merge_id)
    if done is None:
        raise NotFound("There is no such merge of customers.")
    if done["undone_at"] is not None:
        raise Conflict("This was undone already.")
    kept_id, back_id, moved = done["kept_id"], done["merged_id"], done["moved"]
    found = await store.lock_customers(conn, tenant_id, [kept_id, back_id])
    # Whoever was kept may have been merged into a third one since: its rows are there now.
    holder = found[kept_id]["merged_into"] or kept_id
    back = found[back_id]
    if back["email"] is None:
        alone = await store.alone_with_phone(conn, tenant_id, back["phone"])
        if alone is not None and alone != kept_id:
            raise Conflict(
                f"Somebody else is known by this number alone by now ({alone}). Join that one first."
            )
    await store.take_away(conn, kept_id, moved.get("name"), moved.get("phone"))
    await store.set_merged_into(conn, back_id, None)
    await store.move_followers(conn, holder, back_id, moved.get("followers", []))
    orders = await store.move_orders(conn, holder, back_id, moved["orders"])
    await store.move_messages(conn, holder, back_id, moved["messages"])
    await store.move_answers(conn, holder, back_id, moved.get("answers", []))
    await store.mark_undone(conn, now, merge_id, actor)
    detail = {"from": holder, "to": back_id, "merge_id": merge_id}
    await store.note_on_orders(conn, now, orders, actor, "customer_merge_undone", detail)
    return str(back_id)
