"""Makes `.venv` and keeps it true to the lock file: `python scripts/bootstrap.py runtime|dev`.

Only the standard library is used: on a fresh machine there is nothing else. What is installed is recorded
in a stamp with the hash of everything it depends on. The stamp is written last, so an interrupted run is
simply run again, and a finished one costs a few milliseconds.
"""

from __future__ import annotations

import fcntl
import hashlib
import importlib.util
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
VENV = ROOT / ".venv"
VENV_PYTHON = VENV / "bin" / "python"
UNFINISHED = VENV / ".holdfast-unfinished"
SETS = ("runtime", "dev")  # each includes the one before it

NO_VENV = """
holdfast: this Python cannot make a virtual environment with pip in it. Install what is missing, run it again:
    Debian, Ubuntu:  sudo apt-get install python3-venv
    elsewhere:       a Python 3.11 or newer with its venv module, named by PYTHON=/path/to/python3.11
"""


def say(sentence: str) -> None:
    print(f"holdfast: {sentence}", file=sys.stderr, flush=True)


def main(arguments: Sequence[str]) -> int:
    if len(arguments) != 1 or arguments[0] not in SETS:
        say(f"usage: bootstrap.py {'|'.join(SETS)}")
        return 2
    chosen = arguments[0]
    if is_current(chosen):
        return 0
    try:
        with one_at_a_time():
            if not is_current(chosen):
                install(chosen)
    except subprocess.CalledProcessError as failure:
        say(
            f"the installation stopped: {' '.join(failure.cmd[:6])} … ended with {failure.returncode}. "
            "Run it again to finish."
        )
        return 1
    except KeyboardInterrupt:
        say("interrupted. Run it again to finish.")
        return 130
    return 0


def stamp_of(chosen: str) -> Path:
    return VENV / f".holdfast-{chosen}"


def fingerprint(chosen: str) -> str:
    """What the environment was made from; its path too: scripts in a moved one point to the old place."""
    digest = hashlib.sha256(str(ROOT).encode())
    for name in ("pyproject.toml", f"requirements/{chosen}.lock", "scripts/bootstrap.py"):
        digest.update((ROOT / name).read_bytes())
    return digest.hexdigest()


def is_current(chosen: str) -> bool:
    stamp = stamp_of(chosen)
    return VENV_PYTHON.exists() and stamp.exists() and stamp.read_text() == fingerprint(chosen)


@contextmanager
def one_at_a_time() -> Iterator[None]:
    """`make demo` and `make test` may be started side by side; pip in one environment twice may not."""
    with (ROOT / "pyproject.toml").open() as handle:
        fcntl.flock(handle, fcntl.LOCK_EX)
        yield


def install(chosen: str) -> None:
    included = SETS[: SETS.index(chosen) + 1]
    made_from = {name: fingerprint(name) for name in included}
    for name in included:
        stamp_of(name).unlink(missing_ok=True)
    if not environment_works():
        make_environment()
    UNFINISHED.touch()
    say(f"installing the {chosen} packages into .venv (once; one to two minutes)")
    pip(
        "install",
        "--require-hashes",
        "--only-binary",
        ":all:",
        "-r",
        str(ROOT / "requirements" / f"{chosen}.lock"),
    )
    pip("install", "--no-deps", "--no-build-isolation", "--no-index", "-e", str(ROOT))
    UNFINISHED.unlink()
    for name in included:
        stamp_of(name).write_text(made_from[name])
    say("installed")


def pip(*arguments: str) -> None:
    command = [str(VENV_PYTHON), "-m", "pip", "--disable-pip-version-check", *arguments, "--no-input"]
    if not sys.stderr.isatty():
        command.append("--quiet")
    subprocess.run(command, check=True, cwd=ROOT, stdout=sys.stderr)  # noqa: S603 - our own words


def environment_works() -> bool:
    """Of this place and this Python, and whole: pip takes a package that it left half copied for installed."""
    if not VENV_PYTHON.exists() or UNFINISHED.exists():
        return False
    asked = [str(VENV_PYTHON), "-c", "import sys, pip; print(sys.prefix)"]
    answer = subprocess.run(asked, capture_output=True, text=True, check=False)  # noqa: S603 - our own words
    pip_script = VENV / "bin" / "pip"
    of_this_place = pip_script.exists() and str(VENV) in pip_script.read_text()[:500]
    return answer.returncode == 0 and of_this_place and sys.version_info[:2] == version_of(VENV_PYTHON)


def version_of(python: Path) -> tuple[int, int]:
    asked = [str(python), "-c", "import sys; print(*sys.version_info[:2])"]
    major, minor = subprocess.run(asked, capture_output=True, text=True, check=True).stdout.split()  # noqa: S603 - our own
    return int(major), int(minor)


def make_environment() -> None:
    shutil.rmtree(VENV, ignore_errors=True)
    say(f"making .venv with Python {sys.version.split()[0]}")
    if not has_ensurepip():
        install_debian_venv()
    if has_ensurepip():
        subprocess.run([sys.executable, "-m", "venv", str(VENV)], check=True)  # noqa: S603 - our own words
    elif importlib.util.find_spec("virtualenv"):
        subprocess.run([sys.executable, "-m", "virtualenv", "--quiet", str(VENV)], check=True)  # noqa: S603 - our own words
    else:
        raise SystemExit(NO_VENV.strip())


def has_ensurepip() -> bool:
    """Asked of a fresh process: it may have been installed since this one started."""
    asked = [sys.executable, "-c", "import ensurepip, venv"]
    return subprocess.run(asked, capture_output=True, check=False).returncode == 0  # noqa: S603 - our own words


def install_debian_venv() -> None:
    """A bare Debian has Python without `ensurepip`; it comes in a package of its own."""
    apt = shutil.which("apt-get")
    rights = [] if os.geteuid() == 0 else passwordless_sudo()
    if apt is None or rights is None:
        return
    package = f"python{sys.version_info[0]}.{sys.version_info[1]}-venv"
    say(f"this Python comes without its venv module: installing Debian's package {package}")
    # Somebody else may be installing something: wait for them.
    quietly = ["env", "DEBIAN_FRONTEND=noninteractive", apt, "-q", "-y", "-o", "DPkg::Lock::Timeout=300"]
    for words in (["update"], ["install", "--no-install-recommends", package]):
        subprocess.run([*rights, *quietly, *words], check=False, stdout=sys.stderr)  # noqa: S603 - our own words


def passwordless_sudo() -> list[str] | None:
    sudo = shutil.which("sudo")
    if sudo is None:
        return None
    allowed = subprocess.run([sudo, "-n", "true"], capture_output=True, check=False)  # noqa: S603 - our own words
    return [sudo, "-n"] if allowed.returncode == 0 else None


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
