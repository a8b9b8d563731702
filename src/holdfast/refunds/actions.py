"""Refunds: asking Stripe for what is owed, and taking over what Stripe says became of it."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

from holdfast.bookings import store as bookings
from holdfast.clock import from_unix
from holdfast.database.connection import Connection
from holdfast.errors import (
    Conflict,
    HoldfastError,
    NotFound,
    RefundRefused,
    SettingsWrong,
    StripeFailed,
    StripeRefused,
    StripeUnavailable,
    ValidationFailed,
)
from holdfast.money import step
from holdfast.payments import store as payments
from holdfast.refunds import rules, store
from holdfast.stripe_gateway.evidence import Evidence
from holdfast.stripe_gateway.lattice import only
from holdfast.system import System
from holdfast.tasks.actions import open_task

LEASE = timedelta(seconds=60)
KEY_LASTS = timedelta(hours=23)
OVER = frozenset({"cancelled", "declined", "expired"})
NO_REASON = "Stripe gave no reason"
IN_ANOTHER_WAY = (
    "A refund did not go through ({failure}): the guest still has to get the money, in another way."
)
DISPUTED = "the payment is disputed"
# Paid back in any way beside a dispute that is lost, the money would be lost twice (F49).
NOT_BESIDE_DISPUTE = "A refund was not made ({failure}): the bank decides about the money. If it decides for us, refund it then."

Row = dict[str, Any]


async def refund_by_staff(
    system: System,
    booking_id: str,
    amount: int | None,
    actor: str,
    *,
    refund_id: str | None = None,
    because: str = "",
) -> Row:
    """Owes a refund of `amount` minor units (None: all that is left) of the order's payment; the worker asks Stripe for it.
    With a `refund_id` that was chosen before (by a form, an Idempotency-Key), once: sent again, it is the same refund. Raises
    RefundRefused above what is left, or while the payment is disputed. Locks the order."""
    if amount is not None and amount <= 0:
        raise ValidationFailed("The amount must be above zero.")

    async def work(conn: Connection) -> Row:
        booking = await bookings.booking(conn, booking_id)
        order = await payments.lock_order(conn, booking["order_id"]) if booking else None
        if order is None:
            raise NotFound("There is no such booking.")
        chosen = refund_id or system.ids.new("ref")
        return await _before(conn, order, chosen, amount) or await _owe(
            system, conn, order, amount, actor, chosen, because
        )

    refund = await system.database.run(work)
    system.signals.tell("work:refunds", f"booking:{booking_id}")
    return refund


async def _before(conn: Connection, order: Row, refund_id: str, amount: int | None) -> Row | None:
    """The refund of that id, when an earlier request has made it."""
    found = await store.refund(conn, refund_id)
    if found is None:
        return None
    if found["order_id"] != order["order_id"] or amount not in {None, found["amount"]}:
        raise Conflict("This form was used before, for another refund. Open the booking again.")
    return found


async def _owe(
    system: System,
    conn: Connection,
    order: Row,
    amount: int | None,
    actor: str,
    refund_id: str,
    because: str,
) -> Row:
    now = system.clock.now()
    payment = next(
        (p for p in await payments.payments_of_order(conn, order["order_id"]) if p["purpose"] == "order"),
        None,
    )
    if payment is None:
        raise Conflict("Nothing was paid for this booking.")
    await refuse_beside_dispute(conn, payment["payment_id"])
    left = await store.left_of(conn, payment["payment_id"])
    wanted = left if amount is None else amount
    if wanted > left or wanted == 0:
        raise RefundRefused(
            f"Of this payment {left} {payment['currency']} (in minor units) can still be refunded.", left=left
        )
    if wanted % step(payment["currency"]):
        raise ValidationFailed(
            f"A refund in {payment['currency']} is a multiple of {step(payment['currency'])}."
        )
    row = await store.owe(conn, refund_id, payment["payment_id"], wanted, "staff", actor, now)
    why = {"because": because} if because else {}
    await _tell(conn, now, row, "refund_owed", actor, amount=wanted, currency=payment["currency"], **why)
    return row


async def refuse_beside_dispute(conn: Connection, payment_id: str) -> None:
    """Raises RefundRefused while a bank decides about the money, and when it has kept it (F49)."""
    if await store.open_disputes(conn, payment_id):
        raise RefundRefused(
            "The payment is disputed: Stripe has taken the money already, and a refund would lose it twice."
        )


async def ask_for(system: System, refund: Row) -> str:
    """Asks Stripe for one claimed refund, outside any transaction, under its row's id as idempotency key (F35). Says what
    became of it. After a crash or a time-out it is asked for again under the same key; past the key's life it is looked for
    first (F34). Beside a dispute it is not asked for (F49)."""
    now = system.clock.now()
    if await system.database.read(lambda conn: store.open_disputes(conn, refund["payment_id"])):
        return await _give_up(system, refund, DISPUTED, NOT_BESIDE_DISPUTE)
    try:
        if now - refund["created_at"] > KEY_LASTS:
            made = await _made_already(system, refund)
            answer = made or await _create(system, refund)
        else:
            answer = await _create(system, refund)
    except StripeFailed as failed:
        return await _failed_at_stripe(system, refund, failed)
    except (StripeUnavailable, NotFound, SettingsWrong) as unknown:
        return await _put_off(system, refund, unknown)
    except StripeRefused as refused:
        return await _refused(system, refund, refused)
    await system.database.run(lambda conn: record(system, conn, refund["refund_id"], answer))
    return str(answer.get("status"))


async def _put_off(system: System, refund: Row, why: HoldfastError) -> str:
    """It stays owed: a key that Stripe does not accept, or one of another account, is a setting that somebody will mend."""
    again = system.clock.now() + rules.pause(refund["tries"])
    async with system.database.transaction() as conn:
        await store.try_again(conn, refund["refund_id"], again, why.detail)
    return "unknown"


async def _failed_at_stripe(system: System, refund: Row, failed: StripeFailed) -> str:
    """Stripe keeps its error under the key for a day: what the list of refunds does not show was not made, and is asked for
    under a new key."""
    now = system.clock.now()
    again = now + rules.pause(refund["tries"])
    try:
        made = await _made_already(system, refund)
    except StripeUnavailable:
        return await _put_off(system, refund, failed)
    if made is not None:
        await system.database.run(lambda conn: record(system, conn, refund["refund_id"], made))
        return str(made.get("status"))
    async with system.database.transaction() as conn:
        await store.raise_key_version(conn, refund["refund_id"], refund["key_version"])
        await store.try_again(conn, refund["refund_id"], again, failed.detail)
    return "unknown"


async def _create(system: System, refund: Row) -> Row:
    return await system.stripe.create_refund(
        {
            "payment_intent": refund["payment_intent_id"],
            "amount": refund["amount"],
            "metadata": {"refund": refund["refund_id"], "app_instance": system.instance_id},
        },
        f"refund:{refund['refund_id']}:{refund['key_version']}",
    )


async def _made_already(system: System, refund: Row) -> Row | None:
    made = await system.stripe.refunds_of(refund["payment_intent_id"])
    return next(
        (one for one in made if (one.get("metadata") or {}).get("refund") == refund["refund_id"]), None
    )


async def _refused(system: System, refund: Row, refused: StripeRefused) -> str:
    """Stripe will not: it may have been done before, under a key that was forgotten; else a person has to look."""
    try:
        made = await _made_already(system, refund)
    except (StripeUnavailable, NotFound, SettingsWrong) as unknown:
        return await _put_off(system, refund, unknown)
    if made is not None:
        await system.database.run(lambda conn: record(system, conn, refund["refund_id"], made))
        return str(made.get("status"))
    disputed = refused.extra.get("stripe_code") == "charge_disputed"
    sentence = NOT_BESIDE_DISPUTE if disputed else IN_ANOTHER_WAY
    return await _give_up(system, refund, refused.detail, sentence)


async def _give_up(system: System, refund: Row, why: str, sentence: str) -> str:
    """No machine makes this refund. Locks the order; what has become of the refund meanwhile stays."""

    async def work(conn: Connection) -> str:
        row = await locked(conn, refund["refund_id"])
        if row["status"] in {"owed", "asked"}:
            await _failed(system, conn, row, None, why, sentence)
            return "failed"
        return str(row["status"])

    return await system.database.run(work)


async def locked(conn: Connection, refund_id: str) -> Row:
    """The refund as it is now, its order locked."""
    order_id = await payments.order_of_refund(conn, refund_id)
    order = await payments.lock_order(conn, order_id) if order_id else None
    if order is None:
        raise NotFound("There is no such refund.")
    rows = await store.refunds_of_order(conn, order["order_id"])
    return next(one for one in rows if one["refund_id"] == refund_id)


async def record(system: System, conn: Connection, refund_id: str, answer: Row) -> None:
    """What Stripe says of one of ours. Locks its order."""
    now = system.clock.now()
    row = await locked(conn, refund_id)
    await _move(
        system,
        conn,
        now,
        row,
        rules.our_status(answer.get("status")),
        answer["id"],
        answer.get("failure_reason"),
    )


async def take_over_refunds(
    system: System, conn: Connection, now: datetime, order: Row, paid: list[Row], known: Evidence
) -> list[str]:
    """Brings our rows to what the evidence proves: ours by their id, those that were made at Stripe without us as new rows
    (F44). Under the order's lock. Says whom to tell."""
    rows = await store.refunds_of_order(conn, order["order_id"])
    changed = False
    for stripe_id, facts in known.of("refund").items():
        payment = _payment_of(paid, facts)
        mine = _row_of(rows, stripe_id, facts)
        status = rules.our_status(facts.get("status"))
        failure = only(facts, "failure_reason")
        if mine is not None:
            changed |= await _move(system, conn, now, mine, status, stripe_id, failure)
        elif payment is not None:
            await _take_over(system, conn, now, order, payment, rows, stripe_id, facts, status)
            changed = True
    return [f"booking:{order['booking_id']}"] if changed else []


async def _take_over(
    system: System,
    conn: Connection,
    now: datetime,
    order: Row,
    payment: Row,
    rows: list[Row],
    stripe_id: str,
    facts: Any,
    status: str,
) -> None:
    amount = only(facts, "amount")
    if not amount:
        return
    if status != "failed":
        await _make_room(conn, now, payment, rows, amount)
    created = only(facts, "created")
    row = {
        "refund_id": system.ids.new("ref"),
        "payment_id": payment["payment_id"],
        "order_id": payment["order_id"],
        "tenant_id": payment["tenant_id"],
        "amount": amount,
        "currency": payment["currency"],
        "status": status,
        "stripe_refund_id": stripe_id,
        "failure": only(facts, "failure_reason"),
        "try_at": rules.next_look(now, now) if status == "pending" else None,
        "created_at": from_unix(created) if created else now,
        "settled_at": now if status in {"succeeded", "failed"} else None,
    }
    await store.insert_outside_refund(conn, row)
    await _tell(conn, now, payment, "refunded_outside", amount=amount, refund=stripe_id)
    if status == "failed":  # the news of its failure may come before the news of it
        await _failed(system, conn, row, stripe_id, row["failure"] or NO_REASON)
        return
    whole = await store.left_of(conn, payment["payment_id"]) <= 0
    if whole and payment["purpose"] == "order" and order["status"] not in OVER:
        await open_task(
            conn,
            system.ids,
            now,
            kind="refunded_outside",
            subject=payment["payment_id"],
            sentence="All of this booking's money was refunded in Stripe's dashboard, and the booking still stands: "
            "cancel it, or keep it as a gift.",
            tenant_id=payment["tenant_id"],
            order_id=payment["order_id"],
        )


async def _make_room(conn: Connection, now: datetime, payment: Row, rows: list[Row], amount: int) -> None:
    """What was refunded at Stripe need not be refunded again by us: rows that nobody has asked Stripe for give way."""
    room = await store.left_of(conn, payment["payment_id"])
    for row in rows:
        if room >= amount:
            return
        if row["payment_id"] == payment["payment_id"] and row["status"] == "owed":
            # One that a worker has claimed since is Stripe's to refuse.
            overtaken = await store.overtake(conn, row["refund_id"], now)
            room += row["amount"] if overtaken else 0


async def _move(
    system: System,
    conn: Connection,
    now: datetime,
    row: Row,
    status: str,
    stripe_id: str,
    failure: str | None,
) -> bool:
    if not rules.rises(row["status"], status):
        return False
    if status == "failed":
        await _failed(system, conn, row, stripe_id, failure or NO_REASON)
        return True
    settled = now if status == "succeeded" else None
    look_at = rules.next_look(now, now) if status == "pending" else None
    await store.mark(conn, row["refund_id"], status, stripe_id, None, settled, look_at)
    await _tell(conn, now, row, f"refund_{status}", amount=row["amount"], currency=row["currency"])
    return True


async def _failed(
    system: System,
    conn: Connection,
    row: Row,
    stripe_id: str | None,
    failure: str,
    sentence: str = IN_ANOTHER_WAY,
) -> None:
    """The money is back with us, or never left, and the guest still waits for it: a person has to see to it."""
    now = system.clock.now()
    await store.mark(conn, row["refund_id"], "failed", stripe_id, failure, now)
    await _tell(conn, now, row, "refund_failed", why=failure, amount=row["amount"])
    await open_task(
        conn,
        system.ids,
        now,
        kind="refund_failed",
        subject=row["refund_id"],
        sentence=sentence.format(failure=failure),
        tenant_id=row["tenant_id"],
        order_id=row["order_id"],
        detail={"amount": row["amount"], "currency": row["currency"]},
    )


async def _tell(
    conn: Connection, now: datetime, row: Row, what: str, actor: str = "stripe", **detail: Any
) -> None:
    await bookings.tell(conn, row["tenant_id"], row["order_id"], now, actor, what, **detail)


def _payment_of(paid: list[Row], facts: Any) -> Row | None:
    intent, charge = only(facts, "payment_intent"), only(facts, "charge")
    return next(
        (
            p
            for p in paid
            if (intent and p["payment_intent_id"] == intent) or (charge and p["charge_id"] == charge)
        ),
        None,
    )


def _row_of(rows: list[Row], stripe_id: str, facts: Any) -> Row | None:
    ours = only(facts, "ours")
    return next(
        (row for row in rows if row["stripe_refund_id"] == stripe_id or (ours and row["refund_id"] == ours)),
        None,
    )
