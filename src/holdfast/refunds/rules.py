"""The life of a refund: pure. owed → asked → pending → succeeded, and failed from anywhere, even days later (F45)."""

from __future__ import annotations

from datetime import timedelta

FIRST_PAUSE = timedelta(seconds=30)
LONGEST_PAUSE = timedelta(hours=1)
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
