"""The numbers that an SMS account has, and where what is sent to them goes.
https://www.twilio.com/docs/phone-numbers/api/incomingphonenumber-resource"""

from __future__ import annotations

from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from holdfast.sandbox.ledger import Json
from holdfast.sandbox.twilio import refusal
from holdfast.sandbox.world import World

PATH = "/2010-04-01/Accounts/{sid}/IncomingPhoneNumbers.json"


async def listing(request: Request) -> Response:
    """Every number that is asked for belongs to the account: the sandbox lets anybody send from any."""
    world: World = request.app.state.world
    if refused := refusal(request):
        return refused
    asked = request.query_params.get("PhoneNumber", "").strip().lstrip("+")
    found = [_resource(world, f"+{asked}")] if asked.isdigit() else []
    address = request.url.path
    page = {"end": max(len(found) - 1, 0), "first_page_uri": address, "next_page_uri": None, "page": 0}
    page |= {"page_size": 50, "previous_page_uri": None, "start": 0, "uri": address}
    return JSONResponse(page | {"incoming_phone_numbers": found})


def _resource(world: World, number: str) -> Json:
    incoming = world.options.sms_incoming_url
    return {
        "account_sid": world.options.sms_account_sid,
        "api_version": "2010-04-01",
        "capabilities": {"fax": False, "mms": False, "sms": True, "voice": False},
        "friendly_name": number,
        "phone_number": number,
        "sid": f"PN{number[1:]:0>32}",
        "sms_application_sid": "",
        "sms_method": "POST",
        "sms_url": incoming or "",
        "status_callback": "",
    }


ROUTES = [Route(PATH, listing, methods=["GET"])]
