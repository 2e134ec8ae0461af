"""Deadlines of waits, on both event loops.

A process can be stopped, and a callback can block the loop, for longer than any timeout. The timer then fires late, and
the response may lie in the socket unread. So a late wait does not fail at once: the loop reads its sockets once more,
and the wait gets twice the delay as grace, between `LEAST_GRACE` and `MOST_GRACE`.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from types import TracebackType
from typing import Final, Self

import anyio

from openai_async import _concurrency

#: A timer that fires this many seconds late shows that the loop was blocked, or the process stopped.
HELD: Final = 0.05
LEAST_GRACE: Final = 0.5
#: Most seconds after a deadline in which data that had arrived is still read.
MOST_GRACE: Final = 2.0


class WaitDeadline:
    """The deadline of one wait. Arithmetic only.

    Attributes:
        deadline: the loop time that the caller set.
        end: the loop time at which the wait ends; after `deadline` if the timer was late.
        overdue: the loop time of the last extra read; infinite before `deadline` has passed.
    """

    __slots__ = ("deadline", "end", "overdue")

    def __init__(self) -> None:
        self.start(math.inf)

    def start(self, deadline: float) -> None:
        """Begin another wait. Do not call it for the same deadline: that would grant the grace again."""
        self.deadline = self.end = deadline
        self.overdue = math.inf

    def extends(self, now: float) -> bool:
        """Whether a wait goes on although its timer has fired. Call it at `end` or later."""
        if self.overdue < math.inf:
            return False
        self.overdue = now + MOST_GRACE
        late = now - self.deadline
        self.end = now + (min(max(2.0 * late, LEAST_GRACE), MOST_GRACE) if late > HELD else 0.0)
        return True

    def reads_again(self, now: float) -> bool:
        """Whether a wait that begins at `end` or later may read the socket once more."""
        if self.overdue == math.inf:
            self.overdue = now + MOST_GRACE
        elif now >= self.overdue:
            return False
        self.end = now
        return True


class ExchangeTimer:
    """One timer for the successive waits of an exchange. A context manager for each wait.

        with timer.move_on_at(deadline):
            return await something()
        raise DeadlineReached

    The block is cancelled at its deadline, and execution continues after it.
    """

    __slots__ = ("_cancel_timer", "_deadline", "_fires_at", "_scope")

    def __init__(self) -> None:
        self._deadline = WaitDeadline()
        self._scope: anyio.CancelScope | None = None
        self._fires_at = math.inf
        self._cancel_timer: Callable[[], object] | None = None

    def move_on_at(self, deadline: float) -> Self:
        if deadline != self._deadline.deadline:
            self._deadline.start(deadline)
        return self

    def move(self, moment: float) -> None:
        """Move the deadline of the current wait, if there is one."""
        self._deadline.start(moment)
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
        """Cancel the timer: no wait follows."""
        if self._cancel_timer is not None:
            self._cancel_timer()
            self._cancel_timer = None
        self._fires_at = math.inf

    def stop(self) -> None:
        """Cancel the timer and the current wait."""
        self.close()
        if self._scope is not None:
            self._scope.cancel()

    def _arm(self) -> None:
        assert self._scope is not None
        if self._deadline.end >= self._fires_at:  # it fires before that, and is set again then
            return
        if self._cancel_timer is not None:
            self._cancel_timer()
        now = _concurrency.now()
        if now < self._deadline.end or self._deadline.reads_again(now):
            self._set(now)
        else:
            self._scope.cancel()

    def _fired(self) -> None:
        self._fires_at, self._cancel_timer = math.inf, None
        if self._scope is None:
            return
        now = _concurrency.now()
        if now < self._deadline.end or self._deadline.extends(now):
            self._set(now)
        else:
            self._scope.cancel()

    def _set(self, now: float) -> None:
        self._fires_at = self._deadline.end
        self._cancel_timer = _concurrency.call_later(max(0.0, self._fires_at - now), self._fired)
