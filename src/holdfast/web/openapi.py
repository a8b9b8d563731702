"""The OpenAPI document: what FastAPI reads off the routes, and the few addresses that are plain ASGI for speed."""

from __future__ import annotations

from typing import Any

from fastapi import FastAPI
from fastapi.openapi.utils import get_openapi

from holdfast import __version__
from holdfast.web.answers import Problem, problems

ABOUT = """Bookings and their payments. Amounts are integers in minor units with a currency beside them; times are RFC 3339 in
UTC; errors are RFC 9457 problems with a stable `code`. `Idempotency-Key` is honoured on every POST that creates."""

WEBHOOK: dict[str, Any] = {
    "tags": ["webhooks"],
    "summary": "What Stripe sends; stored, answered, then applied",
    "parameters": [
        {"name": "Stripe-Signature", "in": "header", "required": True, "schema": {"type": "string"}},
    ],
    "requestBody": {"required": True, "content": {"application/json": {"schema": {"type": "object"}}}},
    "responses": {
        "200": {
            "description": "It is stored",
            "content": {
                "application/json": {
                    "schema": {
                        "type": "object",
                        "required": ["received", "duplicate"],
                        "properties": {"received": {"type": "boolean"}, "duplicate": {"type": "boolean"}},
                    }
                }
            },
        },
        **{str(status): answer for status, answer in problems(400, 413, 503).items()},
    },
}
WEBHOOK_PATHS = ("/api/webhooks/stripe", "/api/stripe/webhook")
IDEMPOTENCY_KEY = {
    "name": "Idempotency-Key",
    "in": "header",
    "required": False,
    "description": "The same key and body again: the first answer again, for 24 hours",
    "schema": {"type": "string", "minLength": 1, "maxLength": 255},
}


def describe(app: FastAPI) -> None:
    """Makes `app.openapi()` give the whole document, made once."""

    def openapi() -> dict[str, Any]:
        if app.openapi_schema is None:
            app.openapi_schema = _document(app)
        return app.openapi_schema

    app.openapi = openapi  # type: ignore[method-assign]  # the way that FastAPI documents


def _document(app: FastAPI) -> dict[str, Any]:
    document = get_openapi(title="Holdfast", version=__version__, description=ABOUT, routes=app.routes)
    schemas = document.setdefault("components", {}).setdefault("schemas", {})
    schemas["Problem"] = Problem.model_json_schema()
    for name in ("HTTPValidationError", "ValidationError"):
        schemas.pop(name, None)
    for path in WEBHOOK_PATHS:
        document["paths"][path] = {"post": {**WEBHOOK, "operationId": f"receive{path.replace('/', '_')}"}}
    for operation in (o for methods in document["paths"].values() for o in methods.values()):
        _as_problems(operation)
    return document


def _as_problems(operation: dict[str, Any]) -> None:
    """FastAPI's own 422 is not what is answered here; what creates takes an Idempotency-Key."""
    refused = operation["responses"].get("422")
    if refused and "application/problem+json" not in refused.get("content", {}):
        operation["responses"]["422"] = problems(422)[422]
    if "201" in operation["responses"]:
        operation.setdefault("parameters", []).append(IDEMPOTENCY_KEY)
