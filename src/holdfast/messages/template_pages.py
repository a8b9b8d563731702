"""A tenant's own words, for staff: which messages have some, changing them, what they become, and a test to oneself."""

from __future__ import annotations

from typing import Annotated, Any

from fastapi import APIRouter, Form, Path, Request, Response
from fastapi.responses import HTMLResponse, RedirectResponse

from holdfast.database.connection import Connection
from holdfast.errors import HoldfastError
from holdfast.messages import template_actions, template_store
from holdfast.messages.jobs import send_now
from holdfast.messages.languages import LANGUAGES, language_of
from holdfast.messages.own_words import LONGEST_BODY, LONGEST_SUBJECT, SMS_ONLY, channels_of, placeholders_of
from holdfast.messages.rules import KINDS, KINDS_TO_PROVIDERS
from holdfast.messages.staff_words import CHANNEL_NAMES, NAMES
from holdfast.messages.template_actions import OwnWords, Preview, known_place
from holdfast.messages.template_store import Place, Row
from holdfast.system import System
from holdfast.web.dependencies import ApiKey, TheSystem
from holdfast.web.rendering import render
from holdfast.web.staff_session import signed_in

HOME = "/staff/templates"
HERE = "/staff/messages"  # the part of the staff pages that they belong to
LONGEST_FIELD = 20_000  # more is cut off by nobody, and refused with a sentence from LONGEST_BODY on
SAID = {
    "saved": "Saved. From now on your messages say this.",
    "reset": "The built-in words are said again.",
}
NOT_LEFT_YET = "The test is in the outbox and leaves as soon as it can{why}."
# Only what stands in the document itself, and no script.
MAIL_SECURITY = (
    "default-src 'none'; style-src 'unsafe-inline'; img-src data:; frame-ancestors 'none'; sandbox"
)

Word = Annotated[str, Path(max_length=60)]
# PostgreSQL's text holds no NUL.
Text = Annotated[str, Form(max_length=LONGEST_FIELD, pattern=r"^[^\x00]*$")]

router = APIRouter(include_in_schema=False, prefix=HOME)


@router.get("")
async def templates(request: Request, system: TheSystem) -> Response:
    staff = await signed_in(request, "admin")

    async def read(conn: Connection) -> tuple[Row, list[Row]]:
        tenant = await template_actions.tenant_of(conn, staff.tenant_id)
        return tenant, await template_store.of_tenant(conn, staff.tenant_id)

    tenant, found = await system.database.read(read)
    own = {(row["kind"], row["channel"], row["language"]) for row in found}
    return render(
        request,
        "messages/pages/templates.html",
        staff=staff,
        tenant=tenant,
        here=HERE,
        groups=_groups(own),
        spoken=language_of(tenant["locale"]),
        languages=LANGUAGES,
        channel_names=CHANNEL_NAMES,
    )


def _groups(own: set[tuple[str, str, str]]) -> list[Row]:
    """The kinds by whom they go to, each with its channels and languages."""
    everything = [kind for kind in KINDS | SMS_ONLY if channels_of(kind)]
    groups = (
        ("To customers", [kind for kind in everything if kind not in KINDS_TO_PROVIDERS]),
        ("To providers", [kind for kind in everything if kind in KINDS_TO_PROVIDERS]),
    )
    return [
        {
            "title": title,
            "kinds": [
                {
                    "kind": kind,
                    "name": name_of(kind),
                    "channels": {
                        channel: [(language, (kind, channel, language) in own) for language in LANGUAGES]
                        for channel in channels_of(kind)
                    },
                }
                for kind in sorted(kinds, key=name_of)
            ],
        }
        for title, kinds in groups
    ]


def name_of(kind: str) -> str:
    return NAMES.get(kind, kind.replace("_", " ").capitalize())


@router.get("/{kind}/{channel}/{language}")
async def template(
    request: Request, system: TheSystem, kind: Word, channel: Word, language: Word, said: str = ""
) -> Response:
    staff = await signed_in(request, "admin")
    return await _form(request, system, staff, known_place(kind, channel, language), said=SAID.get(said, ""))


@router.post("/{kind}/{channel}/{language}")
async def change(
    request: Request,
    system: TheSystem,
    kind: Word,
    channel: Word,
    language: Word,
    do: Annotated[str, Form(max_length=10)] = "preview",
    subject: Text = "",
    body: Text = "",
    recipient: Annotated[str, Form(max_length=300, pattern=r"^[^\x00]*$")] = "",
) -> Response:
    """One form, several buttons: `do` says which. Nothing typed is lost when something is wrong with it."""
    staff = await signed_in(request, "admin")
    place, words = known_place(kind, channel, language), OwnWords.typed(subject, body)
    try:
        if do == "save":
            now = system.clock.now()
            await system.database.run(
                lambda conn: template_actions.keep(conn, now, staff.tenant_id, place, words, staff.actor)
            )
            return RedirectResponse(f"{HOME}/{kind}/{channel}/{language}?said=saved", 303)
        if do == "reset":
            return await _reset(system, staff, place)
        if do == "test":
            said = await _test(system, staff, place, words, recipient)
            return await _form(request, system, staff, place, words=words, said=said, recipient=recipient)
        seen = await _preview(system, staff, place, words)
    except HoldfastError as refused:
        return await _form(request, system, staff, place, words=words, refused=refused, recipient=recipient)
    if do == "html" and seen.html:
        return HTMLResponse(
            seen.html, headers={"Content-Security-Policy": MAIL_SECURITY, "Cache-Control": "no-store"}
        )
    return await _form(request, system, staff, place, words=words, preview=seen, recipient=recipient)


async def _reset(system: System, staff: ApiKey, place: Place) -> Response:
    now = system.clock.now()
    await system.database.run(
        lambda conn: template_actions.reset(conn, now, staff.tenant_id, place, staff.actor)
    )
    return RedirectResponse(f"{HOME}/{place.kind}/{place.channel}/{place.language}?said=reset", 303)


async def _preview(system: System, staff: ApiKey, place: Place, words: OwnWords) -> Preview:
    tenant = await system.database.read(lambda conn: template_actions.tenant_of(conn, staff.tenant_id))
    return template_actions.preview(tenant, place, words, system.clock.now())


async def _test(system: System, staff: ApiKey, place: Place, words: OwnWords, recipient: str) -> str:
    """Says what became of it so far."""
    now = system.clock.now()
    message_id = await system.database.run(
        lambda conn: template_actions.send_trial(
            conn, system.ids, now,
            tenant_id=staff.tenant_id, place=place, words=words, recipient=recipient, actor=staff.actor,
            key_id=staff.key_id,
        )
    )  # fmt: skip
    if await send_now(system, message_id):
        return f"The test is sent to {recipient.strip()}, about a made-up booking. Its links open nothing."
    system.signals.tell("work:messages")
    told = await system.database.read(lambda conn: template_store.outcome(conn, staff.tenant_id, message_id))
    if told is not None and told["status"] == "failed":
        return f"The test could not be sent: {told['error']}."
    why = f" ({told['error']})" if told and told["error"] else ""
    return NOT_LEFT_YET.format(why=why)


async def _form(
    request: Request,
    system: System,
    staff: ApiKey,
    place: Place,
    *,
    words: OwnWords | None = None,
    preview: Preview | None = None,
    refused: HoldfastError | None = None,
    said: str = "",
    recipient: str = "",
) -> Response:
    async def read(conn: Connection) -> tuple[Row, OwnWords, Row | None]:
        tenant = await template_actions.tenant_of(conn, staff.tenant_id)
        return tenant, *await template_actions.words_or_start(conn, staff.tenant_id, place)

    tenant, kept, row = await system.database.read(read)
    return render(
        request,
        "messages/pages/template.html",
        status=refused.status if refused else 200,
        staff=staff,
        tenant=tenant,
        here=HERE,
        place=place,
        name=name_of(place.kind),
        channel_name=CHANNEL_NAMES[place.channel],
        language_name=LANGUAGES[place.language],
        spoken=language_of(tenant["locale"]),
        languages=LANGUAGES,
        words=words or kept,
        row=row,
        placeholders=placeholders_of(place.kind, place.channel),
        longest_body=LONGEST_BODY[place.channel],
        longest_subject=LONGEST_SUBJECT,
        preview=preview,
        said=said,
        recipient=recipient,
        errors=_errors(refused),
    )


def _errors(refused: HoldfastError | None) -> dict[str, Any]:
    if refused is None:
        return {}
    named = {one["field"]: one["problem"] for one in refused.extra.get("errors", [])}
    known = {field: problem for field, problem in named.items() if field in {"subject", "body", "recipient"}}
    return known or {"recipient": refused.detail}
