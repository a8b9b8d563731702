"""The one place where things are built and handed over. Web, worker and command line get a System; tests build their own."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass

from holdfast.clock import Clock, SystemClock
from holdfast.database.connection import Database
from holdfast.database.signals import Signals
from holdfast.errors import SettingsWrong
from holdfast.ids import Ids
from holdfast.messages.senders.sms import SmsSender
from holdfast.messages.senders.smtp import SmtpSender
from holdfast.settings import Settings
from holdfast.stripe_gateway.client import SdkGateway, StripeGateway


@dataclass(frozen=True)
class System:
    settings: Settings
    clock: Clock
    ids: Ids
    database: Database
    signals: Signals
    stripe: StripeGateway
    mail: SmtpSender
    sms: SmsSender
    instance_id: str  # marks what is ours at Stripe


@asynccontextmanager
async def open_system(
    settings: Settings,
    *,
    clock: Clock | None = None,
    ids: Ids | None = None,
    stripe: StripeGateway | None = None,
    most_connections: int = 10,
) -> AsyncIterator[System]:
    """Everything, built and connected; closed when the block ends. `settings.database_url` must be set by now."""
    if not settings.database_url:
        raise SettingsWrong("DATABASE_URL is not set and no embedded database was started.")
    clock = clock or SystemClock()
    async with (
        Database(settings.database_url, most_connections=most_connections) as database,
        Signals(database) as signals,
        _gateway(settings, stripe) as gateway,
    ):
        yield System(
            settings=settings,
            clock=clock,
            ids=ids or Ids(clock),
            database=database,
            signals=signals,
            stripe=gateway,
            mail=SmtpSender(settings.smtp_url, settings.mail_from),
            sms=SmsSender(
                settings.twilio_account_sid,
                settings.twilio_auth_token,
                settings.twilio_from,
                settings.twilio_api_base,
            ),
            instance_id=await _instance_id(database),
        )


@asynccontextmanager
async def _gateway(settings: Settings, given: StripeGateway | None) -> AsyncIterator[StripeGateway]:
    """The one that was given stays its giver's; one of our own is closed."""
    if given is not None:
        yield given
        return
    own = SdkGateway(settings.stripe_secret_key, settings.stripe_api_base)
    try:
        yield own
    finally:
        await own.close()


async def _instance_id(database: Database) -> str:
    async with database.transaction() as conn:
        row = await (await conn.execute("SELECT instance_id FROM installation")).fetchone()
    assert row is not None  # schema.sql writes it
    return str(row["instance_id"])
