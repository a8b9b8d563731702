"""The words of an SMS: one short line, with the links that it is about. Kinds as in render.py."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any
from zoneinfo import ZoneInfo

from babel.dates import format_datetime

from holdfast.messages.facts import bounded, first_name
from holdfast.messages.render import Links, links_of, words
from holdfast.messages.segments import plain
from holdfast.messages.senders.mail import one_line
from holdfast.messages.senders.sms import OutgoingSms
from holdfast.money import formatted

CALLBACK_PATH = "/api/webhooks/twilio"
# The words around are English; other alphabets would double the price.
LOCALE = "en_GB"
MOST_OF_A_TITLE = 40
MOST_OF_A_NAME = 20
MOST_OF_A_NOTE = 800


@dataclass(frozen=True)
class RenderedSms:
    """The SMS, and its words as they are kept: without the secrets of its links."""

    sms: OutgoingSms
    kept_text: str
    links: Links

    def is_it(self, text: str, kept_before: str | None) -> bool:
        """Whether a text that the provider knows is this SMS, or what was kept of an earlier try of it."""
        return text == self.sms.body or (kept_before is not None and self.links.left_out(text) == kept_before)


def render_sms(row: dict[str, Any], *, public_url: str, secret_key: str) -> RenderedSms:
    """`row` is one of store.facts_of. Raises KeyError or jinja2's errors when kind or parameters do not fit a template."""
    links = links_of(row, public_url, secret_key)
    facts = {
        "title": plain(one_line(row["title"], MOST_OF_A_TITLE)),
        "when": short_moment(row["starts_at"], row["time_zone"]) if row["starts_at"] else "",
        "respond_by": short_moment(row["respond_by"], row["time_zone"]) if row["respond_by"] else "",
        "sum": "free" if row["amount"] == 0 else formatted(row["amount"], row["currency"], LOCALE),
        "customer": plain(one_line(first_name(row["contact_name"]), MOST_OF_A_NAME)),
        "reference": row["reference"],
        "until": short_moment(row["expires_at"], row["time_zone"]),
        "tenant": plain(one_line(row["tenant_name"], MOST_OF_A_TITLE)),
        "back": _back(row),
        "text": bounded(str(row["params"].get("text") or ""), MOST_OF_A_NOTE),
        "link": links.main,
        "accept_link": links.accept,
        "decline_link": links.decline,
    }
    body = plain(words(f"sms/{row['kind']}.txt", facts).strip())
    callback = f"{public_url}{CALLBACK_PATH}?message={row['message_id']}"
    return RenderedSms(OutgoingSms(row["recipient"], body, callback), links.left_out(body), links)


def _back(row: dict[str, Any]) -> str:
    """The sum that goes back; empty: nothing."""
    params = row["params"]
    amount = params.get("amount", params.get("refund_amount", row["refunded"]))
    return formatted(amount, params.get("currency") or row["currency"], LOCALE) if amount else ""


def short_moment(moment: datetime, zone: str) -> str:
    """Thu 24 Dec 19:30 GMT."""
    local = moment.astimezone(ZoneInfo(zone))
    return f"{format_datetime(local, 'EEE d MMM HH:mm', locale=LOCALE)} {local.tzname()}"
