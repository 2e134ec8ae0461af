"""Who may send when.

A request needs two things: a free slot of the client (the bound on what is in flight), then leave of a pool (the rate
limits of a key for a family of models, see `_accounts`). The slot comes first and the charge last, so nobody holds a
reservation while waiting.

There is no polling and no herd: those who wait stand in a `Line`, only its head is considered, and one timer is set for
the moment at which the head can go. Everything between two awaits is plain arithmetic. Cancelling a waiter takes it out
of the line; cancelling one that was just served takes the charge back, exactly once.

The limiter lives as long as its client and outlasts event loops; what waits belongs to the running one.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Callable, Mapping

import anyio

from openai_async import _runtime
from openai_async._accounts import Accounts, all_drained
from openai_async._line import Line
from openai_async._permits import Ask as Ask, Permit as Permit
from openai_async._policy.levels import Reason
from openai_async._policy.pool import Pool
from openai_async.errors import OpenAIError
from openai_async.types.limits import Accounting, StatedLimits


class _Waiter:
    __slots__ = ("ask", "error", "event", "permit")

    def __init__(self, ask: Ask) -> None:
        self.ask = ask
        self.event = anyio.Event()
        self.permit: Permit | None = None
        self.error: OpenAIError | None = None  # it can never go, and stands in line no more


class _Queue:
    """Those who wait for one family of models, and the timer for the first of them."""

    __slots__ = ("cancel_timer", "line", "reason", "timer_at")

    def __init__(self) -> None:
        self.line: Line[_Waiter] = Line()
        self.reason: Reason = "slot"  # what its head waits for
        self.timer_at = math.inf
        self.cancel_timer: Callable[[], object] | None = None


class Limiter:
    """See the module.

    Args:
        max_concurrency: slots; None for no bound.
        stated: the rate limits.
        keys: how many keys there are.
        accounting: how the server counts tokens, if the limits do not say it.
    """

    def __init__(
        self,
        max_concurrency: int | None,
        stated: StatedLimits = None,
        keys: int = 1,
        accounting: Accounting = "admission",
    ) -> None:
        self.limit = max_concurrency
        self._accounts = Accounts(stated, keys, accounting)
        self._in_flight = 0
        self._queues: dict[str, _Queue] = {}  # by family
        self._clock = _runtime.LastingClock()
        self.now: Callable[[], float] = self._clock.now

    # -- asking ----------------------------------------------------------------------------------------

    async def acquire(self, ask: Ask) -> Permit:
        """Wait for leave to send. Cancelling leaves the line, and loses nothing.

        Raises:
            RequestExceedsLimitError: it is larger than a limit and can never be sent.
            QuotaExhaustedError: every key is drained.
        """
        now = self.now()
        queue = self._queues.get(ask.family)
        if (queue is None or not len(queue.line)) and (permit := self._grant(ask, now)) is not None:
            return permit
        if (error := self._accounts.never(ask.family, ask.tokens, now)) is not None:
            raise error
        if queue is None:
            queue = self._queues[ask.family] = _Queue()
        waiter = _Waiter(ask)
        queue.line.join(waiter, ask.priority, ask.job, first=ask.again)
        self._serve(queue, now)
        try:
            await waiter.event.wait()
        except BaseException:
            if waiter.permit is not None:
                waiter.permit.end(sent=False)
            elif waiter.error is None:
                queue.line.leave(waiter, ask.priority, ask.job)
                self._serve(queue, self.now())
            raise
        if waiter.error is not None:
            raise waiter.error
        assert waiter.permit is not None
        return waiter.permit

    # -- what is known ---------------------------------------------------------------------------------

    @property
    def in_flight(self) -> int:
        """Permits that are out."""
        return self._in_flight

    @property
    def waiting(self) -> int:
        """Callers in line."""
        return sum(len(queue.line) for queue in self._queues.values())

    def waiting_for(self) -> Counter[Reason]:
        """What the heads of the lines wait for; each counts for all behind it."""
        reasons: Counter[Reason] = Counter()
        for queue in self._queues.values():
            if len(queue.line):
                reasons[queue.reason] += len(queue.line)
        return reasons

    def pools(self, family: str) -> Mapping[int, Pool]:
        """See `Accounts.pools`."""
        return self._accounts.pools(family)

    def best(self, calls: int | None, tokens: float) -> dict[str, float | None]:
        """See `Accounts.best`."""
        return self._accounts.best(calls, tokens)

    @property
    def drained(self) -> frozenset[int]:
        """Keys that are set aside."""
        return self._accounts.drained

    def set_aside(self, key: int) -> bool:
        """Use a key no more, because its account is drained. False if it was the last one."""
        if self._accounts.set_aside(key):
            return True
        for queue in self._queues.values():
            while queue.line.head() is not None:
                _dismiss(queue.line, all_drained())
        return False

    def enable(self, key: int | None = None) -> None:
        """Use a key (None: all of them) again."""
        self._accounts.enable(key)
        self.pump()

    def after_fork(self) -> None:
        """Begin anew, in a child process: those who wait, and those who hold permits, are the parent's."""
        self._queues, self._in_flight = {}, 0
        self._accounts.after_fork()
        self._clock.ask_anew()

    # -- serving ---------------------------------------------------------------------------------------

    def free_slot(self) -> None:
        """A permit has ended."""
        self._in_flight -= 1
        self.pump()

    def pump(self) -> None:
        """Serve whoever can go now: something has changed."""
        waiting = [name for name, queue in self._queues.items() if len(queue.line)]
        if waiting:
            now = self.now()
            for name in waiting:
                # A family that was served goes last the next time, so that slots go round.
                if self._serve(self._queues[name], now):
                    self._queues[name] = self._queues.pop(name)

    def _serve(self, queue: _Queue, now: float) -> bool:
        """Serve the head while it can go; whether anybody was served."""
        served = False
        while (waiter := queue.line.head()) is not None:
            permit = self._grant(waiter.ask, now, queue)
            if permit is None:
                if queue.reason == "slot" or queue.timer_at < math.inf:
                    return served  # it can go later
                error = self._accounts.never(waiter.ask.family, waiter.ask.tokens, now)
                if error is None:
                    return served
                _dismiss(queue.line, error)  # limits have become known, or lower, while it waited
                continue
            queue.line.take()
            waiter.permit = permit
            waiter.event.set()
            served = True
        self._disarm(queue)
        return served

    def _grant(self, ask: Ask, now: float, queue: _Queue | None = None) -> Permit | None:
        """A permit if one can be had now; else the timer of the queue is set for when it can, and the reason noted."""
        if self.limit is not None and self._in_flight >= self.limit:
            if queue is not None:
                queue.reason = "slot"
            return None
        seconds, reason, key = self._accounts.earliest(ask.family, ask.tokens, now)
        if seconds > 0.0 or key < 0:
            if queue is not None:
                queue.reason = reason or "slot"
                self._arm(queue, now, seconds)
            return None
        self._in_flight += 1
        return Permit(self, key, *self._accounts.charge(ask.family, ask.tokens, now, key))

    def _arm(self, queue: _Queue, now: float, seconds: float) -> None:
        """One timer a family, for the head."""
        when = now + seconds
        if when == queue.timer_at:
            return
        self._disarm(queue)
        if seconds < math.inf:
            queue.timer_at = when
            queue.cancel_timer = _runtime.call_later(seconds, lambda: self._ring(queue))

    def _disarm(self, queue: _Queue) -> None:
        if queue.cancel_timer is not None:
            queue.cancel_timer()
        queue.cancel_timer = None
        queue.timer_at = math.inf

    def _ring(self, queue: _Queue) -> None:
        queue.cancel_timer = None
        queue.timer_at = math.inf
        self._serve(queue, self.now())


def _dismiss(line: Line[_Waiter], error: OpenAIError) -> None:
    """Take the head out of its line with an error."""
    waiter = line.take()
    waiter.error = error
    waiter.event.set()
