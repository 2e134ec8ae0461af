"""Whether a scope is out of order, and who may try it meanwhile. No clock, no I/O.

In good times every failure takes one from a budget and every success gives a part of one back. An outage begins when
the budget is empty, or when `_IN_A_ROW` attempts failed with no success in between. From then on calls wait, new ones
as well as those that failed, and trials are made:

- one at a time, after a pause that doubles while they fail;
- from the first success on several at a time: each success allows `_RAMP` more, each failure halves their number.

An outage is over when nobody waits any more, or when `_ENOUGH` trials may be under way at a time. N calls that meet
a server which fails them all send less than 1.1 N + 50 requests, and the trials.
"""

from __future__ import annotations

import math
from typing import Final

from openai_async._policy import retry
from openai_async._policy.retry_budget import RetryBudget

_IN_A_ROW: Final = 5
_RAMP: Final = 3.0
_ENOUGH: Final = 256.0
#: Seconds between two trials while the first of them has not failed: an answer may take minutes.
_LONGEST_PAUSE: Final = 1.0


class Outage:
    """One per scope, from its first failure on until it is `clean`."""

    __slots__ = ("_budget", "_due", "_in_a_row", "_most", "_number", "_pauses", "_trials", "is_open", "last_failure")

    def __init__(self) -> None:
        #: Whether there is an outage now.
        self.is_open = False
        #: Time of the newest failure.
        self.last_failure = -math.inf
        self._budget = RetryBudget()
        self._in_a_row = 0
        self._number = 0  # of the outage: a trial may end in a later one
        self._trials = 0  # under way
        self._most = 1.0  # trials that may be under way at a time
        self._pauses = 0  # since the last success
        self._due = math.inf  # when one more trial may be made, however many are under way

    @property
    def failures_left(self) -> float:
        """Failures that are still tolerated before an outage begins; 0 in an outage."""
        return 0.0 if self.is_open else min(self._budget.balance, float(_IN_A_ROW - self._in_a_row))

    @property
    def is_clean(self) -> bool:
        """Whether nothing is left to remember."""
        return not (self.is_open or self._in_a_row) and self._budget.is_full

    @property
    def is_tried(self) -> bool:
        """Whether a trial is under way."""
        return self._trials > 0

    def wait(self, now: float) -> float:
        """Seconds until one more trial may begin; 0 for now. It is sooner if one succeeds."""
        if not self.is_open or (self._pauses == 0 and self._trials < self._most):
            return 0.0
        return max(0.0, self._due - now)

    @property
    def is_failing(self) -> bool:
        """Whether trials are single, and the last one failed."""
        return self.is_open and self._pauses > 0

    def begin(self, now: float) -> int:
        """A trial begins, and is given its number. Whether it may is `wait`'s to say."""
        self._trials += 1
        self._due = now + min(_LONGEST_PAUSE, retry.delay(max(1, self._pauses), None, jitter=0.0) or 0.0)
        return self._number

    def failed(self, now: float, trial: int | None, *, jitter: float) -> None:
        """An attempt failed in a way that says that the server is out of order.

        `trial`: what `begin` gave, None if it was none; `jitter`: a random number in [0, 1).
        """
        self.last_failure = now
        if not self.is_open:
            self._in_a_row += 1
            if not self._budget.withdraw() or self._in_a_row >= _IN_A_ROW:
                self._open(now, jitter)
        elif trial == self._number:
            self._trials -= 1
            self._most = max(1.0, self._most / 2.0)
            if self._pauses or self._trials <= 0:
                self._pause(now, jitter)

    def succeeded(self, trial: int | None) -> None:
        """The server answered. While there is an outage only trials count: others may have been sent before it."""
        if not self.is_open:
            self._in_a_row = 0
            self._budget.deposit()
        elif trial == self._number:
            self._trials -= 1
            self._pauses = 0
            self._most += _RAMP
            if self._most >= _ENOUGH:
                self.close()

    def abandoned(self, now: float, trial: int) -> None:
        """A trial ended and told nothing: it was cancelled, or never sent. Another one may take its place."""
        if self.is_open and trial == self._number:
            self._trials -= 1
            self._due = min(self._due, now)

    def hint(self, now: float) -> None:
        """An attempt that was no trial succeeded: the next trial need not wait."""
        self._due = min(self._due, now)

    def close(self) -> None:
        """The outage is over."""
        self.is_open, self._in_a_row, self._budget = False, 0, RetryBudget()

    def _open(self, now: float, jitter: float) -> None:
        self.is_open, self._most, self._trials, self._pauses = True, 1.0, 0, 0
        self._number += 1
        self._pause(now, jitter)

    def _pause(self, now: float, jitter: float) -> None:
        self._pauses += 1
        self._due = now + (retry.delay(self._pauses, None, jitter=jitter) or 0.0)
