"""What a caller asks of the limiter, and what it is given: leave to send one request."""

from __future__ import annotations

import math
import random
from typing import TYPE_CHECKING, Protocol

import attrs

from openai_async._limits.accounting import log_failure
from openai_async._limits.exclusion import Run
from openai_async._limits.queue import Priority
from openai_async.types.meta import RateLimits

if TYPE_CHECKING:
    from openai_async._limits.backend import LimitPool, Reservation


@attrs.define(eq=False)  # not frozen: making one is on the path of every call
class AcquireRequest:
    """What a caller wants to send.

    Attributes:
        scope: what shares a limit: the endpoint and the model.
        tokens: what the request will be charged, as estimated.
        priority, job: see `WaitQueue`.
        is_retry: it was refused before, and goes first in its job.
        is_last_attempt: it was refused before, and fails if it is refused once more (see `WaitQueue`).
        max_wait: seconds until its deadline; infinite without one.
    """

    scope: str = ""
    tokens: float = 0.0
    priority: Priority = "default"
    job: object = None
    is_retry: bool = False
    is_last_attempt: bool = False
    max_wait: float = math.inf


class Issuer(Protocol):
    """What a permit asks of the limiter that gave it."""

    #: Runs a section of the limiter; all of the others are for a section.
    run: Run
    #: Changes in a process that was forked.
    process: int

    def now(self) -> float:
        """The limiter's clock."""
        ...

    def dispatch(self) -> None:
        """Serve whoever can go now."""
        ...

    def held(self, scope: str, now: float) -> float:
        """Seconds until the next request of a scope can go."""
        ...

    def free_slot(self) -> None:
        """A permit has ended."""
        ...


class Permit:
    """Leave to send one request with one key. Give back exactly one answer, then `end` it."""

    __slots__ = ("_ended", "_limiter", "_pool", "_process", "_reservation", "_scope", "key")

    def __init__(self, limiter: Issuer, scope: str, key: int, pool: LimitPool | None, reservation: Reservation) -> None:
        self.key: int = key
        self._scope = scope
        self._limiter = limiter
        self._pool = pool
        self._reservation = reservation
        self._process = limiter.process
        self._ended = False

    @property
    def samples(self) -> bool:
        """Whether it would help to know what the reply says of the limits."""
        pool, reservation = self._pool, self._reservation
        return pool is not None and reservation is not None and pool.samples(reservation)

    def answered(self, limits: RateLimits | None) -> None:
        """The head of a reply has arrived. `limits` as it states them, or None if nobody has looked (see `samples`)."""
        if self._reservation is not None:
            self._limiter.run(self._answered, limits)

    def _answered(self, limits: RateLimits | None) -> None:
        if self._pool is not None and self._reservation is not None:
            self._pool.answered(self._limiter.now(), self._reservation, limits)
            self._limiter.dispatch()

    def finish(self, limits: RateLimits | None, tokens: float | None) -> None:
        """A whole reply has arrived: `answered` and `end` in one section. Raises nothing."""
        if not self._ended:
            self._limiter.run(self._end, tokens, True, limits, True)

    def refused(self, limits: RateLimits, retry_after: float | None) -> float | None:
        """A 429 or an overload has arrived; `retry_after` in seconds.

        Gives the seconds until the limiter lets the next request of the scope go; None if it keeps no account of it.
        """
        return self._limiter.run(self._refused, limits, retry_after) if self._reservation is not None else None

    def _refused(self, limits: RateLimits, retry_after: float | None) -> float | None:
        if self._pool is None or self._reservation is None:
            return None
        now = self._limiter.now()
        self._pool.refused(now, self._reservation, limits, retry_after=retry_after, jitter=random.random())  # noqa: S311
        self._limiter.dispatch()
        return self._limiter.held(self._scope, now)

    def end(self, *, tokens: float | None = None, sent: bool = True) -> None:
        """The request is over. `tokens`: what the server counted; `sent`: False takes the whole charge back.

        Raises nothing.
        """
        if not self._ended:
            self._limiter.run(self._end, tokens, sent)

    def _end(self, tokens: float | None, sent: bool, limits: RateLimits | None = None, answered: bool = False) -> None:
        limiter, pool, reservation = self._limiter, self._pool, self._reservation
        if self._ended or self._process != limiter.process:  # of the process that this one was forked from
            return
        self._ended = True
        if pool is not None and reservation is not None:
            now = limiter.now()
            if answered:
                try:
                    pool.answered(now, reservation, limits)
                except Exception as error:
                    log_failure("what a reply says of the limits", error)
            try:
                if sent:
                    pool.ended(now, reservation, tokens)
                else:
                    pool.cancel(now, reservation)
            except Exception as error:
                log_failure("the charge of a request", error)
        try:
            limiter.free_slot()
        except Exception as error:
            log_failure("the queue", error)
