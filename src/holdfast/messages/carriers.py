"""The two ways in which a message leaves: by mail and by SMS. Each hands over one message at a time, over connections that a
batch shares, and says what became of it.

SMS: the provider has no idempotency key, so a second try is a second SMS. Before each try the words are kept; before each
further one the provider's own list is asked whether it has them. What it has is taken over; what it cannot be asked about waits;
what it does not have is sent once more, and after rules.MOST_UNKNOWN tries without an answer a person decides.
"""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import timedelta
from typing import Protocol

from holdfast.messages import delivery_store, store
from holdfast.messages.actions import Claim, Failure, Handed, failure_of
from holdfast.messages.languages import language_of
from holdfast.messages.render import render
from holdfast.messages.rules import MOST_UNKNOWN, Verdict
from holdfast.messages.segments import segments_of
from holdfast.messages.senders.sms import SmsBatch, SmsError
from holdfast.messages.senders.smtp import MailError, SmtpBatch
from holdfast.messages.texts import RenderedSms, render_sms
from holdfast.system import System

# After one of these the other messages of the batch would only fail in the same way.
OF_THE_SERVER = frozenset({"connect", "tls", "auth", "settings"})
CLOCKS_DIFFER = timedelta(minutes=5)  # at most, between the provider's and ours
NO_BOOKING = "the message has no booking"


class NotHandedOver(Exception):
    """It did not leave, or nobody knows. `of_the_server`: neither will the others of this batch."""

    def __init__(self, failure: Failure, *, of_the_server: bool) -> None:
        self.failure = failure
        self.of_the_server = of_the_server
        super().__init__(failure.detail)


class LeaseLost(Exception):
    """Another worker has the message by now: it is that one's to send."""


class Carrier(Protocol):
    async def hand_over(self, claim: Claim, row: store.Row | None) -> Handed:
        """Returns when the other side has it. Raises NotHandedOver, LeaseLost, or whatever keeps it from being put into words."""
        ...


@asynccontextmanager
async def carrier(system: System, channel: str) -> AsyncIterator[Carrier]:
    """For a batch of messages of one channel."""
    if channel == "email":
        async with system.mail.batch() as mails:
            yield MailCarrier(system, mails)
    else:
        async with system.sms.batch() as texts:
            yield SmsCarrier(system, texts)


class MailCarrier:
    def __init__(self, system: System, connection: SmtpBatch) -> None:
        self._system = system
        self._connection = connection

    async def hand_over(self, claim: Claim, row: store.Row | None) -> Handed:
        if row is None:
            raise LookupError(NO_BOOKING)
        settings = self._system.settings
        rendered = render(
            row,
            public_url=settings.public_url,
            secret_key=settings.secret_key,
            now=self._system.clock.now(),
        )
        try:
            await self._connection.send(rendered.mail)
        except MailError as error:
            raise NotHandedOver(failure_of(error), of_the_server=error.stage in OF_THE_SERVER) from error
        return Handed(
            rendered.kept_text,
            rendered.kept_html,
            rendered.mail.subject,
            own_words_wrong=rendered.own_words_wrong,
            language=language_of(row["locale"]),
        )


class SmsCarrier:
    def __init__(self, system: System, connection: SmsBatch) -> None:
        self._system = system
        self._connection = connection

    async def hand_over(self, claim: Claim, row: store.Row | None) -> Handed:
        if row is None:
            raise LookupError(NO_BOOKING)
        settings = self._system.settings
        rendered = render_sms(row, public_url=settings.public_url, secret_key=settings.secret_key)
        try:
            segments = segments_of(rendered.sms.body)
            sid = await self._found(claim, row, rendered)
            how = "It had been sent before: found in the provider's list."
            if sid is None:
                sid, how = await self._sent(claim, row, rendered), str(segments)
        except SmsError as error:
            raise NotHandedOver(failure_of(error), of_the_server=error.stage in OF_THE_SERVER) from error
        return Handed(
            rendered.kept_text,
            provider_id=sid,
            detail=how,
            segments=segments.count,
            own_words_wrong=rendered.own_words_wrong,
            language=language_of(row["locale"]),
        )

    async def _found(self, claim: Claim, row: store.Row, rendered: RenderedSms) -> str | None:
        """What an earlier try sent, although nobody could write it down."""
        if claim.tries == 1:
            return None
        since = row["written_at"] - CLOCKS_DIFFER
        return await self._connection.find(
            rendered.sms.to_number, since, lambda text: rendered.is_it(text, row["body_text"])
        )

    async def _sent(self, claim: Claim, row: store.Row, rendered: RenderedSms) -> str:
        if row["unknown_tries"] >= MOST_UNKNOWN:
            why = f"It may have been sent: {row['unknown_tries']} tries ended without an answer."
            raise NotHandedOver(Failure(Verdict.UNKNOWN, "answer", why), of_the_server=False)
        mine = await self._system.database.run(
            lambda conn: delivery_store.keep_words(conn, claim.message_id, claim.tries, rendered.kept_text)
        )
        if not mine:
            raise LeaseLost(claim.message_id)
        return await self._connection.send(rendered.sms)
