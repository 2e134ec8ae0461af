"""The account's queue of enqueued tokens, of one model: when a part that had no room in it is handed in again.

A batch that does not fit fails before it runs (`token_limit_exceeded`), and costs nothing. It fits when others have
ended: at once after one of ours, else after a pause that doubles. One part at a time tries, so that a long list of
parts does not become a long list of failed batches. Arithmetic only: time is an argument, in seconds.
"""

from __future__ import annotations

import math
from typing import Final

#: The API's code.
FULL: Final = "token_limit_exceeded"
#: Refusals in a row while nothing at all is enqueued, until a part is taken for too large. What has just ended may
#: count for a while.
_MOST_ALONE: Final = 5


class Queue:
    """See the module. `pauses`: seconds between two tries, at first and at most."""

    __slots__ = ("_alone", "_first", "_longest", "_next", "_pause")

    def __init__(self, pauses: tuple[float, float]) -> None:
        self._first, self._longest = pauses
        self._pause = self._first
        self._next = -math.inf
        self._alone = 0

    @property
    def is_full(self) -> bool:
        """Whether it had no room the last time: then one part at a time is tried."""
        return self._next > -math.inf

    def refused(self, now: float, *, alone: bool) -> bool:
        """It had no room. `alone`: although nothing else was enqueued. Whether trying again makes sense."""
        self._alone = self._alone + 1 if alone else 0
        self._next = now + self._pause
        self._pause = min(2 * self._pause, self._longest)
        return self._alone < _MOST_ALONE

    def ended(self) -> None:
        """A batch of ours has ended, and given its tokens back."""
        self._pause, self._alone = self._first, 0
        if self.is_full:
            self._next = 0.0

    def wait(self, now: float) -> float:
        """Seconds until a part may be tried; 0 for now."""
        return max(0.0, self._next - now)
