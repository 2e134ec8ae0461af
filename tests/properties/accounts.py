"""What a server would hold of each limit, to the token, and those who call it: a limiter is held against them."""

from __future__ import annotations

import asyncio
import math
from typing import Final, Literal

import attrs

from openai_async import RateLimit
from openai_async._limits.limiter import AcquireRequest, Permit
from openai_async._limits.pool import Pool
from openai_async._limits.queue import Priority
from openai_async.types.meta import Bucket, RateLimits

Kind = Literal["requests", "tokens"]
#: What becomes of a request: it is admitted; it never leaves, as no connection is made; it is refused by an overload.
Fate = Literal["sent", "unsent", "refused"]
ROUNDING: Final = 1e-3
#: What may become of requests in one run: where nothing is refused, levels are compared to the token.
FATES: tuple[tuple[Fate, ...], ...] = (("sent",), ("sent", "unsent"), ("sent", "unsent", "refused"))
#: Seconds that a reply takes at least.
LEAST = 0.01


@attrs.frozen
class Terms:
    """Limits as stated, and the same spelt out: (kind, capacity, rate per second)."""

    stated: RateLimit
    levels: tuple[tuple[Kind, float, float], ...]


TERMS = (
    Terms(RateLimit(requests_per_second=5), (("requests", 5, 5),)),
    Terms(RateLimit(tokens_per_second=1_000), (("tokens", 1_000, 1_000),)),
    Terms(
        RateLimit(requests_per_minute=30, tokens_per_minute=6_000),
        (("requests", 30, 0.5), ("tokens", 6_000, 100)),
    ),
    Terms(
        RateLimit(requests_per_second=4, requests_per_minute=60, tokens_per_minute=60_000, share=0.5),
        (("requests", 2, 2), ("requests", 30, 0.5), ("tokens", 30_000, 500)),
    ),
    Terms(
        RateLimit(tokens_per_minute=6_000, accounting="settle"),
        (("tokens", 6_000, 100),),
    ),
)


@attrs.define(eq=False)
class Tally:
    """One limit at the server, exactly: full at first, refilled continuously, never below nothing."""

    kind: Kind
    capacity: float
    rate: float
    held: float = attrs.field(default=attrs.Factory(lambda self: self.capacity, takes_self=True))
    time: float = 0.0
    #: What may have been taken back too much: a charge that was out while the level was nearly full.
    slack: float = ROUNDING

    def refill(self, now: float) -> None:
        self.held = min(self.capacity, self.held + (now - self.time) * self.rate)
        self.time = now
        if self.held == self.capacity:
            self.slack = ROUNDING  # ours is full, too

    def taken_back(self, now: float, charge: float, since: float) -> None:
        self.refill(now)
        self.slack += min(charge, self.rate * (now - since))

    def charge(self, now: float, cost: float) -> None:
        """No window ever holds more than its budget exactly if this never goes below zero."""
        self.refill(now)
        self.held -= cost
        assert self.held >= -self.slack, f"{-self.held:.3f} {self.kind} above the budget of {self.capacity:.0f}"

    def stated(self) -> Bucket:
        """What a header says: whole units."""
        held = float(math.floor(max(0.0, self.held)))
        return Bucket(self.capacity, held, (self.capacity - self.held) / self.rate)


@attrs.define(eq=False)
class Caller:
    """One request, from asking to its end."""

    request: AcquireRequest
    fate: Fate
    task: asyncio.Task[None] | None = None
    permit: Permit | None = None
    granted_at: float = 0.0
    limits: RateLimits = RateLimits()  # noqa: RUF009
    answered: bool = False

    @property
    def job(self) -> tuple[str, Priority, object]:
        return self.request.scope, self.request.priority, self.request.job


def unanswered(pool: Pool) -> list[float]:
    """Requests and tokens that a pool still expects an answer to."""
    return [*pool._buckets._unanswered.values()]
