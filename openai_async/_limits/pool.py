"""One pool: what one key may send to one scope. No clock, no I/O.

A pool begins in one of two ways. With stated limits its levels are known. With limits to be learned it sends a few
requests blind until a reply states limits in its headers; those become its levels. While replies state none, there is
nothing to count, and everything goes until the server refuses a request. From then on the scope is held back as one: a
`RetryAfterHold` shuts it for a while, a `Pace` spaces what follows, and the number in flight is bounded (AIMD).
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from typing import Final

from openai_async._limits import learned
from openai_async._limits.buckets import Buckets
from openai_async._limits.hold import RetryAfterHold
from openai_async._limits.levels import HeaderSample, Kind, RateBucket, Reason, Reservation
from openai_async._limits.pace import Pace
from openai_async.types.limits import Accounting, RateLimit, StatedLimits
from openai_async.types.meta import Bucket, RateLimits

#: Requests in flight while a pool's limits are still unknown.
_BLIND: Final = 16
_DECREASE: Final = 0.7
#: So many replies on end that state no limit: those that were learned hold no more.
_SILENT: Final = 3
#: Seconds without a request after which the pace of a scope that was refused is not worth keeping.
_FORGIVEN: Final = 60.0
#: What a success adds to the bound on the number in flight, at least.
_LEAST_RISE: Final = 0.1
#: Seconds before the first refusal in which requests are counted, to know what the server accepts.
_COUNTED_SECONDS: Final = 5.0


def limits_of(scope: str, stated: StatedLimits) -> RateLimit | None:
    """The stated limits of a scope: its own, else those of the longest prefix, else those for "*"."""
    if not isinstance(stated, Mapping):
        return stated if isinstance(stated, RateLimit) else None
    model = scope.partition(" ")[2]
    names = [name for name in stated if model.startswith(name)]
    return stated[max(names, key=len)] if names else stated.get("*")


class Pool:
    """See the module.

    Args:
        stated: the limits; None to learn them from headers.
        now: time at which it is created, in seconds.
        accounting: how the server counts tokens, if the limits do not say it.
    """

    __slots__ = (
        "_began", "_blind", "_buckets", "_hold", "_in_flight", "_most", "_pace", "_ramps", "_silent", "accounting",
    )  # fmt: skip

    def __init__(self, stated: RateLimit | None, now: float, accounting: Accounting = "admission") -> None:
        self.accounting: Accounting = (stated.accounting if stated else None) or accounting
        levels = [RateBucket(*period) for period in stated.periods()] if stated else []
        self._buckets = Buckets(levels, now, learns=not levels)
        self._blind = not levels  # nor is it known whether there are any
        self._silent = 0  # replies on end that stated none
        self._in_flight = 0
        self._most = math.inf  # AIMD's bound on the number in flight
        self._ramps = True  # refused once: the bound may be far too low, and rises fast
        self._began = now
        self._hold: RetryAfterHold | None = None  # None: nothing was refused yet
        self._pace: Pace | None = None  # None: the same, or limits are known

    @property
    def levels(self) -> list[RateBucket]:
        """The limits that are known, with their levels."""
        return self._buckets.levels

    @property
    def settled(self) -> bool:
        """Whether what is sent now is as sure to be accepted as it can be: the last attempts of calls are made then."""
        if self._hold is None:
            return True
        return not self._hold.refusals and (self._pace is None or self._pace.is_early)

    def wait(self, now: float, tokens: float, *, last_attempt: bool = False) -> tuple[float, Reason | None]:
        """Seconds until a request may be sent, and what for. Infinite seconds: not before something else happens.

        (A reply arrives, say. A request that can never fit is told by `fits`.) `last_attempt`: the call fails if it is
        refused once more.
        """
        if self._blind and self._in_flight >= _BLIND:
            return math.inf, "limits"
        if self._in_flight >= self._most:
            return math.inf, "slot"
        if self._pace is not None and (seconds := self._pace.wait(now, last_attempt=last_attempt)) > 0.0:
            return seconds, "retry-after" if self._pace.is_shut(now) else "requests"
        return self._buckets.wait(now, tokens)

    def least_wait(self, now: float, tokens: float) -> tuple[float, Reason | None]:
        """Seconds that a request waits for certain, and what for."""
        return self._buckets.least_wait(now, tokens, settled=self._in_flight == 0)

    @property
    def used(self) -> float:
        """When a request was last granted."""
        return self._buckets.granted

    def at_rest(self, now: float) -> bool:
        """Whether a new pool would grant as much: nothing is in flight or held back, and every level is full."""
        if self._in_flight or (self._pace is not None and now - self.used < _FORGIVEN):
            return False
        return self._buckets.at_rest(now)

    def fits(self, tokens: float) -> RateBucket | None:
        """The limit that a request of this cost exceeds for ever; None if it fits."""
        return next((lv for lv in self.levels if lv.kind == "tokens" and tokens > lv.limit), None)

    def held(self, now: float) -> float:
        """Seconds for which nothing is sent because of a refusal."""
        return max(0.0, self._hold.ends - now) if self._hold is not None else 0.0

    def reserve(self, now: float, tokens: float, *, last_attempt: bool = False) -> Reservation:
        self._in_flight += 1
        if self._pace is not None:
            self._pace.sent(now, last_attempt=last_attempt)
        return self._buckets.reserve(now, tokens)

    def cancel(self, now: float, reservation: Reservation) -> None:
        """It was never sent."""
        self._in_flight -= 1
        if self._pace is not None:
            self._pace.unsent(reservation.time)
        self._buckets.cancel(now, reservation)

    def samples(self, reservation: Reservation) -> bool:
        """Whether what the reply to a request says of the limits would tell anything new."""
        return not self.levels or self._buckets.samples(reservation)

    def answered(self, now: float, reservation: Reservation, limits: RateLimits | None) -> None:
        """A reply's headers have arrived; None if nobody has looked what they say (see `samples`)."""
        if limits is None:
            self._buckets.close(reservation)
        else:
            requests, tokens, others = _samples(limits)
            self._blind = False
            self._unlearn(limits)
            self._buckets.succeeded(now, reservation, requests, tokens, others)
        if self._hold is not None:
            self._hold.accepted(reservation.time)
            self._speed_up(reservation)

    def refused(
        self, now: float, reservation: Reservation, limits: RateLimits, *, retry_after: float | None, jitter: float
    ) -> None:
        """A 429 (or an overload) has arrived.

        `retry_after`: seconds that the server asked to wait, None if it did not; `jitter`: a random number in [0, 1).
        """
        requests, tokens, others = _samples(limits)
        self._blind = False
        if self._hold is None:
            self._hold = RetryAfterHold()
        new = self._hold.refused(now, reservation.time, retry_after, jitter=jitter)
        self._buckets.refused(now, reservation, requests, tokens, others, retry_after=self._hold.ends - now)
        if self.levels:
            self._pace, self._most = None, math.inf
        else:
            self._slow_down(now, reservation, new=new)

    def _speed_up(self, reservation: Reservation) -> None:
        """Accepted after refusals."""
        if self.levels:  # they have become known
            self._pace, self._most = None, math.inf
        elif self._pace is not None:
            self._pace.accepted(reservation.time)
            self._most += 1.0 if self._ramps else max(_LEAST_RISE, 1.0 / self._most)

    def _slow_down(self, now: float, reservation: Reservation, *, new: bool) -> None:
        """Refused by limits that are not known."""
        assert self._hold is not None
        if self._pace is None:
            since = max(self._began, now - _COUNTED_SECONDS)
            self._pace = Pace(self._hold, now, since, self._buckets.sent_after(since - 0.01))
        self._pace.refused(now, reservation.time)
        accepted = self._in_flight - 1.0  # what is in flight beside it; some of that may be refused, too
        if new:
            self._ramps = math.isinf(self._most) or (self._ramps and self._hold.refusals > 1)
            accepted *= _DECREASE
        self._most = max(1.0, min(self._most, accepted))

    def ended(self, now: float, reservation: Reservation, tokens: float | None) -> None:
        """The request is over, however it ended; `tokens` is what the server counted for it, if that is known."""
        self._in_flight -= 1
        self._buckets.close(reservation)
        if tokens is not None and self.accounting != "admission" and 0 < tokens < math.inf:
            self._buckets.settle(now, reservation, tokens)

    def _unlearn(self, limits: RateLimits) -> None:
        """A server that states limits no more is not held to the last ones that it stated."""
        if limits.requests.limit is None and limits.tokens.limit is None:
            self._silent += 1
            if self._silent == _SILENT:
                self._buckets.forget()
        else:
            self._silent = 0


class InMemory:
    """The limits of this process alone: see `_limits.backend`."""

    def pool(
        self,
        scope: str,
        key: int,
        stated: RateLimit | None,
        now: float,
        accounting: Accounting,
        wake: Callable[[], object],
    ) -> Pool:
        """Make a pool. Nothing changes it but calls of its own limiter, so nobody need be woken."""
        return Pool(stated, now, accounting)


def _samples(limits: RateLimits) -> tuple[HeaderSample, HeaderSample, Sequence[tuple[Kind, HeaderSample]]]:
    """What headers say, as far as it can be meant."""
    others: list[tuple[Kind, HeaderSample]] = [(kind, _stated(kind, bucket)) for kind, bucket in limits.others]
    return _stated("requests", limits.requests), _stated("tokens", limits.tokens), others


def _stated(kind: Kind, bucket: Bucket) -> HeaderSample:
    return learned.plausible(
        kind, HeaderSample(bucket.limit, bucket.remaining, bucket.reset, bucket.window, bucket.at_once)
    )
