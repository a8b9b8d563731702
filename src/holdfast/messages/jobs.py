"""The outbox's job: claims what is due, sends it, writes down what came of it.

Claiming is one transaction, sending is outside of any, the outcome is a second one (rule 5). A claim is a
lease: should this process die, the message is due again when the lease is over. Any number of workers may
run.
"""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine
from datetime import datetime, timedelta
from functools import partial
from typing import Any, TypeVar

import structlog

from holdfast.database.connection import Connection
from holdfast.errors import DatabaseUnavailable
from holdfast.messages import actions, delivery_store, limits, rules, store, template_actions
from holdfast.messages.actions import Claim, Failure, Handed
from holdfast.messages.carriers import Carrier, LeaseLost, NotHandedOver, carrier
from holdfast.messages.outbox import LAST_WORD, OPTED_OUT
from holdfast.messages.quiet import wait_until
from holdfast.messages.rules import Verdict
from holdfast.messages.template_store import Place
from holdfast.system import System

LEASE_S = 60
# A send may take SEND_TIMEOUT_S: what could outlive its lease is not begun.
LEASE_NEEDED_S = 30
MOST_BATCHES = 50  # of a lane in one run
LANES = 4
LOOKS_FOR_OUTCOME = 50
BETWEEN_LOOKS_S = 0.1

Done = TypeVar("Done")

log = structlog.get_logger()


async def send_due(system: System, limit: int = 20) -> int:
    """Sends what is due, e-mails and SMS side by side; says how many messages were dealt with. Raises only
    DatabaseUnavailable."""
    return sum(await _all_of(_send_mails(system, limit), _send_channel(system, "sms", limit)))


async def send_now(system: System, message_id: str) -> bool:
    """Sends one message at once, if it is due, under the same claim as the worker: whoever asked for it waits for the answer.
    True: the other side has it. False: it is in the outbox and leaves by itself. Raises only DatabaseUnavailable."""
    channel = await system.database.read(lambda conn: delivery_store.channel_of(conn, message_id))
    if channel is None or (channel == "email" and system.mail.missing):
        return False
    async with carrier(system, channel) as connection:
        claims = await _claim(system, channel, 1, message_id)
        await Batch(system, channel, connection, claims).work()
    return await _outcome(system, message_id) in {"sent", "delivered"}


async def _outcome(system: System, message_id: str) -> str | None:
    """The status of a message; one that a worker has claimed first is waited for, as long as a send may reasonably take."""
    for _ in range(LOOKS_FOR_OUTCOME):
        status = await system.database.read(lambda conn: delivery_store.status_of(conn, message_id))
        if status != "sending":
            return status
        await asyncio.sleep(BETWEEN_LOOKS_S)
    return "sending"


async def _send_mails(system: System, limit: int) -> int:
    if system.mail.missing:
        await _wait_for_settings(system, system.mail.missing)
        return 0
    return await _send_channel(system, "email", limit)


async def _send_channel(system: System, channel: str, limit: int) -> int:
    """`limit` at a time over one connection. When there is more, several connections share the work: most of the time of a
    message is waiting for the server's answers."""
    done, more = await _lane(system, channel, limit, 1)
    if more:
        lanes = await _all_of(*(_lane(system, channel, limit, MOST_BATCHES) for _ in range(LANES)))
        done += sum(lane[0] for lane in lanes)
    return done


async def _all_of(*ways: Coroutine[Any, Any, Done]) -> list[Done]:
    """Side by side. When all have ended, the first that failed speaks for them."""
    outcomes = await asyncio.gather(*ways, return_exceptions=True)
    done: list[Done] = []
    for outcome in outcomes:
        if isinstance(outcome, BaseException):
            raise outcome
        done.append(outcome)
    return done


async def _lane(system: System, channel: str, limit: int, most_batches: int) -> tuple[int, bool]:
    """Batch after batch over one connection: how many messages, and whether there may be more that can
    leave. Without any there is no connection: to prepare one costs more than to look."""
    claims = await _claim(system, channel, limit)
    if not claims:
        return 0, False
    done = 0
    async with carrier(system, channel) as connection:
        for number in range(most_batches):
            if number:
                claims = await _claim(system, channel, limit)
            batch = Batch(system, channel, connection, claims)
            await batch.work()
            done += batch.done
            if len(claims) < limit or batch.server_fails:
                return done, False
    return done, True


async def _claim(system: System, channel: str, limit: int, message_id: str | None = None) -> list[Claim]:
    now = system.clock.now()
    until = now + timedelta(seconds=LEASE_S)
    rows = await system.database.run(
        lambda conn: delivery_store.claim_due(conn, now, until, limit, channel, message_id)
    )
    return [
        Claim(
            r["message_id"], r["tenant_id"], r["booking_id"], r["kind"], r["tries"], r["try_at"], r["channel"]
        )
        for r in rows
    ]


async def _wait_for_settings(system: System, problem: str) -> None:
    now = system.clock.now()
    waiting = await system.database.run(
        lambda conn: actions.wait_for_settings(conn, system.ids, now, problem)
    )
    if waiting:
        log.warning("mail_waits_for_settings", problem=problem, waiting=waiting)


class Batch:
    """The messages of one claim, one after the other."""

    def __init__(self, system: System, channel: str, connection: Carrier, claims: list[Claim]) -> None:
        self._system = system
        self._channel = channel
        self._connection = connection
        self._left = list(claims)
        self._sent_of: set[int] = set()  # tenants
        self._complaints = 0  # about our settings
        self.server_fails = False
        self.done = 0

    async def work(self) -> None:
        """Whatever was claimed and not begun is given back at the end, also when this process is told to
        stop."""
        if not self._left:
            return
        try:
            ids = [claim.message_id for claim in self._left]
            facts = await self._system.database.read(lambda conn: store.facts_of(conn, ids))
            if any(claim.kind == rules.SIGN_IN for claim in self._left):
                facts |= await self._system.database.read(lambda conn: store.sign_in_facts_of(conn, ids))
            if self._channel == "sms" and any(claim.booking_id is None for claim in self._left):
                facts |= await self._system.database.read(lambda conn: store.facts_of_numbers(conn, ids))
            if any(claim.kind == rules.TRIAL for claim in self._left):
                now = self._system.clock.now()
                facts |= await self._system.database.read(
                    lambda conn: template_actions.trial_rows(conn, ids, now)
                )
            while self._left and self._has_time(self._left[0]):
                claim = self._left.pop(0)
                await self._one(claim, facts.get(claim.message_id))
            if self._sent_of and not self._complaints:
                now = self._system.clock.now()
                await self._write(
                    lambda conn: actions.configuration_works(conn, now, self._sent_of, self._channel)
                )
            if self._channel == "sms":
                for tenant_id in sorted(self._sent_of):
                    await self._write(partial(self._watch_cap, tenant_id))
        finally:
            await self._give_back()

    def _has_time(self, claim: Claim) -> bool:
        return claim.leased_until - self._system.clock.now() >= timedelta(seconds=LEASE_NEEDED_S)

    async def _watch_cap(self, tenant_id: int, conn: Connection) -> None:
        await limits.watch_cap(conn, self._system.ids, self._system.clock.now(), tenant_id)

    async def _one(self, claim: Claim, row: store.Row | None) -> None:
        now = self._system.clock.now()
        why, later = self._outdated(claim, row), self._waits_until(claim, row)
        if why:
            await self._write(lambda conn: actions.record_outdated(conn, now, claim, why))
        elif later is not None:
            mine = [(claim.message_id, claim.tries)]
            await self._write(
                lambda conn: delivery_store.give_back(
                    conn, now, mine, later, "it waits for the quiet hours to end"
                )
            )
        else:
            await self._deliver(claim, row)
        self.done += 1
        if claim.booking_id:
            self._system.signals.tell(f"booking:{claim.booking_id}")

    def _outdated(self, claim: Claim, row: store.Row | None) -> str:
        if claim.kind == rules.SIGN_IN:
            over = row is None or row["used_at"] is not None or row["expires_at"] <= self._system.clock.now()
            return "the link is over by now" if over else ""
        if row is None:
            return ""
        if claim.channel == "sms" and row["opted_out"] and claim.kind != LAST_WORD:
            return OPTED_OUT
        if claim.booking_id is None:
            return ""
        begun = row["starts_at"] is not None and row["starts_at"] <= self._system.clock.now()
        return rules.outdated(claim.kind, row["status"], row["accepted_at"] is not None, begun=begun)

    def _waits_until(self, claim: Claim, row: store.Row | None) -> datetime | None:
        """It was tried by day and comes due by night: what can wait does."""
        if row is None or claim.booking_id is None or claim.kind == rules.SIGN_IN:
            return None
        return wait_until(
            claim.kind,
            claim.channel,
            self._system.clock.now(),
            row["tenant_zone"],
            row["quiet_from"],
            row["quiet_until"],
            row["starts_at"],
        )

    async def _deliver(self, claim: Claim, row: store.Row | None) -> None:
        try:
            handed = await self._connection.hand_over(claim, row)
        except NotHandedOver as error:
            await self._failed(claim, error.failure)
            if error.of_the_server:
                await self._fail_the_others(error.failure)
        except LeaseLost:
            log.warning("message_lease_lost", message_id=claim.message_id, tries=claim.tries)
        except DatabaseUnavailable:
            raise
        except Exception as problem:  # a template that does not fit must not hold up everybody else's mail
            log.exception("message_not_rendered", message_id=claim.message_id, kind=claim.kind)
            await self._failed(claim, Failure(Verdict.CONFIGURATION, "compose", type(problem).__name__))
        else:
            await self._sent(claim, handed)

    async def _sent(self, claim: Claim, handed: Handed) -> None:
        now = self._system.clock.now()

        async def record(conn: Connection) -> None:
            await actions.record_sent(conn, now, claim, handed)
            if handed.own_words_wrong and claim.kind != rules.TRIAL:
                place = Place(claim.kind, claim.channel, handed.language)
                await template_actions.tell_of_wrong_words(
                    conn, self._system.ids, now, claim.tenant_id, place, handed.own_words_wrong
                )

        await self._write(record)
        self._sent_of.add(claim.tenant_id)
        log.info(
            "message_sent",
            message_id=claim.message_id,
            kind=claim.kind,
            channel=claim.channel,
            tries=claim.tries,
        )

    async def _failed(self, claim: Claim, failure: Failure) -> None:
        self._complaints += failure.verdict is Verdict.CONFIGURATION
        now = self._system.clock.now()
        await self._write(lambda conn: actions.record_failure(conn, self._system.ids, now, claim, failure))
        log.warning(
            "message_not_sent",
            message_id=claim.message_id,
            kind=claim.kind,
            channel=claim.channel,
            tries=claim.tries,
            verdict=str(failure.verdict),
            stage=failure.stage,
            detail=failure.detail,
        )

    async def _fail_the_others(self, failure: Failure) -> None:
        """The server is away for all of them: each waits for a time of its own, without each waiting for a
        time-out."""
        self.server_fails = True
        others, self._left = self._left, []
        now = self._system.clock.now()

        async def record(conn: Connection) -> None:
            for claim in others:
                await actions.record_failure(conn, self._system.ids, now, claim, failure)

        await self._write(record)
        self.done += len(others)

    async def _give_back(self) -> None:
        left = [(claim.message_id, claim.tries) for claim in self._left]
        if not left:
            return
        now = self._system.clock.now()
        try:
            await self._system.database.run(lambda conn: delivery_store.give_back(conn, now, left))
        except DatabaseUnavailable:
            log.warning("claims_not_given_back", messages=len(left))  # their leases will lapse

    async def _write(self, work: store.Work) -> None:
        await self._system.database.run(work)
