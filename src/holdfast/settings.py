"""Settings come from the environment, or from a `.env` file beside it; all that is wrong is said at once, at the start."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from dataclasses import dataclass, fields
from pathlib import Path
from urllib.parse import urlsplit

from holdfast.errors import SettingsWrong

SECRET = frozenset(
    {
        "database_url",
        "secret_key",
        "stripe_secret_key",
        "stripe_webhook_secret",
        "cron_secret",
        "smtp_url",
        "twilio_auth_token",
    }
)
STRIPE_API = "https://api.stripe.com"
# What FOREIGN_METADATA_MAP may name; what each means, payments/foreign.py says.
FOREIGN_WORDS = ("event", "units", "seats", "menu", "name", "email", "phone")


@dataclass(frozen=True)
class Settings:
    """One field a setting, named as its variable in lower case."""

    database_url: str | None = None
    holdfast_data: Path = Path(".holdfast")
    public_url: str = "http://127.0.0.1:8000"
    secret_key: str = ""
    stripe_publishable_key: str = ""
    stripe_secret_key: str = ""
    stripe_webhook_secret: tuple[str, ...] = ()
    stripe_api_base: str = STRIPE_API
    cron_secret: str = ""
    smtp_url: str = ""
    mail_from: str = ""
    twilio_account_sid: str = ""
    twilio_auth_token: str = ""
    twilio_from: str = ""
    twilio_api_base: str = "https://api.twilio.com"
    default_region: str = "GB"
    hold_minutes: int = 30
    release_commit: str = ""
    # How many requests a minute one address may make that create something; 0 is no limit. Loopback is not counted: there
    # it is a proxy that calls, and the address it forwards is counted instead.
    rate_limit_per_minute: int = 600
    # What a foreign system's metadata calls things: JSON, merged over the built-in map (docs/guide/recovery.md).
    foreign_metadata_map: str = ""

    @property
    def livemode(self) -> bool:
        """Which of Stripe's two worlds the key belongs to."""
        return "_live_" in self.stripe_secret_key[:8]

    def shown(self) -> dict[str, str]:
        """Every setting with secrets hidden, for `holdfast settings` and the diagnosis."""
        return {field.name.upper(): self._shown(field.name) for field in fields(self)}

    def _shown(self, name: str) -> str:
        value = getattr(self, name)
        text = ",".join(value) if isinstance(value, tuple) else str(value if value is not None else "")
        if name in SECRET and text:
            return text[:8] + "…" if name.startswith("stripe") else "…"
        return text


def load_settings(
    environment: Mapping[str, str] | None = None, *, dotenv: Path | None = Path(".env")
) -> Settings:
    """Reads and checks them all. Raises SettingsWrong with one sentence for each that is missing or malformed."""
    source = {
        **(_read_dotenv(dotenv) if dotenv else {}),
        **(os.environ if environment is None else environment),
    }
    values: dict[str, object] = {}
    problems: list[str] = []
    for field in fields(Settings):
        raw = source.get(field.name.upper())
        if raw is None or raw == "":
            continue
        try:
            values[field.name] = _parsed(field.name, raw.strip())
        except ValueError as problem:
            problems.append(f"{field.name.upper()}: {problem}")
    settings = Settings(**values)  # type: ignore[arg-type]  # each was parsed by its name
    problems += _contradictions(settings)
    if problems:
        raise SettingsWrong("; ".join(problems), problems=problems)
    return settings


def missing_for_production(settings: Settings) -> list[str]:
    """What has to be set before money is taken; empty when all of it is."""
    needed = {
        "SECRET_KEY": (settings.secret_key, "signs links and cookies; any long random text, kept for ever"),
        "STRIPE_SECRET_KEY": (settings.stripe_secret_key, "sk_… or rk_…, from Stripe's dashboard"),
        "STRIPE_WEBHOOK_SECRET": (settings.stripe_webhook_secret, "whsec_…, shown when the endpoint is made"),
        "SMTP_URL": (settings.smtp_url, "smtp://user:password@host:587, where e-mails leave"),
        "MAIL_FROM": (settings.mail_from, "the sender of e-mails"),
    }
    return [f"{name} is not set: {why}" for name, (value, why) in needed.items() if not value]


def _parsed(name: str, raw: str) -> object:
    if name in {"hold_minutes", "rate_limit_per_minute"}:
        return _whole_number(
            raw, 1 if name == "hold_minutes" else 0, 1440 if name == "hold_minutes" else 1_000_000
        )
    if name == "holdfast_data":
        return Path(raw)
    if name == "stripe_webhook_secret":
        return tuple(part.strip() for part in raw.split(",") if part.strip())
    if name in {"public_url", "stripe_api_base", "twilio_api_base"}:
        return _address(raw, {"http", "https"})
    if name == "smtp_url":
        return _address(raw, {"smtp", "smtps"})
    if name == "foreign_metadata_map":
        return _map_of_names(raw)
    if name == "database_url":
        return _address(raw, {"postgresql", "postgres"}, host_needed=False)
    return raw


def _whole_number(raw: str, low: int, high: int) -> int:
    if not raw.isdigit() or not low <= int(raw) <= high:
        raise ValueError(f"is {raw!r}; it must be a whole number from {low} to {high}")
    return int(raw)


def _address(raw: str, schemes: set[str], *, host_needed: bool = True) -> str:
    parts = urlsplit(raw)
    if parts.scheme not in schemes or (host_needed and not parts.hostname):
        raise ValueError(
            f"must be an address that begins with {' or '.join(sorted(s + '://' for s in schemes))}"
        )
    return raw.rstrip("/")


def _map_of_names(raw: str) -> str:
    """Checked here, so that a slip shows at the start and not in the emergency that it is needed for."""
    try:
        parsed = json.loads(raw)
    except ValueError:
        parsed = None
    if not isinstance(parsed, dict) or not all(
        word in FOREIGN_WORDS and isinstance(names, list) and all(isinstance(name, str) for name in names)
        for word, names in parsed.items()
    ):
        raise ValueError(
            f'must be a JSON object of lists of names, such as {{"event": ["show_id"]}}; it may name {", ".join(FOREIGN_WORDS)}'
        )
    return raw


def _contradictions(settings: Settings) -> list[str]:
    problems = []
    key = settings.stripe_secret_key
    if key and not key.startswith(("sk_test_", "sk_live_", "rk_test_", "rk_live_")):
        problems.append("STRIPE_SECRET_KEY: must begin with sk_test_, sk_live_, rk_test_ or rk_live_")
    publishable = settings.stripe_publishable_key
    if publishable and not publishable.startswith(("pk_test_", "pk_live_")):
        problems.append("STRIPE_PUBLISHABLE_KEY: must begin with pk_test_ or pk_live_")
    elif key and publishable and ("_live_" in key[:8]) != ("_live_" in publishable[:8]):
        problems.append(
            "STRIPE_PUBLISHABLE_KEY and STRIPE_SECRET_KEY: one is for test mode, the other for live mode"
        )
    if any(not secret.startswith("whsec_") for secret in settings.stripe_webhook_secret):
        problems.append("STRIPE_WEBHOOK_SECRET: each must begin with whsec_")
    problems += _half_of_twilio(settings)
    if settings.secret_key and len(settings.secret_key) < 16:
        problems.append("SECRET_KEY: must have at least 16 characters")
    return problems


def _half_of_twilio(settings: Settings) -> list[str]:
    """All of them or none: with a part of them nothing can be sent."""
    needed = {
        "TWILIO_ACCOUNT_SID": settings.twilio_account_sid,
        "TWILIO_AUTH_TOKEN": settings.twilio_auth_token,
        "TWILIO_FROM": settings.twilio_from,
    }
    missing = [name for name, value in needed.items() if not value]
    if not missing or len(missing) == len(needed):
        return []
    return [f"{name}: is not set, and SMS need it beside the other TWILIO settings" for name in missing]


def _read_dotenv(path: Path) -> dict[str, str]:
    if not path.is_file():
        return {}
    pairs = (
        line.split("=", 1)
        for line in path.read_text().splitlines()
        if "=" in line and not line.lstrip().startswith("#")
    )
    return {name.strip().removeprefix("export "): value.strip().strip("\"'") for name, value in pairs}
