"""docs/reference/http.md: every address of the API, from the OpenAPI document that the server serves."""

from __future__ import annotations

from typing import Any

from holdfast.app import create_app
from holdfast.settings import Settings

HEAD = """# The HTTP API

JSON in and out. Amounts are integers in minor units with a currency beside them; times are RFC 3339 in UTC. Errors are
`application/problem+json` with a stable word in `code` ([errors](errors.md)). A key goes into `Authorization: Bearer KEY`
or `X-API-Key: KEY`; it belongs to one tenant and has scopes. `Idempotency-Key` is honoured on every POST that answers 201:
the same key and body get the first answer again for 24 hours.

The running server shows this as a page at `/docs`, and to programs at `/openapi.json`. This page is written from that
document by `python -m scripts.generate_docs`.

"""
METHODS = ("get", "post", "patch", "delete")
LEAVES = {"string", "integer", "number", "boolean", "null"}

Json = dict[str, Any]


def page() -> str:
    document = create_app(Settings()).openapi()
    schemas = document["components"]["schemas"]
    by_tag: dict[str, list[str]] = {}
    for path, methods in document["paths"].items():
        for method in METHODS:
            if method in methods:
                operation = methods[method]
                tag = (operation.get("tags") or ["other"])[0]
                by_tag.setdefault(tag, []).append(_operation(method.upper(), path, operation, schemas))
    return HEAD + "\n".join(f"## {tag.capitalize()}\n\n" + "\n".join(parts) for tag, parts in by_tag.items())


def _operation(method: str, path: str, operation: Json, schemas: Json) -> str:
    key = " Needs a key." if operation.get("security") else ""
    said = str(operation.get("summary", ""))
    lines = [f"### {method} {path}", "", f"{said}{'' if said.endswith('?') else '.'}{key}", ""]
    asked = [_parameter(one) for one in operation.get("parameters", [])]
    body = _json_schema(operation.get("requestBody", {}))
    asked += _fields("", body, schemas) if body else []
    if asked:
        lines += ["| asked | | |", "|---|---|---|", *asked, ""]
    for status, answer in operation["responses"].items():
        if status.startswith("2"):
            schema = _json_schema(answer)
            rows = _fields("", schema, schemas) if schema else []
            lines += [f"| {status} | | |", "|---|---|---|", *rows, ""] if rows else [f"Answers {status}.", ""]
    problems = [status for status in operation["responses"] if not status.startswith("2")]
    if problems:
        lines += [f"Problems: {', '.join(sorted(problems))}.", ""]
    return "\n".join(lines)


def _json_schema(part: Json) -> Json | None:
    content = part.get("content", {})
    schema = content.get("application/json", {}).get("schema")
    return schema or None


def _parameter(one: Json) -> str:
    name = f"`{one['name']}` in the {one['in']}"
    needed = "" if one.get("required") else "optional, "
    return f"| {name} | {needed}{_type(one['schema'])} | {_cell(one.get('description', ''))} |"


def _fields(prefix: str, schema: Json, schemas: Json, depth: int = 0) -> list[str]:
    """A row a field; what is inside a field follows it, with its path."""
    schema = _resolved(schema, schemas)
    rows = []
    for name, field in schema.get("properties", {}).items():
        optional = "" if name in schema.get("required", []) else "optional, "
        rows.append(
            f"| `{prefix}{name}` | {optional}{_type(field)} | {_cell(field.get('description', ''))} |"
        )
        inner, marks = _inside(field, schemas)
        if inner and depth < 2:
            rows += _fields(f"{prefix}{name}{marks}.", inner, schemas, depth + 1)
    return rows


def _inside(field: Json, schemas: Json) -> tuple[Json | None, str]:
    """The object that a field is, or a list of; None for plain values."""
    for one in field.get("anyOf", [field]):
        if one.get("type") == "array":
            inner = _resolved(one.get("items", {}), schemas)
            return (inner, "[]") if "properties" in inner else (None, "")
        inner = _resolved(one, schemas)
        if "properties" in inner:
            return inner, ""
    return None, ""


def _resolved(schema: Json, schemas: Json) -> Json:
    name = schema.get("$ref", "").rsplit("/", 1)[-1]
    found: Json = schemas[name] if name else schema
    return found


def _type(field: Json) -> str:
    if "enum" in field:
        return " or ".join(f"`{value}`" for value in field["enum"])
    if "const" in field:
        return f"`{field['const']}`"
    if "anyOf" in field:
        return " or ".join(dict.fromkeys(_type(one) for one in field["anyOf"]))
    kind = field.get("type", "object")
    if kind == "array":
        inside = _type(field.get("items", {}))
        return f"list of {inside}s" if inside in LEAVES | {"object"} else f"list of {inside}"
    return "time" if field.get("format") == "date-time" else str(kind)


def _cell(text: str) -> str:
    return " ".join(text.split()).replace("|", "\\|")
