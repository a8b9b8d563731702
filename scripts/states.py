"""The states of orders and bookings as a page, from the one table of transitions."""

from __future__ import annotations

from holdfast.bookings.rules import LIVE, TRANSITIONS

MEANINGS = {
    "pending": "Seats are held, nothing is paid yet.",
    "requested": "Authorised; the provider has not answered yet.",
    "confirmed": "Paid, or free: the seats are the guest's.",
    "in_progress": "It has begun.",
    "completed": "It took place.",
    "no_show": "Nobody came.",
    "declined": "The provider declined; the authorisation was let go.",
    "cancelled": "Cancelled; what the tiers give goes back.",
    "expired": "The hold was over before anything was paid; the seats went back.",
    "stuck": "Something contradicts itself, and a person decides; nothing moves by itself meanwhile.",
}


def page() -> str:
    """docs/reference/states.md"""
    lines = [
        "# The states of an order and its booking",
        "",
        "Generated from `TRANSITIONS` in `bookings/rules.py` by `python -m scripts.generate_docs`; do not edit it by hand.",
        "PostgreSQL holds the same table (`order_transitions` in `schema.sql`) and refuses every other step. A",
        "booking's state is its order's, by foreign key.",
        "",
        "```mermaid",
        "stateDiagram-v2",
        "    [*] --> pending",
    ]
    lines += [
        f"    {before} --> {after}"
        for before, afters in TRANSITIONS.items()
        for after in sorted(afters, key=list(TRANSITIONS).index)
    ]
    lines += [
        "```",
        "",
        "| state | what it means | must have its booking | what can follow |",
        "|---|---|---|---|",
    ]
    lines += [
        f"| `{state}` | {MEANINGS[state]} | {'yes' if state in LIVE else 'no'} | {_listed(after)} |"
        for state, after in TRANSITIONS.items()
    ]
    return "\n".join(lines) + "\n"


def _listed(after: frozenset[str]) -> str:
    return ", ".join(f"`{state}`" for state in sorted(after, key=list(TRANSITIONS).index))
