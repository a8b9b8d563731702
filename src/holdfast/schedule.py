"""Every periodic job, its period, what wakes it sooner, and its limit: the whole list, on one screen."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass

from holdfast.inbox.jobs import handle_due
from holdfast.laws.jobs import keep_laws
from holdfast.lookup.jobs import answer_due
from holdfast.messages.jobs import send_due
from holdfast.messages.reminders import remind_due
from holdfast.payments.captures import carry_out_due
from holdfast.payments.jobs import ask_about_due, let_due_lapse
from holdfast.refunds.jobs import ask_for_due, look_at_pending
from holdfast.requests.expiry import decline_overdue, remind_providers
from holdfast.system import System
from holdfast.web.idempotency import forget_old_answers


@dataclass(frozen=True)
class Job:
    """`run` does at most a batch and says how many it did; after a full batch it is run again at once."""

    name: str
    every_s: float
    wake_on: str | None  # a subject of database/signals.py
    batch: int
    run: Callable[[System], Awaitable[int]]


JOBS = (
    Job("handle webhook events", 5, "work:inbox", 100, handle_due),
    Job("ask about open attempts", 5, None, 50, ask_about_due),
    Job("let lapsed holds go", 5, None, 50, let_due_lapse),
    Job("capture or let go what is authorised", 5, "work:captures", 20, carry_out_due),
    Job("decline requests without an answer", 5, None, 50, decline_overdue),
    Job("remind providers of requests", 30, None, 50, remind_providers),
    Job("ask for refunds", 10, "work:refunds", 20, ask_for_due),
    Job("look at pending refunds", 60, None, 20, look_at_pending),
    Job("answer guests who miss their booking", 10, "work:lookups", 10, answer_due),
    Job("remind guests the day before", 60, None, 50, remind_due),
    Job("send messages", 5, "work:messages", 20, send_due),
    Job("check the laws", 60, None, 1_000_000, keep_laws),
    Job("forget old answers to repeated requests", 3600, None, 10_000, forget_old_answers),
)
