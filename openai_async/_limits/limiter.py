"""Who may send when.

A request needs two things: a free slot of the client (the bound on what is in flight), then leave of a pool (the rate
limits of a key for a scope, see `key_pools`). The slot comes first and the charge last, so nobody holds a
reservation while waiting.

There is no polling. Waiters are in a `WaitQueue`; only its head is considered, and one timer is set for the moment at
which the head can go. Everything between two awaits is plain arithmetic. Cancelling a waiter takes it out of the queue;
cancelling one that was just served takes the charge back, exactly once.

The limiter lives as long as its client, outlasts event loops and serves several at a time. Threads exclude each other
(see `_exclusion`); who waits is woken on its own loop (see `_waiting`).
"""

from __future__ import annotations

import math
import os
from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from functools import partial
from typing import TYPE_CHECKING, cast
from weakref import WeakSet, ref

from openai_async import _concurrency
from openai_async._limits.exclusion import Exclusion, Run
from openai_async._limits.key_pools import KeyPools, all_drained, is_elsewhere
from openai_async._limits.levels import Reason
from openai_async._limits.permits import AcquireRequest as AcquireRequest, Permit as Permit
from openai_async._limits.pool import InMemory
from openai_async._limits.waiting import ScopeQueue, Waiter as Waiter
from openai_async.errors import DeadlineExceededError, OpenAIError, QueueFullError
from openai_async.types.limits import Accounting, StatedLimits

if TYPE_CHECKING:
    from openai_async._limits.backend import LimitBackend, LimitPool
    from openai_async._limits.statistics import LimiterStatistics


class Limiter:
    """See the module.

    Args:
        max_concurrency: slots; None for no bound.
        stated: the rate limits.
        keys: how many keys there are.
        accounting: how the server counts tokens, if the limits do not say it.
        max_waiting: most calls by themselves in line; None for no bound. Those of maps and batches, which bound
            themselves, are neither counted nor refused; nor is a call refused that had its turn and comes back.
        backend: where limits are kept: see `_limits.backend`. None for this process.
    """

    def __init__(
        self,
        max_concurrency: int | None,
        stated: StatedLimits = None,
        keys: int = 1,
        accounting: Accounting = "admission",
        max_waiting: int | None = None,
        backend: LimitBackend | None = None,
    ) -> None:
        self.limit = max_concurrency
        self._max_waiting = max_waiting
        self._key_pools = KeyPools(stated, keys, accounting, backend or InMemory(), partial(_wake, ref(self)))
        self._in_flight = 0
        self._queues: dict[str, ScopeQueue] = {}  # by scope; none is empty
        self._clock = _concurrency.LastingClock()
        self.now: Callable[[], float] = self._clock.now  # in a section
        #: Runs a section: what reads and changes all this.
        self.run: Run = Exclusion(self._clock.share).run
        self.process: int = 0  # changes in a process that was forked
        _all.add(self)

    # -- asking ----------------------------------------------------------------------------------------

    async def acquire(self, request: AcquireRequest) -> Permit:
        """Wait for leave to send. Cancelling leaves the line, and loses nothing.

        Raises:
            RequestExceedsLimitError: it is larger than a limit and can never be sent.
            QuotaExhaustedError: every key is drained.
            DeadlineExceededError: its turn is known to come after its deadline.
            QueueFullError: too many wait.
        """
        turn = self.try_acquire(request)
        return turn if isinstance(turn, Permit) else await self.wait(turn)

    def try_acquire(self, request: AcquireRequest) -> Permit | Waiter:
        """`acquire` without a wait: leave if it can be had now, else a place in line to be awaited (`wait`)."""
        return self.run(self._try_acquire, request)

    async def wait(self, waiter: Waiter) -> Permit:
        """Wait in line; see `acquire`."""
        try:
            await waiter.event.wait()
        except BaseException:
            self.run(self._give_up, waiter)
            raise
        if waiter.error is not None:
            raise waiter.error
        assert waiter.permit is not None
        return waiter.permit

    def _try_acquire(self, request: AcquireRequest) -> Permit | Waiter:
        now = self.now()
        if request.scope not in self._queues and (permit := self._try_reserve(request, now)) is not None:
            return permit
        if (error := self._key_pools.never(request.scope, request.tokens, now)) is not None:
            raise error
        waiter = Waiter(request, now)
        if (error := self._too_late(waiter, now) or self._too_many(request)) is not None:
            raise error
        self._join(waiter, first=request.is_retry)
        return waiter

    def _too_late(self, waiter: Waiter, now: float) -> OpenAIError | None:
        """That the turn of a waiter cannot come before its deadline, if that is known for certain.

        It is until the end of a Retry-After, and where a limit that the user stated has no room. What was learned from
        headers, and what requests in flight may give back, can still turn out in its favor: then it waits.
        """
        if waiter.until == math.inf:
            return None
        seconds, reason = self._key_pools.least_wait(waiter.request.scope, waiter.request.tokens, now)
        left = waiter.until - now
        if seconds <= left:
            return None
        why = "all are held back after a refusal" if reason == "retry-after" else f"by the stated limit of {reason}"
        return DeadlineExceededError(
            f"the call's turn comes in {seconds:.1f} s ({why}), after its deadline in {max(0.0, left):.1f} s:"
            " it was not sent",
            phase="connect",
            retry_after=seconds,
        )

    def _too_many(self, request: AcquireRequest) -> OpenAIError | None:
        most = self._max_waiting
        if most is None or request.job is not None or request.is_retry:
            return None
        if sum(queue.single for queue in self._queues.values()) < most:
            return None
        return QueueFullError(f"{most} calls wait for their turn already (max_waiting): this one was not sent")

    def _give_up(self, waiter: Waiter) -> None:
        """A waiter was cancelled."""
        waiter.gone = True
        if waiter.permit is not None:
            waiter.permit.end(sent=False)
        elif waiter.is_queued:
            self._queues[waiter.request.scope].cancel(waiter)
            self._serve(waiter.request.scope, self.now())

    def _join(self, waiter: Waiter, *, first: bool) -> None:
        scope = waiter.request.scope
        queue = self._queues.get(scope)
        if queue is None:
            queue = self._queues[scope] = ScopeQueue(self.run, lambda: self._serve(scope, self.now()), self._back)
        queue.enqueue(waiter, first=first)
        self._serve(scope, self.now())

    def _back(self, waiter: Waiter) -> None:
        """The loop of a waiter runs on."""
        if not waiter.gone:
            self._join(waiter, first=True)

    # -- what is known ---------------------------------------------------------------------------------

    @property
    def in_flight(self) -> int:
        """Permits that are out."""
        return self._in_flight

    @property
    def waiting(self) -> int:
        """Callers in line."""
        return sum(len(queue) for queue in tuple(self._queues.values()))

    def waiting_for(self) -> Counter[Reason]:
        """What the heads of the lines wait for; each counts for all behind it."""
        reasons: Counter[Reason] = Counter()
        for queue in tuple(self._queues.values()):
            reasons[queue.reason] += len(queue)
        return reasons

    def statistics(self) -> LimiterStatistics:
        """Who waits, and which limits are known. O(scopes * keys)."""
        found = cast("LimiterStatistics | None", self.run(self._statistics))
        return self._statistics() if found is None else found  # None: asked for in the midst of a section

    def _statistics(self) -> LimiterStatistics:
        from openai_async._limits.statistics import read

        return read(self._in_flight, self._queues, self._key_pools.items(), self.now())

    def pools(self, scope: str) -> Mapping[int, LimitPool]:
        """See `KeyPools.pools`."""
        return self._key_pools.pools(scope)

    def best(self, calls: int | None, tokens: float, scopes: Iterable[str]) -> dict[str, float | None]:
        """See `KeyPools.best`."""
        return self.run(self._key_pools.best, calls, tokens, scopes)

    def held(self, scope: str, now: float) -> float:
        """See `KeyPools.held`."""
        return self._key_pools.held(scope, now)

    @property
    def drained(self) -> frozenset[int]:
        """Keys that are set aside."""
        return self._key_pools.drained

    def set_aside(self, key: int) -> bool:
        """Use a key no more, because its account is drained. False if it was the last one."""
        return self.run(self._set_aside, key)

    def _set_aside(self, key: int) -> bool:
        if self._key_pools.set_aside(key):
            return True
        for scope in tuple(self._queues):
            if not is_elsewhere(scope):
                queue = self._queues.pop(scope)
                while queue.head() is not None:
                    _dismiss(queue, all_drained())
        return False

    def enable(self, key: int | None = None) -> None:
        """Use a key (None: all of them) again."""
        self.run(self._enable, key)

    def _enable(self, key: int | None) -> None:
        self._key_pools.enable(key)
        self.dispatch()

    def after_fork(self) -> None:
        """Begin anew, in a child process: those who wait, and those who hold permits, are the parent's."""
        self._queues, self._in_flight = {}, 0
        self.process += 1
        self._key_pools.after_fork()
        self._clock.ask_anew()
        self.run = Exclusion(self._clock.share).run  # a thread of the parent may have been in a section

    # -- serving (in a section) ------------------------------------------------------------------------

    def free_slot(self) -> None:
        """A permit has ended."""
        self._in_flight -= 1
        self.dispatch()

    def dispatch(self) -> None:
        """Serve whoever can go now: something has changed."""
        if self._queues:
            now = self.now()
            for scope in tuple(self._queues):
                # A scope that was served goes last the next time, so that slots go round.
                if self._serve(scope, now) and (queue := self._queues.pop(scope, None)) is not None:
                    self._queues[scope] = queue

    def _serve(self, scope: str, now: float) -> bool:
        """Serve those at the head of a line while they can go; whether anybody was served."""
        queue, served = self._queues.get(scope), False
        if queue is None:  # a timer rang in vain
            return False
        queue.settle(settled=self._key_pools.is_settled(scope))
        while (waiter := queue.head()) is not None:
            permit = self._try_reserve(waiter.request, now, queue)
            if permit is None:
                error = self._too_late(waiter, now)
                if error is None and (queue.reason == "slot" or queue.seconds < math.inf):
                    return served  # it can go later
                error = error or self._key_pools.never(scope, waiter.request.tokens, now)
                if error is None:
                    return served
                _dismiss(queue, error)  # limits have become known, or lower, while it waited
                continue
            waiter = queue.dequeue()
            waiter.permit = permit
            waiter.wake()
            served = True
        del self._queues[scope]
        return served

    def _try_reserve(self, request: AcquireRequest, now: float, queue: ScopeQueue | None = None) -> Permit | None:
        """A permit if one can be had now; else the timers of the queue are set for when it can."""
        if self.limit is not None and self._in_flight >= self.limit:
            if queue is not None:
                queue.reason = "slot"
            return None
        seconds, reason, key = self._key_pools.earliest(
            request.scope, request.tokens, now, last_attempt=request.is_last_attempt
        )
        if seconds > 0.0 or key < 0:
            if queue is not None:
                queue.reason = reason or "slot"
                queue.arm(now, seconds)
            return None
        self._in_flight += 1
        charged = self._key_pools.charge(request.scope, request.tokens, now, key, last_attempt=request.is_last_attempt)
        return Permit(self, request.scope, key, *charged)


def _wake(limiter: ref[Limiter]) -> None:
    """Serve whoever can go now: a backend has something new. From any thread; a backend keeps no limiter alive."""
    alive = limiter()
    if alive is not None:
        alive.run(alive.dispatch)


def _dismiss(queue: ScopeQueue, error: OpenAIError) -> None:
    """Take the head out of its line with an error."""
    waiter = queue.dequeue()
    waiter.error = error
    waiter.wake()


#: Those of this process.
_all: WeakSet[Limiter] = WeakSet()


def _after_fork() -> None:
    for limiter in tuple(_all):
        limiter.after_fork()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_after_fork)
