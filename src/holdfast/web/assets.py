"""Stylesheets and scripts, with the hash of their content in the address: kept for a year, and never stale."""

from __future__ import annotations

import hashlib
import mimetypes
from functools import cache
from pathlib import Path

from fastapi import APIRouter, Request, Response

from holdfast.errors import NotFound
from holdfast.web.colour import accent_stylesheet

FOLDER = Path(__file__).parent / "static"
FOR_A_YEAR = "public, max-age=31536000, immutable"
ASK_EACH_TIME = "no-cache"

router = APIRouter(include_in_schema=False)


def asset_url(name: str) -> str:
    """`/static/base.css?v=…`. A name that is not there is a KeyError when the page is drawn, so that a test sees it."""
    return f"/static/{name}?v={_fingerprints()[name]}"


@router.get("/static/{name}")
async def static_file(request: Request, name: str, v: str = "") -> Response:
    fingerprint = _fingerprints().get(name)
    if fingerprint is None:
        raise NotFound("There is no such file.")
    headers = {"Cache-Control": FOR_A_YEAR if v == fingerprint else ASK_EACH_TIME, "ETag": f'"{fingerprint}"'}
    if request.headers.get("if-none-match") == headers["ETag"]:
        return Response(status_code=304, headers=headers)
    return Response((FOLDER / name).read_bytes(), media_type=_media_type(name), headers=headers)


@router.get("/accent/{colour}.css")
async def accent(colour: str) -> Response:
    """A tenant's colour as custom properties. The address holds the colour itself: nothing to look up, nothing to go stale."""
    if len(colour) != 6 or any(character not in "0123456789abcdef" for character in colour):
        raise NotFound("A colour has six digits, 0 to 9 and a to f.")
    return Response(
        accent_stylesheet(f"#{colour}"), media_type="text/css", headers={"Cache-Control": FOR_A_YEAR}
    )


@router.get("/favicon.ico")
async def favicon(request: Request) -> Response:
    return await static_file(request, "mark.svg")


def _media_type(name: str) -> str:
    return (
        "text/javascript"
        if name.endswith(".js")
        else mimetypes.guess_type(name)[0] or "application/octet-stream"
    )


@cache
def _fingerprints() -> dict[str, str]:
    files = (path for path in sorted(FOLDER.iterdir()) if path.is_file())
    return {path.name: hashlib.sha256(path.read_bytes()).hexdigest()[:12] for path in files}
