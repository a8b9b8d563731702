"""The operating system's account that the embedded server runs as. PostgreSQL refuses to be root."""

from __future__ import annotations

import logging
import os
import pwd
import subprocess
from contextlib import suppress
from pathlib import Path
from typing import Final

from holdfast.errors import DatabaseUnavailable

logger = logging.getLogger(__name__)

ACCOUNT_NAME: Final = "holdfast-postgres"


class EmbeddedPostgresError(DatabaseUnavailable):
    """The embedded database could not be started, reached or stopped."""


class Account:
    """The operating system's account that the server runs as."""

    def __init__(self, entry: pwd.struct_passwd) -> None:
        self.entry = entry
        self.is_another = entry.pw_uid != os.geteuid()

    def run(self, *command: str, output: int | None = None, inherited: int | None = None) -> None:
        """Runs a command with nothing of our environment; if `output` is given, in a session of its own."""
        stays = output is not None
        done = subprocess.run(  # noqa: S603 - the words are ours
            command,
            cwd="/",
            env={"PATH": os.defpath, "LC_ALL": "C"},
            stdin=subprocess.DEVNULL,
            stdout=output if stays else subprocess.PIPE,
            stderr=subprocess.STDOUT,
            start_new_session=stays,
            pass_fds=() if inherited is None else (inherited,),
            user=self.entry.pw_uid if self.is_another else None,
            group=self.entry.pw_gid if self.is_another else None,
            extra_groups=[] if self.is_another else None,
            check=False,
        )
        if done.returncode != 0:
            said = "" if stays else done.stdout.decode(errors="replace").strip()
            raise EmbeddedPostgresError(f"{command[0]} ended with {done.returncode}. {said}")

    def reaches(self, path: Path) -> bool:
        """Whether it may enter this folder or execute this file. The system is asked: modes are not all."""
        if not self.is_another:
            return True
        try:
            self.run("/bin/sh", "-c", 'if [ -d "$0" ]; then cd "$0"; else test -x "$0"; fi', str(path))
        except EmbeddedPostgresError:
            return False
        return True

    def give(self, folder: Path) -> None:
        if self.is_another:
            os.chown(folder, self.entry.pw_uid, self.entry.pw_gid)


def owner_of(path: Path) -> Account:
    try:
        entry = pwd.getpwuid(path.stat().st_uid)
    except KeyError as unknown:
        raise EmbeddedPostgresError(
            f"{path} belongs to an account without a name, which PostgreSQL refuses. "
            "Add it to /etc/passwd or set DATABASE_URL."
        ) from unknown
    account = Account(entry)
    if account.is_another and os.geteuid() != 0:
        raise EmbeddedPostgresError(
            f"The database in {path} belongs to {entry.pw_name}. "
            f"Run this as {entry.pw_name} or root, or choose another data folder."
        )
    return account


def account_for_new(folder: Path) -> Account:
    if os.geteuid() != 0:
        return Account(pwd.getpwuid(os.geteuid()))
    owner = owner_of(folder)
    return owner if owner.is_another else dedicated_account()


def dedicated_account() -> Account:
    command = ["useradd", "--system", "--user-group", "--no-create-home", "--home-dir=/nonexistent"]
    with suppress(KeyError):
        return Account(pwd.getpwnam(ACCOUNT_NAME))
    logger.info("PostgreSQL does not run as root: making the account %s for it.", ACCOUNT_NAME)
    made = subprocess.run(  # noqa: S603 - the words are ours
        [*command, "--shell=/usr/sbin/nologin", ACCOUNT_NAME], capture_output=True, text=True, check=False
    )
    try:
        return Account(pwd.getpwnam(ACCOUNT_NAME))
    except KeyError as missing:
        raise EmbeddedPostgresError(
            f"PostgreSQL does not run as root, and the account {ACCOUNT_NAME} could not be made for it: "
            f"{made.stderr.strip()} Run this as an ordinary user, or set DATABASE_URL."
        ) from missing


def make_folder_like_its_parent(folder: Path) -> None:
    """What root makes in somebody's project belongs to that somebody, who will want to go on without root."""
    if folder.is_dir():
        return
    make_folder_like_its_parent(folder.parent)
    try:
        folder.mkdir(exist_ok=True)
    except OSError as failure:
        raise unusable(folder, failure) from failure
    if os.geteuid() == 0:
        parent = folder.parent.stat()
        os.chown(folder, parent.st_uid, parent.st_gid)


def unusable(folder: Path, failure: OSError) -> EmbeddedPostgresError:
    return EmbeddedPostgresError(f"The data folder {folder} cannot be used: {failure.strerror}.")
