"""How long nothing is sent to a scope that was refused: the server's own delay, or a backoff. No clock, no I/O.

There is one hold for each key and scope. Requests that were refused together are one refusal.
"""

from __future__ import annotations

import math

from openai_async._policy import retry


class RetryAfterHold:
    """One per scope, from its first refusal on."""

    __slots__ = ("_refused_until", "ends", "refusals", "seconds")

    def __init__(self) -> None:
        #: The time at which it ends.
        self.ends = -math.inf
        #: Seconds that it last lasted.
        self.seconds = 0.0
        #: Refusals in a row: nothing was accepted in between.
        self.refusals = 0
        self._refused_until = -math.inf  # refusals of requests sent before it belong to the last one

    def refused(self, now: float, sent: float, retry_after: float | None, *, jitter: float) -> bool:
        """A request sent at `sent` was refused; whether that is a new refusal.

        Args:
            retry_after: seconds that the server asked to wait, at most `retry.MAX_RETRY_AFTER`; None if it did not.
            jitter: a random number in [0, 1).
        """
        new = sent > self._refused_until
        if new:
            self._refused_until = now
            self.refusals += 1
        elif retry_after is None:
            return False
        hold = retry.delay(self.refusals, retry_after, jitter=jitter) or 0.0
        if self.refusals > 1:  # the server's delay was kept, and was too short
            hold = max(hold, retry.delay(self.refusals, None, jitter=jitter) or 0.0)
        self.ends, self.seconds = max(self.ends, now + hold), hold
        return new

    def accepted(self, sent: float) -> None:
        """The answer to a request sent at `sent` is no refusal."""
        if sent > self._refused_until:
            self.refusals = 0
