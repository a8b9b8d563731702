"""Sends SMS by Twilio's official library, and says precisely what is known when one did not go
(www.twilio.com/docs/messaging/api/message-resource).

Twilio has no idempotency key. So an answer that did not come leaves it open whether the SMS went (`may_have_left`), and before
it is repeated `find` asks Twilio's own list. The library speaks through our httpx: nothing else is opened, and TWILIO_API_BASE
can lead to the sandbox. Both are imported with the first batch and the first SMS: a web process
never needs them (20 MB). Neither numbers nor texts are logged here.
"""

from __future__ import annotations

import asyncio
import re
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from holdfast.messages.senders.mail import one_line

if TYPE_CHECKING:
    import httpx
    from twilio.rest import Client

TWILIO_API = "https://api.twilio.com"
SEND_TIMEOUT_S = 15.0  # one call, all together
MOST_OF_A_REPLY = 300
MOST_LISTED = 50  # of the newest SMS to a number, when one is looked for
NUMBER = re.compile(r"\+?\d[\d ]{5,}\d")
SUM = re.compile(r"-?\d{1,6}(\.\d{1,5})?")
SERVICE = "MG"  # how the id of a messaging service begins, which may stand in place of a number
LOOPBACK = frozenset({"localhost", "127.0.0.1", "::1"})


@dataclass(frozen=True)
class OutgoingSms:
    to_number: str  # E.164
    body: str
    callback_url: str  # where Twilio tells what became of it


@dataclass(frozen=True)
class SmsState:
    """`status` in Twilio's words, empty when it knows none such; what it cost, where it says."""

    status: str
    error_code: str
    price: Decimal | None
    currency: str | None


class SmsError(Exception):
    """It did not leave, or nobody knows whether it did (`may_have_left`). `stage`: settings, connect, answer. `status` is HTTP's,
    None without an answer; `code` Twilio's own, where it named one. `reply` is what was said, without numbers."""

    def __init__(
        self, stage: str, status: int | None, code: int | None, reply: str, *, may_have_left: bool = False
    ) -> None:
        self.stage = stage
        self.status = status
        self.code = code
        self.reply = NUMBER.sub("[number]", one_line(reply, 2000))[:MOST_OF_A_REPLY]
        self.may_have_left = may_have_left
        super().__init__(f"{stage}: {code or status or 'no answer'} {self.reply}".strip())


class SmsSender:
    """Where SMS leave. Holds no connection between batches."""

    def __init__(
        self,
        account_sid: str,
        auth_token: str,
        from_: str,
        api_base: str = TWILIO_API,
        *,
        timeout_s: float = SEND_TIMEOUT_S,
    ) -> None:
        self.account_sid = account_sid
        self.auth_token = auth_token
        self.from_ = from_
        self.api_base = api_base.rstrip("/")
        self.timeout_s = timeout_s

    @property
    def missing(self) -> str:
        """What has to be set before anything can be sent; empty when it can."""
        settings = {
            "TWILIO_ACCOUNT_SID": self.account_sid,
            "TWILIO_AUTH_TOKEN": self.auth_token,
            "TWILIO_FROM": self.from_,
        }
        unset = [name for name, value in settings.items() if not value]
        return f"{' and '.join(unset)} {'is' if len(unset) == 1 else 'are'} not set" if unset else ""

    @property
    def takes_answers(self) -> bool:
        """Whether it sends from one number: a name takes no answers, and a messaging service has settings of its own."""
        return self.from_.startswith("+")

    @asynccontextmanager
    async def batch(self) -> AsyncIterator[SmsBatch]:
        """Connections for several SMS; none is opened before the first."""
        import httpx

        # A proxy in the environment is meant for the world outside, not for the sandbox. Connecting gives up first: then it is
        # known that nothing left.
        abroad = self.api_base == TWILIO_API
        async with httpx.AsyncClient(timeout=self.timeout_s * 2 / 3, trust_env=abroad) as http:
            yield SmsBatch(self, http)


class SmsBatch:
    def __init__(self, sender: SmsSender, http: httpx.AsyncClient) -> None:
        self._sender = sender
        self._http = http
        self._client: Client | None = None

    async def send(self, sms: OutgoingSms) -> str:
        """Twilio has taken it: its id there. Raises SmsError."""
        about: dict[str, Any] = {"to": sms.to_number, "body": sms.body}
        service = self._sender.from_.startswith(SERVICE)
        about["messaging_service_sid" if service else "from_"] = self._sender.from_
        if self._can_be_called_back(sms.callback_url):
            about["status_callback"] = sms.callback_url
        message = await self._asked(lambda client: client.messages.create_async(**about), writes=True)
        return str(message.sid)

    async def find(self, to_number: str, since: datetime, is_it: Callable[[str], bool]) -> str | None:
        """The id of an SMS to this number, made since then, whose text is the one; None when Twilio has none such. Raises
        SmsError, and then nothing is known."""
        listed = await self._asked(
            lambda client: client.messages.list_async(to=to_number, limit=MOST_LISTED, page_size=MOST_LISTED),
            writes=False,
        )
        found = [m for m in listed if m.date_created is None or m.date_created >= since]
        return next((str(m.sid) for m in found if is_it(m.body or "")), None)

    async def state_of(self, sid: str) -> SmsState:
        """What Twilio says of one of its SMS now. Raises SmsError; status 404: it knows none such."""
        found = await self._asked(lambda client: client.messages(sid).fetch_async(), writes=False)
        price = str(found.price) if found.price is not None else ""
        return SmsState(
            str(found.status or ""),
            str(found.error_code or ""),
            abs(Decimal(price)) if SUM.fullmatch(price) else None,
            str(found.price_unit).upper() if SUM.fullmatch(price) and found.price_unit else None,
        )

    async def answers_go_to(self) -> str | None:
        """Where the account sends what people answer to our number: empty for nowhere, None when the account has no such
        number. Raises SmsError."""
        listed = await self._asked(
            lambda client: client.incoming_phone_numbers.list_async(
                phone_number=self._sender.from_, limit=MOST_LISTED, page_size=MOST_LISTED
            ),
            writes=False,
        )
        ours = [one for one in listed if one.phone_number == self._sender.from_]
        return str(ours[0].sms_url or "") if ours else None

    def _can_be_called_back(self, url: str) -> bool:
        """Twilio refuses an SMS whose callback leads to a machine that it cannot reach; the sandbox reaches this one."""
        return self._sender.api_base != TWILIO_API or urlsplit(url).hostname not in LOOPBACK

    async def _asked(self, ask: Callable[[Client], Any], *, writes: bool) -> Any:
        if self._sender.missing:
            raise SmsError("settings", None, None, self._sender.missing)
        import httpx

        client = self._client = self._client or _client(self._sender, self._http)
        try:
            async with asyncio.timeout(self._sender.timeout_s):
                return await ask(client)
        except (
            httpx.ConnectError,
            httpx.ConnectTimeout,
            httpx.PoolTimeout,
            httpx.UnsupportedProtocol,
        ) as problem:
            raise SmsError("connect", None, None, _in_words(problem)) from None
        except Exception as problem:  # also a mistake of the library's: no SMS may hold up the others
            raise _from_answer(problem, writes) from problem


def _from_answer(problem: Exception, writes: bool) -> SmsError:
    status, code = getattr(problem, "status", None), getattr(problem, "code", None)
    if not isinstance(status, int):
        return SmsError("answer", None, None, _in_words(problem), may_have_left=writes)
    said = getattr(problem, "msg", None) or getattr(problem, "detail", None) or type(problem).__name__
    # Where the answer named none, the library puts the status in its place.
    code = code if isinstance(code, int) and code != status else None
    # A gateway on the way that has nothing to say of Twilio's own does not know whether Twilio had it.
    return SmsError(
        "answer", status, code, str(said), may_have_left=writes and status >= 500 and code is None
    )


def _in_words(problem: Exception) -> str:
    import httpx

    late = isinstance(problem, TimeoutError | httpx.TimeoutException)
    return "no answer in time" if late else type(problem).__name__


def _client(sender: SmsSender, http: httpx.AsyncClient) -> Client:
    from twilio.http import AsyncHttpClient
    from twilio.http.response import Response
    from twilio.rest import Client

    class Transport(AsyncHttpClient):  # type: ignore[misc]  # the library has no types
        """What the library asks, through our httpx, at the address that is set."""

        def __init__(self) -> None:
            super().__init__(logger=None, is_async=True)

        async def request(
            self,
            method: str,
            uri: str,
            params: dict[str, object] | None = None,
            data: dict[str, object] | None = None,
            headers: dict[str, str] | None = None,
            auth: tuple[str, str] | None = None,
            timeout: float | None = None,
            allow_redirects: bool = False,
        ) -> Response:
            answer = await http.request(
                method,
                _address(uri, sender.api_base),
                params=_plain(params),
                data=_plain(data),
                headers=headers,
                auth=auth,
            )
            return Response(answer.status_code, answer.text, answer.headers)

    # An environment of its own: the library would look for a region in ours.
    return Client(
        sender.account_sid, sender.auth_token, http_client=Transport(), environment={"TWILIO_REGION": ""}
    )


def _address(uri: str, api_base: str) -> str:
    parts = urlsplit(uri)
    return api_base + parts.path + (f"?{parts.query}" if parts.query else "")


def _plain(values: dict[str, object] | None) -> dict[str, str] | None:
    return {name: str(value) for name, value in values.items() if value is not None} if values else None
