"""Those who wait for one scope, in order, and the timers for the first of them.

A waiter belongs to the event loop that it was made on, and is woken there, whichever thread serves it. Each loop with
waiters in the line has a timer of its own, set for the moment at which the head can go or earlier: so a loop that is
blocked, is stopped or ends holds nobody up but its own waiters. Only its own loop sets or cancels a timer; another
thread posts a request to look again.

Nothing here excludes other threads: the limiter does.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from functools import partial
from typing import Final

import anyio

from openai_async import _concurrency
from openai_async._limits.levels import Reason
from openai_async._limits.permits import AcquireRequest, Permit
from openai_async._limits.queue import WaitQueue
from openai_async.errors import OpenAIError

#: Seconds by which a timer of another loop must be late for that loop to be asked to look again.
_EARLIER: Final = 0.001


class Waiter:
    """One caller in line. Made on its own loop."""

    __slots__ = ("error", "event", "gone", "is_queued", "loop", "permit", "request", "until")

    def __init__(self, request: AcquireRequest, now: float) -> None:
        self.request: AcquireRequest = request
        self.until: float = now + request.max_wait  # its deadline
        self.loop: object = _concurrency.loop_token()
        self.event: anyio.Event = anyio.Event()
        self.is_queued: bool = False
        self.gone: bool = False  # cancelled
        self.permit: Permit | None = None
        self.error: OpenAIError | None = None  # it can never go, and stands in line no more

    def wake(self) -> None:
        """Let it go on. From any thread."""
        if _concurrency.running_loop() is self.loop:
            self.event.set()
        else:
            _concurrency.post(self.loop, self.event.set)  # a loop that has ended takes its waiters along


class _Timer:
    """What one loop has in a queue."""

    __slots__ = ("at", "cancel", "posted", "waiters")

    def __init__(self) -> None:
        self.waiters = 0
        self.at = math.inf
        self.cancel: Callable[[], object] | None = None
        self.posted = False  # its loop was asked to look again, and has not yet


class ScopeQueue:
    """See the module.

    Args:
        run: runs a section. Everything here happens in one.
        serve: serves the queue, which arms its timers anew.
        back: has a waiter whose loop was stopped stand in line again.
    """

    __slots__ = ("_back", "_order", "_run", "_serve", "_timers", "reason", "seconds")

    def __init__(
        self,
        run: Callable[..., object],
        serve: Callable[[], object],
        back: Callable[[Waiter], object],
    ) -> None:
        #: What the head waits for, and for how many seconds, as it was last found out.
        self.reason: Reason = "slot"
        self.seconds = math.inf
        self._order: WaitQueue[Waiter] = WaitQueue()
        self._timers: dict[object, _Timer] = {}  # by loop
        self._run = run
        self._serve = serve
        self._back = back

    def __len__(self) -> int:
        return len(self._order)

    @property
    def single(self) -> int:
        """How many of them are calls by themselves, and not of a map or a batch."""
        return self._order.count(None)

    # -- the line --------------------------------------------------------------------------------------

    def enqueue(self, waiter: Waiter, *, first: bool) -> None:
        """Stand in line; see `WaitQueue.enqueue`."""
        request = waiter.request
        self._order.enqueue(waiter, request.priority, request.job, first=first, last_attempt=request.is_last_attempt)
        waiter.is_queued = True
        timer = self._timers.get(waiter.loop)
        if timer is None:
            timer = self._timers[waiter.loop] = _Timer()
        timer.waiters += 1

    def settle(self, *, settled: bool) -> None:
        """See `WaitQueue.settled`."""
        self._order.settled = settled

    def head(self) -> Waiter | None:
        """Whose turn it is. One whose loop is stopped leaves: it comes back when that loop runs on."""
        while (waiter := self._order.head()) is not None and _concurrency.is_stopped(waiter.loop):
            self.cancel(waiter)
            _concurrency.post(waiter.loop, partial(self._run, self._back, waiter))
        return waiter

    def dequeue(self) -> Waiter:
        """The head leaves, served."""
        waiter = self._order.dequeue()
        self._left(waiter)
        return waiter

    def cancel(self, waiter: Waiter) -> None:
        """Go away unserved."""
        self._order.cancel(waiter, waiter.request.priority, waiter.request.job)
        self._left(waiter)

    def _left(self, waiter: Waiter) -> None:
        waiter.is_queued = False
        timer = self._timers[waiter.loop]
        timer.waiters -= 1
        if not timer.waiters:
            del self._timers[waiter.loop]
            if timer.cancel is not None and _concurrency.running_loop() is waiter.loop:
                timer.cancel()  # else it rings in vain

    # -- the timers ------------------------------------------------------------------------------------

    def arm(self, now: float, seconds: float) -> None:
        """Have every loop that waits look again in so many seconds, or earlier."""
        self.seconds = seconds
        when = now + seconds
        here = _concurrency.running_loop()
        for loop, timer in tuple(self._timers.items()):
            if loop is here:
                self._set(timer, when, seconds)
            elif when < timer.at - _EARLIER and not timer.posted:
                timer.posted = _concurrency.post(loop, partial(self._run, self._asked, timer))

    def _set(self, timer: _Timer, when: float, seconds: float) -> None:
        if when == timer.at:
            return
        if timer.cancel is not None:
            timer.cancel()
        timer.at, timer.cancel = math.inf, None
        if seconds < math.inf:
            timer.at = when
            timer.cancel = _concurrency.call_later(seconds, partial(self._run, self._timer_fired, timer))

    def _timer_fired(self, timer: _Timer) -> None:
        timer.at, timer.cancel = math.inf, None
        self._serve()

    def _asked(self, timer: _Timer) -> None:
        timer.posted = False
        self._serve()
