"""Templates, and the headers that go with a page."""

from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from starlette.requests import Request
from starlette.responses import HTMLResponse

from holdfast.sandbox.stripe_api.money import shown

CONTENT_SECURITY = (
    "default-src 'none'; style-src 'self'; img-src 'self' data:; frame-src 'self'; base-uri 'none'; "
    "frame-ancestors 'self'"
)
TEMPLATES = Environment(
    loader=FileSystemLoader(Path(__file__).parent / "templates"),
    autoescape=True,
    undefined=StrictUndefined,
    trim_blocks=True,
    lstrip_blocks=True,
)
TEMPLATES.filters["money"] = shown


def _moment(seconds: float) -> str:
    return datetime.fromtimestamp(seconds, UTC).strftime("%Y-%m-%d %H:%M:%S UTC")


TEMPLATES.filters["moment"] = _moment


def page(
    request: Request, template: str, status: int = 200, refresh_s: int | None = None, **values: Any
) -> HTMLResponse:
    """A page. `refresh_s` lets it load itself anew, without a script."""
    text = TEMPLATES.get_template(template).render(path=request.url.path, refresh_s=refresh_s, **values)
    headers = {
        "Content-Security-Policy": CONTENT_SECURITY,
        "Cache-Control": "no-store",
        "Referrer-Policy": "no-referrer",
        "X-Content-Type-Options": "nosniff",
    }
    return HTMLResponse(text, status, headers)
