"""What a person answers on a phone: told to whoever takes the SMS in, as the provider tells it.
https://www.twilio.com/docs/messaging/guides/webhook-request"""

import hashlib

import httpx

from holdfast.sandbox import messages
from holdfast.sandbox.ledger import Json
from holdfast.sandbox.twilio import CALLBACK_TIMEOUT_S, CALLBACK_TRIES, signature
from holdfast.sandbox.world import World

LONGEST = 1_600


class NotTaken(ValueError):
    """Nobody took the answer in; the sentence says why."""


async def answer(world: World, sender: str, to: str, body: str) -> Json:
    """A phone answers: kept, and told, signed, to `sms_incoming_url`. Raises NotTaken, with the answer kept all the same."""
    url = world.options.sms_incoming_url
    told = {
        "AccountSid": world.options.sms_account_sid,
        "ApiVersion": "2010-04-01",
        "Body": body[:LONGEST],
        "From": sender,
        "MessageSid": "SM"
        + hashlib.md5(world.chance.letters(32).encode(), usedforsecurity=False).hexdigest(),
        "NumMedia": "0",
        "NumSegments": "1",
        "SmsStatus": "received",
        "To": to,
    }
    message: Json = {
        "sid": told["MessageSid"],
        "to": to,
        "from": sender,
        "messaging_service_sid": None,
        "text": told["Body"],
        "status": "received",
        "direction": "inbound",
        "error_code": None,
        "error_message": None,
    }
    async with world.pool.connection() as connection:
        await messages.keep_sms(connection, message, world.clock.now())
    if not url:
        raise NotTaken("Nobody takes answers in: the sandbox was started without --sms-incoming-url.")
    await _tell(url, told, world.options.sms_auth_token)
    return message


async def _tell(url: str, told: dict[str, str], token: str) -> None:
    headers = {"X-Twilio-Signature": signature(url, told, token)}
    said = "no answer"
    async with httpx.AsyncClient(timeout=CALLBACK_TIMEOUT_S, trust_env=False) as client:
        for _ in range(CALLBACK_TRIES):
            try:
                taken = await client.post(url, data=told, headers=headers)
            except httpx.HTTPError as problem:
                said = type(problem).__name__
                continue
            if taken.status_code < 300:
                return
            said = str(taken.status_code)
            if taken.status_code < 500:
                break
    raise NotTaken(f"The answer was not taken in ({said}).")
