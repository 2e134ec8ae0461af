"""Moments at which a wait is given up, for both event loops.

A process can be stopped and a loop can be held by a callback for longer than any bound. The timer then rings late, and
the answer may lie in the socket unread. So a bound that has passed is no end by itself: the loop looks at its sockets
once more, and a timer that rang late gives what was held up twice as much time again, between `LEAST_GRACE` and
`MOST_GRACE`.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from types import TracebackType
from typing import Final, Self

import anyio

from openai_async import _concurrency

#: Seconds by which a timer rings late where the loop was held, or the process stopped.
HELD: Final = 0.05
LEAST_GRACE: Final = 0.5
#: Seconds beyond a bound, at most, in which what had arrived is still read.
MOST_GRACE: Final = 2.0


class Bound:
    """When one wait ends. Arithmetic only.

    Attributes:
        deadline: the moment that was asked for.
        end: the moment at which the wait ends in fact; later than `deadline` where that was noticed late.
        overdue: when the last extra look may begin; infinite as long as `deadline` has not passed.
    """

    __slots__ = ("deadline", "end", "overdue")

    def __init__(self) -> None:
        self.start(math.inf)

    def start(self, deadline: float) -> None:
        """Begin another wait, unless this one has the same moment: what was granted for that is not granted again."""
        self.deadline = self.end = deadline
        self.overdue = math.inf

    def rang(self, now: float) -> bool:
        """Whether a wait whose timer rings goes on. Call at `end` or later."""
        if self.overdue < math.inf:
            return False
        self.overdue = now + MOST_GRACE
        late = now - self.deadline
        self.end = now + (min(max(2.0 * late, LEAST_GRACE), MOST_GRACE) if late > HELD else 0.0)
        return True

    def looks_again(self, now: float) -> bool:
        """Whether a wait that begins at `end` or later may look at the socket once more."""
        if self.overdue == math.inf:
            self.overdue = now + MOST_GRACE
        elif now >= self.overdue:
            return False
        self.end = now
        return True


class Waits:
    """The waits of one exchange, one after the other, on one timer. A context manager for each.

        with waits.move_on_at(moment):
            return await something()
        raise DeadlineReached

    What is awaited inside is cancelled when its moment has passed.
    """

    __slots__ = ("_bound", "_quiet", "_rings", "_scope")

    def __init__(self) -> None:
        self._bound = Bound()
        self._scope: anyio.CancelScope | None = None
        self._rings = math.inf
        self._quiet: Callable[[], object] | None = None

    def move_on_at(self, deadline: float) -> Self:
        if deadline != self._bound.deadline:
            self._bound.start(deadline)
        return self

    def move(self, moment: float) -> None:
        """The wait under way ends at another moment, if there is one."""
        self._bound.start(moment)
        if self._scope is not None:
            self._arm()

    def __enter__(self) -> Self:
        self._scope = anyio.CancelScope()
        self._scope.__enter__()
        self._arm()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> bool:
        scope, self._scope = self._scope, None
        assert scope is not None
        return bool(scope.__exit__(kind, error, trace))

    def close(self) -> None:
        """No wait follows."""
        if self._quiet is not None:
            self._quiet()
            self._quiet = None
        self._rings = math.inf

    def stop(self) -> None:
        """No wait follows, and the one under way ends now."""
        self.close()
        if self._scope is not None:
            self._scope.cancel()

    def _arm(self) -> None:
        assert self._scope is not None
        if self._bound.end >= self._rings:  # it rings before that, and is set anew then
            return
        if self._quiet is not None:
            self._quiet()
        now = _concurrency.now()
        if now < self._bound.end or self._bound.looks_again(now):
            self._set(now)
        else:
            self._scope.cancel()

    def _ring(self) -> None:
        self._rings, self._quiet = math.inf, None
        if self._scope is None:
            return
        now = _concurrency.now()
        if now < self._bound.end or self._bound.rang(now):
            self._set(now)
        else:
            self._scope.cancel()

    def _set(self, now: float) -> None:
        self._rings = self._bound.end
        self._quiet = _concurrency.call_later(max(0.0, self._rings - now), self._ring)
