"""A diagnosis as people read it: what is wrong first, then the story, then both sides of the money."""

from __future__ import annotations

from typing import TYPE_CHECKING

from holdfast.money import formatted

if TYPE_CHECKING:
    from rich.console import Console

    from holdfast.diagnosis.actions import Diagnosis, Story
    from holdfast.diagnosis.story import Entry

TOLD_IN_ENTRIES = frozenset({"customers", "messages", "answers", "opt_outs"})


def show(found: Diagnosis, out: Console) -> None:
    for story in found.stories:
        _show_story(story, out)
    _show_loose(found, out)
    if found.more:
        out.print(f"There are more orders; these are the newest {len(found.stories)}.", style="dim")
    if found.stripe_problem:
        out.print(
            f"Stripe's side is missing or not complete: {found.stripe_problem}", markup=False, style="yellow"
        )
    _show_findings(found, out)


def _show_findings(found: Diagnosis, out: Console) -> None:
    if not found.findings:
        out.print(
            "Nothing is wrong." if not found.stripe_problem else "Nothing is wrong in our books.",
            style="green",
        )
        return
    out.print("What is wrong", style="bold red")
    for finding in found.findings:
        out.print(f"  - {finding.sentence}", markup=False)
    if found.next_command:
        out.print("Safe to run next: ", end="", style="bold")
        out.print(found.next_command, markup=False)
    else:
        out.print("No command can mend this: a person has to decide.", style="bold")


def _show_story(story: Story, out: Console) -> None:
    from rich.table import Table

    order, booking = story.ours.order, story.ours.booking
    who = f"{order['customer_name']} {order['customer_email'] or ''} {order['customer_phone'] or ''}".strip()
    reference = f"{booking['reference']} ({booking['booking_id']})" if booking else "no booking"
    out.print(f"{reference}  {order['status']}", style="bold", markup=False)
    out.print(
        f"{order['order_id']}  {formatted(order['amount'], order['currency'])}  {order['title']}  {who}",
        markup=False,
    )
    _show_entries(story.entries, out)
    if story.comparisons:
        sides = Table("Payment", "Our books", "Stripe's", "Agree", box=None, padding=(0, 2, 0, 0))
        for pair in story.comparisons:
            agree = {True: "[green]yes[/green]", False: "[red]no[/red]", None: "[dim]unknown[/dim]"}[
                pair.agree
            ]
            sides.add_row(pair.stripe_id or pair.attempt_id, _plain(pair.ours), _plain(pair.stripe), agree)
        out.print(sides)
    out.print()


def _show_loose(found: Diagnosis, out: Console) -> None:
    """What belongs to no order: Stripe's or an event's own words; a customer, and what was said without a booking."""
    for row in found.loose.get("customers", []):
        who = ", ".join(str(row[name]) for name in ("name", "email", "phone") if row[name])
        joined = f", joined to {row['merged_into']}" if row["merged_into"] else ""
        out.print(f"{row['customer_id']}  {who}{joined}", markup=False)
    for name, value in found.loose.items():
        if name not in TOLD_IN_ENTRIES:
            out.print(f"{name}: {value}", markup=False)
    if found.entries:
        out.print("Without a booking", style="bold")
        _show_entries(found.entries, out)


def _show_entries(entries: list[Entry], out: Console) -> None:
    from rich.table import Table

    table = Table("When (UTC)", "Books", "Who", "What", box=None, padding=(0, 2, 0, 0))
    for entry in entries:
        table.add_row(f"{entry.at:%Y-%m-%d %H:%M:%S}", entry.side, _plain(entry.who), _plain(entry.what))
    out.print(table)


def _plain(text: str) -> str:
    from rich.markup import escape

    return escape(text)
