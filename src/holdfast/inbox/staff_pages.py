"""The inbox: every event that Stripe sent, what came of it, and replaying it."""

from __future__ import annotations

import json
from typing import Annotated, Any

from fastapi import APIRouter, Form, Query, Request, Response
from fastapi.responses import RedirectResponse

from holdfast.database.connection import Connection
from holdfast.errors import NotFound
from holdfast.inbox import board_store as store
from holdfast.inbox.actions import replay as make_due
from holdfast.inbox.rules import CANARY_TYPE
from holdfast.tenants.store import tenant_by_id
from holdfast.web.dependencies import TheSystem
from holdfast.web.rendering import render
from holdfast.web.staff_session import signed_in

PAGE = 100
MOST_REPLAYED = 100
LONGEST_QUERY = 200
STATES = {"waiting": "Not applied yet", "failed": "Tried in vain", "done": "Applied"}

Short = Annotated[str, Query(max_length=LONGEST_QUERY)]
Row = dict[str, Any]

router = APIRouter(include_in_schema=False, prefix="/staff/inbox")


@router.get("")
async def inbox(
    request: Request,
    system: TheSystem,
    state: Short = "",
    kind: Short = "",
    about: Short = "",
    replayed: Short = "",
) -> Response:
    staff = await signed_in(request, "admin")

    async def read(conn: Connection) -> tuple[list[Row], list[str], Row, Row | None]:
        chosen = state if state in STATES else None
        events = await store.events(
            conn,
            staff.tenant_id,
            state=chosen,
            kind=kind or None,
            about=about.strip() or None,
            before=None,
            limit=PAGE,
        )
        canaries = await store.canaries(conn)
        return events, await store.kinds(conn), canaries, await tenant_by_id(conn, staff.tenant_id)

    events, kinds, canaries, tenant = await system.database.read(read)
    asked = {"state": state, "kind": kind, "about": about}
    shown = [{**event, **_state(event)} for event in events]
    return render(
        request,
        "inbox/inbox.html",
        staff=staff,
        tenant=tenant,
        here="/staff/inbox",
        events=shown,
        kinds=kinds,
        canaries=canaries,
        canary_type=CANARY_TYPE,
        states=STATES,
        asked=asked,
        replayed=int(replayed) if replayed.isdecimal() and len(replayed) < 6 else None,
    )


@router.get("/{event_id}")
async def one_event(request: Request, system: TheSystem, event_id: str, replayed: Short = "") -> Response:
    staff = await signed_in(request, "admin")

    async def read(conn: Connection) -> tuple[Row | None, Row | None]:
        event = await store.event(conn, staff.tenant_id, event_id)
        return event, await tenant_by_id(conn, staff.tenant_id)

    event, tenant = await system.database.read(read)
    if event is None:
        raise NotFound("There is no such event in the inbox.")
    shown = {**event, **_state(event), "body": _readable(event["payload"])}
    return render(
        request,
        "inbox/event.html",
        staff=staff,
        tenant=tenant,
        here="/staff/inbox",
        event=shown,
        replayed=bool(replayed),
    )


@router.post("/replay")
async def replay(
    request: Request, system: TheSystem, event_id: Annotated[str, Form(max_length=255)] = ""
) -> Response:
    """One event again, or with no id everything that is not applied yet. Applying twice is applying once."""
    staff = await signed_in(request, "admin")

    async def read(conn: Connection) -> list[str]:
        if not event_id:
            return await store.waiting(conn, staff.tenant_id, None, MOST_REPLAYED)
        found = await store.event(conn, staff.tenant_id, event_id)
        return [event_id] if found else []

    ids = await system.database.read(read)
    if event_id and not ids:
        raise NotFound("There is no such event in the inbox.")
    due = await make_due(system, event_ids=ids) if ids else []
    address = f"/staff/inbox/{event_id}?replayed=1" if event_id else f"/staff/inbox?replayed={len(due)}"
    return RedirectResponse(address, 303)


def _state(event: Row) -> Row:
    if event["handled_at"] is not None:
        return {"state": (event["outcome"] or "applied").replace("_", " "), "state_kind": "good"}
    if event["error"]:
        return {"state": "tried in vain", "state_kind": "bad"}
    return {"state": "waiting", "state_kind": "wait"}


def _readable(payload: str) -> str:
    try:
        return json.dumps(json.loads(payload), indent=2, ensure_ascii=False)
    except ValueError:
        return payload
