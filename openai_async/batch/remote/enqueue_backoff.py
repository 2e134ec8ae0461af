"""Backoff for the account's limit of enqueued tokens, for one model.

A batch over the limit fails before it runs (`token_limit_exceeded`), and costs nothing. Its part is submitted again
when one of our batches has ended, else after a pause that doubles. One part at a time is tried, so that many parts do
not become many failed batches. Arithmetic only: time is an argument, in seconds.
"""

from __future__ import annotations

import math
from typing import Final

#: The API's code.
FULL: Final = "token_limit_exceeded"
#: Refusals in a row while nothing at all is enqueued, until a part is taken for too large. What has just ended may
#: count for a while.
_MOST_ALONE: Final = 5


class EnqueueBackoff:
    """When to submit again for one model. `pauses`: seconds between two tries, at first and at most."""

    __slots__ = ("_alone", "_first", "_longest", "_next", "_pause")

    def __init__(self, pauses: tuple[float, float]) -> None:
        self._first, self._longest = pauses
        self._pause = self._first
        self._next = -math.inf
        self._alone = 0

    @property
    def is_full(self) -> bool:
        """Whether the last batch was over the limit: then one part at a time is tried."""
        return self._next > -math.inf

    def refused(self, now: float, *, alone: bool) -> bool:
        """Record a refusal, and return whether to try again. `alone`: nothing else was enqueued."""
        self._alone = self._alone + 1 if alone else 0
        self._next = now + self._pause
        self._pause = min(2 * self._pause, self._longest)
        return self._alone < _MOST_ALONE

    def ended(self) -> None:
        """Record that a batch of ours has ended, which frees its tokens."""
        self._pause, self._alone = self._first, 0
        if self.is_full:
            self._next = 0.0

    def wait(self, now: float) -> float:
        """Seconds until a part may be tried; 0 for now."""
        return max(0.0, self._next - now)
