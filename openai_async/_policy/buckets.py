"""Rate limits as levels that refill continuously, and correct themselves from what the server says.

Arithmetic only: time is an argument (seconds on any monotonic clock), nothing waits here.

The server keeps a level for each limit: full at `capacity`, refilled at `rate`, lowered by what a request costs when it
is admitted. We keep the same levels. Ours drift - estimates are off, others use the same quota, packets overtake one
another - so each reply's headers pull them back:

- A header states the server's level when it admitted *that* request, seconds ago. What we sent since is subtracted, so
  the sample is stamped with its send time, not its arrival.
- Admission order is not send order. Requests sent shortly before or after the sample may or may not be in it, so it
  gives an interval, and our level is moved into it only as far as needed. There is no gain to tune.
- Part (`doubt`) of what the server has not yet confirmed is held back a second time. That takes the place of a slow
  start. The part is what estimates were last found to be too low by, and shrinks while replies agree.
- Requests refused together are one event: one cut per episode, told apart by send time. A Retry-After
  is a gate for all.
- What others take of the quota shows as a refill slower than stated, estimates that are too high as a faster one:
  `share` learns it.

A charge is taken back exactly once, from exactly the sums that contain it.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Final

from openai_async._policy.charges import GRAIN, ChargeLog
from openai_async._policy.levels import DISORDER_MOST, DOUBT_LEAST, MARGIN, Grant, Kind, Level, Reason, Stated

#: Seconds that the first request may take to get there, over a connection that has yet to be opened: until then the
#: server's level is full, and cannot rise.
_ON_ITS_WAY: Final = 0.3
#: Bound of the share of capacity that is left untouched after refusals.
_MARGIN_MOST: Final = 0.05
#: Seconds: the order of sending is never trusted further.
_DISORDER_LEAST: Final = 0.02
_CUT: Final = 0.9
#: A bucket that is this full may have flowed over, which hides what was taken from it: nothing is learnt from it.
_FULL: Final = 0.95
_SHARE_LEAST: Final = 0.05
#: A share this close to all of it is all of it: samples are not more precise than that.
_SHARE_GRAIN: Final = 0.05
#: Estimates of tokens may be this many times too high; a request is always one.
_SHARE_MOST: Final = {"requests": 1.0, "tokens": 3.0}
#: Seconds; replies that took longer say nothing of the level.
_HORIZON: Final = 900.0


class Buckets:
    """All levels of one pool (a key and a model family).

    Args:
        levels: the limits; without any, everything is granted.
        now: the time at which the levels are full.
        headers: whether replies can be expected to state levels.
    """

    __slots__ = ("_begun", "_cut", "_headers", "_logs", "_now", "_sampled", "_settled", "_unanswered", "gate", "levels")

    def __init__(self, levels: Sequence[Level], now: float, *, headers: bool = True) -> None:
        self.levels = list(levels)
        self.gate = -math.inf  # nothing is granted before it
        self._headers = headers
        self._now = now
        horizon = min(_HORIZON, 2 * max([level.window for level in levels], default=60.0))
        self._logs: dict[Kind, ChargeLog] = {"requests": ChargeLog(horizon), "tokens": ChargeLog(horizon)}
        self._settled = ChargeLog(horizon)  # tokens given back, or taken, when requests were over
        self._sampled = -math.inf  # send time of the last sample
        self._unanswered: dict[Kind, float] = {"requests": 0.0, "tokens": 0.0}  # charges without an answer
        self._begun = False  # something was granted
        self._cut = -math.inf  # refusals of requests sent before it belong to the same episode

    def wait(self, now: float, tokens: float) -> tuple[float, Reason | None]:
        """Seconds until a request of this cost may be sent, and what for: (0, None) for now.

        Infinite if it can never fit.
        """
        self._refill(now)
        wait: float = self.gate - now
        reason: Reason = "retry-after"
        for level in self.levels:
            cost = 1.0 if level.kind == "requests" else tokens
            if cost > level.limit:
                return math.inf, level.kind
            lacking = self._lacking(level, cost, now)
            if lacking > 1e-6:
                seconds = lacking / (level.rate * level.share)
                if seconds > wait:
                    wait, reason = seconds, level.kind
        return (wait, reason) if wait > 0.0 else (0.0, None)

    def grant(self, now: float, tokens: float) -> Grant:
        """Charge a request that is sent now. Whether it may be is `wait`'s to say."""
        self._refill(now)
        if not self._begun:
            self._begun = True
            self._now = now + _ON_ITS_WAY
        for level in self.levels:
            level.level -= 1.0 if level.kind == "requests" else tokens
        self._unanswered["requests"] += 1.0
        self._unanswered["tokens"] += tokens
        self._logs["requests"].append(now, 1.0)
        return Grant(self._logs["tokens"].append(now, tokens), now, tokens)

    def cancel(self, now: float, grant: Grant) -> None:
        """The request was never sent: its whole charge is taken back."""
        self._refill(now)
        self._give_back(grant, "requests")
        self._give_back(grant, "tokens")
        self.close(grant)
        for level in self.levels:
            if level.reference is not None and level.reference[0] > grant.time:
                # What was learnt since took the charge for an estimate that was too high.
                level.share = min(level.share, 1.0)
                level.reference = None

    def _give_back(self, grant: Grant, kind: Kind) -> None:
        """A level that was full since, or was stated since by the server, does not miss the charge any more.

        One that came close to full meanwhile gets too much, by less than what flowed in: the margins are for that.
        """
        if kind == "tokens":
            if grant.returned:
                return
            grant.returned = True
        for level in self.levels:
            if level.kind == kind and max(level.full, level.confirmed) <= grant.time:
                level.level = min(level.capacity, level.level + _cost(level, grant.tokens))
        self._logs[kind].take_back(grant.number, 1.0 if kind == "requests" else grant.tokens)

    def close(self, grant: Grant) -> None:
        """There is an answer to a request, or none will come."""
        if not grant.answered:
            grant.answered = True
            self._unanswered["requests"] -= 1.0
            self._unanswered["tokens"] -= grant.tokens

    def samples(self, grant: Grant) -> bool:
        """Whether the reply to a request is a sample: one for all that were sent at the same time is enough."""
        return abs(grant.time - self._sampled) >= GRAIN

    def succeeded(self, now: float, grant: Grant, requests: Stated, tokens: Stated) -> None:
        """A request was admitted, and its reply says this of the limits."""
        self._now = min(self._now, now)
        self._refill(now)
        self.close(grant)
        self._sampled = grant.time
        sampled = self._sync(now, grant, requests, tokens, admitted=True)
        for level in self.levels:
            level.margin = max(level.least_margin, (0.99 if level.kind == "requests" else 0.9995) * level.margin)
            if level not in sampled:
                level.confirmed = max(level.confirmed, grant.time - level.late)
                level.doubt = max(DOUBT_LEAST, 0.97 * level.doubt)
            if level.reference is None:  # nothing measures the share: it recovers as requests succeed
                level.share = min(1.0, level.share + _cost(level, grant.tokens) / (10 * level.rate * 60))

    def refused(
        self, now: float, grant: Grant, requests: Stated, tokens: Stated, *, retry_after: float, jitter: float = 0.0
    ) -> None:
        """A request got a 429: it cost a request and no tokens. `retry_after` is in seconds; so is `jitter`, added."""
        self._refill(now)
        self.close(grant)
        self._give_back(grant, "tokens")
        sampled = self._sync(now, grant, requests, tokens, admitted=False)
        for level in self.levels:
            if not sampled:
                level.confirmed = now
                if level.kind == "tokens":
                    level.level = min(level.level, 0.0)
            level.doubt = min(level.most_doubt, 1.1 * level.doubt)
            if grant.time > self._cut:
                level.share = max(_SHARE_LEAST, _CUT * level.share)
                level.margin = min(_MARGIN_MOST * level.capacity, 1.5 * level.margin + MARGIN * level.capacity)
        if grant.time > self._cut:
            self._cut = now
        self.gate = max(self.gate, now + retry_after + jitter)

    def settle(self, now: float, grant: Grant, tokens: float) -> None:
        """The server counts `tokens` for a finished request, not what was reserved; the difference counts from now."""
        self._refill(now)
        difference = grant.tokens - tokens
        for level in self.levels:
            if level.kind == "tokens":
                level.level = min(level.capacity, level.level + difference)
        self._settled.append(now, -difference)

    def move_to(self, other: Buckets, now: float) -> None:
        """Hand over what was charged so far: the levels have only now become known."""
        other._logs = self._logs
        other._settled = self._settled
        for level in other.levels:
            level.level -= min(level.capacity, self._logs[level.kind].after(now - level.window))
        other._unanswered = self._unanswered
        other._begun = self._begun
        other.gate = self.gate

    def _refill(self, now: float) -> None:
        passed = now - self._now
        if passed > 0.0:
            self._now = now
            for level in self.levels:
                level.level += passed * level.rate * level.share
                if level.level >= level.capacity:
                    level.level = level.capacity
                    level.full = now

    def _lacking(self, level: Level, cost: float, now: float) -> float:
        """How much too low a level is for a request."""
        need = cost + level.margin
        unanswered = self._unanswered[level.kind]
        if level.level - need < level.doubt * unanswered:  # else there is enough, whatever is unconfirmed
            since = max(level.confirmed, now - level.window)
            unconfirmed = min(unanswered, self._logs[level.kind].after(since))
            need += level.doubt * max(0.0, unconfirmed)
        return min(need, level.capacity) - level.level

    def _sync(self, now: float, grant: Grant, requests: Stated, tokens: Stated, *, admitted: bool) -> Sequence[Level]:
        """Move the levels into the interval that a sample allows; gives the levels that it was about."""
        sampled: list[Level] = []
        if not self._headers:
            return sampled
        for kind, sample in (("requests", requests), ("tokens", tokens)):
            level = self._meant(kind, sample)
            if level is None:
                continue
            sampled.append(level)
            self._learn_window(level, sample)
            if sample.limit is not None and sample.limit < 0.99 * level.capacity:
                level.rate *= sample.limit / level.capacity  # the server allows less than was stated
                level.capacity = sample.limit
                level.limit = min(level.limit, sample.limit)
            newest = grant.time > level.synced
            if grant.time >= level.synced - 0.25:
                self._correct(level, sample, now, grant, newest=newest, admitted=admitted)
                if newest:
                    if not _is_more(sample, level):  # else what others use is none of the part that was stated
                        self._learn_share(level, sample, grant)
                    level.synced = grant.time
                    level.confirmed = max(level.confirmed, grant.time - level.late)
        return sampled

    def _meant(self, kind: str, sample: Stated) -> Level | None:
        """The level that a sample is about: of several of its kind, the one whose capacity is nearest to its limit."""
        if sample.remaining is None:
            return None
        found = [level for level in self.levels if level.kind == kind]
        if len(found) > 1 and sample.limit is not None:
            limit = sample.limit
            return min(found, key=lambda level: abs(math.log(level.capacity / limit)))
        return found[0] if found else None

    def _correct(self, level: Level, sample: Stated, now: float, grant: Grant, *, newest: bool, admitted: bool) -> None:
        remaining = sample.remaining
        assert remaining is not None
        log = self._logs[level.kind]
        grown = remaining + level.rate * level.share * (now - grant.time)
        # A level that was full meanwhile lost what flowed over, but that our own level has seen, too: no cap above.
        # What was settled shortly before the sample may be in it or not, either.
        settled = self._settled if level.kind == "tokens" else _NOTHING_SETTLED
        sure, maybe = settled.after(grant.time), settled.after(grant.time - level.late)
        most = grown - log.after(grant.time) - min(sure, maybe)
        # At worst what flowed in and what was given back came first, and flowed over.
        given, taken = max(0.0, -max(sure, maybe)), max(0.0, sure, maybe)
        least = min(level.capacity, grown + given) - log.after(grant.time - level.late) - taken
        least += _cost(level, grant.tokens) if admitted or level.kind == "requests" else 0.0
        if _is_more(sample, level):
            least = -math.inf  # we were told to use less than the server allows: its level may only lower ours
        if newest:
            between = log.after(level.synced) - log.after(grant.time)
            if between > 0 and remaining < _FULL * level.capacity:
                excess = max(0.0, level.level - most)
                level.doubt += 0.1 * (min(level.most_doubt, max(DOUBT_LEAST, excess / between)) - level.doubt)
                disorder = max(0.99 * level.disorder, excess / level.rate)
                level.disorder = min(DISORDER_MOST, max(_DISORDER_LEAST, disorder))
        level.level = min(level.capacity, max(min(level.level, most), least))

    def _learn_window(self, level: Level, sample: Stated) -> None:
        """A limit per minute may be enforced by the second. (One that was stated per second is kept by the second.)"""
        if sample.limit is None or not 0.99 < sample.limit / 60 / level.rate < 1.01:
            return
        assert sample.remaining is not None
        capacity = sample.capacity
        if capacity is not None and capacity < level.capacity / 2:
            level.capacity = max(1.0, capacity)
            level.level = min(level.level, level.capacity)
            level.margin = min(level.margin, _MARGIN_MOST * level.capacity + level.least_margin)
        level.capacity = max(level.capacity, min(level.most, sample.remaining))

    def _learn_share(self, level: Level, sample: Stated, grant: Grant) -> None:
        remaining = sample.remaining
        assert remaining is not None
        if level.reference is None:
            level.reference = (grant.time, remaining, _logged(level, grant))
            return
        since, before, own = level.reference
        if grant.time - since < 2.0:
            return
        log, seconds = self._logs[level.kind], grant.time - since
        # What was sent together with either sample may have been admitted before or after it; not the sample itself.
        together = log.after(since - GRAIN) - log.after(since) + log.after(grant.time - GRAIN) - log.after(grant.time)
        together -= own + _logged(level, grant)
        if max(before, remaining) < _FULL * level.capacity and level.full <= since:
            if together > _SHARE_GRAIN * seconds * level.rate:
                return
            ours = log.after(since) - log.after(grant.time)
            if level.kind == "tokens":
                ours += self._settled.after(since) - self._settled.after(grant.time)
            observed = (remaining - before + ours) / seconds / level.rate
            if abs(observed - 1.0) < _SHARE_GRAIN:
                observed = 1.0
            most = _SHARE_MOST[level.kind]
            level.share += 0.4 * (min(most, max(_SHARE_LEAST, observed)) - level.share)
        else:
            level.share += 0.1 * max(0.0, 1.0 - level.share)
        level.reference = (grant.time, remaining, _logged(level, grant))


_NOTHING_SETTLED: Final = ChargeLog(0.0)


def _is_more(sample: Stated, level: Level) -> bool:
    """Whether the server allows more than was stated, and not the same in a shorter period."""
    if sample.limit is None or sample.limit <= 1.01 * level.capacity:
        return False
    return not (0.99 < sample.limit / 60 / level.rate < 1.01)


def _cost(level: Level, tokens: float) -> float:
    return 1.0 if level.kind == "requests" else tokens


def _logged(level: Level, grant: Grant) -> float:
    """What a log holds of a request: nothing of tokens that were given back, as those of a refused one are."""
    return 0.0 if level.kind == "tokens" and grant.returned else _cost(level, grant.tokens)
