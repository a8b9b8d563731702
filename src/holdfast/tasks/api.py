"""What waits for a person, over HTTP."""

from __future__ import annotations

from typing import Annotated, Any

from fastapi import APIRouter, Depends
from pydantic import BaseModel
from starlette.responses import Response

from holdfast.database.connection import Connection
from holdfast.errors import NotFound
from holdfast.tasks import actions
from holdfast.web.answers import json_response, problems
from holdfast.web.dependencies import ApiKey, TheSystem, require_key

SHOWN = ("task_id", "kind", "subject", "order_id", "sentence", "detail", "created_at")

router = APIRouter(tags=["tasks"])
AdminKey = Annotated[ApiKey, Depends(require_key("admin"))]


class Tasks(BaseModel):
    tasks: list[dict[str, Any]]


@router.get(
    "/api/admin/tasks",
    response_model=Tasks,
    responses=problems(401, 403),
    summary="What only a person can decide",
)
async def list_tasks(system: TheSystem, key: AdminKey) -> Response:
    rows = await system.database.read(lambda conn: actions.open_tasks(conn, key.tenant_id))
    return json_response({"tasks": [{name: row[name] for name in SHOWN} for row in rows]})


@router.post(
    "/api/admin/tasks/{task_id}/done",
    status_code=204,
    response_class=Response,
    responses=problems(401, 403, 404),
    summary="A person has seen to it",
)
async def close_task(task_id: str, system: TheSystem, key: AdminKey) -> Response:
    async def work(conn: Connection) -> bool:
        own = {row["task_id"] for row in await actions.open_tasks(conn, key.tenant_id)}
        return task_id in own and await actions.close_task(conn, system.clock.now(), task_id, key.actor)

    if not await system.database.run(work):
        raise NotFound("There is no such open task.")
    return Response(status_code=204)
