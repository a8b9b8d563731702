"""`POST /api/cron/cleanup-bookings`: what the worker does about holds and requests whose time is over, for those who run cron.

Nothing here decides anything of its own: a hold goes through the fence (rule 8: only after Stripe has closed it), a request is
declined as its deadline declines it. So it may be called at any time, by two at once, beside a worker or without one.
"""

from __future__ import annotations

import asyncio
import hmac
from dataclasses import asdict, dataclass, field
from datetime import timedelta
from functools import partial

import structlog
from fastapi import APIRouter, Request
from pydantic import BaseModel
from starlette.responses import Response

from holdfast.errors import DatabaseUnavailable, HoldfastError, Unauthorized, Unavailable, unforeseen
from holdfast.payments import store as payments
from holdfast.payments.apply import Settled
from holdfast.payments.captures import carry_out_due
from holdfast.payments.rules import ASK_AGAIN, Step
from holdfast.payments.settle import let_lapse, look_at
from holdfast.payments.steps import PAGE_PAUSE
from holdfast.requests import cron_store
from holdfast.requests.expiry import decline_overdue
from holdfast.system import System
from holdfast.web.answers import json_response, problems
from holdfast.web.dependencies import TheSystem

LEASE = timedelta(seconds=60)
AT_ONCE = 50
MOST_ROUNDS = 10  # so one call lets go of five hundred holds at most; the next call goes on
TOGETHER = 6
MOST_KEPT_SHOWN = 100
LET_GO = frozenset({Step.LAPSE, Step.CANCEL, Step.CANCEL_AND_LET_GO, Step.LAPSE_AND_LET_GO})

router = APIRouter(tags=["cron"])
log = structlog.get_logger()


@dataclass
class Cleaned:
    """`expired` holds were let go, with their `released` seats and slots; `declined` requests had no answer in time;
    `orphaned_slots` nobody had any more. `kept` is over and still there, with the reason: the oldest hundred."""

    expired: int = 0
    released: int = 0
    declined: int = 0
    orphaned_slots: int = 0
    kept: list[dict[str, str]] = field(default_factory=list)


class Kept(BaseModel):
    booking_id: str
    why: str


class CleanedUp(BaseModel):
    expired: int
    released: int
    declined: int
    orphaned_slots: int
    kept: list[Kept]


@router.post(
    "/api/cron/cleanup-bookings",
    response_model=CleanedUp,
    responses=problems(401, 503),
    summary="Let go of holds and requests whose time is over, as the worker does (needs `Authorization: Bearer CRON_SECRET`)",
)
async def cleanup_bookings(request: Request, system: TheSystem) -> Response:
    refuse_wrong_secret(request.headers.get("authorization", ""), system.settings.cron_secret)
    return json_response(asdict(await clean_up(system)))


def refuse_wrong_secret(authorization: str, cron_secret: str) -> None:
    """Raises Unavailable while no secret is set, Unauthorized for a wrong one: in a time that tells nothing of the right one."""
    if not cron_secret:
        raise Unavailable("CRON_SECRET is not set here: set it to a long random text, and send the same one.")
    kind, _, shown = authorization.partition(" ")
    fits = hmac.compare_digest(shown.strip().encode(), cron_secret.encode())
    if kind.lower() != "bearer" or not fits:
        raise Unauthorized("Send the secret of CRON_SECRET: `Authorization: Bearer CRON_SECRET`.")


async def clean_up(system: System) -> Cleaned:
    """One turn. What Stripe does not answer for is kept, and named with the reason. Raises DatabaseUnavailable."""
    cleaned = Cleaned()
    await _through_the_fence(system, cleaned)
    await _without_attempt(system, cleaned)
    cleaned.declined = await decline_overdue(system)
    await carry_out_due(system)
    now = system.clock.now()
    cleaned.orphaned_slots = await system.database.run(
        lambda conn: cron_store.cleanup_orphaned_slots(conn, now)
    )
    cleaned.kept = await _kept(system)
    return cleaned


async def _through_the_fence(system: System, cleaned: Cleaned) -> None:
    """Asks Stripe about every hold that is over and may have met it. Once Stripe does not answer, the others are left for the
    next turn: each would wait for its own time-out."""
    away = asyncio.Event()
    room = asyncio.Semaphore(TOGETHER)

    async def look(row: cron_store.Row) -> None:
        async with room:
            if away.is_set():
                await _put_off(system, row, "Stripe cannot be reached just now; it is asked again.", LEASE)
                return
            try:
                _count(cleaned, row, await look_at(system, row["attempt_id"], "sweep"))
            except Unavailable as problem:
                away.set()
                await _put_off(system, row, problem.detail, LEASE)
            except HoldfastError as problem:
                await _put_off(system, row, problem.detail, ASK_AGAIN)
            except Exception as problem:  # one that nobody foresaw must not keep the others from being let go
                log.exception("attempt_not_settled", attempt_id=row["attempt_id"])
                await _put_off(system, row, unforeseen(problem), ASK_AGAIN)

    for _ in range(MOST_ROUNDS):
        now = system.clock.now()
        due = await system.database.run(
            partial(cron_store.claim_overdue_attempts, now=now, lease=LEASE, pause=PAGE_PAUSE, limit=AT_ONCE)
        )
        for failed in await asyncio.gather(*(look(row) for row in due), return_exceptions=True):
            if failed is not None:
                raise failed  # the database is away: there is nothing left to do
        if len(due) < AT_ONCE or away.is_set():
            return


async def _put_off(system: System, row: cron_store.Row, why: str, pause: timedelta) -> None:
    async with system.database.transaction() as conn:
        await payments.note_error(conn, row["attempt_id"], why, system.clock.now() + pause)


async def _without_attempt(system: System, cleaned: Cleaned) -> None:
    passed_over: list[str] = []
    for _ in range(MOST_ROUNDS):
        now = system.clock.now()
        due = await system.database.read(
            partial(cron_store.overdue_without_attempt, now=now, limit=AT_ONCE, but=passed_over)
        )
        for row in due:
            try:
                _count(cleaned, row, await let_lapse(system, row["order_id"]))
            except DatabaseUnavailable:
                raise
            except Exception:  # as above; a law tells of it
                log.exception("hold_not_let_go", order_id=row["order_id"])
            passed_over.append(row["order_id"])
        if len(due) < AT_ONCE:
            return


def _count(cleaned: Cleaned, row: cron_store.Row, settled: Settled) -> None:
    """Only what this call let go: settling says what it did, under the order's lock."""
    if settled.step in LET_GO:
        cleaned.expired += 1
        cleaned.released += row["seats"]


async def _kept(system: System) -> list[dict[str, str]]:
    now = system.clock.now()
    rows = await system.database.read(lambda conn: cron_store.still_overdue(conn, now, MOST_KEPT_SHOWN))
    return [{"booking_id": row["booking_id"], "why": _why(row)} for row in rows]


def _why(row: cron_store.Row) -> str:
    if row["status"] == "requested":
        return "Its time to be answered is over, and it could not be declined; a law tells of it."
    if row["last_error"]:
        return str(row["last_error"])
    if row["attempt_status"] == "complete":
        return "Its payment is under way: a slow method, or one that Stripe has not told the end of."
    if row["attempt_status"] is None:
        return "It could not be let go; a law tells of it."
    return "It can still be paid, as far as Stripe has told us."
