"""The life of a refund: pure. owed → asked → pending → succeeded, and failed from anywhere, even days later (F45)."""

from __future__ import annotations

from datetime import datetime, timedelta

FIRST_PAUSE = timedelta(seconds=30)
LONGEST_PAUSE = timedelta(hours=1)
# A refund may be pending for days; its news comes by webhook, and one that was lost is missed by nobody for longer than this.
LOOK_AFTER = (timedelta(hours=1), timedelta(hours=6))
LOOK_AGAIN = timedelta(days=1)
ORDER = ("owed", "asked", "pending", "succeeded", "failed")


def our_status(stripe_status: str | None) -> str:
    """Stripe's five words in our three (docs.stripe.com/api/refunds/object)."""
    match stripe_status:
        case "succeeded":
            return "succeeded"
        case "failed" | "canceled":
            return "failed"
        case _:
            return "pending"


def rises(before: str, after: str) -> bool:
    return ORDER.index(after) > ORDER.index(before)


def pause(tries: int) -> timedelta:
    """Before the next try, after so many: 30 s, 1 min, 2 min … at most an hour."""
    doublings = min(max(tries - 1, 0), 12)
    return min(FIRST_PAUSE * (1 << doublings), LONGEST_PAUSE)


def next_look(created_at: datetime, now: datetime) -> datetime:
    """When a pending refund is looked at next: after an hour, after six, then once a day until it is over."""
    for after in LOOK_AFTER:
        if created_at + after > now:
            return created_at + after
    days = (now - created_at) // LOOK_AGAIN + 1
    return created_at + days * LOOK_AGAIN
