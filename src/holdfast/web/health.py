"""Is the process there, may it be sent requests, which code is it, and what has it done?"""

from __future__ import annotations

import asyncio
from datetime import datetime, timedelta
from typing import Any

from fastapi import APIRouter, Request
from pydantic import BaseModel, Field
from pydantic_core import to_json
from starlette.responses import JSONResponse, Response

from holdfast import __version__
from holdfast.clock import rfc3339
from holdfast.database.connection import SCHEMA_VERSION
from holdfast.errors import DatabaseUnavailable, Forbidden
from holdfast.version import running_commit
from holdfast.web import store
from holdfast.web.dependencies import TheSystem, caller_key
from holdfast.web.limits import client_address

ANSWER_WITHIN_S = 2.0
WORKER_SILENT_AFTER = timedelta(seconds=30)
PROMETHEUS = "text/plain; version=0.0.4; charset=utf-8"

router = APIRouter(tags=["health"])


class Health(BaseModel):
    status: str = "ok"


class Readiness(BaseModel):
    status: str = Field(description="`ready` or `not_ready`")
    reasons: list[str] = Field(
        description="One sentence for each thing that is wrong; empty when it is ready"
    )


class Version(BaseModel):
    version: str
    commit: str = Field(description="The commit that is running, or `unknown`")
    schema_: int = Field(alias="schema", description="The database schema that this code needs")
    started_at: datetime


@router.get("/healthz", response_model=Health, summary="Is the process there?")
async def healthz() -> Response:
    return JSONResponse({"status": "ok"})


@router.get(
    "/readyz",
    response_model=Readiness,
    responses={503: {"model": Readiness, "description": "Something is wrong; `reasons` says what"}},
    summary="Database, schema and worker",
)
async def readyz(system: TheSystem) -> Response:
    try:
        async with asyncio.timeout(ANSWER_WITHIN_S):
            found = await system.database.read(store.readiness)
    except (DatabaseUnavailable, TimeoutError):
        return _readiness(["The database cannot be reached."])
    return _readiness(reasons_not_ready(found, system.clock.now()))


@router.get("/version", response_model=Version, summary="Which code is running")
async def version(request: Request, system: TheSystem) -> Response:
    return JSONResponse(
        {
            "version": __version__,
            "commit": running_commit(system.settings),
            "schema": SCHEMA_VERSION,
            "started_at": rfc3339(request.app.state.started_at),
        }
    )


@router.get(
    "/metrics",
    response_class=Response,
    responses={200: {"content": {"text/plain": {}}, "description": "Prometheus' text format"}},
    summary="Counters for Prometheus: from this machine, or with a key with the scope `metrics`",
)
async def metrics(request: Request, system: TheSystem) -> Response:
    if client_address(request.scope) is not None:
        key = await caller_key(request, system)
        if key is None or not key.may("metrics"):
            raise Forbidden("From another machine this needs a key with the scope metrics or admin.")
    now = system.clock.now()
    told = await system.database.read(lambda conn: request.app.state.database_metrics(conn, now))
    return Response(request.app.state.measurements.exposed(told), headers={"Content-Type": PROMETHEUS})


def reasons_not_ready(found: dict[str, Any], now: datetime) -> list[str]:
    """`found`: what store.readiness read."""
    reasons = []
    if found["schema"] != SCHEMA_VERSION:
        step = (
            "this is old code, deploy the release that belongs to the schema"
            if (found["schema"] or 0) > SCHEMA_VERSION
            else "run `holdfast migrate`"
        )
        reasons.append(
            f"The database's schema is {found['schema']}, this code needs {SCHEMA_VERSION}: {step}."
        )
    heartbeat = found["worker_heartbeat"]
    if heartbeat is None:
        reasons.append("No worker is running: start `holdfast worker`.")
    elif now - heartbeat > WORKER_SILENT_AFTER:
        silent = int((now - heartbeat).total_seconds())
        reasons.append(f"The worker has been silent for {silent} seconds: restart `holdfast worker`.")
    return reasons


def _readiness(reasons: list[str]) -> Response:
    answer = {"status": "not_ready" if reasons else "ready", "reasons": reasons}
    headers = {"Retry-After": "5"} if reasons else None
    return Response(to_json(answer), 503 if reasons else 200, headers=headers, media_type="application/json")
