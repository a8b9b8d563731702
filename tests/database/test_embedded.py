"""One server a folder, whatever is killed. Each test has a folder and a server of its own."""

from __future__ import annotations

import logging
import os
import shutil
import signal
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import psycopg
import pytest

from holdfast.database.account import owner_of
from holdfast.database.embedded import EmbeddedPostgres, EmbeddedPostgresError, wait_until

STARTER = """
import signal
import sys
from pathlib import Path
from holdfast.database.embedded import EmbeddedPostgres
signal.signal(signal.SIGINT, signal.default_int_handler)  # whoever runs the tests may ignore it
print(EmbeddedPostgres(Path(sys.argv[1]), durable=False).start(), flush=True)
sys.stdin.read()
"""


@pytest.fixture
def folder() -> Iterator[Path]:
    """One that another account may enter too (pytest's own may not be), for when root runs the tests."""
    made = Path(tempfile.mkdtemp(prefix="holdfast-embedded-"))
    made.chmod(0o755)
    yield made
    shutil.rmtree(made, ignore_errors=True)


@pytest.fixture
def server(folder: Path) -> Iterator[EmbeddedPostgres]:
    made = EmbeddedPostgres(folder / "data", durable=False)
    yield made
    made.destroy()


def answer(url: str, query: str) -> object:
    with psycopg.connect(url, autocommit=True) as connection:
        row = connection.execute(query.encode()).fetchone()
    return row[0] if row else None


def postmaster(server: EmbeddedPostgres) -> int:
    """The postmaster's process id, as the server itself wrote it down."""
    return int((cluster_of(server) / "postmaster.pid").read_text().split()[0])


def cluster_of(server: EmbeddedPostgres) -> Path:
    return Path(str(answer(server.url("holdfast"), "SHOW data_directory")))


def starter(folder: Path) -> subprocess.Popen[str]:
    """Another process that starts the server and lives on until its standard input ends."""
    return subprocess.Popen(
        [sys.executable, "-c", STARTER, str(folder)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )


def first_line(process: subprocess.Popen[str]) -> str:
    assert process.stdout is not None
    return process.stdout.readline().strip()


def end(process: subprocess.Popen[str]) -> None:
    with process:
        process.kill()


def test_it_is_a_whole_postgresql_with_a_database_of_ours(server: EmbeddedPostgres) -> None:
    url = server.start()
    assert str(answer(url, "SHOW server_version")).startswith("18")
    assert answer(url, "SELECT current_database()") == "holdfast"
    assert answer(url, "SHOW server_encoding") == "UTF8"
    assert answer(url, "SHOW data_checksums") == "on"
    assert answer(url, "SHOW listen_addresses") == ""
    assert answer(url, "SELECT lower('ÄÖÜ')") == "äöü"


def test_production_never_forgets_what_it_committed(folder: Path) -> None:
    server = EmbeddedPostgres(folder / "data")
    url = server.start()
    try:
        shown = [answer(url, f"SHOW {name}") for name in ("fsync", "synchronous_commit", "full_page_writes")]
    finally:
        server.destroy()
    assert shown == ["on", "on", "on"]


def test_the_second_start_joins_the_first(server: EmbeddedPostgres) -> None:
    url = server.start()
    first = postmaster(server)
    assert EmbeddedPostgres(server.data_folder, durable=False).start() == url
    assert postmaster(server) == first


def test_four_that_start_at_once_share_one_server(server: EmbeddedPostgres) -> None:
    starters = [starter(server.data_folder) for _ in range(4)]
    urls = {first_line(process) for process in starters}
    for process in starters:
        end(process)
    assert urls == {server.url("holdfast")}
    assert server.is_running


def test_it_outlives_a_starter_that_is_killed(server: EmbeddedPostgres) -> None:
    process = starter(server.data_folder)
    url = first_line(process)
    before = postmaster(server)
    end(process)
    assert server.start() == url
    assert postmaster(server) == before


def test_ctrl_c_ends_the_starter_and_not_the_server(server: EmbeddedPostgres) -> None:
    process = starter(server.data_folder)
    url = first_line(process)
    os.killpg(process.pid, signal.SIGINT)
    process.wait(30)
    end(process)
    assert answer(url, "SELECT 1") == 1


def test_what_was_committed_survives_a_killed_server(folder: Path) -> None:
    server = EmbeddedPostgres(folder / "data")
    url = server.start()
    try:
        with psycopg.connect(url, autocommit=True) as connection:
            connection.execute("CREATE TABLE kept AS SELECT 35 AS event")
        killed = postmaster(server)
        os.kill(killed, signal.SIGKILL)
        assert server.start() == url
        assert postmaster(server) != killed
        assert answer(url, "SELECT event FROM kept") == 35
    finally:
        server.destroy()


def test_a_process_id_that_was_given_to_somebody_else_does_not_stand_in_the_way(
    server: EmbeddedPostgres,
) -> None:
    server.start()
    pid_file = cluster_of(server) / "postmaster.pid"
    as_it_was = pid_file.read_text().splitlines()
    server.stop()
    somebody_alive = str(os.getpid())
    pid_file.write_text("\n".join([somebody_alive, *as_it_was[1:]]) + "\n")
    assert not server.is_running
    assert answer(server.start(), "SELECT 1") == 1


def test_stopping_is_for_everybody_and_may_be_repeated(server: EmbeddedPostgres) -> None:
    server.stop()
    url = server.start()
    assert server.is_running
    EmbeddedPostgres(server.data_folder).stop()
    assert not server.is_running
    server.stop()
    with pytest.raises(psycopg.OperationalError):
        answer(url, "SELECT 1")
    assert server.start() == url


def test_an_interrupted_creation_leaves_nothing_that_matters(server: EmbeddedPostgres) -> None:
    remnant = server.data_folder / "postgres.new-interrupted"
    remnant.mkdir(parents=True)
    (remnant / "PG_VERSION").write_text("18\n")
    assert answer(server.start(), "SELECT 1") == 1
    assert not remnant.exists()


@pytest.mark.parametrize("name", ["d" * 120, "with space", "it's $HOME `x` 50% &c", "Bäckerei"])
def test_any_name_of_a_folder_will_do(folder: Path, name: str) -> None:
    server = EmbeddedPostgres(folder / name / "data", durable=False)
    try:
        assert answer(server.start(), "SELECT 1") == 1
    finally:
        server.destroy()


def test_the_socket_is_out_of_other_peoples_reach(folder: Path) -> None:
    for name in ("near", "f" * 120):
        server = EmbeddedPostgres(folder / name, durable=False)
        url = server.start()
        try:
            socket = Path(str(answer(url, "SHOW unix_socket_directories")).strip('"'))
            assert socket.stat().st_mode & 0o077 == 0
        finally:
            server.destroy()
        assert not socket.exists()


def test_destroying_leaves_no_data(server: EmbeddedPostgres) -> None:
    url = server.start()
    cluster = cluster_of(server)
    server.destroy()
    assert not cluster.exists()
    with pytest.raises(psycopg.OperationalError):
        answer(url, "SELECT 1")


def test_data_of_another_major_version_is_refused_with_a_sentence(server: EmbeddedPostgres) -> None:
    server.start()
    version = cluster_of(server) / "PG_VERSION"
    server.stop()
    version.write_text("17\n")
    with pytest.raises(EmbeddedPostgresError, match=r"is of PostgreSQL 17; this Holdfast brings 18\."):
        server.start()


def test_a_server_that_cannot_start_says_why_at_once(server: EmbeddedPostgres) -> None:
    server.start()
    configuration = cluster_of(server) / "postgresql.conf"
    server.stop()
    configuration.write_text(configuration.read_text() + "no_such_setting = 1\n")
    with pytest.raises(EmbeddedPostgresError, match="no_such_setting"):
        server.start()


def test_a_place_where_no_folder_can_be_is_refused_with_a_sentence(folder: Path) -> None:
    (folder / "a-file").touch()
    with pytest.raises(EmbeddedPostgresError, match=r"a-file cannot be used: File exists\."):
        EmbeddedPostgres(folder / "a-file" / "data").start()


def test_the_programs_are_there(server: EmbeddedPostgres) -> None:
    for name in ("psql", "pg_dump", "pgbench"):
        assert os.access(server.bin_folder / name, os.X_OK)


def test_it_does_not_run_as_root(server: EmbeddedPostgres) -> None:
    server.start()
    account = owner_of(cluster_of(server)).entry
    assert account.pw_uid != 0
    assert Path(f"/proc/{postmaster(server)}").stat().st_uid == account.pw_uid


@pytest.mark.skipif(os.geteuid() != 0, reason="only root has folders that the server's account cannot enter")
def test_below_a_folder_of_roots_alone_the_data_is_put_elsewhere(
    folder: Path, caplog: pytest.LogCaptureFixture
) -> None:
    folder.chmod(0o700)
    server = EmbeddedPostgres(folder / "data", durable=False)
    try:
        with caplog.at_level(logging.WARNING):
            url = server.start()
        cluster = cluster_of(server)
        assert cluster.is_relative_to("/var/lib/holdfast")
        assert str(cluster.parent) in caplog.text
        server.stop()
        assert server.start() == url
        assert folder.stat().st_mode & 0o777 == 0o700
    finally:
        server.destroy()
    assert not cluster.parent.exists()


@pytest.mark.skipif(os.geteuid() != 0, reason="only root makes folders for others")
def test_in_somebodys_folder_root_starts_it_as_that_somebody(folder: Path) -> None:
    nobody = 65534
    os.chown(folder, nobody, nobody)
    server = EmbeddedPostgres(folder / "project" / ".holdfast", durable=False)
    try:
        server.start()
        assert cluster_of(server).stat().st_uid == nobody
        assert (folder / "project" / ".holdfast").stat().st_uid == nobody
    finally:
        server.destroy()


def test_waiting_has_an_end() -> None:
    assert wait_until(lambda: True, 1)
    assert not wait_until(lambda: False, 0.02)
