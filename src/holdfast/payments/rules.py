"""What money means for an order: pure. Evidence and rows come in, a step comes out; settle.py writes it down.

`decide` is total: it answers for every combination of its inputs, and the table in docs/reference/decisions.md and the
exhaustive test are generated from the same enumeration.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Any

from holdfast.clock import from_unix
from holdfast.stripe_gateway.evidence import Evidence
from holdfast.stripe_gateway.lattice import only


class Funds(StrEnum):
    NONE = "none"
    AWAITING = "awaiting"  # completed but unpaid: a slow method (F18)
    FAILED = "failed"  # the slow method did not pay
    AUTHORISED = "authorised"
    PAID = "paid"


class AtStripe(StrEnum):
    UNKNOWN = "unknown"  # not created as far as we know (rule 7)
    OPEN = "open"  # can still be paid
    CLOSED = "closed"  # expired or canceled: can never be paid
    COMPLETE = "complete"


class Units(StrEnum):
    HELD = "held"  # the booking still has its seats
    FREE = "free"  # it lost them, and all of them are free
    BUFFER = "buffer"  # not free, but the organiser's buffer has room
    GONE = "gone"


class Recorded(StrEnum):
    """Whether the database already has money for the order."""

    NO = "no"
    THIS = "this"  # this attempt's money
    OTHER = "other"  # another attempt's money


class Answer(StrEnum):
    """Of the provider, for what is authorised first and charged only after a yes."""

    NOT_NEEDED = "not_needed"  # it is charged at once
    NONE = "none"  # a no has ended the order: its status tells
    YES = "yes"  # and the capture is under way


class Step(StrEnum):
    NOTHING = "nothing"
    ASK = "ask"  # the evidence is too thin for a decision about money: fetch the objects
    CONFIRM = "confirm"
    CONFIRM_RETAKEN = "confirm_retaken"
    CONFIRM_FROM_BUFFER = "confirm_from_buffer"
    CANCEL_AND_RETURN = "cancel_and_return"
    RETURN_SURPLUS = "return_surplus"
    RETURN_LATE = "return_late"
    RETURN_CANCELLED = "return_cancelled"
    STUCK_AMOUNT = "stuck_amount"
    STUCK_SEATS_GONE = "stuck_seats_gone"
    STUCK_AUTHORISED = "stuck_authorised"
    RECORD = "record"  # a person is deciding already: only write the money down
    LAPSE = "lapse"
    CANCEL = "cancel"
    REQUEST = "request"  # the card is authorised: the provider is asked
    LET_GO = "let_go"  # nobody needs this authorisation any more
    CANCEL_AND_LET_GO = "cancel_and_let_go"
    LAPSE_AND_LET_GO = "lapse_and_let_go"  # authorised, but its time is somebody else's by now
    AUTHORISATION_LOST = (
        "authorisation_lost"  # Stripe or the bank let it go before the provider's yes was captured
    )


LIVE_AND_PAID = frozenset({"confirmed", "in_progress", "completed", "no_show"})
WAITING = frozenset({"pending", "requested"})
ENDED_BY_SOMEBODY = frozenset({"cancelled", "declined"})
STATUSES = ("pending", "requested", *sorted(LIVE_AND_PAID), *sorted(ENDED_BY_SOMEBODY), "expired", "stuck")


@dataclass(frozen=True)
class Situation:
    """All that a decision depends on."""

    status: str
    funds: Funds
    at_stripe: AtStripe
    matches: bool  # amount and currency are what was agreed, told in one way only
    recorded: Recorded
    units: Units
    charged_in_time: bool | None  # by charge.created (rule 9); None: the charge was not seen yet
    hold_over: bool
    cancel_requested: bool
    others_open: bool  # another attempt of this order can still be paid
    free: bool = False  # the order costs nothing
    answer: Answer = Answer.NOT_NEEDED


def decide(s: Situation) -> Step:
    """The next step for an order in the light of one attempt."""
    if s.recorded is Recorded.THIS:
        return Step.NOTHING
    if s.funds is Funds.PAID:
        return _paid(s)
    if s.funds is Funds.AUTHORISED:
        return _authorised(s)
    if s.funds is Funds.AWAITING or s.status not in WAITING:
        return Step.NOTHING
    return _unpaid(s)


def _paid(s: Situation) -> Step:
    if s.recorded is Recorded.OTHER:
        return Step.RETURN_SURPLUS  # F31: one is kept, the other goes back, whatever its amount
    if s.status == "stuck":
        return Step.RECORD
    if not s.matches:
        return Step.STUCK_AMOUNT  # F21, F22, F73: never guess
    if s.status in LIVE_AND_PAID:
        # Confirmed, it costs something, and its payment is not on record: that row was lost (F25), and this is its money.
        return Step.RETURN_SURPLUS if s.free else Step.RECORD
    if s.status in ENDED_BY_SOMEBODY:
        return Step.RETURN_CANCELLED
    if s.cancel_requested:
        return Step.CANCEL_AND_RETURN if s.status in WAITING else Step.RETURN_CANCELLED
    return _seated(s)


def _authorised(s: Situation) -> Step:
    """Money that may be taken until it lapses, and must not be kept from its owner for nothing."""
    if s.answer is Answer.NOT_NEEDED:
        return Step.STUCK_AUTHORISED if s.status in WAITING else Step.NOTHING
    if s.status == "stuck":
        return Step.NOTHING  # a person decides
    if s.recorded is Recorded.OTHER or s.status in ENDED_BY_SOMEBODY or s.status == "expired":
        return Step.LET_GO
    if s.status in LIVE_AND_PAID:
        return Step.LET_GO if s.free else Step.NOTHING
    if s.cancel_requested and s.answer is not Answer.YES:
        return Step.CANCEL_AND_LET_GO
    if s.status == "requested":
        return Step.NOTHING
    if not s.matches:
        return Step.STUCK_AMOUNT
    return Step.LAPSE_AND_LET_GO if s.units is Units.GONE else Step.REQUEST


def _seated(s: Situation) -> Step:
    """Paid, and wanted: the late-money ladder (rule 10). A hold that still has its seats is confirmed however late."""
    match s.units:
        case Units.HELD:
            return Step.CONFIRM
        case Units.FREE:
            return Step.CONFIRM_RETAKEN
        case Units.BUFFER:
            return Step.CONFIRM_FROM_BUFFER
        case Units.GONE if s.charged_in_time is None:
            return Step.ASK
        case Units.GONE:
            # Who paid in time and lost the seats through us is not sent away by a machine (F14).
            return Step.STUCK_SEATS_GONE if s.charged_in_time else Step.RETURN_LATE


def _unpaid(s: Situation) -> Step:
    """The expiry fence (rule 8): only what Stripe has closed is let go, and nothing that saw money."""
    closed = s.at_stripe is AtStripe.CLOSED or s.funds is Funds.FAILED
    if not closed or s.others_open or s.recorded is not Recorded.NO:
        return Step.NOTHING
    if s.status == "requested" and s.answer is not Answer.NOT_NEEDED:
        # What costs nothing has no authorisation to lose: its deadline ends it (requests/expiry.py).
        return Step.NOTHING if s.free else Step.AUTHORISATION_LOST
    if s.cancel_requested:
        return Step.CANCEL
    return Step.LAPSE if s.hold_over else Step.NOTHING


@dataclass(frozen=True)
class Money:
    """What the evidence of one attempt says about money. Amounts in minor units, currency in upper case."""

    funds: Funds
    at_stripe: AtStripe
    matches: bool
    payment_intent_id: str | None
    charge_id: str | None
    amount: int | None
    currency: str | None
    charged_at: datetime | None
    brand: str | None
    last4: str | None
    capture_before: datetime | None
    declined_at: datetime | None
    expired_at: datetime | None
    problems: tuple[str, ...]


def read_money(
    evidence: Evidence, agreed_amount: int, agreed_currency: str, kind: str = "checkout_session"
) -> Money:
    """Sessions are the authority, intents the second witness: each alone suffices (F62). `kind` is the attempt's: an intent that
    no session made is the authority itself."""
    intent_id = _intent_id(evidence)
    charge_id, charge = _paying_charge(evidence, intent_id)
    amounts, currencies = _amounts(evidence), _currencies(evidence)
    problems = tuple(evidence.contradictions())
    matches = amounts <= {agreed_amount} and currencies <= {agreed_currency.lower()} and not problems
    created = only(charge, "created")
    return Money(
        funds=_funds(evidence),
        at_stripe=at_stripe(evidence, kind),
        matches=matches and bool(amounts),
        payment_intent_id=intent_id,
        charge_id=charge_id,
        amount=_taken(evidence, intent_id, max(amounts, default=None)),
        currency=str(min(currencies)).upper() if currencies else None,
        charged_at=from_unix(created) if created else None,
        brand=only(charge, "brand"),
        last4=only(charge, "last4"),
        capture_before=from_unix(charge["capture_before"]) if charge.get("capture_before") else None,
        declined_at=_latest(evidence.of("intent"), "declined_at"),
        expired_at=_latest(evidence.of("session"), "expired_at"),
        problems=problems,
    )


def _funds(evidence: Evidence) -> Funds:
    sessions, intents = evidence.of("session").values(), evidence.of("intent").values()
    if any(
        s.get("payment_status") in {"paid", "no_payment_required"} and s.get("status") == "complete"
        for s in sessions
    ):
        return Funds.PAID
    if any(i.get("status") == "succeeded" for i in intents) or _captured_charge(evidence):
        return Funds.PAID
    if any(s.get("async_failed") for s in sessions):
        return Funds.FAILED
    if any(i.get("status") == "requires_capture" for i in intents):
        return Funds.AUTHORISED
    if any(s.get("status") == "complete" for s in sessions):
        return Funds.FAILED if any(i.get("status") == "canceled" for i in intents) else Funds.AWAITING
    return Funds.AWAITING if any(i.get("status") == "processing" for i in intents) else Funds.NONE


def _captured_charge(evidence: Evidence) -> bool:
    return any(_is_captured(charge) for charge in evidence.of("charge").values())


def _is_captured(charge: Mapping[str, Any]) -> bool:
    return charge.get("status") == "succeeded" and bool(charge.get("captured"))


def at_stripe(evidence: Evidence, kind: str = "checkout_session") -> AtStripe:
    """Whether it can still be paid, as far as its objects tell."""
    sessions, intents = list(evidence.of("session").values()), list(evidence.of("intent").values())
    statuses = {s.get("status") for s in sessions}
    if "complete" in statuses or _funds(evidence) is Funds.PAID:
        return AtStripe.COMPLETE
    if "open" in statuses:
        return AtStripe.OPEN
    # A canceled intent alone does not close its session: Checkout may make another one.
    if "expired" in statuses:
        return AtStripe.CLOSED
    if intents and not sessions:
        ended = kind == "payment_intent" and all(i.get("status") == "canceled" for i in intents)
        return AtStripe.CLOSED if ended else AtStripe.OPEN
    return AtStripe.UNKNOWN


def _amounts(evidence: Evidence) -> set[int]:
    """Every sum that any of the objects names: they must all be one, and the one that was agreed."""
    told = {only(facts, "amount_total") for facts in evidence.of("session").values()}
    told |= {only(facts, "amount") for facts in evidence.of("intent").values()}
    told |= {
        i.get("amount_received") for i in evidence.of("intent").values() if i.get("status") == "succeeded"
    }
    told |= {c.get("amount_captured") for c in evidence.of("charge").values() if _is_captured(c)}
    return {amount for amount in told if amount is not None}


def _currencies(evidence: Evidence) -> set[str]:
    objects = [facts for kind in ("session", "intent", "charge") for facts in evidence.of(kind).values()]
    return {str(only(facts, "currency")) for facts in objects if only(facts, "currency")}


def _taken(evidence: Evidence, intent_id: str | None, told: int | None) -> int | None:
    """What was really taken (F29), by the intent or, when its news is not here yet, by its charge; before that is known, the sum
    that was told."""
    intent = evidence.of("intent").get(intent_id or "", {})
    if intent.get("status") == "succeeded" and intent.get("amount_received"):
        return int(intent["amount_received"])
    captured = [
        int(charge["amount_captured"])
        for charge in evidence.of("charge").values()
        if _is_captured(charge)
        and charge.get("amount_captured")
        and only(charge, "payment_intent") in {None, intent_id}
    ]
    return max(captured, default=told)


def _paying_charge(evidence: Evidence, intent_id: str | None) -> tuple[str | None, dict[str, Any]]:
    for id_, facts in evidence.of("charge").items():
        if facts.get("status") == "succeeded" and only(facts, "payment_intent") in {None, intent_id}:
            return id_, dict(facts)
    return None, {}


def _intent_id(evidence: Evidence) -> str | None:
    """The intent that took the money; while none has, the one that was told first. An attempt may have a second session (F10)."""
    sessions, intents, charges = evidence.of("session"), evidence.of("intent"), evidence.of("charge")
    told = [
        *(s for s in sessions.values() if s.get("payment_status") == "paid"),
        *({"payment_intent": [id_]} for id_, i in intents.items() if i.get("status") == "succeeded"),
        *(c for c in charges.values() if _is_captured(c)),
        *sessions.values(),
        *charges.values(),
        *({"payment_intent": [id_]} for id_ in intents),
    ]
    return next((id_ for id_ in (only(facts, "payment_intent") for facts in told) if id_), None)


def _latest(objects: Mapping[str, Any], name: str) -> datetime | None:
    times = [facts[name] for facts in objects.values() if facts.get(name)]
    return from_unix(max(times)) if times else None


# When an open attempt is asked about, after it was made; then when its hold ends, then every ASK_AGAIN.
ASK_AFTER = tuple(timedelta(minutes=minutes) for minutes in (1, 2, 5, 15, 31))
ASK_AGAIN = timedelta(minutes=10)
ASK_SLOW_METHOD = timedelta(hours=1)
# A webhook tells sooner, and whoever captures or lets go hears at once: of an authorisation that waits for days, four looks a
# day are enough (rule 13).
ASK_AUTHORISED = timedelta(hours=6)
DECLINE_KEEPS_HOLD = timedelta(minutes=10)


def next_question(
    made_at: datetime, now: datetime, hold_ends: datetime | None, *, made_at_stripe: bool = True
) -> datetime:
    """When an attempt that is still open is asked about next. The end of its hold is always one of the times; an attempt
    that Stripe has not answered for yet is tried again every minute."""
    if not made_at_stripe:
        return now + ASK_AFTER[0]
    times = [made_at + after for after in ASK_AFTER]
    if hold_ends is not None:
        times.append(hold_ends)
    if now >= made_at + ASK_AFTER[-1]:
        times.append(now + ASK_AGAIN)  # a long hold is not left alone until its end
    return min(moment for moment in times if moment > now)


def hold_after_decline(expires_at: datetime, hold_limit: datetime | None, declined_at: datetime) -> datetime:
    """A declined card keeps the hold ten more minutes, up to a limit that was fixed when it was taken: clicking cannot
    keep seats for ever."""
    wanted = max(expires_at, declined_at + DECLINE_KEEPS_HOLD)
    return min(wanted, hold_limit) if hold_limit and hold_limit > expires_at else expires_at
