"""Where a command gets its settings, its database and its System from.

In this order: the environment and `.env`; the demo's settings, when neither names a database or Stripe's key and the data
folder is a demo's; and without DATABASE_URL the embedded PostgreSQL of the data folder.
"""

from __future__ import annotations

import asyncio
import fcntl
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

import typer

from holdfast.cli.output import note
from holdfast.errors import DatabaseUnavailable

if TYPE_CHECKING:
    from holdfast.settings import Settings
    from holdfast.system import System

T = TypeVar("T")
Refused = Callable[["Settings", str], None]  # what a start that is refused is told to, with the reason
CONNECTIONS_OF_A_COMMAND = 4


@dataclass(frozen=True)
class Place:
    """What `holdfast --data DIR …` said; None when nothing was said."""

    data: Path | None = None


def place_of(context: typer.Context) -> Place:
    found = context.find_object(Place)
    return found or Place()


def settings_at(place: Place) -> Settings:
    """Raises SettingsWrong with a sentence for each setting that is malformed."""
    from holdfast.cli.demo.state import DemoState, environment_of
    from holdfast.settings import load_settings

    settings = load_settings()
    if place.data is not None:
        settings = replace(settings, holdfast_data=place.data)
    if settings.database_url is None and not settings.stripe_secret_key:
        demo = DemoState.read(settings.holdfast_data)
        if demo is not None:
            note(f"Using the demo in {settings.holdfast_data} (no DATABASE_URL or STRIPE_SECRET_KEY is set).")
            return load_settings(environment_of(demo, settings.holdfast_data), dotenv=None)
    return settings


@contextmanager
def embedded_database(data: Path) -> Iterator[str]:
    """The URL of the data folder's own PostgreSQL. The last command that uses it stops it; each holds a shared lock on
    `users.lock` meanwhile, which goes with its process whatever kills it."""
    from holdfast.database.account import make_folder_like_its_parent
    from holdfast.database.embedded import EmbeddedPostgres, open_lock

    server = EmbeddedPostgres(data)
    make_folder_like_its_parent(data.absolute())
    with open_lock(data / "users.lock") as users:
        fcntl.flock(users, fcntl.LOCK_SH)
        try:
            yield server.start()
        finally:
            if _is_last_out(users):
                server.stop()


def _is_last_out(users: int) -> bool:
    try:
        fcntl.flock(users, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


@contextmanager
def connected_settings(settings: Settings) -> Iterator[Settings]:
    """The settings with a database to go to: the one they name, or the embedded one, started if need be."""
    if settings.database_url is not None:
        yield settings
        return
    with embedded_database(settings.holdfast_data) as url:
        yield replace(settings, database_url=url)


@contextmanager
def ready_settings(place: Place, refused: Refused | None = None) -> Iterator[Settings]:
    """As connected_settings, and the schema is this code's: the embedded database's is brought up to date, any other's is
    only looked at. Raises SettingsWrong when it is not current, and first tells `refused` why."""
    from holdfast.database.connection import apply_schema, check_schema
    from holdfast.errors import SettingsWrong

    named = settings_at(place)
    with connected_settings(named) as settings:
        assert settings.database_url is not None  # connected_settings has set it
        try:
            with explained():
                (check_schema if named.database_url else apply_schema)(settings.database_url)
        except SettingsWrong as wrong:
            if refused is not None:
                refused(settings, wrong.detail)
            raise
        yield settings


@contextmanager
def explained() -> Iterator[None]:
    """A database that cannot be reached or that refuses us is one sentence, without the password."""
    import psycopg

    try:
        yield
    except psycopg.OperationalError as away:
        why = str(away).strip().splitlines()
        raise DatabaseUnavailable(
            f"The database cannot be reached: {why[0] if why else 'no reason given'}"
        ) from away


def run_with_system(context: typer.Context, work: Callable[[System], Awaitable[T]]) -> T:
    """`work` with a whole System, opened for it and closed after it."""
    from holdfast.system import open_system

    async def opened(settings: Settings) -> T:
        async with open_system(settings, most_connections=CONNECTIONS_OF_A_COMMAND) as system:
            return await work(system)

    with ready_settings(place_of(context)) as settings:
        return asyncio.run(opened(settings))


def as_environment(settings: Settings) -> dict[str, str]:
    """The settings as the variables that they were read from, for a process that we start."""
    from dataclasses import fields

    values = {field.name.upper(): getattr(settings, field.name) for field in fields(settings)}
    values["HOLDFAST_DATA"] = settings.holdfast_data.absolute()
    texts = {
        name: ",".join(v) if isinstance(v, tuple) else str(v) for name, v in values.items() if v is not None
    }
    return {name: text for name, text in texts.items() if text}
