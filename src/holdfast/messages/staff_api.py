"""Messages over HTTP for staff: all of them with every status, sending one again or the other way, writing one, and what people
answered. Only for keys with the scope admin."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Literal

from fastapi import APIRouter, Depends, Path, Query, Request
from pydantic import BaseModel, ConfigDict, Field
from starlette.responses import Response

from holdfast.database.connection import Connection
from holdfast.errors import NotFound
from holdfast.messages import by_hand, record_store, records
from holdfast.messages.by_hand import LONGEST_NOTE, Note
from holdfast.messages.record_store import Wanted
from holdfast.web.answers import json_response, problems
from holdfast.web.dependencies import ApiKey, TheSystem, require_key
from holdfast.web.fields import LARGEST_ID, Line, Lines, RequestBody
from holdfast.web.idempotency import Answer, in_one_transaction

MOST_LISTED = 200
LONGEST_ID = 100
LONGEST_QUERY = 200

router = APIRouter(tags=["messages"])
AdminKey = Annotated[ApiKey, Depends(require_key("admin"))]
MessageId = Annotated[str, Path(max_length=LONGEST_ID)]
# PostgreSQL's text holds no NUL.
Text = Annotated[str, Query(max_length=LONGEST_QUERY, pattern=r"^[^\x00]*$")]
Id = Annotated[str | None, Query(max_length=LONGEST_ID, pattern=r"^[^\x00]*$")]


class Entry(BaseModel):
    at: datetime
    status: str = Field(description="Of the message, or how a try ended that left the status as it was")
    source: str = Field(description="worker, receipt, rule, staff:…")
    detail: str


class Message(BaseModel):
    """`sent`: a server took it; `delivered`: it arrived. `price` is what the SMS provider took, in `price_currency`."""

    model_config = ConfigDict(extra="allow")

    message_id: str
    kind: str
    channel: str
    recipient: str
    status: str
    cause: str
    body_text: str | None = Field(description="As it was sent, without the secrets of its links")
    provider_id: str | None
    segments: int | None
    price: str | None
    price_currency: str | None
    instead_of: str | None
    booking_id: str | None
    customer_id: str | None
    created_at: datetime
    history: list[Entry]


class Messages(BaseModel):
    messages: list[Message]


class Inbound(BaseModel):
    """`meaning`: stop, start, help, or other, which only a person can answer."""

    model_config = ConfigDict(extra="allow")

    inbound_id: str
    sender: str
    body: str
    meaning: str
    received_at: datetime
    read_at: datetime | None
    read_by: str | None


class Answers(BaseModel):
    answers: list[Inbound]


class AgainIn(RequestBody):
    channel: Literal["same", "other"] = "same"
    recipient: Annotated[Line, Field(min_length=1, max_length=254)] | None = Field(
        None, description="A corrected address or number; only for the same channel"
    )


class NoteIn(RequestBody):
    """To a booking's guest, or to a number that need not be anybody's yet."""

    text: Annotated[Lines, Field(min_length=1, max_length=LONGEST_NOTE)]
    booking: Annotated[Line, Field(max_length=LONGEST_ID)] = Field("", description="Reference or booking_id")
    mobile_number: Annotated[Line, Field(max_length=40)] = ""
    channel: Literal["", "email", "sms"] = Field(
        "", description="Empty: by e-mail when the booking has an address"
    )


class Queued(BaseModel):
    message_id: str


@router.get(
    "/api/admin/messages",
    response_model=Messages,
    responses=problems(401, 403, 422),
    summary="Messages, newest first, each with every status and its time",
)
async def list_messages(
    system: TheSystem,
    key: AdminKey,
    status: Literal["", "queued", "sending", "sent", "delivered", "failed", "suppressed"] = "",
    channel: Literal["", "email", "sms"] = "",
    kind: Text = "",
    query: Annotated[Text, Query(description="A part of the words, a recipient, a reference, an id")] = "",
    event_id: Annotated[int | None, Query(ge=1, le=LARGEST_ID)] = None,
    booking_id: Id = None,
    customer_id: Id = None,
    limit: Annotated[int, Query(ge=1, le=MOST_LISTED)] = 50,
    after: Annotated[Id, Query(description="Where the page before ended: its last message_id")] = None,
) -> Response:
    wanted = Wanted(status, channel, kind, query.strip(), event_id, booking_id, customer_id)
    rows = await system.database.read(
        lambda conn: records.listed(conn, key.tenant_id, wanted, limit, after or None)
    )
    return json_response({"messages": rows})


@router.get(
    "/api/admin/messages/answers",
    response_model=Answers,
    responses=problems(401, 403, 422),
    summary="What people answered by SMS, newest first",
)
async def list_answers(
    system: TheSystem,
    key: AdminKey,
    unread: bool = False,
    customer_id: Id = None,
    booking_id: Id = None,
    limit: Annotated[int, Query(ge=1, le=MOST_LISTED)] = 50,
) -> Response:
    rows = await system.database.read(
        lambda conn: record_store.answers(
            conn,
            key.tenant_id,
            limit=limit,
            unread=unread,
            customer_id=customer_id,
            booking_id=booking_id,
        )
    )
    return json_response({"answers": rows})


@router.post(
    "/api/admin/messages/answers/{inbound_id}/read",
    status_code=204,
    response_class=Response,
    responses=problems(401, 403, 404),
    summary="Somebody has read this answer",
)
async def read_answer(inbound_id: MessageId, system: TheSystem, key: AdminKey) -> Response:
    now = system.clock.now()
    await system.database.run(lambda conn: by_hand.read_answer(conn, now, key, inbound_id))
    return Response(status_code=204)


@router.get(
    "/api/admin/messages/{message_id}",
    response_model=Message,
    responses=problems(401, 403, 404),
    summary="One message with every status and its time",
)
async def get_message(message_id: MessageId, system: TheSystem, key: AdminKey) -> Response:
    row = await system.database.read(lambda conn: records.one(conn, key.tenant_id, message_id))
    if row is None:
        raise NotFound(by_hand.NO_SUCH_MESSAGE)
    return json_response(row)


@router.post(
    "/api/admin/messages",
    status_code=201,
    response_model=Queued,
    responses=problems(401, 403, 404, 409, 422, 429),
    summary="Writes to a booking's guest, or by SMS to a number",
)
async def write_message(wanted: NoteIn, request: Request, system: TheSystem, key: AdminKey) -> Response:
    note = Note(wanted.text, wanted.booking, wanted.mobile_number, wanted.channel)

    async def work(conn: Connection) -> Answer:
        made = await by_hand.write(conn, system.ids, system.clock.now(), key, note)
        return Answer(201, {"message_id": made})

    answer = await in_one_transaction(system, request, key.key_id, work)
    system.signals.tell("work:messages")
    return answer


@router.post(
    "/api/admin/messages/{message_id}/again",
    status_code=201,
    response_model=Queued,
    responses=problems(401, 403, 404, 409, 422, 429),
    summary="Sends it once more, by the same channel or the other one",
)
async def send_again(
    message_id: MessageId, wanted: AgainIn, request: Request, system: TheSystem, key: AdminKey
) -> Response:
    async def work(conn: Connection) -> Answer:
        now = system.clock.now()
        if wanted.channel == "other":
            made = await by_hand.send_by_other_channel(conn, system.ids, now, key, message_id)
        else:
            made = await by_hand.send_again(conn, system.ids, now, key, message_id, wanted.recipient)
        return Answer(201, {"message_id": made})

    answer = await in_one_transaction(system, request, key.key_id, work)
    system.signals.tell("work:messages")
    return answer
