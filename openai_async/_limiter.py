"""Who may send when.

A request needs two things: a free slot of the client (the bound on what is in flight), then leave of a pool (the rate
limits of a key for a family of models). The slot comes first and the charge last, so nobody holds a reservation while
waiting. Of several keys the one that can send earliest is taken; among equals, in turn.

There is no polling and no herd: those who wait stand in a `Line`, only its head is considered, and one timer is set for
the moment at which the head can go. Everything between two awaits is plain arithmetic. Cancelling a waiter takes it out
of the line; cancelling one that was just served takes the charge back, exactly once.

The limiter lives as long as its client and outlasts event loops; what waits belongs to the running one.
"""

from __future__ import annotations

import math
import random
from collections import Counter
from collections.abc import Callable, Mapping
from typing import Final

import anyio
import attrs

from openai_async import _runtime
from openai_async._line import Line, Priority
from openai_async._policy.levels import Grant, Reason
from openai_async._policy.pool import Pool, limits_of
from openai_async.errors import OpenAIError, QuotaExhaustedError, RequestExceedsLimitError
from openai_async.types.limits import Accounting, StatedLimits
from openai_async.types.meta import RateLimits

#: Seconds, at most, by which callers who were refused together are spread.
_SPREAD: Final = 0.05


@attrs.define(eq=False)  # not frozen: making one is on the path of every call
class Ask:
    """What a caller wants to send.

    Attributes:
        family: what shares a limit: the endpoint and the model.
        tokens: what the request will be charged, as estimated.
        priority, job: see `Line`.
        again: it was refused before, and goes first in its job.
    """

    family: str = ""
    tokens: float = 0.0
    priority: Priority = "default"
    job: object = None
    again: bool = False


class Permit:
    """Leave to send one request with one key. Give back exactly one answer, then `end` it."""

    __slots__ = ("_ended", "_grant", "_limiter", "_pool", "key")

    def __init__(self, limiter: Limiter, key: int, pool: Pool | None, grant: Grant | None) -> None:
        self.key = key
        self._limiter = limiter
        self._pool = pool
        self._grant = grant
        self._ended = False

    @property
    def paced(self) -> bool:
        """Whether limits are known that its request counts against."""
        return self._pool is not None and bool(self._pool.levels)

    @property
    def samples(self) -> bool:
        """Whether it would help to know what the reply says of the limits."""
        return self._pool is not None and self._grant is not None and self._pool.samples(self._grant)

    def answered(self, limits: RateLimits | None) -> None:
        """The head of a reply has arrived. `limits` as it states them, or None if nobody has looked (see `samples`)."""
        if self._pool is not None and self._grant is not None:
            self._pool.answered(self._limiter.now(), self._grant, limits)
            self._limiter.pump()

    def refused(self, limits: RateLimits, retry_after: float | None) -> None:
        """A 429 or an overload has arrived. `retry_after` in seconds."""
        if self._pool is not None and self._grant is not None:
            spread = random.random() * _SPREAD  # noqa: S311
            self._pool.refused(self._limiter.now(), self._grant, limits, retry_after=retry_after or 0.0, jitter=spread)
            self._limiter.pump()

    def end(self, *, tokens: float | None = None, sent: bool = True) -> None:
        """The request is over. `tokens`: what the server counted; `sent`: False takes the whole charge back."""
        if self._ended:
            return
        self._ended = True
        if self._pool is not None and self._grant is not None:
            if sent:
                self._pool.ended(self._limiter.now(), self._grant, tokens)
            else:
                self._pool.cancel(self._limiter.now(), self._grant)
        self._limiter.free_slot()


class _Waiter:
    __slots__ = ("ask", "error", "event", "permit", "reason")

    def __init__(self, ask: Ask) -> None:
        self.ask = ask
        self.event = anyio.Event()
        self.permit: Permit | None = None
        self.error: OpenAIError | None = None  # it can never go, and stands in line no more
        self.reason: Reason = "slot"


class _Family:
    """Those who wait for one family of models, and the pools of each key."""

    __slots__ = ("cancel_timer", "line", "pools", "timer_at")

    def __init__(self) -> None:
        self.line: Line[_Waiter] = Line()
        self.pools: dict[int, Pool] = {}
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
        self._accounting: Accounting = accounting
        self.limit = max_concurrency
        self._stated: StatedLimits = stated
        self._keys = keys
        self._drained: set[int] = set()
        self._turn = 0
        self._in_flight = 0
        self._families: dict[str, _Family] = {}
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
        family = self._families.get(ask.family)
        if family is None:
            family = self._families[ask.family] = _Family()
        if not len(family.line) and (permit := self._grant(family, ask, now)) is not None:
            return permit
        if (error := self._never(family, ask, now)) is not None:
            raise error
        waiter = _Waiter(ask)
        family.line.join(waiter, ask.priority, ask.job, first=ask.again)
        self._serve(family, now)
        try:
            await waiter.event.wait()
        except BaseException:
            if waiter.permit is not None:
                waiter.permit.end(sent=False)
            elif waiter.error is None:
                family.line.leave(waiter, ask.priority, ask.job)
                self._serve(family, self.now())
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
        return sum(len(family.line) for family in self._families.values())

    def waiting_for(self) -> Counter[Reason]:
        """What the heads of the lines wait for; each counts for all behind it."""
        reasons: Counter[Reason] = Counter()
        for family in self._families.values():
            if (head := family.line.head()) is not None:
                reasons[head.reason] += len(family.line)
        return reasons

    def pools(self, family: str) -> Mapping[int, Pool]:
        """The pools of a family by key, as far as they were used."""
        found = self._families.get(family)
        return found.pools if found else {}

    def best(self, calls: int | None, tokens: float) -> dict[str, float | None]:
        """The limits of all pools together, and the least seconds for so many calls of so many tokens each.

        A full level goes at once, the rest at its rate; the slower of requests and tokens decides.
        """
        rates: dict[str, float] = {}
        burst: dict[str, float] = {}
        for family in self._families.values():
            for pool in family.pools.values():
                for level in pool.levels:
                    rates[level.kind] = rates.get(level.kind, 0.0) + level.rate
                    burst[level.kind] = burst.get(level.kind, 0.0) + level.capacity
        least = None
        if calls is not None and rates:
            need = {"requests": float(calls), "tokens": calls * tokens}
            least = max(max(0.0, need[kind] - burst[kind]) / rates[kind] for kind in rates)
        return {
            "limit_requests_per_minute": 60.0 * rates["requests"] if "requests" in rates else None,
            "limit_tokens_per_minute": 60.0 * rates["tokens"] if "tokens" in rates else None,
            "least_seconds": least,
        }

    @property
    def drained(self) -> frozenset[int]:
        """Keys that are set aside."""
        return frozenset(self._drained)

    def set_aside(self, key: int) -> bool:
        """Use a key no more, because its account is drained. False if it was the last one."""
        self._drained.add(key)
        if len(self._drained) < self._keys:
            return True
        for family in self._families.values():
            while family.line.head() is not None:
                _dismiss(family.line, _all_drained())
        return False

    def enable(self, key: int | None = None) -> None:
        """Use a key (None: all of them) again."""
        if key is None:
            self._drained.clear()
        else:
            self._drained.discard(key)
        self.pump()

    def after_fork(self) -> None:
        """Begin anew, in a child process: those who wait, and those who hold permits, are the parent's."""
        self._families, self._in_flight = {}, 0
        self._clock.ask_anew()

    # -- serving ---------------------------------------------------------------------------------------

    def free_slot(self) -> None:
        """A permit has ended."""
        self._in_flight -= 1
        self.pump()

    def pump(self) -> None:
        """Serve whoever can go now: something has changed."""
        waiting = [name for name, family in self._families.items() if len(family.line)]
        if waiting:
            now = self.now()
            for name in waiting:
                # A family that was served goes last the next time, so that slots go round.
                if self._serve(self._families[name], now):
                    self._families[name] = self._families.pop(name)

    def _serve(self, family: _Family, now: float) -> bool:
        """Serve the head while it can go; whether anybody was served."""
        served = False
        while (waiter := family.line.head()) is not None:
            permit = self._grant(family, waiter.ask, now, waiter)
            if permit is None:
                if waiter.reason == "slot" or family.timer_at < math.inf:
                    return served  # it can go later
                error = self._never(family, waiter.ask, now)
                if error is None:
                    return served
                _dismiss(family.line, error)  # limits have become known, or lower, while it waited
                continue
            family.line.take()
            waiter.permit = permit
            waiter.event.set()
            served = True
        self._disarm(family)
        return served

    def _grant(self, family: _Family, ask: Ask, now: float, waiter: _Waiter | None = None) -> Permit | None:
        """A permit if one can be had now; else the timer is set for when it can, and the reason noted."""
        if self.limit is not None and self._in_flight >= self.limit:
            if waiter is not None:
                waiter.reason = "slot"
            return None
        best, reason, key = math.inf, None, -1
        for step in range(self._keys):
            candidate = (self._turn + step) % self._keys
            if candidate in self._drained:
                continue
            pool = self._pool(family, ask.family, candidate, now)
            seconds, why = pool.wait(now, ask.tokens) if pool is not None else (0.0, None)
            if key < 0 or seconds < best:
                best, reason, key = seconds, why, candidate
            if seconds <= 0.0:
                break
        if best > 0.0 or key < 0:
            if waiter is not None:
                waiter.reason = reason or "slot"
            self._arm(family, now, best)
            return None
        self._turn = (key + 1) % self._keys
        self._in_flight += 1
        pool = family.pools.get(key)
        return Permit(self, key, pool, pool.grant(now, ask.tokens) if pool is not None else None)

    def _pool(self, family: _Family, name: str, key: int, now: float) -> Pool | None:
        pool = family.pools.get(key)
        if pool is None and self._stated is not None:
            pool = family.pools[key] = Pool(limits_of(name, self._stated), now, self._accounting)
        return pool

    def _never(self, family: _Family, ask: Ask, now: float) -> OpenAIError | None:
        """Why a request can never be sent; None if it can."""
        usable = [key for key in range(self._keys) if key not in self._drained]
        if not usable:
            return _all_drained()
        pools = [self._pool(family, ask.family, key, now) for key in usable]
        exceeded = [pool.fits(ask.tokens) if pool is not None else None for pool in pools]
        if all(level is not None for level in exceeded):
            capacity = max(level.limit for level in exceeded if level is not None)
            return RequestExceedsLimitError(
                f"the request needs about {ask.tokens:.0f} tokens, and the limit is {capacity:.0f}:"
                " it can never be sent; shorten it, or lower max_completion_tokens",
                status_code=429,
            )
        return None

    def _arm(self, family: _Family, now: float, seconds: float) -> None:
        """One timer a family, for the head."""
        when = now + seconds
        if when == family.timer_at:
            return
        self._disarm(family)
        if seconds < math.inf:
            family.timer_at = when
            family.cancel_timer = _runtime.call_later(seconds, lambda: self._ring(family))

    def _disarm(self, family: _Family) -> None:
        if family.cancel_timer is not None:
            family.cancel_timer()
        family.cancel_timer = None
        family.timer_at = math.inf

    def _ring(self, family: _Family) -> None:
        family.cancel_timer = None
        family.timer_at = math.inf
        self._serve(family, self.now())


def _dismiss(line: Line[_Waiter], error: OpenAIError) -> None:
    """Take the head out of its line with an error."""
    waiter = line.take()
    waiter.error = error
    waiter.event.set()


def _all_drained() -> QuotaExhaustedError:
    return QuotaExhaustedError(
        "the quota of every key is exhausted: add credit or raise the spend limit, then call enable_keys()",
        status_code=429,
        code="insufficient_quota",
    )
