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

from openai_async._limits import learned, samples
from openai_async._limits.charges import GRAIN, ChargeLog
from openai_async._limits.levels import DOUBT_LEAST, MARGIN, Grant, Kind, Level, Reason, Stated
from openai_async._limits.samples import MARGIN_MOST, SHARE_LEAST, cost

#: Seconds that the first request may take to get there, over a connection that has yet to be opened: until then the
#: server's level is full, and cannot rise.
_ON_ITS_WAY: Final = 0.3
_CUT: Final = 0.9
#: Seconds: what only a server said holds nobody back for longer after the last request. One goes then, and its reply
#: says what is true.
LONGEST_DELAY: Final = 60.0
#: Seconds; replies that took longer say nothing of the level.
_HORIZON: Final = 900.0


class Buckets:
    """All levels of one pool (a key and a rate-limit scope).

    Args:
        levels: the limits; without any, everything is granted.
        now: the time at which the levels are full.
        headers: whether replies can be expected to state levels.
        learns: whether limits that replies state hold although none was stated before.
    """

    __slots__ = (
        "_begun",
        "_cut",
        "_headers",
        "_learns",
        "_logs",
        "_now",
        "_sampled",
        "_settled",
        "_unanswered",
        "gate",
        "granted",
        "levels",
    )

    def __init__(self, levels: Sequence[Level], now: float, *, headers: bool = True, learns: bool = False) -> None:
        self.levels = list(levels)
        self.gate = -math.inf  # nothing is granted before it
        self._headers = headers
        self._learns = learns
        self._now = now
        horizon = max(map(_horizon, levels), default=120.0)
        self._logs: dict[Kind, ChargeLog] = {"requests": ChargeLog(horizon), "tokens": ChargeLog(horizon)}
        self._settled = ChargeLog(horizon)  # tokens given back, or taken, when requests were over
        self._sampled = -math.inf  # send time of the last sample
        self._unanswered: dict[Kind, float] = {"requests": 0.0, "tokens": 0.0}  # charges without an answer
        self._begun = False  # something was granted
        self.granted = -math.inf  # when the last request was
        self._cut = -math.inf  # refusals of requests sent before it belong to the same episode

    def wait(self, now: float, tokens: float) -> tuple[float, Reason | None]:
        """Seconds until a request of this cost may be sent, and what for: (0, None) for now.

        Infinite if it can never fit.
        """
        self._refill(now)
        wait: float = self.gate - now
        reason: Reason = "retry-after"
        delay, delayed_by = 0.0, reason  # by what only a server said
        for level in self.levels:
            cost = 1.0 if level.kind == "requests" else tokens
            if cost > level.limit:
                return math.inf, level.kind
            lacking = self._lacking(level, cost, now)
            if lacking > 1e-6:
                seconds = level.seconds_for(lacking, now)
                if not level.learnt:
                    if seconds > wait:
                        wait, reason = seconds, level.kind
                elif seconds > delay:
                    delay, delayed_by = seconds, level.kind
            if level.held - now > delay:
                delay, delayed_by = level.held - now, level.kind
        delay = min(delay, self.granted + LONGEST_DELAY - now)
        if delay > wait:
            wait, reason = delay, delayed_by
        return (wait, reason) if wait > 0.0 else (0.0, None)

    def least_wait(self, now: float, tokens: float, *, settled: bool) -> tuple[float, Reason | None]:
        """Seconds that a request waits for certain, whatever replies will say: until the end of a Retry-After, and
        until a stated limit has room for it. `settled`: nothing is out that may give tokens back."""
        self._refill(now)
        wait: float = self.gate - now
        reason: Reason = "retry-after"
        for level in self.levels:
            if level.learnt or (level.kind == "tokens" and not settled):
                continue
            cost = min(level.capacity, 1.0 if level.kind == "requests" else tokens)
            spare = level.level + self._unanswered[level.kind]
            seconds = (cost - spare) / (level.rate * max(1.0, level.share))
            if seconds > wait:
                wait, reason = seconds, level.kind
        return (wait, reason) if wait > 0.0 else (0.0, None)

    def at_rest(self, now: float) -> bool:
        """Whether all levels are full, and no gate holds."""
        self._refill(now)
        return self.gate <= now and all(level.level >= level.capacity for level in self.levels)

    def grant(self, now: float, tokens: float) -> Grant:
        """Charge a request that is sent now. Whether it may be is `wait`'s to say."""
        self._refill(now)
        if not self._begun:
            self._begun = True
            self._now = now + _ON_ITS_WAY
        for level in self.levels:
            level.level -= 1.0 if level.kind == "requests" else tokens
        alone = self._unanswered["requests"] <= 0.0 and now - self._logs["requests"].last >= GRAIN
        self.granted = now
        self._unanswered["requests"] += 1.0
        self._unanswered["tokens"] += tokens
        self._logs["requests"].append(now, 1.0)
        return Grant(self._logs["tokens"].append(now, tokens), now, tokens, alone=alone)

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
                level.level = min(level.capacity, level.level + cost(level, grant.tokens))
        self._logs[kind].take_back(grant.number, 1.0 if kind == "requests" else grant.tokens)

    def close(self, grant: Grant) -> None:
        """There is an answer to a request, or none will come."""
        if not grant.answered:
            grant.answered = True
            self._unanswered["requests"] -= 1.0
            self._unanswered["tokens"] -= grant.tokens

    def sent_after(self, time: float) -> float:
        """Requests that were granted after a time."""
        return self._logs["requests"].after(time)

    def samples(self, grant: Grant) -> bool:
        """Whether the reply to a request is a sample: one for all that were sent at the same time is enough."""
        return abs(grant.time - self._sampled) >= GRAIN

    def succeeded(
        self,
        now: float,
        grant: Grant,
        requests: Stated,
        tokens: Stated,
        others: Sequence[tuple[Kind, Stated]] = (),
    ) -> None:
        """A request was admitted, and its reply says this of the limits."""
        self._now = min(self._now, now)
        self._refill(now)
        self.close(grant)
        self._sampled = grant.time
        said: list[tuple[Kind, Stated]] = [("requests", requests), ("tokens", tokens), *others]
        sampled = self._sync(now, grant, said, admitted=True)
        for level in self.levels:
            level.margin = max(level.least_margin, (0.99 if level.kind == "requests" else 0.9995) * level.margin)
            if level not in sampled:
                level.confirmed = max(level.confirmed, grant.time - level.late)
                level.doubt = max(DOUBT_LEAST, 0.97 * level.doubt)
            if level.reference is None:  # nothing measures the share: it recovers as requests succeed
                level.share = min(1.0, level.share + cost(level, grant.tokens) / (10 * level.rate * 60))

    def refused(
        self,
        now: float,
        grant: Grant,
        requests: Stated,
        tokens: Stated,
        others: Sequence[tuple[Kind, Stated]] = (),
        *,
        retry_after: float,
        jitter: float = 0.0,
    ) -> None:
        """A request got a 429: it cost a request and no tokens. `retry_after` is in seconds; so is `jitter`, added."""
        self._refill(now)
        self.close(grant)
        self._give_back(grant, "tokens")
        said: list[tuple[Kind, Stated]] = [("requests", requests), ("tokens", tokens), *others]
        sampled = self._sync(now, grant, said, admitted=False)
        for level in self.levels:
            if not sampled:
                level.confirmed = now
                if level.kind == "tokens":
                    level.level = min(level.level, 0.0)
            level.doubt = min(level.most_doubt, 1.1 * level.doubt)
            if grant.time > self._cut:
                level.share = max(SHARE_LEAST, _CUT * level.share)
                level.margin = min(MARGIN_MOST * level.capacity, 1.5 * level.margin + MARGIN * level.capacity)
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

    def add(self, level: Level, now: float) -> None:
        """A limit has become known: what was sent so far counts against it."""
        for log in (*self._logs.values(), self._settled):
            log.keep(_horizon(level))
        level.level -= min(level.capacity, self._logs[level.kind].after(now - level.window))
        self.levels.append(level)

    def forget(self) -> None:
        """What only the server said of the limits does not hold any more."""
        self.levels = [level for level in self.levels if not level.learnt]
        for level in self.levels:
            level.held = -math.inf

    def _refill(self, now: float) -> None:
        passed = now - self._now
        if passed > 0.0:
            self._now = now
            for level in self.levels:
                if level.fixed is not None:
                    level.roll(now)
                    continue
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

    def _learn(self, kind: Kind, sample: Stated, time: float, now: float) -> Level | None:
        """The level of a limit that is known from the server alone, if it says so now."""
        level = learned.known(self.levels, kind, sample)
        if sample.limit is None:
            return level
        if not learned.is_news(self.levels, kind, sample.limit, learns=self._learns):
            if level is not None:
                self.levels.remove(level)  # it says now what was stated
            return None
        if level is None:
            level = learned.level_of(kind, sample, time, now)
            self.add(level, now)
        return level

    def _sync(
        self, now: float, grant: Grant, said: Sequence[tuple[Kind, Stated]], *, admitted: bool
    ) -> Sequence[Level]:
        """Move the levels into the interval that a sample allows; gives the levels that it was about."""
        sampled: list[Level] = []
        if not self._headers:
            return sampled
        for kind, sample in said:
            level = self._learn(kind, sample, grant.time, now) or samples.meant(self.levels, kind, sample)
            if level is None or sample.remaining is None:
                continue
            sampled.append(level)
            newest = grant.time > level.synced
            if newest:
                learned.follow(level, sample, grant.time, now, refused=not admitted)
            samples.learn_window(level, sample)
            if grant.time >= level.synced - 0.25 and not samples.is_over(level, sample, grant.time, now):
                log = self._logs[kind]
                samples.correct(level, sample, grant, log, self._settled, now, newest=newest, admitted=admitted)
                if newest:
                    if not samples.is_more(sample, level):  # else what others use is none of the part that was stated
                        samples.learn_share(level, sample, grant, log, self._settled)
                    level.synced = grant.time
                    level.confirmed = max(level.confirmed, grant.time - level.late)
        return sampled


def _horizon(level: Level) -> float:
    """Seconds that charges against a level matter."""
    return min(_HORIZON, 2 * level.window)
