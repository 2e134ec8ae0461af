"""Rate limits as levels that refill continuously, and correct themselves from what the server says.

Arithmetic only: time is an argument (seconds on any monotonic clock), nothing waits here.

The server keeps a level for each limit: full at `capacity`, refilled at `rate`, lowered by what a request costs when it
is admitted. We keep the same levels. Ours drift - estimates are off, others use the same quota, packets overtake one
another - so each reply's headers pull them back:

- A header states the server's level when it admitted *that* request, seconds ago. What we sent since is subtracted, so
  the sample is stamped with its send time, not its arrival.
- Admission order is not send order. Requests sent within `JITTER` of the sample may or may not be in it, so it gives an
  interval, and our level is moved into it only as far as needed. There is no gain to tune.
- Until headers confirm them, part (`doubt`) of our own charges is held back a second time. That takes the place of a
  slow start: half at first, a twentieth once some forty replies have agreed.
- Requests refused together are one event: one cut per episode, told apart by send time. A Retry-After is a gate for all.
- What others take of the quota shows as a refill slower than stated: `share` learns it.

A charge is taken back exactly once, from exactly the sums that contain it.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Final, Literal

import attrs

from openai_async._policy.charges import ChargeLog

#: Seconds by which a request may be admitted earlier or later than the order of sending says.
JITTER: Final = 0.25
_DOUBT_FIRST: Final = 0.5
_DOUBT_LEAST: Final = 0.05
#: Share of capacity that is left untouched, and its bound after refusals.
_MARGIN: Final = 0.002
_MARGIN_MOST: Final = 0.05
_CUT: Final = 0.9

Kind = Literal["requests", "tokens"]
#: What a request waits for: its turn at a limit, the end of a Retry-After, a free slot, or for limits to become known.
Reason = Literal["requests", "tokens", "retry-after", "slot", "limits"]


@attrs.define
class Level:
    """One limit: `rate` per second, `capacity` at most. `level` may be negative after a correction."""

    kind: Kind
    rate: float
    capacity: float
    level: float = attrs.field(init=False)
    #: Part of `rate` that is ours, as observed.
    share: float = attrs.field(default=1.0, init=False)
    margin: float = attrs.field(init=False)
    #: The sample that `share` was last measured from: send time, level at the server.
    reference: tuple[float, float] | None = attrs.field(default=None, init=False)

    def __attrs_post_init__(self) -> None:
        self.level = self.capacity
        self.margin = self.least_margin

    @property
    def window(self) -> float:
        """Seconds in which an empty level fills."""
        return self.capacity / self.rate

    @property
    def jitter(self) -> float:
        return min(JITTER, self.window / 8)

    @property
    def least_margin(self) -> float:
        if self.kind == "tokens":
            return _MARGIN * self.capacity
        return min(self.capacity / 4, self.rate * self.jitter / 2)


@attrs.frozen
class Grant:
    """Leave to send one request; handed back to the `Buckets` that gave it."""

    number: int
    time: float
    tokens: float


@attrs.frozen
class Stated:
    """What a reply's headers said of one kind of limit, sanitised: None where they said nothing of use."""

    limit: float | None = None
    remaining: float | None = None


class Buckets:
    """All levels of one pool (a key and a model family).

    Args:
        levels: the limits; without any, everything is granted.
        now: the time at which the levels are full.
        headers: whether replies can be expected to state levels.
    """

    __slots__ = ("_confirmed", "_cut", "_doubt", "_headers", "_log", "_now", "_synced", "gate", "levels")

    def __init__(self, levels: Sequence[Level], now: float, *, headers: bool = True) -> None:
        self.levels = list(levels)
        self.gate = -math.inf  # nothing is granted before it
        self._headers = headers
        self._now = now
        self._log = ChargeLog(2 * max([level.window for level in levels], default=60.0))
        self._doubt = _DOUBT_FIRST
        self._confirmed = -math.inf  # what was sent until then is known to the server's levels
        self._synced = -math.inf  # send time of the newest sample
        self._cut = -math.inf  # refusals of requests sent before it belong to the same episode

    def wait(self, now: float, tokens: float) -> tuple[float, Reason | None]:
        """Seconds until a request of this cost may be sent, and what for: (0, None) for now.

        Infinite if it can never fit.
        """
        self._refill(now)
        wait: float = self.gate - now
        reason: Reason = "retry-after"
        for level in self.levels:
            cost = _cost(level, tokens)
            if cost > level.capacity:
                return math.inf, level.kind
            spare = level.level - cost - level.margin
            if spare >= self._doubt * level.capacity:
                continue  # enough, whatever is unconfirmed
            held_back = self._doubt * min(self._unconfirmed(level, now), level.capacity)
            need = min(cost + level.margin + held_back, level.capacity)
            if level.level < need - 1e-6:
                seconds = (need - level.level) / (level.rate * level.share)
                if seconds > wait:
                    wait, reason = seconds, level.kind
        return (wait, reason) if wait > 0.0 else (0.0, None)

    def grant(self, now: float, tokens: float) -> Grant:
        """Charge a request that is sent now. Whether it may be is `wait`'s to say."""
        self._refill(now)
        for level in self.levels:
            level.level -= _cost(level, tokens)
        return Grant(self._log.append(now, 1.0, tokens), now, tokens)

    def cancel(self, now: float, grant: Grant) -> None:
        """The request was never sent: its whole charge is taken back."""
        self._refill(now)
        for level in self.levels:
            level.level = min(level.capacity, level.level + _cost(level, grant.tokens))
        self._log.take_back(grant.number, 1.0, grant.tokens)

    def succeeded(self, now: float, grant: Grant, requests: Stated, tokens: Stated) -> None:
        """A request was admitted, and its reply says this of the limits."""
        self._refill(now)
        if not self._sync(now, grant, requests, tokens, admitted=True):
            self._confirmed = max(self._confirmed, grant.time - JITTER)
            self._doubt = max(_DOUBT_LEAST, 0.97 * self._doubt)
        for level in self.levels:
            level.margin = max(level.least_margin, 0.9995 * level.margin)
            if level.reference is None:  # nothing measures the share: it recovers as requests succeed
                level.share = min(1.0, level.share + _cost(level, grant.tokens) / (10 * level.rate * 60))

    def refused(
        self, now: float, grant: Grant, requests: Stated, tokens: Stated, *, retry_after: float, jitter: float = 0.0
    ) -> None:
        """A request got a 429: it cost a request and no tokens. `retry_after` is in seconds; so is `jitter`, added."""
        self._refill(now)
        for level in self.levels:
            if level.kind == "tokens":
                level.level = min(level.capacity, level.level + grant.tokens)
        self._log.take_back(grant.number, 0.0, grant.tokens)
        self._doubt = min(_DOUBT_FIRST, 1.1 * self._doubt)
        if not self._sync(now, grant, requests, tokens, admitted=False):
            self._confirmed = now
            for level in self.levels:
                if level.kind == "tokens":
                    level.level = min(level.level, 0.0)
        if grant.time > self._cut:
            self._cut = now
            for level in self.levels:
                level.share = max(0.05, _CUT * level.share)
                level.margin = min(_MARGIN_MOST * level.capacity, 1.5 * level.margin + _MARGIN * level.capacity)
        self.gate = max(self.gate, now + retry_after + jitter)

    def settle(self, now: float, grant: Grant, tokens: float) -> None:
        """The server counts `tokens` for a finished request, not what was reserved; the difference counts from now."""
        self._refill(now)
        difference = grant.tokens - tokens
        for level in self.levels:
            if level.kind == "tokens":
                level.level = min(level.capacity, level.level + difference)
        self._log.append(now, 0.0, -difference)

    def move_to(self, other: Buckets, now: float) -> None:
        """Hand over what was charged so far: the levels have only now become known."""
        other._log = self._log
        other._now = now
        other.gate = self.gate

    def _refill(self, now: float) -> None:
        passed, self._now = max(0.0, now - self._now), max(now, self._now)
        for level in self.levels:
            level.level = min(level.capacity, level.level + passed * level.rate * level.share)

    def _unconfirmed(self, level: Level, now: float) -> float:
        requests, tokens = self._log.after(max(self._confirmed, now - level.window))
        return requests if level.kind == "requests" else tokens

    def _sync(self, now: float, grant: Grant, requests: Stated, tokens: Stated, *, admitted: bool) -> bool:
        """Move the levels into the interval that a sample allows. False if there was no sample."""
        if not self._headers or (requests.remaining is None and tokens.remaining is None):
            return False
        newest = grant.time > self._synced
        if newest:
            self._synced = grant.time
            self._confirmed = max(self._confirmed, grant.time - JITTER)
            self._doubt = max(_DOUBT_LEAST, 0.9 * self._doubt)
        for kind, sample in (("requests", requests), ("tokens", tokens)):
            level = self._meant(kind, sample)
            if level is None:
                continue
            if sample.limit is not None and sample.limit < 0.99 * level.capacity:
                level.rate *= sample.limit / level.capacity  # the server allows less than was stated
                level.capacity = sample.limit
            if grant.time > self._synced - level.jitter:
                self._correct(level, sample, now, grant, admitted=admitted)
                if newest and level.window >= 8:
                    self._learn_share(level, sample, grant)
        return True

    def _meant(self, kind: str, sample: Stated) -> Level | None:
        """The level that a sample is about: of several of its kind, the one whose capacity is nearest to its limit."""
        if sample.remaining is None:
            return None
        found = [level for level in self.levels if level.kind == kind]
        if len(found) > 1 and sample.limit is not None:
            limit = sample.limit
            return min(found, key=lambda level: abs(math.log(level.capacity / limit)))
        return found[0] if found else None

    def _correct(self, level: Level, sample: Stated, now: float, grant: Grant, *, admitted: bool) -> None:
        remaining = sample.remaining
        assert remaining is not None
        grown = remaining + level.rate * level.share * (now - grant.time)
        # A level that was full meanwhile lost what flowed over, but that our own level has seen, too: no cap above.
        most = grown - self._after(level, grant.time + level.jitter)
        least = min(level.capacity, grown) - self._after(level, grant.time - level.jitter)
        least += _cost(level, grant.tokens) if admitted or level.kind == "requests" else 0.0
        if sample.limit is not None and sample.limit > 1.01 * level.capacity:
            least = -math.inf  # we were told to use less than the server allows: its level may only lower ours
        level.level = min(level.capacity, max(min(level.level, most), least))

    def _learn_share(self, level: Level, sample: Stated, grant: Grant) -> None:
        remaining = sample.remaining
        assert remaining is not None
        if level.reference is None:
            level.reference = (grant.time, remaining)
            return
        since, before = level.reference
        if grant.time - since < max(2.0, 8 * level.jitter):
            return
        if max(before, remaining) < 0.95 * level.capacity:  # a full bucket hides what flowed over
            ours = self._after(level, since) - self._after(level, grant.time)
            observed = (remaining - before + ours) / (grant.time - since) / level.rate
            level.share += 0.4 * (min(1.0, max(0.05, observed)) - level.share)
        level.reference = (grant.time, remaining)

    def _after(self, level: Level, time: float) -> float:
        requests, tokens = self._log.after(time)
        return requests if level.kind == "requests" else tokens


def _cost(level: Level, tokens: float) -> float:
    return 1.0 if level.kind == "requests" else tokens
