"""The promises over HTTP."""

from __future__ import annotations

from typing import Annotated, Any

from fastapi import APIRouter, Depends
from pydantic import BaseModel
from starlette.responses import Response

from holdfast.laws.check import promises
from holdfast.web.answers import json_response, problems
from holdfast.web.dependencies import ApiKey, TheSystem, require_key

router = APIRouter(tags=["promises"])
AdminKey = Annotated[ApiKey, Depends(require_key("admin"))]


class Promises(BaseModel):
    promises: list[dict[str, Any]]


@router.get(
    "/api/admin/promises",
    response_model=Promises,
    responses=problems(401, 403),
    summary="Every law: its statement, its violations, the oldest, when it was last checked",
)
async def list_promises(system: TheSystem, key: AdminKey) -> Response:
    return json_response({"promises": await system.database.read(promises)})
