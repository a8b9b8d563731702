"""Randomness, in one place so that a seed makes a run repeatable."""

import random
import string

ALPHABET = string.ascii_letters + string.digits

ID_LENGTH = {
    "cs_test": 58,
    "pi": 24,
    "ch": 24,
    "py": 24,
    "re": 24,
    "du": 24,
    "evt": 24,
    "we": 24,
    "pm": 24,
    "txn": 24,
    "cus": 14,
    "li": 24,
    "price": 24,
    "prod": 14,
    "req": 14,
    "whsec": 32,
}


class Chance:
    """Ids come from one stream and faults from another, so that one more id never changes which fault strikes."""

    def __init__(self, seed: str | None = None, salt: str = "") -> None:
        self._ids: random.Random = random.SystemRandom() if seed is None else random.Random(f"{seed}:{salt}")
        self.faults: random.Random = random.Random() if seed is None else random.Random(seed)

    def reseed(self, seed: str) -> None:
        """Start the faults' stream anew; ids keep theirs, for an id may not come twice in one ledger."""
        self.faults = random.Random(seed)

    def letters(self, length: int) -> str:
        return "".join(self._ids.choices(ALPHABET, k=length))

    def id(self, prefix: str) -> str:
        return f"{prefix}_{self.letters(ID_LENGTH[prefix])}"

    def strikes(self, probability: float) -> bool:
        return probability > 0 and self.faults.random() < probability
