"""Answers as bytes, and the problem that every address may answer with, for the OpenAPI document."""

from __future__ import annotations

from typing import Any

from pydantic import BaseModel, ConfigDict, Field
from pydantic_core import to_json
from starlette.responses import Response

JSON = "application/json"


class Problem(BaseModel):
    """RFC 9457. `code` is stable; further fields depend on it."""

    model_config = ConfigDict(extra="allow")

    type: str = Field(examples=["urn:holdfast:problem:sold_out"])
    title: str
    status: int
    detail: str
    code: str = Field(examples=["sold_out"])


def json_response(body: Any, status: int = 200) -> Response:
    return Response(to_json(body), status, media_type=JSON)


def problems(*statuses: int) -> dict[int | str, dict[str, Any]]:
    """For a route's `responses`."""
    schema = {"schema": {"$ref": "#/components/schemas/Problem"}}
    return {
        status: {"description": DESCRIPTIONS[status], "content": {"application/problem+json": schema}}
        for status in statuses
    }


DESCRIPTIONS = {
    400: "The signature is missing, wrong or stale",
    401: "No valid key",
    403: "The key may not do that",
    404: "There is no such thing here",
    409: "It conflicts with what is there; `code` says how",
    413: "More than 1 MiB",
    422: "The request is not valid; `errors` names the fields",
    429: "Too many requests from this address",
    503: "Not available just now; Retry-After says when",
}
