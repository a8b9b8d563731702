"""`holdfast`: every command in one list. Exit 0 is fine, 1 something is wrong, 2 misuse.

Each command's module imports what it needs when it runs, so that `holdfast --help` is quick.
"""

from __future__ import annotations

import os
import signal
import sys
from pathlib import Path
from typing import Annotated

import typer

from holdfast import __version__
from holdfast.cli import catalog, diagnose, health, keys, processes, recovery, setup
from holdfast.cli.demo import command as demo_command
from holdfast.cli.output import note, report_error
from holdfast.cli.runtime import Place
from holdfast.errors import HoldfastError

INTERRUPTED = 130
TERMINATED = 143


class Misuse(HoldfastError):
    """Arguments that make no sense."""

    status, code, title, exit_code = 400, "misuse", "The command cannot be read", 2


class OnThisMachine(HoldfastError):
    """A folder that may not be written, a disk that is full: the system says why."""

    code, title = "machine", "This machine does not let us"


app = typer.Typer(
    name="holdfast",
    help="Takes bookings and their payments and never lets the two drift apart.",
    epilog="Begin with: holdfast demo",
    no_args_is_help=True,
    add_completion=False,
    rich_markup_mode="markdown",
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)

RUN, SET_UP, LOOK, REPAIR = "Run", "Set up", "Look", "Repair"

app.command("demo", rich_help_panel=RUN)(demo_command.demo)
app.command("serve", rich_help_panel=RUN)(processes.serve)
app.command("worker", rich_help_panel=RUN)(processes.worker)
app.command("sandbox", rich_help_panel=RUN, context_settings=processes.PASS_ON, add_help_option=False)(
    processes.sandbox
)

app.command("migrate", rich_help_panel=SET_UP)(setup.migrate)
app.command("settings", rich_help_panel=SET_UP)(setup.settings)
app.add_typer(keys.app, name="keys", rich_help_panel=SET_UP)
app.add_typer(catalog.app, name="catalog", rich_help_panel=SET_UP)

app.command("doctor", rich_help_panel=LOOK)(health.doctor)
app.command("promises", rich_help_panel=LOOK)(health.promises)
app.command("tasks", rich_help_panel=LOOK)(health.tasks)
app.command("stats", rich_help_panel=LOOK)(health.stats)
app.add_typer(diagnose.app, name="diagnose", rich_help_panel=LOOK)

app.command("recover", rich_help_panel=REPAIR)(recovery.recover)
app.add_typer(recovery.fix, name="fix", rich_help_panel=REPAIR)
app.command("replay", rich_help_panel=REPAIR)(recovery.replay)


def _print_version(wanted: bool) -> None:
    if wanted:
        sys.stdout.write(f"holdfast {__version__}\n")
        raise typer.Exit


@app.callback()
def everything(
    context: typer.Context,
    data: Annotated[
        Path | None,
        typer.Option("--data", metavar="DIR", help="The data folder (HOLDFAST_DATA; default .holdfast)."),
    ] = None,
    version: Annotated[
        bool,
        typer.Option("--version", callback=_print_version, is_eager=True, help="Print the version and stop."),
    ] = False,
) -> None:
    context.obj = Place(data)


def app_main() -> None:
    """The door: whatever happens inside ends as an exit code and, if it is an error, one sentence."""
    # Through every `finally`: an embedded database that a command has started is stopped. Long-running ones set their own.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(TERMINATED))
    sys.exit(run(sys.argv[1:]))


def run(arguments: list[str]) -> int:
    wants_json = "--json" in arguments
    try:
        return int(app(arguments, prog_name="holdfast", standalone_mode=False) or 0)
    except HoldfastError as error:
        return report_error(error, wants_json)
    except typer.Abort:
        note("Stopped.")
        return INTERRUPTED
    except KeyboardInterrupt:
        return INTERRUPTED
    except BrokenPipeError:
        # Whoever read our output has gone; Python would complain once more while it closes stdout.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 1
    except OSError as error:
        if error.filename is None:
            raise
        return report_error(OnThisMachine(f"{error.filename}: {error.strerror}."), wants_json)
    except Exception as error:
        return _misuse(error, wants_json)


def _misuse(error: Exception, wants_json: bool) -> int:
    """What typer says about arguments that it cannot read. Anything else is a mistake of ours and keeps its trace."""
    show = getattr(error, "format_message", None)
    if show is None or not isinstance(getattr(error, "exit_code", None), int):
        raise error
    sentence = str(show())
    if not sentence:  # the help has been printed instead
        return Misuse.exit_code
    context = getattr(error, "ctx", None)
    command = context.command_path if context is not None else "holdfast"
    code = report_error(Misuse(sentence), wants_json)
    note(f"Try: {command} --help")
    return code
