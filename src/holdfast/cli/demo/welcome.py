"""What a stranger reads when the demo is up: where to click, with which key, and what to try."""

from __future__ import annotations

from typing import Any

from holdfast.cli.output import console

SHOWN_EVENT = 35  # of catalog/demo.yaml: a plan of the room, food and wine


def show_welcome(demo: dict[str, Any]) -> None:
    from rich.table import Table

    event = next((e for e in demo["events"] if e["id"] == SHOWN_EVENT), demo["events"][0])
    web, sandbox = demo["web"], demo["sandbox"]
    table = Table(show_header=False, box=None, padding=(0, 2, 0, 0))
    table.add_column(style="bold", no_wrap=True)
    table.add_column(overflow="fold")
    for name, value in (
        ("Book a table", f"{web}/events/{event['id']}  ({event['title']}, {event['free']} seats free)"),
        ("Ask for somebody's time", f"{web}/providers"),
        ("Staff", f"{web}/staff"),
        ("Staff's key", demo["keys"].get("admin", "")),
        ("A provider", f"{web}/provider"),
        ("A provider's key", demo["keys"].get("provider", "")),
        ("Mailbox", demo["mailbox"]),
        ("Stripe's books", f"{sandbox}/"),
        ("API", f"{web}/docs"),
        ("Processes", "  ".join(f"{name} {pid}" for name, pid in demo["pids"].items())),
    ):
        table.add_row(name, value)
    out = console()
    out.print("\n[bold]Holdfast is ready.[/bold] Ctrl-C stops it; the data stays.\n")
    out.print(table)
    out.print("\n[bold]Try this[/bold]")
    for number, line in enumerate(_to_try(demo), 1):
        out.print(f" {number}. {line}", markup=False)
    out.print()


def _to_try(demo: dict[str, Any]) -> list[str]:
    pids, sandbox = demo["pids"], demo["sandbox"]
    lose_all = f'curl -X POST {sandbox}/control/faults -d \'{{"webhooks": {{"lose": 1}}}}\''
    by_sms = (
        f"curl {demo['web']}/api/bookings/initiate -H 'X-API-Key: {demo['keys'].get('bookings', '')}' "
        "-H 'Content-Type: application/json' -d "
        f'\'{{"event_id": {SHOWN_EVENT}, "mobile_number": "07700 900123", "seats": 2}}\''
    )
    return [
        "Book, pay with 4242 4242 4242 4242, and see the e-mail in the mailbox.",
        f"Begin a booking by SMS, and go on with it from the phone in the mailbox:  {by_sms}",
        f"Lose every webhook, and pay again:  {lose_all}",
        f"Kill the worker or the web server while you pay:  kill -9 {pids.get('worker', '')} {pids.get('web', '')}",
        "Ask whether every promise holds:  holdfast doctor",
        "Read the whole story of a booking:  holdfast diagnose booking REFERENCE",
    ]
