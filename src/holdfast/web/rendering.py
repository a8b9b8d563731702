"""Pages out of templates: one Jinja environment for the whole installation.

`web/templates` holds what all pages share; a feature's own are under its name: "bookings/event.html" is
bookings/templates/event.html. Pages are escaped, never contain inline script or style (the CSP forbids both), and are
never stored by a cache on the way.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date, datetime
from functools import cache
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

from babel.dates import format_date, format_datetime, format_time, get_timezone_name
from babel.support import Format
from fastapi import Request
from fastapi.responses import HTMLResponse
from jinja2 import ChoiceLoader, Environment, FileSystemLoader, PrefixLoader, StrictUndefined

from holdfast.money import exponent, formatted
from holdfast.web.assets import asset_url

PACKAGE = Path(__file__).parent.parent
ACCENT = "#7a1f3d"
LOCALE = "en_GB"
TIME_ZONE = "Europe/London"
NO_TENANT: Mapping[str, Any] = {
    "name": "",
    "accent": ACCENT,
    "locale": LOCALE,
    "contact_email": None,
    "slug": "",
}


def render(
    request: Request, template: str, *, status: int = 200, secret: bool = False, **context: Any
) -> HTMLResponse:
    """The page. `tenant` (a row) in the context gives it its name, colour and language. `secret`: its address is a secret
    link, so no other site that it leads to may learn it (`same-origin`; with `no-referrer` some browsers would send
    `Origin: null` with our own forms)."""
    body = environment().get_template(template).render(_complete(request, context))
    headers = {"Cache-Control": "no-store", "Vary": "Cookie, Accept"}
    if secret:
        headers |= {"Referrer-Policy": "same-origin", "X-Robots-Tag": "noindex, nofollow"}
    return HTMLResponse(body, status_code=status, headers=headers)


@cache
def environment() -> Environment:
    env = Environment(
        loader=ChoiceLoader([FileSystemLoader(PACKAGE / "web" / "templates"), PrefixLoader(_features())]),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    env.filters.update(
        money=money, moment=moment, day=day, clock_time=clock_time, zone=zone, machine_time=machine_time
    )
    env.filters.update(
        short_moment=short_moment, exact_moment=exact_moment, number=number, calendar_day=calendar_day
    )
    env.globals.update(asset=asset_url, exponent=exponent)
    return env


def money(amount: int, currency: str, locale: str = LOCALE) -> str:
    return formatted(amount, currency, locale)


def moment(at: datetime | str, time_zone: str = TIME_ZONE, locale: str = LOCALE) -> str:
    """Friday, 25 December 2026 at 19:30"""
    return format_datetime(_local(at, time_zone), "EEEE, d MMMM y, HH:mm", locale=locale)


def short_moment(at: datetime | str, time_zone: str = TIME_ZONE, locale: str = LOCALE) -> str:
    """25 Dec 2026, 19:30"""
    return format_datetime(_local(at, time_zone), "d MMM y, HH:mm", locale=locale)


def exact_moment(at: datetime | str, time_zone: str = TIME_ZONE, locale: str = LOCALE) -> str:
    """25 Dec 2026, 19:30:05: where it matters what came first"""
    return format_datetime(_local(at, time_zone), "d MMM y, HH:mm:ss", locale=locale)


def day(at: datetime | date | str, time_zone: str = TIME_ZONE, locale: str = LOCALE) -> str:
    """Friday, 25 December 2026"""
    return format_date(_local(at, time_zone), "EEEE, d MMMM y", locale=locale)


def calendar_day(of: date, locale: str = LOCALE) -> str:
    """Friday, 25 December: a day of a calendar, which has no clock."""
    return format_date(of, "EEEE, d MMMM", locale=locale)


def clock_time(at: datetime | str, time_zone: str = TIME_ZONE, locale: str = LOCALE) -> str:
    """19:30"""
    return format_time(_local(at, time_zone), "HH:mm", locale=locale)


def zone(at: datetime | str, time_zone: str = TIME_ZONE, locale: str = LOCALE) -> str:
    """Greenwich Mean Time: which clock a time is read on."""
    return get_timezone_name(_local(at, time_zone), locale=locale)


def machine_time(at: datetime | str) -> str:
    """What stands in <time datetime>."""
    return _moment(at).isoformat()


def number(value: int, locale: str = LOCALE) -> str:
    return Format(locale).number(value)


def _local(at: datetime | date | str, time_zone: str) -> datetime:
    return _moment(at).astimezone(ZoneInfo(time_zone))


def _moment(at: datetime | date | str) -> datetime:
    if isinstance(at, str):
        return datetime.fromisoformat(at)
    assert isinstance(at, datetime)
    return at


def _features() -> Mapping[str, FileSystemLoader]:
    folders = (path for path in PACKAGE.glob("*/templates") if path.parent.name != "web")
    return {folder.parent.name: FileSystemLoader(folder) for folder in folders}


def _complete(request: Request, context: Mapping[str, Any]) -> dict[str, Any]:
    """With what every page names."""
    tenant = context.get("tenant") or NO_TENANT
    system = getattr(request.app.state, "system", None)
    return {
        "staff": None,
        "accent": tenant["accent"],
        "locale": tenant["locale"],
        "test_mode": system is None or not system.settings.livemode,
        **context,
        "tenant": tenant,
    }
