"""`recover`, `fix`, `replay`: what mends. Each is safe to repeat: it looks before it acts, through the one door."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Annotated

import typer

from holdfast.cli.options import OPERATOR, Json
from holdfast.cli.output import console, note, print_json
from holdfast.cli.runtime import run_with_system
from holdfast.errors import ValidationFailed

if TYPE_CHECKING:
    from holdfast.bookings.actions import SyncReport
    from holdfast.bookings.records import FixReport
    from holdfast.payments.recover import Recovered
    from holdfast.system import System

UNITS_OF_AGE = {"m": "minutes", "h": "hours", "d": "days"}

fix = typer.Typer(no_args_is_help=True, help="Repairs what the database alone can prove to be wrong.")


def recover(
    context: typer.Context,
    session_or_intent: Annotated[str, typer.Argument(metavar="SESSION_OR_INTENT", help="cs_… or pi_…")],
    json: Json = False,
) -> None:
    """Asks Stripe about one payment and brings its booking to what Stripe says: confirmed, refunded, or left for a person.

    Exit 1 when Stripe does not know it, when it was not paid, and when nobody but a person can explain it.
    Example: holdfast recover cs_test_a1B2c3
    """
    from holdfast.payments.recover import recover as bring_back

    if not session_or_intent.startswith(("cs_", "pi_")):
        raise ValidationFailed(
            f"{session_or_intent} is neither a session (cs_…) nor a payment intent (pi_…)."
        )

    async def work(system: System) -> Recovered:
        return await bring_back(system, session_or_intent, OPERATOR)

    found = run_with_system(context, work)
    if json:
        print_json(found)
    else:
        booking = f" Booking {found.reference} ({found.booking_id})." if found.booking_id else ""
        console().print(f"{_in_words(found.result)}{booking}", markup=False)
        if found.why:
            console().print(f"  Why: {found.why}", markup=False)
        for repair in found.repairs:
            console().print(f"  - {repair}", markup=False)
    if found.result == "unexplained":
        raise typer.Exit(1)


def _in_words(result: str) -> str:
    words = {
        "recovered": "Recovered: the booking is confirmed now.",
        "already_confirmed": "Nothing to do: the booking is confirmed.",
        "refunded": "The money goes back, or has gone back already.",
        "unexplained": "Nobody but a person can explain this money; a task has been opened.",
    }
    return words.get(result, result)


@fix.command()
def availability(context: typer.Context, json: Json = False) -> None:
    """Counts the seats of all live claims and sets each unit's count right; says by how much."""
    from holdfast.bookings.actions import sync_all_availability

    async def work(system: System) -> SyncReport:
        return await sync_all_availability(system)

    report = run_with_system(context, work)
    if json:
        print_json(report)
        return
    console().print(f"{report.checked} units checked, {report.corrected} corrected.")
    for correction in report.corrections:
        unit, before, after = (correction[name] for name in ("unit_id", "before", "after"))
        console().print(f"  - unit {unit}: {before} taken by the count, {after} in truth")


@fix.command("missing-bookings")
def missing_bookings(
    context: typer.Context,
    order: Annotated[str | None, typer.Option("--order", metavar="ID", help="Only this order.")] = None,
    json: Json = False,
) -> None:
    """Gives every live order that has no booking its booking, and says how many had theirs and how many were missing.

    Its seats, or the time of an appointment, are taken again; where they are taken a person decides, and it is exit 1.
    """
    from holdfast.bookings.records import fix_missing_booking_records

    async def work(system: System) -> FixReport:
        return await fix_missing_booking_records(system, order)

    report = run_with_system(context, work)
    print_json(report) if json else _show_fixed(report)
    if report.stuck:
        raise typer.Exit(1)


def _show_fixed(report: FixReport) -> None:
    out = console()
    out.print(
        f"{report.orders} live {'order' if report.orders == 1 else 'orders'}: {report.with_bookings} with their booking, "
        f"{report.missing} without; {len(report.fixed)} made again."
    )
    for order_id in report.fixed:
        out.print(f"  - {order_id}: its booking is there again", markup=False)
    for order_id in report.stuck:
        out.print(f"  - {order_id}: its seats are gone; a task waits for a person", markup=False)


def replay(
    context: typer.Context,
    event_ids: Annotated[list[str] | None, typer.Argument(metavar="[EVENT_ID]...", help="evt_…")] = None,
    failed: Annotated[bool, typer.Option("--failed", help="All that failed or were never handled.")] = False,
    since: Annotated[
        str | None,
        typer.Option(
            "--since", metavar="T", help="All received since then: 2026-11-20T19:00Z, or 90m, 6h, 2d ago."
        ),
    ] = None,
    json: Json = False,
) -> None:
    """Handles webhook events again. What they prove is merged, so once more changes nothing that is right already.

    Examples: holdfast replay --failed · holdfast replay --since 2h · holdfast replay evt_1Qx
    """
    from holdfast.inbox.actions import replay as make_due

    if not (event_ids or failed or since):
        raise ValidationFailed("Say which events: their ids, --failed, or --since T.")
    wrong = [event_id for event_id in event_ids or [] if not event_id.startswith("evt_")]
    if wrong:
        raise ValidationFailed(f"{wrong[0]} is not an event's id (evt_…).")

    async def work(system: System) -> list[str]:
        moment = moment_of(since, system.clock.now()) if since else None
        return await make_due(system, event_ids=event_ids or None, failed=failed, since=moment)

    due = run_with_system(context, work)
    unknown = sorted(set(event_ids or []) - set(due))
    if json:
        print_json({"replayed": len(due), "event_ids": due, "unknown": unknown})
    else:
        console().print(f"{len(due)} events are due again; a running worker handles them now.")
        for event_id in unknown:
            note(f"{event_id} is not in the inbox: Stripe never sent it here.")
    if unknown:
        raise typer.Exit(1)


def moment_of(text: str, now: datetime) -> datetime:
    """`90m`, `6h`, `2d` ago, or a time (UTC when it names no zone). Raises ValidationFailed."""
    if text[-1:] in UNITS_OF_AGE and text[:-1].isdigit() and len(text) <= 7:
        return now - timedelta(**{UNITS_OF_AGE[text[-1]]: int(text[:-1])})
    try:
        moment = datetime.fromisoformat(text)
    except ValueError as wrong:
        raise ValidationFailed(f"{text!r} is not a time. Write 2026-11-20T19:00Z, or 90m, 6h, 2d.") from wrong
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)
