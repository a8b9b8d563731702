"""Every situation that `decide` can meet, and its answers as a table of few rows.

The table is a walk through the inputs in a fixed order: where an input makes no difference it is left out, and values that
lead to the same answers share a row. What is printed is therefore what the code does, all its situations.
"""

from __future__ import annotations

from collections.abc import Iterator
from functools import cache
from itertools import product
from typing import Any

from holdfast.payments.rules import (
    STATUSES,
    Answer,
    AtStripe,
    Funds,
    Recorded,
    Situation,
    Step,
    Units,
    decide,
)

YES_OR_NO = (True, False)
NOT = "other than "  # before the values that a large group leaves out
BETWEEN = " · "
# In the order in which a reader asks. The names are Situation's.
INPUTS: dict[str, tuple[Any, ...]] = {
    "funds": tuple(Funds),
    "recorded": tuple(Recorded),
    "status": STATUSES,
    "answer": tuple(Answer),
    "free": YES_OR_NO,
    "matches": YES_OR_NO,
    "cancel_requested": YES_OR_NO,
    "at_stripe": tuple(AtStripe),
    "others_open": YES_OR_NO,
    "hold_over": YES_OR_NO,
    "units": tuple(Units),
    "charged_in_time": (True, False, None),
}
HEADINGS = {
    "funds": "this attempt's money",
    "recorded": "money recorded before",
    "status": "order",
    "answer": "provider's yes",
    "free": "costs nothing",
    "matches": "sum as agreed",
    "cancel_requested": "cancel asked for",
    "at_stripe": "at Stripe",
    "others_open": "another attempt open",
    "hold_over": "hold over",
    "units": "seats",
    "charged_in_time": "charged in time",
}
MEANINGS = {
    Step.NOTHING: "Nothing to do.",
    Step.ASK: "Too little is known about the charge: fetch it from Stripe, then decide again.",
    Step.CONFIRM: "Confirm; its seats are still held.",
    Step.CONFIRM_RETAKEN: "Take the same seats again, they are free; confirm.",
    Step.CONFIRM_FROM_BUFFER: "Take seats from the organiser's buffer; confirm.",
    Step.CANCEL_AND_RETURN: "Release the seats, cancel, and give all of the money back.",
    Step.RETURN_SURPLUS: "The booking stands without it: give this money back.",
    Step.RETURN_LATE: "Paid after the hold, and the seats are gone: give the money back, and say why.",
    Step.RETURN_CANCELLED: "The booking was ended before: give the money back.",
    Step.STUCK_AMOUNT: "Another sum, currency or booking than agreed: record it; a person decides.",
    Step.STUCK_SEATS_GONE: "Paid in time, and the seats are gone through us: record it; a person decides.",
    Step.STUCK_AUTHORISED: "Authorised where a charge was expected: a person decides.",
    Step.RECORD: "Only write the money down: its row was lost, or a person is deciding already.",
    Step.LAPSE: "The hold is over and nobody can pay any more: release the seats.",
    Step.CANCEL: "Cancelled, and nobody can pay any more: release the seats.",
    Step.REQUEST: "The card is authorised: ask the provider, who has until the deadline.",
    Step.LET_GO: "Nobody needs this authorisation: let it go.",
    Step.CANCEL_AND_LET_GO: "Cancelled: release its time, and let the authorisation go.",
    Step.LAPSE_AND_LET_GO: "Its time is somebody else's by now: let the authorisation go.",
    Step.AUTHORISATION_LOST: "The authorisation is gone before it was captured: release its time, tell both.",
}


def every_situation() -> Iterator[Situation]:
    for values in product(*INPUTS.values()):
        yield Situation(**dict(zip(INPUTS, values, strict=True)))


@cache
def rows() -> list[tuple[dict[str, str], Step]]:
    """input → its values in words (absent: it makes no difference), and the step."""
    return [(dict(path), step) for path, step in _walk(())]


Path = tuple[tuple[str, str], ...]


def _walk(known: tuple[Any, ...]) -> list[tuple[Path, Step]]:
    answers = _answers(known)
    if len(set(answers)) == 1:
        return [((), answers[0])]
    name, values = list(INPUTS.items())[len(known)]
    groups: dict[tuple[Step, ...], list[Any]] = {}
    for value in values:
        groups.setdefault(_answers((*known, value)), []).append(value)
    if len(groups) == 1:
        return _walk((*known, values[0]))
    found = []
    for alike in groups.values():
        told = (name, _words(alike, values))
        found += [((told, *path), step) for path, step in _walk((*known, alike[0]))]
    return found


@cache
def _answers(known: tuple[Any, ...]) -> tuple[Step, ...]:
    """The steps for every combination of the inputs that are not known yet."""
    if len(known) == len(INPUTS):
        return (decide(Situation(**dict(zip(INPUTS, known, strict=True)))),)
    values = list(INPUTS.values())[len(known)]
    return tuple(step for value in values for step in _answers((*known, value)))


def _words(alike: list[Any], values: tuple[Any, ...]) -> str:
    others = [value for value in values if value not in alike]
    if len(alike) > 2 * len(others):
        return NOT + BETWEEN.join(word(value) for value in others)
    return BETWEEN.join(word(value) for value in alike)


def word(value: Any) -> str:
    if value is None:
        return "unknown yet"
    if isinstance(value, bool):
        return "yes" if value else "no"
    return str(value).replace("_", " ")


def page() -> str:
    """docs/reference/decisions.md"""
    found = rows()
    used = [name for name in INPUTS if any(name in path for path, _ in found)]
    count = sum(1 for _ in every_situation())
    lines = [
        "# What money does to an order",
        "",
        "Generated from `payments/rules.py` by `python -m scripts.generate_docs`; do not edit it by hand.",
        "",
        f"`decide` answers for each of {count:,} situations; these are all of its answers. A cell that is empty makes no",
        "difference. Several values in a cell lead to the same answer. The second column says whose money is in the database",
        "already: nobody's, this attempt's, or another attempt's.",
        "",
        f"| {' | '.join(HEADINGS[name] for name in used)} | step |",
        f"|{'---|' * (len(used) + 1)}",
    ]
    lines += [f"| {' | '.join(path.get(name, '') for name in used)} | `{step}` |" for path, step in found]
    lines += ["", "## The steps", "", "| step | what is done |", "|---|---|"]
    lines += [f"| `{step}` | {MEANINGS[step]} |" for step in Step]
    return "\n".join(lines) + "\n"
