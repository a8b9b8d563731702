"""How many segments an SMS is charged as: its letters decide (3GPP TS 23.038,
www.twilio.com/docs/glossary/what-sms-character-limit).

A text of GSM-7 letters holds 160 in one segment, or 153 in each of several; a few letters count twice. One letter that GSM-7
does not have makes the whole text UCS-2: 70, or 67, UTF-16 units each. So what goes into an SMS is first put into plain letters.
"""

from __future__ import annotations

import unicodedata
from dataclasses import dataclass

GSM_7 = frozenset(
    "@£$¥èéùìòÇ\nØø\rÅåΔ_ΦΓΛΩΠΨΣΘΞÆæßÉ !\"#¤%&'()*+,-./0123456789:;<=>?¡ABCDEFGHIJKLMNOPQRSTUVWXYZÄÖÑÜ§¿"
    "abcdefghijklmnopqrstuvwxyzäöñüà"
)
GSM_7_TWICE = frozenset("^{}\\[~]|€")  # escape and letter
# What people and date formats write that GSM-7 has a plain letter for.
PLAIN = str.maketrans(
    {
        **dict.fromkeys("\u00a0\u2007\u2009\u202f", " "),
        **dict.fromkeys("‘’‚‛`´", "'"),  # noqa: RUF001 (they are what is replaced)
        **dict.fromkeys("“”„«»", '"'),
        **dict.fromkeys("‐‑‒–—−", "-"),  # noqa: RUF001
        "…": "...",
        "×": "x",
        "\t": " ",
    }
)


@dataclass(frozen=True)
class Segments:
    alphabet: str  # GSM-7, UCS-2
    count: int

    def __str__(self) -> str:
        return f"{self.count} {'segment' if self.count == 1 else 'segments'}, {self.alphabet}"


def segments_of(text: str) -> Segments:
    if all(letter in GSM_7 or letter in GSM_7_TWICE for letter in text):
        costs = [2 if letter in GSM_7_TWICE else 1 for letter in text]
        return Segments("GSM-7", _segments(costs, alone=160, each=153))
    return Segments(
        "UCS-2", _segments([2 if ord(letter) > 0xFFFF else 1 for letter in text], alone=70, each=67)
    )


def plain(text: str) -> str:
    """The same words in letters that cost less where there are such: typographic marks, and letters whose accent GSM-7 does not
    have in texts that are otherwise Latin. Other scripts stay as they are."""
    text = unicodedata.normalize("NFC", text.translate(PLAIN))
    without = "".join(_without_accent(letter) for letter in text)
    return without if segments_of(without).alphabet == "GSM-7" else text


def _without_accent(letter: str) -> str:
    if letter in GSM_7 or letter in GSM_7_TWICE:
        return letter
    base = unicodedata.normalize("NFD", letter)[0]
    return base if base.isascii() and base.isalpha() else letter


def _segments(costs: list[int], *, alone: int, each: int) -> int:
    """A letter that costs two is never cut in half: it begins the next segment."""
    if sum(costs) <= alone:
        return 1
    count, used = 1, 0
    for cost in costs:
        if used + cost > each:
            count, used = count + 1, 0
        used += cost
    return count
