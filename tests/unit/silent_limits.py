"""Servers that hold to a limit and say nothing of it, and clients of them, in virtual time."""

from __future__ import annotations

import asyncio
import math
import random
from collections import deque
from collections.abc import Callable
from typing import Literal, Protocol

import attrs

from openai_async._limits.limiter import AcquireRequest, Limiter
from openai_async.testing import VirtualClockLoop
from openai_async.types.meta import RateLimits

NONE = RateLimits()
Stated = Literal["exact", "whole", "zero"] | None


class Server(Protocol):
    """What a limit does with a request."""

    def ask(self, now: float) -> tuple[bool, float | None]:
        """Whether it is accepted; the seconds that it waits in the server, or those that a refusal asks to wait."""
        ...

    def done(self) -> None:
        """A request that was accepted has ended."""


def told(seconds: float, stated: Stated) -> float | None:
    """Retry-After as a server writes it."""
    if stated is None:
        return None
    return {"exact": seconds, "whole": float(math.ceil(seconds)), "zero": 0.0}[stated]


@attrs.define
class TokenBucket:
    """Envoy, nginx with `nodelay`; a burst of one is nginx without any."""

    rate: float
    burst: float
    stated: Stated = None
    level: float = attrs.field(init=False)
    at: float = attrs.field(default=0.0, init=False)

    def __attrs_post_init__(self) -> None:
        self.level = self.burst

    def ask(self, now: float) -> tuple[bool, float | None]:
        self.level = min(self.burst, self.level + (now - self.at) * self.rate)
        self.at = now
        if self.level < 1.0:
            return False, told((1.0 - self.level) / self.rate, self.stated)
        self.level -= 1.0
        return True, 0.0

    def done(self) -> None:
        pass


@attrs.define
class Window:
    """So many in each period; a period begins whoever asks."""

    most: int
    seconds: float
    stated: Stated = None
    number: int = attrs.field(default=-1, init=False)
    count: int = attrs.field(default=0, init=False)

    def ask(self, now: float) -> tuple[bool, float | None]:
        number = math.floor(now / self.seconds)
        if number != self.number:
            self.number, self.count = number, 0
        if self.count >= self.most:
            return False, told((number + 1) * self.seconds - now, self.stated)
        self.count += 1
        return True, 0.0

    def done(self) -> None:
        pass


@attrs.define
class SlidingWindow:
    """So many in any period."""

    most: int
    seconds: float
    stated: Stated = None
    log: deque[float] = attrs.field(factory=deque[float], init=False)

    def ask(self, now: float) -> tuple[bool, float | None]:
        while self.log and self.log[0] <= now - self.seconds:
            self.log.popleft()
        if len(self.log) >= self.most:
            return False, told(self.log[0] + self.seconds - now, self.stated)
        self.log.append(now)
        return True, 0.0

    def done(self) -> None:
        pass


@attrs.define
class LeakyBucket:
    """nginx with a burst and without `nodelay`: requests wait in the server, and are refused when too many do."""

    rate: float
    burst: float
    free: float = attrs.field(default=0.0, init=False)

    def ask(self, now: float) -> tuple[bool, float | None]:
        start = max(now, self.free)
        if (start - now) * self.rate > self.burst:
            return False, None
        self.free = start + 1.0 / self.rate
        return True, start - now

    def done(self) -> None:
        pass


@attrs.define
class Slots:
    """So many at a time."""

    most: int
    out: int = attrs.field(default=0, init=False)

    def ask(self, now: float) -> tuple[bool, float | None]:
        if self.out >= self.most:
            return False, None
        self.out += 1
        return True, 0.0

    def done(self) -> None:
        self.out -= 1


@attrs.frozen
class Outcome:
    """How many calls were lost, how many requests were sent, and the second in which the last was answered."""

    lost: int
    sent: int
    seconds: float


@attrs.frozen
class Times:
    """Seconds that a request takes to the server, and in it."""

    network: tuple[float, float] = (0.001, 0.005)
    answer: tuple[float, float] = (0.005, 0.02)


def run(server: Server, calls: int, times: Times, *, seed: int = 0, clients: int = 1, attempts: int = 3) -> Outcome:
    """All calls at once, of so many clients that know nothing of one another; a call is sent so many times at most."""
    draw, lost, sent = random.Random(seed), 0, 0

    async def one(limiter: Limiter) -> None:
        nonlocal lost, sent
        loop = asyncio.get_running_loop()
        for attempt in range(1, attempts + 1):
            permit = await limiter.acquire(
                AcquireRequest("f", 1.0, is_retry=attempt > 1, is_last_attempt=1 < attempt == attempts)
            )
            sent += 1
            await asyncio.sleep(draw.uniform(*times.network))
            accepted, seconds = server.ask(loop.time())
            if accepted:
                await asyncio.sleep((seconds or 0.0) + draw.uniform(*times.answer))
                server.done()
                permit.answered(NONE)
                permit.end(tokens=1.0)
                return
            await asyncio.sleep(draw.uniform(*times.network))
            permit.refused(NONE, seconds)
            permit.end()
        lost += 1

    async def main() -> float:
        limiters = [Limiter(1_000, "auto") for _ in range(clients)]
        await asyncio.gather(*(one(limiters[number % clients]) for number in range(calls)))
        return asyncio.get_running_loop().time()

    state = random.getstate()
    random.seed(seed)  # the limiter's jitter
    try:
        with asyncio.Runner(loop_factory=Clock) as runner:
            seconds = runner.run(main())
    finally:
        random.setstate(state)
    return Outcome(lost, sent, seconds)


class Clock(VirtualClockLoop):
    """Virtual time that passes between two looks at it, as any real one does."""

    def time(self) -> float:
        self._now += 1e-9
        return self._now


FAST, SLOW, UNSTEADY = Times(), Times((0.02, 0.06), (0.5, 3.0)), Times((0.001, 0.15), (0.05, 0.3))

#: By name: what makes one, and what it accepts per second in the long run.
LIMITS: dict[str, tuple[Callable[[], Server], float]] = {
    "bucket": (lambda: TokenBucket(20, 20), 20),
    "bucket, small burst": (lambda: TokenBucket(20, 5), 20),
    "bucket, whole seconds": (lambda: TokenBucket(20, 20, "whole"), 20),
    "bucket, exact": (lambda: TokenBucket(20, 20, "exact"), 20),
    "bucket, Retry-After: 0": (lambda: TokenBucket(20, 20, "zero"), 20),
    "no burst": (lambda: TokenBucket(20, 1), 20),
    "window of a second": (lambda: Window(20, 1), 20),
    "window of three seconds": (lambda: Window(20, 3), 20 / 3),
    "window of three seconds, exact": (lambda: Window(20, 3, "exact"), 20 / 3),
    "window of a minute": (lambda: Window(60, 60), 1),
    "window of a minute, exact": (lambda: Window(60, 60, "exact"), 1),
    "sliding window": (lambda: SlidingWindow(20, 1), 20),
    "leaky bucket": (lambda: LeakyBucket(20, 20), 20),
    "slots": (lambda: Slots(8), 8),
}
