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
  is a hold for all.
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
from openai_async._limits.levels import MARGIN, SAFETY_FACTOR_LEAST, HeaderSample, Kind, RateBucket, Reason, Reservation
from openai_async._limits.samples import MARGIN_MOST, SHARE_LEAST, cost

#: Seconds that the first request may take to get there, over a connection that has yet to be opened: until then the
#: server's level is full, and cannot rise.
_ON_ITS_WAY: Final = 0.3
_DECREASE: Final = 0.9
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
        "granted",
        "hold_until",
        "levels",
    )

    def __init__(self, levels: Sequence[RateBucket], now: float, *, headers: bool = True, learns: bool = False) -> None:
        self.levels = list(levels)
        self.hold_until = -math.inf  # nothing is granted before it
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
        wait: float = self.hold_until - now
        reason: Reason = "retry-after"
        delay, delayed_by = 0.0, reason  # by what only a server said
        for level in self.levels:
            cost = 1.0 if level.kind == "requests" else tokens
            if cost > level.limit:
                return math.inf, level.kind
            lacking = self._lacking(level, cost, now)
            if lacking > 1e-6:
                seconds = level.seconds_for(lacking, now)
                if not level.is_learned:
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
        wait: float = self.hold_until - now
        reason: Reason = "retry-after"
        for level in self.levels:
            if level.is_learned or (level.kind == "tokens" and not settled):
                continue
            cost = min(level.capacity, 1.0 if level.kind == "requests" else tokens)
            spare = level.level + self._unanswered[level.kind]
            seconds = (cost - spare) / (level.rate * max(1.0, level.share))
            if seconds > wait:
                wait, reason = seconds, level.kind
        return (wait, reason) if wait > 0.0 else (0.0, None)

    def at_rest(self, now: float) -> bool:
        """Whether all levels are full, and no hold is in force."""
        self._refill(now)
        return self.hold_until <= now and all(level.level >= level.capacity for level in self.levels)

    def reserve(self, now: float, tokens: float) -> Reservation:
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
        return Reservation(self._logs["tokens"].append(now, tokens), now, tokens, alone=alone)

    def cancel(self, now: float, reservation: Reservation) -> None:
        """The request was never sent: its whole charge is taken back."""
        self._refill(now)
        self._give_back(reservation, "requests")
        self._give_back(reservation, "tokens")
        self.close(reservation)
        for level in self.levels:
            if level.reference is not None and level.reference[0] > reservation.time:
                # What was learned since took the charge for an estimate that was too high.
                level.share = min(level.share, 1.0)
                level.reference = None

    def _give_back(self, reservation: Reservation, kind: Kind) -> None:
        """A level that was full since, or was stated since by the server, does not miss the charge any more.

        One that came close to full meanwhile gets too much, by less than what flowed in: the margins are for that.
        """
        if kind == "tokens":
            if reservation.returned:
                return
            reservation.returned = True
        for level in self.levels:
            if level.kind == kind and max(level.full, level.confirmed) <= reservation.time:
                level.level = min(level.capacity, level.level + cost(level, reservation.tokens))
        self._logs[kind].take_back(reservation.number, 1.0 if kind == "requests" else reservation.tokens)

    def close(self, reservation: Reservation) -> None:
        """There is an answer to a request, or none will come."""
        if not reservation.answered:
            reservation.answered = True
            self._unanswered["requests"] -= 1.0
            self._unanswered["tokens"] -= reservation.tokens

    def sent_after(self, time: float) -> float:
        """Requests that were granted after a time."""
        return self._logs["requests"].after(time)

    def samples(self, reservation: Reservation) -> bool:
        """Whether the reply to a request is a sample: one for all that were sent at the same time is enough."""
        return abs(reservation.time - self._sampled) >= GRAIN

    def succeeded(
        self,
        now: float,
        reservation: Reservation,
        requests: HeaderSample,
        tokens: HeaderSample,
        others: Sequence[tuple[Kind, HeaderSample]] = (),
    ) -> None:
        """A request was admitted, and its reply says this of the limits."""
        self._now = min(self._now, now)
        self._refill(now)
        self.close(reservation)
        self._sampled = reservation.time
        said: list[tuple[Kind, HeaderSample]] = [("requests", requests), ("tokens", tokens), *others]
        sampled = self._sync(now, reservation, said, admitted=True)
        for level in self.levels:
            level.margin = max(level.least_margin, (0.99 if level.kind == "requests" else 0.9995) * level.margin)
            if level not in sampled:
                level.confirmed = max(level.confirmed, reservation.time - level.reorder_window)
                level.safety_factor = max(SAFETY_FACTOR_LEAST, 0.97 * level.safety_factor)
            if level.reference is None:  # nothing measures the share: it recovers as requests succeed
                level.share = min(1.0, level.share + cost(level, reservation.tokens) / (10 * level.rate * 60))

    def refused(
        self,
        now: float,
        reservation: Reservation,
        requests: HeaderSample,
        tokens: HeaderSample,
        others: Sequence[tuple[Kind, HeaderSample]] = (),
        *,
        retry_after: float,
        jitter: float = 0.0,
    ) -> None:
        """A request got a 429: it cost a request and no tokens. `retry_after` is in seconds; so is `jitter`, added."""
        self._refill(now)
        self.close(reservation)
        self._give_back(reservation, "tokens")
        said: list[tuple[Kind, HeaderSample]] = [("requests", requests), ("tokens", tokens), *others]
        sampled = self._sync(now, reservation, said, admitted=False)
        for level in self.levels:
            if not sampled:
                level.confirmed = now
                if level.kind == "tokens":
                    level.level = min(level.level, 0.0)
            level.safety_factor = min(level.most_safety_factor, 1.1 * level.safety_factor)
            if reservation.time > self._cut:
                level.share = max(SHARE_LEAST, _DECREASE * level.share)
                level.margin = min(MARGIN_MOST * level.capacity, 1.5 * level.margin + MARGIN * level.capacity)
        if reservation.time > self._cut:
            self._cut = now
        self.hold_until = max(self.hold_until, now + retry_after + jitter)

    def settle(self, now: float, reservation: Reservation, tokens: float) -> None:
        """The server counts `tokens` for a finished request, not what was reserved; the difference counts from now."""
        self._refill(now)
        difference = reservation.tokens - tokens
        for level in self.levels:
            if level.kind == "tokens":
                level.level = min(level.capacity, level.level + difference)
        self._settled.append(now, -difference)

    def add(self, level: RateBucket, now: float) -> None:
        """A limit has become known: what was sent so far counts against it."""
        for log in (*self._logs.values(), self._settled):
            log.keep(_horizon(level))
        level.level -= min(level.capacity, self._logs[level.kind].after(now - level.window))
        self.levels.append(level)

    def forget(self) -> None:
        """What only the server said of the limits does not hold any more."""
        self.levels = [level for level in self.levels if not level.is_learned]
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

    def _lacking(self, level: RateBucket, cost: float, now: float) -> float:
        """How much too low a level is for a request."""
        need = cost + level.margin
        unanswered = self._unanswered[level.kind]
        if level.level - need < level.safety_factor * unanswered:  # else there is enough, whatever is unconfirmed
            since = max(level.confirmed, now - level.window)
            unconfirmed = min(unanswered, self._logs[level.kind].after(since))
            need += level.safety_factor * max(0.0, unconfirmed)
        return min(need, level.capacity) - level.level

    def _learn(self, kind: Kind, sample: HeaderSample, time: float, now: float) -> RateBucket | None:
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
        self, now: float, reservation: Reservation, said: Sequence[tuple[Kind, HeaderSample]], *, admitted: bool
    ) -> Sequence[RateBucket]:
        """Move the levels into the interval that a sample allows; gives the levels that it was about."""
        sampled: list[RateBucket] = []
        if not self._headers:
            return sampled
        for kind, sample in said:
            level = self._learn(kind, sample, reservation.time, now) or samples.meant(self.levels, kind, sample)
            if level is None or sample.remaining is None:
                continue
            sampled.append(level)
            newest = reservation.time > level.synced
            if newest:
                learned.follow(level, sample, reservation.time, now, refused=not admitted)
            samples.learn_window(level, sample)
            if reservation.time >= level.synced - 0.25 and not samples.is_over(level, sample, reservation.time, now):
                log = self._logs[kind]
                samples.correct(level, sample, reservation, log, self._settled, now, newest=newest, admitted=admitted)
                if newest:
                    if not samples.is_more(sample, level):  # else what others use is none of the part that was stated
                        samples.learn_share(level, sample, reservation, log, self._settled)
                    level.synced = reservation.time
                    level.confirmed = max(level.confirmed, reservation.time - level.reorder_window)
        return sampled


def _horizon(level: RateBucket) -> float:
    """Seconds that charges against a level matter."""
    return min(_HORIZON, 2 * level.window)
