"""Ids, references and secrets. Randomness enters here and nowhere else.

An id is a prefix that says what it names, and 26 characters of Crockford's base 32: 48 bits of milliseconds, so that rows
written together lie together, then 80 random bits.
"""

from __future__ import annotations

import hashlib
import hmac
import os
from base64 import urlsafe_b64encode
from collections.abc import Callable

from holdfast.clock import Clock

CROCKFORD = "0123456789abcdefghjkmnpqrstvwxyz"
# Without the letters that are misread or misheard on the telephone.
REFERENCE_ALPHABET = "23456789ABCDEFGHJKMNPQRSTUVWXYZ"
REFERENCE_LENGTH = 8


class Ids:
    """Makes ids. `randomness(n)` gives n random bytes; tests hand in a seeded one."""

    def __init__(self, clock: Clock, randomness: Callable[[int], bytes] = os.urandom) -> None:
        self._clock = clock
        self._randomness = randomness

    def new(self, prefix: str) -> str:
        """A new id such as `ord_01jd…`."""
        milliseconds = int(self._clock.now().timestamp() * 1000)
        number = (milliseconds << 80) | int.from_bytes(self._randomness(10), "big")
        return f"{prefix}_{_base32(number)}"

    def reference(self) -> str:
        """What a guest reads out at the door: HF-7K3M9QPX. Unique per tenant by the database; 31^8 of them."""
        number = int.from_bytes(self._randomness(16), "big")
        letters = []
        for _ in range(REFERENCE_LENGTH):
            number, index = divmod(number, len(REFERENCE_ALPHABET))
            letters.append(REFERENCE_ALPHABET[index])
        return "HF-" + "".join(letters)

    def secret(self, prefix: str = "") -> str:
        """256 random bits, for keys."""
        return prefix + urlsafe_b64encode(self._randomness(32)).decode().rstrip("=")


def booking_token(secret_key: str, booking_id: str) -> str:
    """The secret in a booking's permanent link. Derived, not stored: after a restored backup the links that guests already
    have still open their bookings, and the database alone gives nobody a link."""
    mac = hmac.new(secret_key.encode(), f"booking:{booking_id}".encode(), hashlib.sha256).digest()
    return urlsafe_b64encode(mac[:18]).decode()


def action_token(secret_key: str, link_id: str) -> str:
    """The secret of a link that does something once: the link's id and its signature, so that a forged one is refused
    without a look into the database."""
    mac = hmac.new(secret_key.encode(), f"link:{link_id}".encode(), hashlib.sha256).digest()
    return f"{link_id}.{urlsafe_b64encode(mac[:18]).decode()}"


def link_of_token(secret_key: str, token: str) -> str | None:
    """The id of the link that a token names; None for a token that we did not make. Compares in constant time."""
    link_id, _, _ = token.partition(".")
    fits = hmac.compare_digest(action_token(secret_key, link_id).encode(), token.encode()[:200])
    return link_id if fits else None


def feed_token(secret_key: str, provider_id: int, version: int) -> str:
    """The secret in the address of a provider's calendar feed; another version is another address."""
    mac = hmac.new(secret_key.encode(), f"feed:{provider_id}:{version}".encode(), hashlib.sha256).digest()
    return urlsafe_b64encode(mac[:18]).decode()


def sha256(text: str) -> bytes:
    """What is stored of a secret."""
    return hashlib.sha256(text.encode()).digest()


def _base32(number: int) -> str:
    characters = []
    for _ in range(26):
        number, index = divmod(number, 32)
        characters.append(CROCKFORD[index])
    return "".join(reversed(characters))
