"""The signature of a webhook, checked on the raw bytes (docs.stripe.com/webhooks/signatures; F50–F53).

Written out here instead of calling the SDK, for three reasons: the SDK accepts stamps from the future, its import costs
0.2 s and 25 MB in a process that may never call Stripe, and only here can it be said *why* a signature was refused.
"""

from __future__ import annotations

import hashlib
import hmac
from collections.abc import Sequence

from holdfast.errors import HoldfastError

TOLERANCE_S = 300
MOST_SIGNATURES = 16


class SignatureRefused(HoldfastError):
    """400: nothing of the body was read."""

    status, code, title = 400, "bad_signature", "The signature of this webhook is not valid"


def verify(body: bytes, header: str | None, secrets: Sequence[str], now_unix: float) -> None:
    """Raises SignatureRefused unless one of the secrets signed exactly these bytes within 300 s of now, either side."""
    if not header:
        raise SignatureRefused("The header Stripe-Signature is missing.")
    stamp, signatures = _parse(header)
    if abs(now_unix - stamp) > TOLERANCE_S:
        when = "old" if stamp < now_unix else "far in the future"
        raise SignatureRefused(f"The stamp is too {when}: if this persists, a clock is wrong.")
    signed = str(stamp).encode() + b"." + body
    expected = [hmac.new(secret.encode(), signed, hashlib.sha256).hexdigest() for secret in secrets]
    # Every pair is compared, so that the time taken does not tell which one fitted.
    fits = [hmac.compare_digest(ours.encode(), theirs.encode()) for ours in expected for theirs in signatures]
    if not any(fits):
        raise SignatureRefused("No secret in STRIPE_WEBHOOK_SECRET made this signature.")


def sign(body: bytes, secret: str, stamp: int) -> str:
    """A valid header, for canaries and tests."""
    mac = hmac.new(secret.encode(), str(stamp).encode() + b"." + body, hashlib.sha256).hexdigest()
    return f"t={stamp},v1={mac}"


def _parse(header: str) -> tuple[int, list[str]]:
    pairs = [part.split("=", 1) for part in header.split(",")[: MOST_SIGNATURES + 1] if "=" in part]
    stamps = [value for name, value in pairs if name.strip() == "t"]
    signatures = [value.strip() for name, value in pairs if name.strip() == "v1"]
    if (
        len(stamps) != 1
        or not stamps[0].isascii()
        or not stamps[0].isdigit()
        or len(stamps[0]) > 12
        or not signatures
    ):
        raise SignatureRefused("The header Stripe-Signature is not of the form t=…,v1=….")
    return int(stamps[0]), signatures
