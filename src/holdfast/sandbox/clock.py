"""The sandbox's own time: the wall clock plus however far somebody has moved it."""

import time
from collections.abc import Callable


class Clock:
    """Seconds since 1970. `wall` is what a caller's own clock shows; `now` is what the ledger lives by."""

    def __init__(self, wall: Callable[[], float] = time.time, offset: float = 0.0) -> None:
        self.wall = wall
        self.offset = offset

    def now(self) -> float:
        return self.wall() + self.offset

    def seconds(self) -> int:
        """Stripe's timestamps have a resolution of one second."""
        return int(self.now())
