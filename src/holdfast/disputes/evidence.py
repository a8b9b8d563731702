"""The evidence pack of a dispute, as facts and words: pure. Rows come in; texts by the names of Stripe's evidence fields,
sections for a page to print, and one JSON document come out. The same rows make the same pack, whenever it is asked for.

What a bank looks at: what was agreed and when, what the customer was told and whether it arrived, what happened, who came.
Two things never go in: network addresses, and secret links (whoever has the link in a confirmation can cancel the booking).

Source of the fields and their limits: docs.stripe.com/api/disputes/update, docs.stripe.com/disputes/responding.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from holdfast.disputes import evidence_words as words
from holdfast.disputes.evidence_words import Case, Row
from holdfast.money import formatted


@dataclass(frozen=True)
class Section:
    """Something to print: facts, then a table, then longer texts. `fields`: the file fields of Stripe's that it belongs to."""

    title: str
    fields: tuple[str, ...]
    facts: tuple[tuple[str, str], ...] = ()
    headings: tuple[str, ...] = ()
    rows: tuple[tuple[str, ...], ...] = ()
    texts: tuple[tuple[str, str], ...] = ()


def fields(case: Case) -> dict[str, str]:
    """Each text field that there is something to say in, ready to be pasted."""
    agreed = case.agreement
    texts = {
        "customer_name": agreed["contact_name"],
        "customer_email_address": agreed["contact_email"] or "",
        "product_description": _product(case),
        "service_date": words.moment(case, agreed["starts_at"]),
        "refund_policy_disclosure": _disclosure(case),
        "refund_refusal_explanation": _refusal(case),
        "access_activity_log": _log(case),
        "uncategorized_text": _summary(case),
    }
    if case.dispute["reason"] == "duplicate":
        texts |= _duplicates(case)
    return {name: words.cut(words.clean(text), words.LONGEST_FIELD) for name, text in texts.items() if text}


def sections(case: Case) -> list[Section]:
    """The whole file, in the order in which a stranger reads it."""
    return [
        _about(case),
        _agreed(case),
        _rules(case),
        _paid(case),
        _told(case),
        _attendance(case),
        _story(case),
    ]


def as_json(case: Case) -> dict[str, Any]:
    """The same for machines. Amounts in minor units, times in UTC."""
    agreed = case.agreement
    return {
        "dispute": _chosen(
            case.dispute, ("dispute_id", "status", "reason", "amount", "currency", *DISPUTE_TIMES)
        ),
        "agreed": {
            **_chosen(agreed, AGREED),
            "order_lines": [dict(line) for line in case.lines],
            "refund_tiers": agreed["refund_tiers"],
            "refund_rules": words.refund_rules(case),
        },
        "customer": {"name": agreed["contact_name"], "email": agreed["contact_email"]},
        "payments": [dict(one) for one in case.payments],
        "refunds": [dict(one) for one in case.refunds],
        "messages": [
            {
                **_chosen(one, ("kind", "channel", "recipient", "status", "sent_at", "delivered_at")),
                "subject": words.clean(one["subject"] or ""),
                "body": words.body(one),
            }
            for one in words.messages_to_customer(case)
        ],
        "attendance": {
            **_chosen(agreed, ("status", "arrived_at", "arrival_recorded_at")),
            "seats": agreed["seats"],
        },
        "timeline": [
            {"at": one["at"], "who": words.who_did(one), "what": words.what_happened(one)}
            for one in case.timeline
        ],
        "fields": fields(case),
    }


DISPUTE_TIMES = ("evidence_due", "opened_at", "closed_at")
AGREED = (
    "reference",
    "kind",
    "title",
    "description",
    "venue",
    "provider_name",
    "details",
    "starts_at",
    "ends_at",
    "time_zone",
    "amount",
    "currency",
    "source",
    "created_at",
    "requested_at",
    "accepted_at",
    "confirmed_at",
    "ended_at",
    "times_rescheduled",
)


def _about(case: Case) -> Section:
    dispute, paid = case.dispute, case.dispute
    return Section(
        "The dispute",
        ("service_documentation", "receipt", "refund_policy", "customer_communication"),
        _facts(
            ("Dispute", dispute["dispute_id"]),
            ("Reason given", dispute["reason"].replace("_", " ")),
            ("Amount", formatted(dispute["amount"], dispute["currency"])),
            ("Payment", paid["payment_intent_id"]),
            ("Charge", paid["charge_id"] or ""),
            ("Opened", words.moment(case, dispute["opened_at"])),
            ("Evidence due", words.moment(case, dispute["evidence_due"])),
            ("Business", case.agreement["tenant_name"]),
            ("Booking", case.agreement["reference"]),
        ),
    )


def _agreed(case: Case) -> Section:
    agreed = case.agreement
    return Section(
        "What was agreed",
        ("service_documentation", "receipt"),
        _facts(
            ("What", agreed["title"]),
            ("With", agreed["provider_name"] or ""),
            ("Where", agreed["venue"]),
            ("When", words.moment(case, agreed["starts_at"])),
            ("Until", words.moment(case, agreed["ends_at"])),
            ("Customer", agreed["contact_name"]),
            ("E-mail", agreed["contact_email"] or ""),
            ("Places", str(agreed["seats"]) if agreed["kind"] == "event" else ""),
            ("What the customer told", agreed["details"]),
            ("Ordered", words.moment(case, agreed["created_at"])),
            ("How", words.PLACED_BY[agreed["source"]]),
            ("Asked of the provider", words.moment(case, agreed["requested_at"])),
            ("Accepted by the provider", words.moment(case, agreed["accepted_at"])),
            ("Moved", f"{agreed['times_rescheduled']} times" if agreed["times_rescheduled"] else ""),
        ),
        ("What", "Quantity", "Each", "Sum"),
        (*(_line(case, line) for line in case.lines), ("Total", "", "", words.money(case, agreed["amount"]))),
    )


def _rules(case: Case) -> Section:
    return Section(
        "Refund rules, as they were agreed",
        ("refund_policy",),
        _facts(
            ("Agreed", words.moment(case, case.agreement["created_at"])),
            ("How they were shown", words.PLACED_BY[case.agreement["source"]]),
        ),
        ("Rule",),
        tuple((rule,) for rule in words.refund_rules(case)),
    )


def _paid(case: Case) -> Section:
    paid = [
        (
            words.moment(case, one["at"]),
            "Payment" if one["purpose"] == "order" else "Payment beyond the order, returned",
            words.card(one),
            one["payment_intent_id"],
            formatted(one["captured"], one["currency"]),
        )
        for one in case.payments
    ]
    back = [
        (
            words.moment(case, one["created_at"]),
            f"Refund, {one['status']}",
            "",
            one["stripe_refund_id"] or "",
            "\N{MINUS SIGN}" + formatted(one["amount"], one["currency"]),
        )
        for one in case.refunds
    ]
    return Section(
        "Payments and refunds",
        ("receipt",),
        headings=("When", "What", "Card", "At Stripe", "Amount"),
        rows=tuple(paid + back),
    )


def _told(case: Case) -> Section:
    texts = [
        (f"{one['subject'] or one['kind'].replace('_', ' ')} ({words.delivery(case, one)})", words.body(one))
        for one in words.messages_to_customer(case)
    ]
    return Section(
        "Messages to the customer",
        ("customer_communication", "receipt"),
        _facts(("Messages", str(len(texts)) if texts else "none")),
        texts=tuple((words.clean(title), body) for title, body in texts),
    )


def _attendance(case: Case) -> Section:
    agreed = case.agreement
    return Section(
        "Attendance",
        ("service_documentation",),
        _facts(
            ("Came", words.attendance(case)),
            ("Recorded", words.moment(case, agreed["arrival_recorded_at"])),
            ("Recorded by", words.who(agreed["arrival_actor"]) if agreed["arrival_actor"] else ""),
        ),
    )


def _story(case: Case) -> Section:
    rows = tuple(
        (words.moment(case, one["at"]), words.who_did(one), words.what_happened(one)) for one in case.timeline
    )
    return Section(
        "Everything that happened", ("service_documentation",), headings=("When", "Who", "What"), rows=rows
    )


def _product(case: Case) -> str:
    agreed = case.agreement
    with_whom = f" with {agreed['provider_name']}" if agreed["provider_name"] else ""
    head = [
        f"{agreed['title']}{with_whom}",
        agreed["venue"],
        agreed["description"],
        words.moment(case, agreed["starts_at"]),
    ]
    lines = [
        f"{line['quantity']} x {line['label']}: {words.money(case, line['amount'])}" for line in case.lines
    ]
    total = f"Total: {words.money(case, agreed['amount'])}, booking {agreed['reference']}"
    return "\n".join([*(text for text in head if text), *lines, total])


def _disclosure(case: Case) -> str:
    agreed = case.agreement
    told = [
        one
        for one in words.messages_to_customer(case)
        if one["kind"] == "booking_confirmed" and one["sent_at"]
    ]
    again = [
        f"They were sent again with the confirmation on {words.moment(case, one['sent_at'])}."
        for one in told[:1]
    ]
    ordered = f"Ordered on {words.moment(case, agreed['created_at'])}. {words.PLACED_BY[agreed['source']]}"
    return "\n".join([ordered, "The refund rules that were agreed:", *words.refund_rules(case), *again])


def _refusal(case: Case) -> str:
    agreed, back = case.agreement, [one for one in case.refunds if one["status"] != "failed"]
    returned = [_returned(case, one) for one in back]
    if agreed["ended_at"] is None:
        head = [
            "The customer has not cancelled this booking, so no refund was due under the rules that were agreed:"
        ]
    else:
        head = [
            f"The booking ended on {words.moment(case, agreed['ended_at'])} ({agreed['status']}). The rules that were agreed:"
        ]
    return "\n".join([*head, *words.refund_rules(case), *returned])


def _returned(case: Case, refund: Row) -> str:
    at = words.moment(case, refund["settled_at"] or refund["created_at"])
    named = f" ({refund['stripe_refund_id']})" if refund["stripe_refund_id"] else ""
    return f"{formatted(refund['amount'], refund['currency'])} was returned on {at}{named}."


def _log(case: Case) -> str:
    """What the customer did, and the door."""
    entries = [one for one in case.timeline if words.who_did(one) == words.WHO["customer"]]
    lines = [f"{words.moment(case, one['at'])}: {words.what_happened(one)}" for one in entries]
    if case.agreement["arrived_at"]:
        lines.append(f"{words.moment(case, case.agreement['arrived_at'])}: {words.attendance(case)}")
    return "\n".join(lines)


def _summary(case: Case) -> str:
    agreed = case.agreement
    paid = next((one for one in case.payments if one["payment_id"] == case.dispute["payment_id"]), None)
    parts = [
        f"{agreed['contact_name']} booked {agreed['title']} ({agreed['reference']}) "
        f"on {words.moment(case, agreed['created_at'])} for {words.money(case, agreed['amount'])}.",
        f"It was paid on {words.moment(case, paid['at'])} by {words.card(paid) or 'card'} ({paid['payment_intent_id']})."
        if paid
        else "",
        f"The provider accepted it on {words.moment(case, agreed['accepted_at'])}."
        if agreed["accepted_at"]
        else "",
        f"It was confirmed on {words.moment(case, agreed['confirmed_at'])}."
        if agreed["confirmed_at"]
        else "",
        *(
            f"{one['kind'].replace('_', ' ').capitalize()}: {words.delivery(case, one)}."
            for one in words.messages_to_customer(case)
        ),
        words.attendance(case),
    ]
    return "\n".join(part for part in parts if part)


def _duplicates(case: Case) -> dict[str, str]:
    """For disputes with the reason `duplicate`."""
    others = [one for one in case.payments if one["payment_id"] != case.dispute["payment_id"]]
    if not others:
        return {"duplicate_charge_explanation": "No other payment was taken for this booking."}
    told = [_other_payment(case, one) for one in others]
    texts = {"duplicate_charge_explanation": "For the same booking there was also:\n" + "\n".join(told)}
    first = others[0]["charge_id"]
    return {**texts, "duplicate_charge_id": first} if first else texts


def _other_payment(case: Case, one: Row) -> str:
    paid = f"{formatted(one['captured'], one['currency'])} on {words.moment(case, one['at'])}"
    return f"{paid} ({one['charge_id'] or one['payment_intent_id']}){_what_became(case, one)}"


def _what_became(case: Case, payment: Row) -> str:
    back = [
        one
        for one in case.refunds
        if one["payment_id"] == payment["payment_id"] and one["status"] == "succeeded"
    ]
    return (
        f", of which {formatted(sum(one['amount'] for one in back), payment['currency'])} was returned."
        if back
        else "."
    )


def _line(case: Case, line: Row) -> tuple[str, ...]:
    return (
        line["label"],
        str(line["quantity"]),
        words.money(case, line["unit_amount"]),
        words.money(case, line["amount"]),
    )


def _facts(*told: tuple[str, str]) -> tuple[tuple[str, str], ...]:
    return tuple((label, words.clean(value)) for label, value in told if value)


def _chosen(row: Row, names: Iterable[str]) -> dict[str, Any]:
    return {name: words.clean(row[name]) if isinstance(row[name], str) else row[name] for name in names}
