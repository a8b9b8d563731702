"""What is deployed, over HTTP."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Any

from fastapi import APIRouter, Depends, Query
from pydantic import BaseModel, Field
from starlette.responses import Response

from holdfast.diagnosis.deployment_actions import deployment_facts
from holdfast.web.answers import json_response, problems
from holdfast.web.dependencies import ApiKey, TheSystem, require_key

LONGEST_ID = 255

router = APIRouter(tags=["promises"])
AdminKey = Annotated[ApiKey, Depends(require_key("admin"))]


class RunningProcess(BaseModel):
    deployment_id: str
    role: str = Field(description="`web` or `worker`")
    host: str
    pid: int
    version: str
    commit: str
    schema_: int = Field(alias="schema", description="The database schema that its code needs")
    started_at: datetime
    heartbeat_at: datetime
    public_url: str = Field(description="The address that it puts into links and callbacks")
    settings_missing: list[str]
    code_on_disk: str | None = Field(
        description="The commit in its folder, where that is not the one that it runs"
    )
    code_on_disk_since: datetime | None


class DeploymentLine(BaseModel):
    name: str
    state: str = Field(description="`ok`, `wrong`, `unknown` or `not_asked`")
    sentence: str
    next_step: str


class Deployment(BaseModel):
    checked_at: datetime
    public_url: str
    livemode: bool
    instance_id: str
    code: dict[str, Any] = Field(description="Version, commit and schema of the process that answers")
    schema_: dict[str, Any] = Field(alias="schema", description="The database's, and since when")
    processes: list[RunningProcess] = Field(description="Those that live")
    last_seen: list[dict[str, Any]] = Field(description="The newest sign of life of each role")
    refused_starts: list[dict[str, Any]]
    releases: list[dict[str, Any]] = Field(description="What has run here, the newest first")
    canary: dict[str, Any] | None = Field(description="The one asked for, or the last")
    sms: dict[str, Any]
    stripe: list[DeploymentLine] = Field(description="The audit of the webhook endpoint")
    lines: list[DeploymentLine] = Field(description="All of it in sentences, with what to do next")
    ok: bool


@router.get(
    "/api/admin/deployment",
    response_model=Deployment,
    responses=problems(401, 403, 422, 503),
    summary="Which code runs on which processes, and whether Stripe and the SMS provider find it",
)
async def show_deployment(
    system: TheSystem,
    key: AdminKey,
    canary: Annotated[
        str | None, Query(max_length=LONGEST_ID, pattern=r"^[\x21-\x7e]*$", description="An event's id")
    ] = None,
    audit: Annotated[bool, Query(description="Ask Stripe and the SMS provider, too")] = True,
) -> Response:
    return json_response(await deployment_facts(system, canary=canary, audit=audit))
