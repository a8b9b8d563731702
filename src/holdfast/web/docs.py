"""`/openapi.json`, and `/docs`: the same as a page, without a script and without anything from elsewhere."""

from __future__ import annotations

import json
from collections.abc import Iterator
from html import escape
from typing import Any

from fastapi import APIRouter, Request
from starlette.responses import HTMLResponse, JSONResponse, Response

from holdfast.web.assets import asset_url

router = APIRouter(include_in_schema=False)

PAGE = """<!doctype html>
<html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width, initial-scale=1">
<title>Holdfast: the API</title>{styles}</head>
<body><main class="page"><h1>Holdfast {version}: the API</h1>
<p>{about}</p><p>For programs: <a href="/openapi.json">/openapi.json</a></p>
{sections}</main></body></html>"""
STYLES = ("base.css", "components.css")


@router.get("/openapi.json")
async def openapi_json(request: Request) -> Response:
    return JSONResponse(request.app.openapi())


@router.get("/docs")
async def docs(request: Request) -> Response:
    return HTMLResponse(docs_page(request.app.openapi()))


def docs_page(document: dict[str, Any]) -> str:
    styles = "".join(f'<link rel="stylesheet" href="{asset_url(name)}">' for name in STYLES)
    sections = "".join(
        f"<section><h2>{escape(tag)}</h2>{''.join(items)}</section>"
        for tag, items in _by_tag(document).items()
    )
    about, version = escape(document["info"].get("description", "")), escape(document["info"]["version"])
    return PAGE.format(styles=styles, about=about, version=version, sections=sections)


def _by_tag(document: dict[str, Any]) -> dict[str, list[str]]:
    found: dict[str, list[str]] = {}
    for path, methods in document["paths"].items():
        for method, operation in methods.items():
            found.setdefault((operation.get("tags") or ["other"])[0], []).append(
                _operation(document, path, method, operation)
            )
    return found


def _operation(document: dict[str, Any], path: str, method: str, operation: dict[str, Any]) -> str:
    key = " (key)" if operation.get("security") else ""
    head = f"<code>{method.upper()} {escape(path)}</code> {escape(operation.get('summary', ''))}{key}"
    return f"<details><summary>{head}</summary>{''.join(_details(document, operation))}</details>"


def _details(document: dict[str, Any], operation: dict[str, Any]) -> Iterator[str]:
    for parameter in operation.get("parameters", []):
        needed = "needed" if parameter.get("required") else "optional"
        yield f"<p><code>{escape(parameter['name'])}</code> in the {escape(parameter['in'])}, {needed}</p>"
    body = operation.get("requestBody", {}).get("content", {}).get("application/json", {}).get("schema")
    if body:
        yield f"<h3>Body</h3>{_schema(document, body)}"
    for status, answer in operation["responses"].items():
        yield f"<h3>{escape(status)}</h3><p>{escape(answer.get('description', ''))}</p>"
        for media_type, content in answer.get("content", {}).items():
            if media_type == "application/json" and "schema" in content:
                yield _schema(document, content["schema"])


def _schema(document: dict[str, Any], schema: dict[str, Any]) -> str:
    name = schema.get("$ref", "").rpartition("/")[2]
    shown = document["components"]["schemas"].get(name, schema)
    return f"<pre><code>{escape(json.dumps(shown, indent=2))}</code></pre>"
