"""One real PostgreSQL for all test processes of this checkout, and an own database for each test.

The schema is applied once, to a template; a test's database is a copy of the template's files. Measured on
two cores with the data in memory: 11 ms to copy (`STRATEGY WAL_LOG`: 16 ms), 5 ms to drop. So there is
neither a pool of copies made ahead nor any clearing of tables, and tests never see one another.

Every process that uses the server holds a shared lock on `users.lock` as long as it lives. The last one out
stops the server; after a crash the lock is gone by itself, and what was left behind is dropped by whoever
comes next.
"""

from __future__ import annotations

import fcntl
import hashlib
import itertools
import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import psycopg
from psycopg import sql

import holdfast.database
from holdfast.database.connection import apply_schema
from holdfast.database.embedded import EmbeddedPostgres, EmbeddedPostgresError, open_lock

ROOT = Path(__file__).resolve().parent.parent.parent
SCHEMA_FOLDER = Path(holdfast.database.__file__).parent
ADVISORY_LOCK = 4_711_900  # one process builds templates or clears up at a time
MEMORY_FOLDER = Path("/dev/shm")
MEMORY_NEEDED = 1 << 30


class TestDatabases:
    """Makes and drops databases on the server that all test processes share."""

    __test__ = False

    def __init__(self, server: EmbeddedPostgres) -> None:
        self._server = server
        self._numbers = itertools.count(1)
        self._admin = psycopg.connect(server.url("postgres"), autocommit=True)
        with self._alone():
            self._drop_leftovers()
            self._template = self._ensure_template()

    def close(self) -> None:
        self._drop_like(f"test_{os.getpid()}_")
        self._admin.close()

    def clone(self) -> str:
        """The URL of a new database with the schema applied."""
        return self._create(self._template)

    def empty(self) -> str:
        """The URL of a new database with nothing in it."""
        return self._create("template0")

    def drop(self, url: str) -> None:
        """Whoever is still connected is thrown out."""
        self._drop(url.partition("?")[0].rpartition("/")[2])

    def _create(self, template: str) -> str:
        name = f"test_{os.getpid()}_{next(self._numbers)}"
        self._admin.execute(
            sql.SQL("CREATE DATABASE {} TEMPLATE {} STRATEGY FILE_COPY").format(
                sql.Identifier(name), sql.Identifier(template)
            )
        )
        return self._server.url(name)

    def _drop(self, name: str) -> None:
        self._admin.execute(sql.SQL("DROP DATABASE IF EXISTS {} WITH (FORCE)").format(sql.Identifier(name)))

    def _drop_like(self, beginning: str) -> None:
        for name in self._names(beginning):
            self._drop(name)

    def _names(self, beginning: str) -> list[str]:
        found = self._admin.execute(
            "SELECT datname FROM pg_database WHERE starts_with(datname, %s)", [beginning]
        )
        return [name for (name,) in found]

    @contextmanager
    def _alone(self) -> Iterator[None]:
        self._admin.execute("SELECT pg_advisory_lock(%s)", [ADVISORY_LOCK])
        try:
            yield
        finally:
            self._admin.execute("SELECT pg_advisory_unlock(%s)", [ADVISORY_LOCK])

    def _drop_leftovers(self) -> None:
        for name in self._names("test_"):
            if not is_alive(int(name.split("_")[1])):
                self._drop(name)

    def _ensure_template(self) -> str:
        name = f"template_{schema_fingerprint()}"
        if name not in self._names("template_"):
            unfinished = f"unfinished_{name}"
            self._drop(unfinished)
            self._admin.execute(sql.SQL("CREATE DATABASE {}").format(sql.Identifier(unfinished)))
            apply_schema(self._server.url(unfinished))
            self._admin.execute(
                sql.SQL("ALTER DATABASE {} RENAME TO {}").format(
                    sql.Identifier(unfinished), sql.Identifier(name)
                )
            )
        return name


@contextmanager
def shared_databases() -> Iterator[TestDatabases]:
    folder = server_folder()
    folder.mkdir(parents=True, exist_ok=True)
    with open_lock(folder / "users.lock") as users:
        fcntl.flock(users, fcntl.LOCK_SH)
        server = started(folder / "server")
        databases = TestDatabases(server)
        try:
            yield databases
        finally:
            databases.close()
            fcntl.flock(users, fcntl.LOCK_UN)
            if is_last_out(users):
                forget_old_templates(server)
                server.stop()


def started(folder: Path) -> EmbeddedPostgres:
    server = EmbeddedPostgres(folder, durable=False)
    try:
        server.start()
    except EmbeddedPostgresError:
        # It runs without fsync: a machine that went down took it along. There is nothing in it that is
        # missed.
        server.destroy()
        server.start()
    return server


def is_last_out(users: int) -> bool:
    """Whoever comes meanwhile waits for this lock, and then starts the server anew."""
    try:
        fcntl.flock(users, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def forget_old_templates(server: EmbeddedPostgres) -> None:
    current = f"template_{schema_fingerprint()}"
    with psycopg.connect(server.url("postgres"), autocommit=True) as admin:
        for (name,) in admin.execute(
            "SELECT datname FROM pg_database WHERE datname LIKE '%%template\\_%%' AND datname <> %s",
            [current],
        ).fetchall():
            admin.execute(sql.SQL("DROP DATABASE {}").format(sql.Identifier(name)))


def server_folder() -> Path:
    """In memory where there is enough of it; never in the checkout, which may be on a slow or shared disk."""
    place = MEMORY_FOLDER if has_memory_folder() else Path(tempfile.gettempdir())
    checkout = hashlib.sha256(str(ROOT).encode()).hexdigest()[:8]
    return place / f"holdfast-tests-{os.getuid()}-{checkout}"


def has_memory_folder() -> bool:
    return os.access(MEMORY_FOLDER, os.W_OK) and shutil.disk_usage(MEMORY_FOLDER).free > MEMORY_NEEDED


def schema_fingerprint() -> str:
    """Changes with everything that the template is made from."""
    digest = hashlib.sha256()
    for path in sorted([*SCHEMA_FOLDER.rglob("*.sql"), SCHEMA_FOLDER / "connection.py"]):
        digest.update(path.relative_to(SCHEMA_FOLDER).as_posix().encode() + b"\0" + path.read_bytes() + b"\0")
    return digest.hexdigest()[:16]


def is_alive(process: int) -> bool:
    try:
        os.kill(process, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return True
