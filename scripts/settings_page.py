"""docs/reference/settings.md: every setting of settings.py, with what it is for. A setting without a word here is an error."""

from __future__ import annotations

from dataclasses import MISSING, fields

from holdfast.settings import SECRET, Settings, missing_for_production

HEAD = """# Settings

Settings come from the environment, or from a file `.env` in the folder where Holdfast is started; the environment wins.
`holdfast settings` prints them with secrets hidden and says what is missing before money is taken. Whatever is malformed
is said at the start, all of it at once, and nothing is started.

This page is written from `src/holdfast/settings.py` by `python -m scripts.generate_docs`.

| setting | default | for |
|---|---|---|"""

WHAT_FOR = {
    "database_url": "`postgresql://…`, PostgreSQL 15 or newer. Not set: the embedded PostgreSQL of the data folder",
    "holdfast_data": "the data folder: the embedded database and the demo. `--data` before a command wins over it",
    "public_url": "how guests and Stripe reach Holdfast, without a path: links in e-mails, the webhook's address, "
    "same-origin checks",
    "secret_key": "signs booking links, staff sessions and the snapshots at Stripe. At least 16 characters, the same in all "
    "processes, kept for ever: another key means other links",
    "stripe_publishable_key": "`pk_…`; must be of the same mode as the secret key. Only checked so far: "
    "the payment page is Stripe's own",
    "stripe_secret_key": "`sk_…` or, better, a restricted `rk_…` ([which rights](../guide/stripe-setup.md))",
    "stripe_webhook_secret": "`whsec_…`, what Stripe signs events with. Several, separated by commas, "
    "while one is being replaced",
    "stripe_api_base": "where Stripe's API is; another address is a sandbox",
    "cron_secret": "the secret of whoever calls `POST /api/cron/cleanup-bookings`; not set: nobody may",
    "smtp_url": "`smtp://user:password@host:587` or `smtps://…`: where e-mails leave ([more](../guide/messages.md))",
    "mail_from": "the sender of e-mails; a tenant may have its own",
    "twilio_account_sid": "where SMS leave: the account; without it SMS wait, and e-mails leave as ever",
    "twilio_auth_token": "its secret; also checks the signatures of delivery receipts",
    "twilio_from": "the sender of SMS: a number, a name, or a messaging service (`MG…`)",
    "twilio_api_base": "another address that speaks the same, such as the sandbox's",
    "default_region": "how a phone number without a country code is read when nothing nearer says it (recovery, diagnosis)",
    "hold_minutes": "how long seats are held for somebody who is paying, 1 to 1440, where the [catalogue](catalog.md) "
    "does not say it",
    "release_commit": "the commit that is deployed, for `/version`; not set: the HEAD of the checkout",
    "rate_limit_per_minute": "how many requests that change something one address may make in a minute; 0: any number. Each "
    "process counts for itself; loopback and webhooks are not counted",
    "foreign_metadata_map": "what another system's metadata calls things, as JSON ([recovery](../guide/recovery.md))",
}
FOOT = """
*secret* settings are printed hidden: of Stripe's the first eight characters, of others nothing.

Before money is taken, set {needed}.
"""


def page() -> str:
    names = {field.name for field in fields(Settings)}
    if names != WHAT_FOR.keys():
        raise KeyError(f"settings and their explanations differ: {sorted(names ^ WHAT_FOR.keys())}")
    rows = [
        f"| `{field.name.upper()}` | {_default(field)} | {_what_for(field.name)} |"
        for field in fields(Settings)
    ]
    needed = [sentence.split(" ", 1)[0] for sentence in missing_for_production(Settings())]
    return "\n".join([HEAD, *rows]) + "\n" + FOOT.format(needed=", ".join(f"`{name}`" for name in needed))


def _default(field: object) -> str:
    default = getattr(field, "default", MISSING)
    return "not set" if default in (None, "", (), MISSING) else f"`{default}`"


def _what_for(name: str) -> str:
    return WHAT_FOR[name] + (" (*secret*)" if name in SECRET else "")
