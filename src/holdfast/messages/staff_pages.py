"""Messages for staff: every one with its words and statuses, what people answered, and writing one by hand."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Annotated, Any
from urllib.parse import urlencode, urlsplit

from fastapi import APIRouter, Form, Path, Query, Request, Response
from fastapi.responses import RedirectResponse

from holdfast.bookings.store import booking_by_reference
from holdfast.catalog.store import event as event_by_id
from holdfast.database.connection import Connection
from holdfast.errors import HoldfastError, NotFound
from holdfast.messages import by_hand, record_store, records
from holdfast.messages.by_hand import LONGEST_NOTE, Note
from holdfast.messages.record_store import Wanted
from holdfast.messages.staff_words import CHANNEL_NAMES, FOR_MESSAGES, NAMES, STATES
from holdfast.system import System
from holdfast.tenants.store import tenant_by_id
from holdfast.web.dependencies import ApiKey, TheSystem
from holdfast.web.rendering import render
from holdfast.web.staff_session import signed_in

PAGE = 50
MOST_ANSWERS = 50
LONGEST = 200
LARGEST_ID = 2**63 - 1
HOME = "/staff/messages"
SAID = {
    "sent-again": "It is on its way once more.",
    "other-channel": "It is on its way by the other channel.",
    "written": "The message is on its way.",
    "read": "Marked as read.",
}

Row = dict[str, Any]
# PostgreSQL's text holds no NUL.
Short = Annotated[str, Query(max_length=LONGEST, pattern=r"^[^\x00]*$")]
Field = Annotated[str, Form(max_length=LONGEST, pattern=r"^[^\x00]*$")]
MessageId = Annotated[str, Path(max_length=100)]

router = APIRouter(include_in_schema=False, prefix=HOME)


@router.get("")
async def messages(
    request: Request,
    system: TheSystem,
    query: Short = "",
    status: Short = "",
    channel: Short = "",
    kind: Short = "",
    event: Short = "",
    after: Short = "",
    said: Short = "",
) -> Response:
    """Filtered, newest first, a page at a time; unread answers stand above. A filter that is none is passed over."""
    staff = await signed_in(request, "admin")
    event_id = int(event) if event.isascii() and event.isdigit() and 0 < int(event) <= LARGEST_ID else None
    asked = {
        "query": query,
        "status": status if status in STATES else "",
        "channel": channel if channel in CHANNEL_NAMES else "",
        "kind": kind if kind in NAMES else "",
        "event": str(event_id or ""),
    }
    wanted = Wanted(asked["status"], asked["channel"], asked["kind"], query.strip(), event_id)

    async def read(conn: Connection) -> Row:
        about = await event_by_id(conn, event_id) if event_id else None
        if about is not None and about["tenant_id"] != staff.tenant_id:
            about = None
        return {
            "found": await records.listed(conn, staff.tenant_id, wanted, PAGE + 1, after or None),
            "unread": await record_store.answers(conn, staff.tenant_id, limit=MOST_ANSWERS, unread=True),
            "event": about,
            "tenant": await tenant_by_id(conn, staff.tenant_id),
        }

    page = await system.database.read(read)
    found = page.pop("found")
    last = {"after": found[PAGE - 1]["message_id"]} if len(found) > PAGE else None
    return render(
        request,
        "messages/pages/list.html",
        staff=staff,
        here=HOME,
        messages=found[:PAGE],
        more=urlencode({**asked, **last}) if last else "",
        asked=asked,
        said=SAID.get(said),
        back=f"{HOME}?{urlencode({name: value for name, value in asked.items() if value})}",
        **page,
        **FOR_MESSAGES,
    )


@router.get("/answers")
async def answers(request: Request, system: TheSystem, said: Short = "") -> Response:
    """What people answered, read or not."""
    staff = await signed_in(request, "admin")

    async def read(conn: Connection) -> tuple[list[Row], Row | None]:
        found = await record_store.answers(conn, staff.tenant_id, limit=4 * MOST_ANSWERS)
        return found, await tenant_by_id(conn, staff.tenant_id)

    found, tenant = await system.database.read(read)
    return render(
        request,
        "messages/pages/answers.html",
        staff=staff,
        tenant=tenant,
        here=HOME,
        answers=found,
        said=SAID.get(said),
        back=f"{HOME}/answers",
        **FOR_MESSAGES,
    )


@router.post("/answers/{inbound_id}/read")
async def mark_read(
    request: Request, system: TheSystem, inbound_id: MessageId, back: Field = HOME
) -> Response:
    staff = await signed_in(request, "admin")
    now = system.clock.now()
    await system.database.run(lambda conn: by_hand.read_answer(conn, now, staff, inbound_id))
    return _back(back, "read")


@router.get("/write")
async def write_form(
    request: Request, system: TheSystem, booking: Short = "", number: Short = "", channel: Short = ""
) -> Response:
    staff = await signed_in(request, "admin")
    note = Note("", booking, number, channel if channel in CHANNEL_NAMES else "", system.ids.new("frm"))
    return await _form(request, system, staff, note)


@router.post("/write")
async def write(
    request: Request,
    system: TheSystem,
    text: Annotated[str, Form(max_length=5 * LONGEST_NOTE, pattern=r"^[^\x00]*$")] = "",
    booking: Field = "",
    number: Field = "",
    channel: Field = "",
    form_id: Field = "",
) -> Response:
    """The form brings its id: pressed twice, it is one message."""
    staff = await signed_in(request, "admin")
    chosen = channel if channel in CHANNEL_NAMES else ""
    note = Note(text, booking.strip(), number.strip(), chosen, form_id)
    now = system.clock.now()
    try:
        made = await system.database.run(lambda conn: by_hand.write(conn, system.ids, now, staff, note))
    except HoldfastError as refused:
        return await _form(request, system, staff, note, refused)
    system.signals.tell("work:messages")
    return RedirectResponse(f"{HOME}/{made}?said=written", 303)


@router.get("/{message_id}")
async def message(request: Request, system: TheSystem, message_id: MessageId, said: Short = "") -> Response:
    staff = await signed_in(request, "admin")
    return await _one(request, system, staff, message_id, SAID.get(said))


@router.post("/{message_id}/again")
async def send_again(
    request: Request, system: TheSystem, message_id: MessageId, back: Field = HOME, recipient: Field = ""
) -> Response:
    staff = await signed_in(request, "admin")
    now = system.clock.now()

    async def work(conn: Connection) -> str:
        return await by_hand.send_again(conn, system.ids, now, staff, message_id, recipient.strip() or None)

    return await _sent(request, system, staff, message_id, work, back, "sent-again")


@router.post("/{message_id}/other-channel")
async def other_channel(
    request: Request, system: TheSystem, message_id: MessageId, back: Field = HOME
) -> Response:
    staff = await signed_in(request, "admin")
    now = system.clock.now()

    async def work(conn: Connection) -> str:
        return await by_hand.send_by_other_channel(conn, system.ids, now, staff, message_id)

    return await _sent(request, system, staff, message_id, work, back, "other-channel")


async def _sent(
    request: Request,
    system: System,
    staff: ApiKey,
    message_id: str,
    work: Callable[[Connection], Awaitable[str]],
    back: str,
    said: str,
) -> Response:
    try:
        await system.database.run(work)
    except HoldfastError as refused:
        return await _one(request, system, staff, message_id, refused.detail, refused.status)
    system.signals.tell("work:messages")
    return _back(back, said)


async def _one(
    request: Request, system: System, staff: ApiKey, message_id: str, said: str | None, status: int = 200
) -> Response:
    async def read(conn: Connection) -> tuple[Row | None, Row | None]:
        row = await records.one(conn, staff.tenant_id, message_id)
        return row, await tenant_by_id(conn, staff.tenant_id)

    row, tenant = await system.database.read(read)
    if row is None:
        raise NotFound(by_hand.NO_SUCH_MESSAGE)
    return render(
        request,
        "messages/pages/one.html",
        status=status,
        staff=staff,
        tenant=tenant,
        here=HOME,
        message=row,
        said=said,
        refused=status != 200,
        back=f"{HOME}/{message_id}",
        **FOR_MESSAGES,
    )


async def _form(
    request: Request, system: System, staff: ApiKey, note: Note, refused: HoldfastError | None = None
) -> Response:
    async def read(conn: Connection) -> tuple[Row | None, Row | None]:
        found = await booking_by_reference(conn, note.booking, staff.tenant_id) if note.booking else None
        return found, await tenant_by_id(conn, staff.tenant_id)

    booking, tenant = await system.database.read(read)
    errors = {}
    if refused is not None:
        named = {one["field"]: one["problem"] for one in refused.extra.get("errors", [])}
        # What the rules call the number is the number's field here.
        here = {"mobile_number": "number", "customer.phone": "number"}
        errors = {here.get(field, field): problem for field, problem in named.items()}
        errors = errors or {"number" if note.number else "text": refused.detail}
    return render(
        request,
        "messages/pages/write.html",
        status=refused.status if refused else 200,
        staff=staff,
        tenant=tenant,
        here=HOME,
        note=note,
        booking=booking,
        errors=errors,
        longest=LONGEST_NOTE,
        **FOR_MESSAGES,
    )


def _back(address: str, said: str) -> Response:
    """To the staff page that the form stood on, and nowhere else."""
    parts = urlsplit(address)
    plain = not parts.scheme and not parts.netloc and parts.path.startswith("/staff/") and "\\" not in address
    if not plain or "//" in parts.path:
        return RedirectResponse(f"{HOME}?said={said}", 303)
    return RedirectResponse(f"{parts.path}?{parts.query}{'&' if parts.query else ''}said={said}", 303)
