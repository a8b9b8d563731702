"""A tenant's own words in place of the built-in ones: plain text with placeholders, and `{% if when %}` … `{% endif %}` for what
may be empty. Nothing else of Jinja: no loops, attributes, filters or calls, and only plain values go in. Pure.

The frame of an e-mail (colours, the button that opens the booking, the QR code, the reference) stays, so that no words can
take the link away. What goes wrong all the same (a placeholder that a later release no longer knows) is OwnWordsWrong: the
built-in words are then said, and a person is told.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from functools import cache
from types import MappingProxyType
from typing import Any

from jinja2 import StrictUndefined, TemplateError, TemplateSyntaxError, nodes
from jinja2.sandbox import SandboxedEnvironment

from holdfast.messages.rules import ANSWERS_TO_SMS, KINDS, KINDS_TO_CUSTOMERS
from holdfast.web.fields import one_line, some_lines

WRITTEN_BY_HAND = "note"
SMS_ONLY = ANSWERS_TO_SMS - {WRITTEN_BY_HAND}
LONGEST_SUBJECT = 200
# Of an SMS: three segments, before the placeholders are filled in.
LONGEST_BODY = MappingProxyType({"email": 5000, "sms": 459})
ALLOWED = (nodes.Template, nodes.Output, nodes.TemplateData, nodes.Name, nodes.If, nodes.Not)
MEANINGS = MappingProxyType(
    {
        "name": "the name of whoever gets it",
        "tenant": "your name",
        "title": "what is booked",
        "when": "its date and time, if it has one",
        "venue": "where, if that is known",
        "provider": "who was booked, of an appointment",
        "customer": "the customer's first name",
        "seats": "how many seats",
        "reference": "the booking's reference",
        "total": "the price of all",
        "paid": "what was paid, if anything",
        "returned": "what goes back, if anything",
        "held_until": "until when it is held, while it is",
        "respond_by": "until when an answer is due",
        "reason": "the reason that was given, if any",
        "before": "the time that was agreed before",
        "details": "what the customer told",
        "menu": "the dishes that were chosen, if any",
        "cancellation": "what a cancellation gives back, and until when",
        "link": "the link to the booking (to a provider: to the requests)",
        "accept_link": "the link that accepts",
        "decline_link": "the link that declines",
        "contact_email": "your e-mail address",
    }
)
OF_TENANTS = ("tenant", "contact_email")
OF_CUSTOMERS = ("name", "tenant", "title", "when", "venue", "provider", "seats", "reference", "total", "link")
OF_PROVIDERS = ("name", "tenant", "title", "when", "customer", "reference", "total", "link")
OF_KINDS = MappingProxyType(
    {
        "booking_started": ("held_until",),
        "booking_confirmed": ("paid",),
        "booking_cancelled": ("paid", "returned"),
        "booking_link": ("paid",),
        "booking_rescheduled": ("before",),
        "payment_failed": ("held_until",),
        "money_returned": ("returned",),
        "request_received": ("respond_by",),
        "request_to_answer": ("respond_by", "accept_link", "decline_link"),
        "request_reminder": ("respond_by", "accept_link", "decline_link"),
        "provider_booking_rescheduled": ("before",),
    }
)
ONLY_BY_MAIL = MappingProxyType(
    {
        "booking_confirmed": ("details", "menu", "cancellation"),
        "request_received": ("details",),
        "request_declined": ("reason",),
        "request_to_answer": ("details",),
        "request_reminder": ("details",),
        "provider_booking_confirmed": ("details",),
    }
)
# Without it such an SMS is of no use. In an e-mail it is part of the frame.
REQUIRED_IN_SMS = MappingProxyType(
    {
        "booking_started": ("link",),
        "booking_confirmed": ("link",),
        "booking_link": ("link",),
        "request_to_answer": ("accept_link", "decline_link"),
        "request_reminder": ("accept_link", "decline_link"),
        "opt_out_confirmed": ("tenant",),
        "help": ("tenant",),
    }
)
HOW = "Write placeholders like {{ title }}; {% if when %} … {% endif %} leaves out what is empty. Nothing else is possible."


class OwnWordsWrong(Exception):
    """What is wrong with the words, as a sentence."""


def channels_of(kind: str) -> tuple[str, ...]:
    """By which channels a tenant may have words of its own for a kind; none for what has no template to change."""
    if kind in SMS_ONLY:
        return ("sms",)
    return ("email", "sms") if kind in KINDS - {WRITTEN_BY_HAND} else ()


def placeholders_of(kind: str, channel: str) -> dict[str, str]:
    """By name, with what it stands for."""
    if kind in SMS_ONLY:
        names: tuple[str, ...] = OF_TENANTS
    else:
        side = OF_CUSTOMERS if kind in KINDS_TO_CUSTOMERS else OF_PROVIDERS
        by_mail = ONLY_BY_MAIL.get(kind, ()) if channel == "email" else ()
        names = (*side, "contact_email", *OF_KINDS.get(kind, ()), *by_mail)
    return {name: MEANINGS[name] for name in names}


def problems_of(kind: str, channel: str, subject: str, body: str) -> dict[str, str]:
    """What is wrong, by field (`subject`, `body`), a sentence each; empty: the words can be used."""
    found = {"body": _problem_of_body(kind, channel, body)}
    if channel == "email":
        found["subject"] = _problem_of_subject(kind, subject)
    elif subject:
        found["subject"] = "An SMS has no subject."
    return {field: problem for field, problem in found.items() if problem}


def _problem_of_subject(kind: str, subject: str) -> str:
    if len(subject) > LONGEST_SUBJECT:
        return f"A subject may have {LONGEST_SUBJECT} characters."
    try:
        one_line(subject)
    except ValueError:
        return "A subject is one line without control characters."
    return _problem_of(kind, "email", subject)


def _problem_of_body(kind: str, channel: str, body: str) -> str:
    if not body.strip():
        return "Write the words, or go back to the built-in ones."
    if len(body) > LONGEST_BODY[channel]:
        return f"It may have {LONGEST_BODY[channel]} characters, and has {len(body)}."
    try:
        some_lines(body)
    except ValueError:
        return "It has characters that cannot be shown."
    problem = _problem_of(kind, channel, body)
    if problem or channel == "email":
        return problem
    missing = set(REQUIRED_IN_SMS.get(kind, ())) - set(_always_said(_parsed(body)))
    named = ", ".join(f"{{{{ {name} }}}}" for name in sorted(missing))
    return (
        f"It has to hold {named}, outside of any {{% if %}}: without it the SMS is of no use."
        if named
        else ""
    )


def _problem_of(kind: str, channel: str, text: str) -> str:
    try:
        tree = _parsed(text)
    except OwnWordsWrong as problem:
        return str(problem)
    known = placeholders_of(kind, channel)
    unknown = next((name.name for name in tree.find_all(nodes.Name) if name.name not in known), None)
    if unknown is None:
        return ""
    return f"There is no placeholder {{{{ {unknown} }}}} for this message. There are: {', '.join(known)}."


def fill(text: str, values: Mapping[str, str]) -> str:
    """The words with the values in their places. Raises OwnWordsWrong."""
    _parsed(text)
    try:
        return _environment().from_string(text).render(values)
    except (TemplateError, RecursionError, ValueError, TypeError) as problem:
        raise OwnWordsWrong(str(problem) or type(problem).__name__) from problem


def paragraphs_of(text: str) -> list[list[str]]:
    """Parted by empty lines, each of them lines."""
    parted = "\n".join(line.rstrip() for line in text.strip().splitlines()).split("\n\n")
    return [paragraph.strip("\n").splitlines() for paragraph in parted if paragraph.strip()]


def _parsed(text: str) -> nodes.Template:
    try:
        tree = _environment().parse(text)
        for node in _all_of(tree):
            if not isinstance(node, ALLOWED) or (isinstance(node, nodes.If) and not _is_plain(node.test)):
                raise OwnWordsWrong(f"Line {node.lineno} cannot be used here. {HOW}")
    except TemplateSyntaxError as problem:
        raise OwnWordsWrong(f"Line {problem.lineno} cannot be read. {HOW}") from problem
    except RecursionError as problem:
        raise OwnWordsWrong(f"It is nested too deeply. {HOW}") from problem
    return tree


def _all_of(node: nodes.Node) -> Iterator[nodes.Node]:
    yield node
    for child in node.iter_child_nodes():
        yield from _all_of(child)


def _is_plain(test: nodes.Node) -> bool:
    return isinstance(test.node if isinstance(test, nodes.Not) else test, nodes.Name)


def _always_said(tree: nodes.Template) -> Iterator[str]:
    for output in tree.body:
        if isinstance(output, nodes.Output):
            yield from (name.name for name in output.find_all(nodes.Name))


@cache
def _environment() -> SandboxedEnvironment:
    environment = SandboxedEnvironment(
        undefined=StrictUndefined, autoescape=False, trim_blocks=True, lstrip_blocks=True
    )
    environment.globals.clear()
    return environment


def values_of_mail(facts: Mapping[str, Any]) -> dict[str, str]:
    """Of render.facts_with_links: all that own words may name, as plain text."""
    same = (
        "tenant title when venue provider customer reference total paid returned held_until respond_by reason before details "
        "link"
    )
    return {
        **{name: str(facts[name] or "") for name in same.split()},
        "name": str(facts["addressee"]),
        "seats": str(facts["guests"] or ""),
        "menu": ", ".join(f"{line['quantity']} x {line['label']}" for line in facts["menu"]),
        "cancellation": " ".join(facts["cancellation"]),
        "accept_link": facts["accept_link"] or facts["link"],
        "decline_link": facts["decline_link"] or facts["link"],
        "contact_email": facts["contact_email"] or "",
    }


def values_of_sms(facts: Mapping[str, Any]) -> dict[str, str]:
    """Of texts.py's facts, the same: short, and one line each."""
    same = "tenant title when venue provider customer reference paid held_until respond_by before link name seats"
    return {
        **{name: str(facts.get(name) or "") for name in same.split()},
        "total": str(facts.get("sum", "")),
        "returned": str(facts.get("back", "")),
        "accept_link": str(facts.get("accept_link") or facts.get("link", "")),
        "decline_link": str(facts.get("decline_link") or facts.get("link", "")),
        "contact_email": str(facts["contact"]),
    }
