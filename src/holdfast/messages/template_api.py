"""A tenant's own words over HTTP. Only for keys with the scope admin."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated

from fastapi import APIRouter, Depends, Path, Request
from pydantic import BaseModel, Field
from starlette.responses import Response

from holdfast.clock import rfc3339
from holdfast.database.connection import Connection
from holdfast.messages import template_actions, template_store
from holdfast.messages.own_words import placeholders_of
from holdfast.messages.template_actions import OwnWords, known_place
from holdfast.messages.template_store import Place, Row
from holdfast.web.answers import json_response, problems
from holdfast.web.dependencies import ApiKey, TheSystem, require_key
from holdfast.web.fields import Line, RequestBody
from holdfast.web.idempotency import Answer, in_one_transaction

ONE = "/api/admin/message-templates/{kind}/{channel}/{language}"

router = APIRouter(tags=["messages"])
AdminKey = Annotated[ApiKey, Depends(require_key("admin"))]
Word = Annotated[str, Path(max_length=60)]
Typed = Annotated[str, Field(strict=True, max_length=20_000)]


class Template(BaseModel):
    kind: str
    channel: str
    language: str
    own: bool = Field(description="false: the built-in words, as they would be written with placeholders")
    subject: str
    body: str
    updated_at: datetime | None
    updated_by: str | None


class TemplateWithPlaceholders(Template):
    placeholders: dict[str, str] = Field(description="What each stands for")


class Templates(BaseModel):
    templates: list[Template]


class WordsIn(RequestBody):
    """Plain text with placeholders such as {{ title }}, and {% if when %} … {% endif %}; nothing else of a template language."""

    subject: Typed = Field("", description="Of an e-mail; empty: the built-in one")
    body: Typed

    def words(self) -> OwnWords:
        return OwnWords.typed(self.subject, self.body)


class TestIn(WordsIn):
    recipient: Annotated[Line, Field(min_length=1, max_length=254)]


class Previewed(BaseModel):
    subject: str
    text: str
    html: str = Field(description="Of an e-mail")
    segments: str = Field(description="Of an SMS, such as `1 segment, GSM-7`")


class Tested(BaseModel):
    message_id: str


@router.get(
    "/api/admin/message-templates",
    response_model=Templates,
    responses=problems(401, 403),
    summary="The tenant's own words; what is not in the list is said in the built-in ones",
)
async def list_templates(system: TheSystem, key: AdminKey) -> Response:
    rows = await system.database.read(lambda conn: template_store.of_tenant(conn, key.tenant_id))
    return json_response(
        {"templates": [_json(_place(row), OwnWords(row["subject"], row["body"]), row) for row in rows]}
    )


@router.get(
    ONE,
    response_model=TemplateWithPlaceholders,
    responses=problems(401, 403, 404),
    summary="The words of one kind, channel (email, sms) and language (en, de)",
)
async def read_template(
    system: TheSystem, key: AdminKey, kind: Word, channel: Word, language: Word
) -> Response:
    place = known_place(kind, channel, language)
    words, row = await system.database.read(
        lambda conn: template_actions.words_or_start(conn, key.tenant_id, place)
    )
    return json_response(_json(place, words, row) | {"placeholders": placeholders_of(kind, channel)})


@router.put(
    ONE,
    response_model=Template,
    responses=problems(401, 403, 404, 422),
    summary="From now on the tenant's messages say this",
)
async def put_template(
    wanted: WordsIn, system: TheSystem, key: AdminKey, kind: Word, channel: Word, language: Word
) -> Response:
    place, words, now = known_place(kind, channel, language), wanted.words(), system.clock.now()
    row = await system.database.run(
        lambda conn: template_actions.keep(conn, now, key.tenant_id, place, words, key.actor)
    )
    return json_response(_json(place, words, row))


@router.delete(
    ONE,
    status_code=204,
    response_class=Response,
    responses=problems(401, 403, 404),
    summary="Back to the built-in words",
)
async def delete_template(
    system: TheSystem, key: AdminKey, kind: Word, channel: Word, language: Word
) -> Response:
    place, now = known_place(kind, channel, language), system.clock.now()
    await system.database.run(lambda conn: template_actions.reset(conn, now, key.tenant_id, place, key.actor))
    return Response(status_code=204)


@router.post(
    f"{ONE}/preview",
    response_model=Previewed,
    responses=problems(401, 403, 404, 422),
    summary="What these words become for a made-up booking; nothing is kept or sent",
)
async def preview_template(
    wanted: WordsIn, system: TheSystem, key: AdminKey, kind: Word, channel: Word, language: Word
) -> Response:
    place = known_place(kind, channel, language)
    tenant = await system.database.read(lambda conn: template_actions.tenant_of(conn, key.tenant_id))
    seen = template_actions.preview(tenant, place, wanted.words(), system.clock.now())
    return json_response(
        {"subject": seen.subject, "text": seen.text, "html": seen.html, "segments": seen.segments}
    )


@router.post(
    f"{ONE}/test",
    status_code=202,
    response_model=Tested,
    responses=problems(401, 403, 404, 409, 422, 429),
    summary="Sends these words about a made-up booking to one's own address or number",
)
async def send_test(
    wanted: TestIn,
    request: Request,
    system: TheSystem,
    key: AdminKey,
    kind: Word,
    channel: Word,
    language: Word,
) -> Response:
    place = known_place(kind, channel, language)

    async def work(conn: Connection) -> Answer:
        message_id = await template_actions.send_trial(
            conn,
            system.ids,
            system.clock.now(),
            tenant_id=key.tenant_id,
            place=place,
            words=wanted.words(),
            recipient=wanted.recipient,
            actor=key.actor,
            key_id=key.key_id,
        )
        return Answer(202, {"message_id": message_id})

    answer = await in_one_transaction(system, request, key.key_id, work)
    system.signals.tell("work:messages")
    return answer


def _place(row: Row) -> Place:
    return Place(row["kind"], row["channel"], row["language"])


def _json(place: Place, words: OwnWords, row: Row | None) -> Row:
    return {
        "kind": place.kind,
        "channel": place.channel,
        "language": place.language,
        "own": row is not None,
        "subject": words.subject,
        "body": words.body,
        "updated_at": rfc3339(row["updated_at"]) if row else None,
        "updated_by": row["updated_by"] if row else None,
    }
