"""What a demo keeps: its secrets, its keys and its ports, in `demo.json` of its data folder, for its owner's eyes only.

Made once, so that a second start prints the same links and keys, and so that the other commands can use the demo's
settings without any environment.
"""

from __future__ import annotations

import json
import os
import tempfile
from dataclasses import asdict, dataclass, field, fields
from pathlib import Path

from holdfast.clock import SystemClock
from holdfast.errors import SettingsWrong
from holdfast.ids import Ids, sha256

FILE = "demo.json"
HOST = "127.0.0.1"


@dataclass
class DemoState:
    secret_key: str
    cron_secret: str
    stripe_secret_key: str
    stripe_publishable_key: str
    webhook_secret: str
    sms_account: str
    sms_token: str
    keys: dict[str, str] = field(
        default_factory=dict
    )  # scope → key, in clear: they open nothing but this demo
    ports: dict[str, int] = field(default_factory=dict)  # web, sandbox, smtp

    @staticmethod
    def new() -> DemoState:
        ids = Ids(SystemClock())
        return DemoState(
            secret_key=ids.secret(),
            cron_secret=ids.secret("cron_"),
            stripe_secret_key=_like_stripes(ids, "sk_test_"),
            stripe_publishable_key=_like_stripes(ids, "pk_test_"),
            webhook_secret=_like_stripes(ids, "whsec_"),
            sms_account="AC" + sha256(ids.secret()).hex()[:32],
            sms_token=sha256(ids.secret()).hex()[:32],
        )

    @staticmethod
    def read(folder: Path) -> DemoState | None:
        """None when the folder is not a demo's. Raises SettingsWrong when the file is there but is not readable as one."""
        path = folder / FILE
        try:
            found = json.loads(path.read_text())
            names = {f.name for f in fields(DemoState)}
            return DemoState(**{name: value for name, value in found.items() if name in names})
        except (FileNotFoundError, NotADirectoryError):
            return None
        except (OSError, ValueError, TypeError, AttributeError) as broken:
            raise SettingsWrong(f"{path} cannot be read as a demo's settings: {broken}.") from broken

    def write(self, folder: Path) -> None:
        """Whole or not at all."""
        handle, unfinished = tempfile.mkstemp(dir=folder, prefix=f"{FILE}.")  # mode 0600
        with os.fdopen(handle, "w") as file:
            json.dump(asdict(self), file, indent=2)
        os.replace(unfinished, folder / FILE)

    @property
    def web_url(self) -> str:
        return f"http://{HOST}:{self.ports['web']}"

    @property
    def sandbox_url(self) -> str:
        return f"http://{HOST}:{self.ports['sandbox']}"


def environment_of(state: DemoState, folder: Path) -> dict[str, str]:
    """The demo's settings as variables, without DATABASE_URL: the folder's embedded database is used."""
    return {
        "HOLDFAST_DATA": str(folder.absolute()),
        "PUBLIC_URL": state.web_url,
        "SECRET_KEY": state.secret_key,
        "CRON_SECRET": state.cron_secret,
        "STRIPE_SECRET_KEY": state.stripe_secret_key,
        "STRIPE_PUBLISHABLE_KEY": state.stripe_publishable_key,
        "STRIPE_WEBHOOK_SECRET": state.webhook_secret,
        "STRIPE_API_BASE": state.sandbox_url,
        "SMTP_URL": f"smtp://{HOST}:{state.ports['smtp']}",
        "MAIL_FROM": "Holdfast demo <bookings@demo.example>",
        "TWILIO_ACCOUNT_SID": state.sms_account,
        "TWILIO_AUTH_TOKEN": state.sms_token,
        "TWILIO_FROM": "+447700900000",
        "TWILIO_API_BASE": state.sandbox_url,
    }


def _like_stripes(ids: Ids, prefix: str) -> str:
    """Letters and digits only, as in Stripe's own."""
    return prefix + ids.secret().replace("-", "x").replace("_", "y")
