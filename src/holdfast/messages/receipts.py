"""A delivery receipt of an SMS, and its signature (www.twilio.com/docs/usage/security). Pure.

Written out here instead of calling the library: its import costs 0.1 s and 20 MB in web processes that never send an SMS.
"""

from __future__ import annotations

import hashlib
import hmac
import re
from base64 import b64encode
from decimal import Decimal
from urllib.parse import parse_qsl, urlsplit, urlunsplit

from holdfast.errors import HoldfastError

MOST_PARAMETERS = 100
PRICE = re.compile(r"-?\d{1,6}(\.\d{1,5})?")
CURRENCY = re.compile(r"[A-Z]{3}")


class ReceiptRefused(HoldfastError):
    """403: nothing of it was believed."""

    status, code, title = 403, "bad_signature", "The signature of this receipt is not valid"


def parameters_of(body: bytes) -> dict[str, str]:
    """The form's fields. Raises ReceiptRefused for what is none."""
    try:
        pairs = parse_qsl(
            body.decode(), keep_blank_values=True, strict_parsing=False, max_num_fields=MOST_PARAMETERS
        )
    except ValueError:
        raise ReceiptRefused("The body is not a form.") from None
    return dict(pairs)


def price_of(parameters: dict[str, str]) -> tuple[Decimal | None, str | None]:
    """What the SMS cost, where the provider tells it (`Price` is negative: it was taken from us). (None, None) when not, or when
    it is no sum."""
    amount, currency = parameters.get("Price", ""), parameters.get("PriceUnit", "").upper()
    if not PRICE.fullmatch(amount) or not CURRENCY.fullmatch(currency):
        return None, None
    return abs(Decimal(amount)), currency


def verify(url: str, parameters: dict[str, str], header: str | None, token: str) -> None:
    """Raises ReceiptRefused unless whoever knows the token signed exactly this address and these parameters. The address may
    have been signed with its port or without. Compares in constant time."""
    if not token:
        raise ReceiptRefused("TWILIO_AUTH_TOKEN is not set: no receipt can be checked.")
    if not header:
        raise ReceiptRefused("The header X-Twilio-Signature is missing.")
    given = header.encode()
    fits = [
        hmac.compare_digest(sign(each, parameters, token).encode(), given)
        for each in (url, _without_port(url))
    ]
    if not any(fits):
        raise ReceiptRefused("TWILIO_AUTH_TOKEN did not make this signature for PUBLIC_URL.")


def sign(url: str, parameters: dict[str, str], token: str) -> str:
    """A valid header: HMAC-SHA1 over the address and the sorted parameters, as the provider makes it."""
    signed = url + "".join(name + parameters[name] for name in sorted(parameters))
    return b64encode(hmac.new(token.encode(), signed.encode(), hashlib.sha1).digest()).decode()


def _without_port(url: str) -> str:
    parts = urlsplit(url)
    host = parts.netloc.rpartition("@")[2]
    name = host[: host.index("]") + 1] if host.startswith("[") else host.partition(":")[0]
    return urlunsplit(parts._replace(netloc=name))
