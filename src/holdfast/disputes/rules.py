"""What a dispute's status means: pure. The words are Stripe's (docs.stripe.com/api/disputes/object, `status`)."""

from __future__ import annotations

from datetime import datetime, timedelta

NEEDS_ANSWER = frozenset({"needs_response", "warning_needs_response"})
UNDER_REVIEW = frozenset({"under_review", "warning_under_review"})
OVER = frozenset({"won", "lost", "warning_closed", "prevented"})
# Paying back beside one of the others loses the money twice (F49). Of one that is lost the bank has kept it.
MONEY_IS_OURS = frozenset({"won", "warning_closed", "prevented"})
SOON = timedelta(days=2)  # from then on a law asks for a person: laws/dispute_is_answered_in_time.py


def asks_for_a_person(before: str | None, status: str) -> bool:
    """Whether this step of a dispute puts work on somebody's desk: it is new and open; an inquiry became a dispute; or one that
    was over is open again. An answer that was sent asks for nothing."""
    if status in OVER:
        return False
    return before is None or (status in NEEDS_ANSWER and before != status)


def leaves_the_desk(status: str) -> bool:
    """Answered, or decided: nobody has to write anything any more."""
    return status in UNDER_REVIEW or status in OVER


def time_left(evidence_due: datetime | None, now: datetime) -> str:
    """How a person says it: `6 days and 4 hours`, `3 hours and 20 minutes`, `past`; empty without a deadline."""
    if evidence_due is None:
        return ""
    minutes = int((evidence_due - now).total_seconds() // 60)
    if minutes < 0:
        return "past"
    days, hours, minutes = minutes // 1440, minutes % 1440 // 60, minutes % 60
    larger, smaller = ((days, "day"), (hours, "hour")) if days else ((hours, "hour"), (minutes, "minute"))
    parts = [f"{count} {unit}{'' if count == 1 else 's'}" for count, unit in (larger, smaller) if count]
    return " and ".join(parts) or "less than a minute"


def urgency(status: str, evidence_due: datetime | None, now: datetime) -> str:
    """The kind of a badge: bad when it waits for an answer and has two days or less, warn while it waits."""
    if status in {"won", "warning_closed", "prevented"}:
        return "good"
    if status in UNDER_REVIEW:
        return "wait"
    if status not in NEEDS_ANSWER:
        return "info"
    return "bad" if evidence_due is not None and evidence_due - now <= SOON else "warn"
