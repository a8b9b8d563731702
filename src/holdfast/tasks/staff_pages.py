"""What only a person can decide, the oldest first."""

from __future__ import annotations

from typing import Any

from fastapi import APIRouter, Request, Response
from fastapi.responses import RedirectResponse

from holdfast.database.connection import Connection
from holdfast.errors import NotFound
from holdfast.tasks.actions import close_task, open_tasks
from holdfast.tenants.store import tenant_by_id
from holdfast.web.dependencies import TheSystem
from holdfast.web.rendering import render
from holdfast.web.staff_session import signed_in

Row = dict[str, Any]

router = APIRouter(include_in_schema=False, prefix="/staff/tasks")


@router.get("")
async def tasks(request: Request, system: TheSystem) -> Response:
    staff = await signed_in(request, "admin")

    async def read(conn: Connection) -> tuple[list[Row], Row | None]:
        return await open_tasks(conn, staff.tenant_id), await tenant_by_id(conn, staff.tenant_id)

    found, tenant = await system.database.read(read)
    return render(request, "tasks/tasks.html", staff=staff, tenant=tenant, here="/staff/tasks", tasks=found)


@router.post("/{task_id}/done")
async def done(request: Request, system: TheSystem, task_id: str) -> Response:
    """Closed by hand. One that somebody else closed meanwhile is closed all the same."""
    staff = await signed_in(request, "admin")
    now = system.clock.now()

    async def close(conn: Connection) -> None:
        if not any(task["task_id"] == task_id for task in await open_tasks(conn, staff.tenant_id)):
            raise NotFound("This task is not open any more.")
        await close_task(conn, now, task_id, staff.actor)

    await system.database.run(close)
    return RedirectResponse("/staff/tasks", 303)
