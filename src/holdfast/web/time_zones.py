"""Which clock a visitor reads: chosen on the page, else what their browser said (static/zone.js keeps it in a cookie), else
the one that the page would show to everybody."""

from __future__ import annotations

from functools import cache
from urllib.parse import unquote
from zoneinfo import available_timezones

from fastapi import Request

ZONE_COOKIE = "holdfast_zone"
LONGEST_ZONE = 64
AREAS = (
    "Africa/",
    "America/",
    "Antarctica/",
    "Asia/",
    "Atlantic/",
    "Australia/",
    "Europe/",
    "Indian/",
    "Pacific/",
)


@cache
def known_zones() -> tuple[str, ...]:
    """Those with a place in their name, in order, and UTC: what a list to choose from holds."""
    return ("UTC", *sorted(name for name in available_timezones() if name.startswith(AREAS)))


def is_zone(name: str) -> bool:
    return name in available() if len(name) <= LONGEST_ZONE else False


@cache
def available() -> frozenset[str]:
    return frozenset(available_timezones())


def visitors_zone(request: Request, fallback: str, chosen: str = "") -> str:
    """`chosen` stands in the address or the form. What is no time zone counts as nothing said."""
    for name in (chosen, unquote(request.cookies.get(ZONE_COOKIE, ""))):
        if name and is_zone(name):
            return name
    return fallback
