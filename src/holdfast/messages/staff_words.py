"""What staff read about messages: names of kinds, states, channels, and of what people answered."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from holdfast.bookings.words import MESSAGES

# As `sent` says only that a server took it, it is not shown as good news.
STATES: Mapping[str, tuple[str, str]] = {
    "queued": ("Waiting", "wait"),
    "sending": ("Being sent", "wait"),
    "sent": ("Sent", "info"),
    "delivered": ("Delivered", "good"),
    "failed": ("Failed", "bad"),
    "suppressed": ("Not sent", "warn"),
}
# How a try ended that did not change the status.
OUTCOMES: Mapping[str, str] = {
    "deferred": "Put off by the server",
    "refused": "Refused",
    "unreachable": "No answer",
    "configuration": "Our settings were refused",
    "unknown": "Perhaps sent",
}
CHANNEL_NAMES: Mapping[str, str] = {"email": "E-mail", "sms": "SMS"}
OTHER_CHANNEL: Mapping[str, str] = {"email": "sms", "sms": "email"}
MEANINGS: Mapping[str, str] = {
    "stop": "Wants no more SMS",
    "start": "Wants SMS again",
    "help": "Asked for help and got the standard answer",
    "other": "Answer",
}
NAMES: Mapping[str, str] = {
    "booking_started": "Link to complete the booking",
    "reminder": "Reminder",
    "note": "Written by hand",
    "opt_out_confirmed": "Confirmation that no more SMS come",
    "help": "Answer to HELP",
    "provider_sign_in": "To the provider: link to sign in",
    "template_trial": "Test of your own words",
    **MESSAGES,
}


def status_words(status: str) -> str:
    """Of a status or of how a try ended."""
    return (
        STATES[status][0] if status in STATES else OUTCOMES.get(status, status.replace("_", " ").capitalize())
    )


# For every template that shows messages (messages/pages/parts.html).
FOR_MESSAGES: dict[str, Any] = {
    "message_names": NAMES,
    "message_states": STATES,
    "status_words": status_words,
    "channel_names": CHANNEL_NAMES,
    "other_channel": OTHER_CHANNEL,
    "meanings": MEANINGS,
}
