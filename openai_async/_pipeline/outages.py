"""Those who wait while a server is out of order. When it is, and who may try it, is decided in `_policy.outage`.

Who waits looks at the clock itself, so that no loop depends on the timer of another one. A lone trial is made by the
call that can best afford to fail: the one with the most attempts left. Once one has succeeded, those who came first go
first.

Two kinds of calls do not wait. One without retries is sent at once, as it asks to be told at once. So is one that is
alone, as when calls are made one after the other: its own backoff is enough.

Nothing is kept of a scope in good times, and nothing is looked up.
"""

from __future__ import annotations

import logging
import os
import random
import threading
from typing import Final
from weakref import WeakSet

import anyio

from openai_async import _concurrency
from openai_async._pipeline.call_state import CallState
from openai_async._pipeline.request import Request
from openai_async._policy.outage import Outage
from openai_async._policy.retry import shows_outage
from openai_async.errors import APIConnectionError, DeadlineExceededError

log = logging.getLogger("openai_async")

#: Seconds that a call without a deadline waits in outages.
LONGEST_WAIT: Final = 60.0
#: Seconds.
_SHORTEST_WAIT: Final = 0.001
#: Scopes without a sign of life for so many seconds are forgotten, once there are so many.
_FORGOTTEN_AFTER: Final = 300.0
_MANY_SCOPES: Final = 100


class StillOutError(Exception):
    """A call that was tried before has waited for as long as one without a deadline does."""


class _Waiter:
    """One call that waits, on its own loop."""

    __slots__ = ("call", "event", "left", "loop", "trial")

    def __init__(self, request: Request, state: CallState) -> None:
        self.call = id(state)
        self.left = request.max_retries - state.retries
        self.loop = _concurrency.loop_token()
        self.event = anyio.Event()
        self.trial: int | None = None

    def wake(self) -> None:
        """From any thread."""
        if _concurrency.running_loop() is self.loop:
            self.event.set()
        else:
            _concurrency.post(self.loop, self.event.set)


class _Scope:
    """An outage, and those who wait for its end in the order of arrival."""

    __slots__ = ("outage", "returning", "waiters")

    def __init__(self) -> None:
        self.outage = Outage()
        self.waiters: dict[_Waiter, None] = {}
        #: Calls, by identity, that failed and have not ended: they wait here, or for their own backoff.
        self.returning: set[int] = set()

    def is_alone(self, waiter: _Waiter) -> bool:
        """Whether no other call is about."""
        return len(self.waiters) == 1 and self.returning <= {waiter.call} and not self.outage.is_tried

    def serve(self, now: float) -> None:
        """Let everybody go who may."""
        while self.waiters and self.outage.is_open:
            if self.outage.wait(now) > 0.0 and not self.is_alone(next(iter(self.waiters))):
                break
            first = max(self.waiters, key=lambda w: w.left) if self.outage.is_failing else next(iter(self.waiters))
            del self.waiters[first]
            first.trial = self.outage.begin(now)
            first.wake()
        if not self.outage.is_open:
            for waiter in self.waiters:
                waiter.wake()
            self.waiters.clear()


class Outages:
    """One per client. Threads may share it: all that is not awaited happens under a lock, in outages alone."""

    def __init__(self) -> None:
        #: Where something failed lately. While there is none, nothing need be asked or told here but failures.
        self.scopes: dict[str, _Scope] = {}
        self._clock = _concurrency.LastingClock()
        self._lock = threading.RLock()
        _all.add(self)

    def after_fork(self) -> None:
        """Begin anew, in a child process: those who wait are the parent's."""
        self.scopes, self._lock = {}, threading.RLock()
        self._clock.ask_anew()

    def holds(self, request: Request) -> bool:
        """Whether a call must ask for its turn before it is sent."""
        scope = self.scopes.get(request.scope)
        return scope is not None and scope.outage.is_open and request.max_retries > 0

    async def turn(self, request: Request, state: CallState, waited: float) -> tuple[int | None, float]:
        """Wait while the server is out of order.

        Returns the number of the trial that the call is, None if it is none, and the seconds that it waited. `waited`
        are those that this attempt has waited before.

        Cancelling gives a trial back.

        Raises:
            DeadlineExceededError: it is still out of order at the call's deadline.
            StillOutError: the same after `LONGEST_WAIT`. A call that was never tried is sent then.
        """
        scope = self.scopes.get(request.scope)
        if scope is None or not self.holds(request):
            return None, 0.0
        waiter = _Waiter(request, state)
        with self._lock:
            scope.waiters[waiter] = None
        try:
            seconds = await self._served(scope, waiter, request, state, waited)
        except BaseException:
            with self._lock:
                scope.waiters.pop(waiter, None)
                if waiter.trial is not None:
                    scope.outage.abandoned(self._clock.now(), waiter.trial)
                    scope.serve(self._clock.now())
            raise
        return waiter.trial, seconds

    async def _served(self, scope: _Scope, waiter: _Waiter, request: Request, state: CallState, waited: float) -> float:
        begun = _concurrency.now()
        longest = LONGEST_WAIT - state.outage_wait - waited
        until = begun + longest if request.deadline is None else request.deadline
        while True:
            with self._lock:
                now = self._clock.now()
                scope.serve(now)
                if waiter not in scope.waiters:
                    return _concurrency.now() - begun
                seconds = scope.outage.wait(now)
            left = until - _concurrency.now()
            if left <= 0.0:
                break
            # A wait that rounding makes too short to move the clock would be begun again and again.
            with anyio.move_on_after(max(_SHORTEST_WAIT, min(seconds, left))):
                await waiter.event.wait()
        if request.deadline is not None:
            raise DeadlineExceededError(
                "the deadline passed while the call waited for the server, which fails every call", phase="connect"
            )
        if state.attempts:
            raise StillOutError
        with self._lock:
            if waiter in scope.waiters:
                del scope.waiters[waiter]
                waiter.trial = scope.outage.begin(self._clock.now())
        return longest

    def succeeded(self, request: Request, trial: int | None) -> None:
        """The server answered."""
        with self._lock:
            scope = self.scopes.get(request.scope)
            if scope is None:
                return
            was_open = scope.outage.is_open
            if was_open and trial is None and not request.max_retries:
                scope.outage.hint(self._clock.now())
            scope.outage.succeeded(trial)
            if scope.outage.is_open:
                scope.serve(self._clock.now())
                if not scope.waiters and not scope.outage.is_failing:
                    scope.outage.close()
            elif was_open:
                scope.serve(self._clock.now())
            if was_open and not scope.outage.is_open:
                log.info("%s: the server answers again", request.scope)
            if scope.outage.is_clean:
                self.scopes.pop(request.scope, None)

    def left(self, request: Request, state: CallState) -> None:
        """A call that failed before has ended."""
        with self._lock:
            if (scope := self.scopes.get(request.scope)) is not None:
                scope.returning.discard(id(state))

    def abandoned(self, request: Request, trial: int) -> None:
        """A trial ended and says nothing of the server."""
        with self._lock:
            if (scope := self.scopes.get(request.scope)) is not None:
                scope.outage.abandoned(self._clock.now(), trial)
                scope.serve(self._clock.now())

    def failed(self, request: Request, state: CallState, trial: int | None, error: BaseException) -> None:
        """An attempt ended with an error, which says something of the server or nothing."""
        verdict = shows_outage(error)
        if verdict is False and self.scopes:
            self.succeeded(request, trial)
        elif verdict is None and trial is not None:
            self.abandoned(request, trial)
        elif verdict:
            with self._lock:
                now = self._clock.now()
                scope = self.scopes.get(request.scope) or self._add(request.scope, now)
                was_open = scope.outage.is_open
                scope.outage.failed(now, trial, jitter=random.random())  # noqa: S311
                if state.retries < request.max_retries:
                    scope.returning.add(id(state))
                if scope.outage.is_open and not was_open:
                    _warn(request, error)

    def _add(self, scope_name: str, now: float) -> _Scope:
        if len(self.scopes) >= _MANY_SCOPES:
            for name, scope in tuple(self.scopes.items()):
                if not scope.waiters and not scope.returning and now - scope.outage.last_failure > _FORGOTTEN_AFTER:
                    del self.scopes[name]
        scope = self.scopes[scope_name] = _Scope()
        return scope


def _warn(request: Request, error: BaseException) -> None:
    """Log what every call ends with. Of a server's own words only the status: they may quote a prompt."""
    if isinstance(error, APIConnectionError):
        why = error.message
    else:
        why = f"{type(error).__name__} {getattr(error, 'status_code', '')}".strip()
    log.warning("%s: the server fails every call (%s); calls wait until it answers again", request.scope, why)


#: Those of this process.
_all: WeakSet[Outages] = WeakSet()


def _after_fork() -> None:
    for outages in tuple(_all):
        outages.after_fork()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_after_fork)
