"""What the pages of an appointment say, as words a customer would use. Pure: the view and the time come in, words go out.

"Charged" is said only of money that was captured. While a card is authorised, the page says so and no more; never "failed"
and never "try again" for a payment unless Stripe has said that it was not authorised (F23).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any

from holdfast.bookings import words
from holdfast.bookings.words import State
from holdfast.errors import Conflict
from holdfast.requests.rules import in_words, refuse_moving
from holdfast.web.rendering import short_moment

View = Mapping[str, Any]

PROMISE = "You are charged only if it is accepted."
CHECKING = State(
    "Being checked",
    "wait",
    "We are checking with the bank",
    "Your request is kept meanwhile. This page changes by itself as soon as we know.",
)
# The timeline's words: those of an evening with seats, and where an appointment differs.
TIMELINE: Mapping[str, tuple[str, str, bool]] = {
    **words.TIMELINE,
    "held": ("Asked for; the card is still to be authorised", "wait", True),
    "requested": ("Sent to be answered", "wait", True),
    "accepted": ("Accepted", "good", True),
    "declined": ("Declined", "info", True),
    "paid": ("Your card was charged", "good", True),
    "hold_extended": ("Kept for longer, because a card was declined", "wait", True),
    "authorisation_to_be_let_go": (
        "The authorisation of the card is let go: nothing was charged",
        "info",
        True,
    ),
    "authorisation_lost": ("The authorisation of the card is gone: nothing was charged", "warn", True),
    "rescheduled": ("Moved to another time", "info", True),
    "expired": ("The time to finish was over; nothing was charged", "info", True),
    "cancelled": ("Cancelled", "info", True),
}
UNANSWERED = "unanswered"
HOURS_READ_AS_HOURS = 48


def state_of(view: View, zone: str, locale: str) -> State:
    """The heading of the booking's page. `view` has `appointment`; times are shown on the clock of `zone`."""
    appointment = view["appointment"]
    who, free = appointment["provider"]["name"], not view["amount"]
    match view["status"]:
        case "pending":
            return State(
                "Not sent yet",
                "wait",
                "One step is left",
                f"Authorise your card, and your request goes to {who}. {PROMISE}",
            )
        case "requested" if appointment["accepted_at"]:
            return State(
                "Accepted",
                "good",
                f"{who} has accepted",
                "Your card is being charged now. This page changes by itself as soon as the bank has answered.",
            )
        case "requested":
            until = short_moment(appointment["respond_by"], zone, locale)
            money = "It costs nothing." if free else f"Your card is authorised, not charged. {PROMISE}"
            return State(
                "Sent", "wait", f"Your request was sent to {who}", f"The answer comes by {until}. {money}"
            )
        case "confirmed":
            text = "We look forward to it." if appointment["starts_at"] else "It is on its way to you."
            return State("Confirmed", "good", f"{who} has accepted: it is confirmed", text)
        case "declined":
            return _declined(view, who, free)
        case "cancelled":
            return State("Cancelled", "info", "This is cancelled", _ended_text(view))
        case "expired" if appointment["requested_at"]:
            return State(
                "Lapsed",
                "warn",
                "The authorisation of your card is gone",
                f"Your bank let it go before it could be charged, so nothing was charged and nothing is booked. You can ask "
                f"{who} again.",
            )
        case "expired":
            return State(
                "Lapsed",
                "info",
                "The time to finish is over",
                "Your request was not sent, and nothing was charged. You can ask again.",
            )
        case "completed":
            return State("Over", "info", "Thank you", f"Your booking with {who} is over.")
        case "in_progress":
            return State("Under way", "good", "It is under way", f"Your booking with {who} has begun.")
        case status:
            return words.STATES[status]


def is_unanswered(view: View) -> bool:
    """Whether it was declined by nobody: its deadline passed."""
    said = [entry["detail"] or {} for entry in view["timeline"] if entry["what"] == "declined"]
    return bool(said) and said[-1].get("why") == UNANSWERED


def _declined(view: View, who: str, free: bool) -> State:
    money = "" if free else " Nothing was charged; the authorisation of your card is let go."
    if is_unanswered(view):
        return State(
            "Not answered",
            "info",
            f"{who} did not answer in time",
            f"So your request has ended by itself.{money}",
        )
    return State("Declined", "info", f"{who} could not accept", f"We are sorry.{money}")


def _ended_text(view: View) -> str:
    if view["amount_paid"]:
        return "What comes back, and how far it is, stands below."
    return "Nothing was charged." if view["amount"] else "It was cancelled as asked."


def refund_terms(tiers: Sequence[Mapping[str, Any]], has_time: bool) -> str:
    """One sentence before a time is chosen."""
    if not has_time:
        return "It has no fixed time: once accepted, all of your money comes back if you cancel before it is delivered."
    parts = [
        f"{_share(tier)} comes back if you cancel {_notice(int(tier['notice_hours']))}"
        for tier in sorted(tiers, key=lambda tier: -int(tier["notice_hours"]))
        if int(tier["percent"])
    ]
    if not parts:
        return "Once accepted, this cannot be refunded."
    sentence = ", ".join(parts) + "; after that, nothing."
    return sentence[0].upper() + sentence[1:]


def moving_rules(view: View, now: datetime, zone: str, locale: str) -> tuple[bool, str]:
    """Whether the customer can still move it (requests/rules.py decides), and the sentence that says so."""
    appointment = view["appointment"]
    try:
        refuse_moving({**appointment, "status": view["status"]}, now)
    except Conflict as refused:
        return False, refused.detail
    until = appointment["starts_at"] - timedelta(minutes=appointment["reschedule_minutes"])
    left = appointment["most_reschedules"] - appointment["times_rescheduled"]
    moves = "one move is" if left == 1 else f"{left} moves are"
    return True, f"You can move it until {short_moment(until, zone, locale)}; {moves} left."


def _share(tier: Mapping[str, Any]) -> str:
    percent = int(tier["percent"])
    return "all of your money" if percent == 100 else f"{percent}% of it"


def _notice(hours: int) -> str:
    if hours == 0:
        return "before it begins"
    long = (
        in_words(hours * 60)
        if hours > HOURS_READ_AS_HOURS
        else f"{hours} {'hour' if hours == 1 else 'hours'}"
    )
    return f"{long} or more before"
