"""Messages over HTTP: what the SMS provider tells of its deliveries, and of what people answer."""

from __future__ import annotations

from fastapi import APIRouter, Request
from pydantic import BaseModel
from starlette.responses import Response

from holdfast.messages import actions, rules
from holdfast.messages.inbound import LONGEST_BODY, Inbound, take_in
from holdfast.messages.receipts import parameters_of, price_of, verify
from holdfast.messages.texts import CALLBACK_PATH
from holdfast.web.answers import json_response, problems
from holdfast.web.dependencies import TheSystem

router = APIRouter(tags=["webhooks"])
LONGEST_ID = 100
INCOMING_PATH = f"{CALLBACK_PATH}/incoming"
NOTHING_TO_SAY = '<?xml version="1.0" encoding="UTF-8"?><Response/>'  # what is answered leaves by the outbox


class Taken(BaseModel):
    received: bool


@router.post(
    CALLBACK_PATH,
    response_model=Taken,
    responses=problems(403, 413, 503),
    summary="Delivery receipts of SMS; `message` names ours, X-Twilio-Signature is checked",
)
async def receive_receipt(request: Request, system: TheSystem) -> Response:
    """Answers 200 to whatever is signed, also when it is no news or about a message that is not known here: repeating it
    would change nothing."""
    parameters = parameters_of(await request.body())
    query = f"?{request.url.query}" if request.url.query else ""
    url = f"{system.settings.public_url}{CALLBACK_PATH}{query}"
    verify(url, parameters, request.headers.get("x-twilio-signature"), system.settings.twilio_auth_token)
    told = rules.RECEIPTS.get(parameters.get("MessageStatus", ""))
    message_id, sid = request.query_params.get("message", ""), parameters.get("MessageSid", "")
    # PostgreSQL's text holds no NUL; no id of ours or theirs has one.
    fits = all(0 < len(each) <= LONGEST_ID and "\0" not in each for each in (message_id, sid))
    if told is not None and fits:
        now = system.clock.now()
        price, currency = price_of(parameters)
        receipt = actions.Receipt(sid, told, parameters.get("ErrorCode", "")[:10], price, currency)
        changed = await system.database.run(
            lambda conn: actions.record_receipt(conn, system.ids, now, message_id, receipt)
        )
        if changed:
            system.signals.tell(f"booking:{changed}")
    return json_response({"received": True})


@router.post(
    INCOMING_PATH,
    response_class=Response,
    responses={200: {"content": {"text/xml": {}}, "description": "Taken"}, **problems(403, 413, 503)},
    summary="What people answer by SMS; STOP, START and HELP are obeyed, X-Twilio-Signature is checked",
)
async def receive_sms(request: Request, system: TheSystem) -> Response:
    """Answers 200 to whatever is signed; the same SMS told twice is stored once."""
    parameters = parameters_of(await request.body())
    query = f"?{request.url.query}" if request.url.query else ""
    url = f"{system.settings.public_url}{INCOMING_PATH}{query}"
    verify(url, parameters, request.headers.get("x-twilio-signature"), system.settings.twilio_auth_token)
    told = Inbound(
        parameters.get("MessageSid", ""),
        parameters.get("From", ""),
        parameters.get("Body", "").replace("\0", "\ufffd")[:LONGEST_BODY],
        answered=bool(parameters.get("OptOutType")),
    )
    if all(0 < len(each) <= LONGEST_ID and "\0" not in each for each in (told.provider_id, told.sender)):
        now = system.clock.now()
        about = await system.database.run(lambda conn: take_in(conn, system.ids, now, told))
        if about is not None:
            system.signals.tell("work:messages", *([f"booking:{about}"] if about else []))
    return Response(NOTHING_TO_SAY, media_type="text/xml")
