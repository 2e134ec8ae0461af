"""Simulated network and server conditions: latency, and injected failures.

Both depend on the request or its number, never on chance, so that a run can be repeated. Nothing here waits.
"""

from __future__ import annotations

import math
from random import Random

from attrs import field, frozen
from attrs.validators import ge, gt, le

__all__ = ["Faults", "Latency", "Pace"]


@frozen
class Pace:
    """The times at which the tokens of one reply are due, in seconds from admission."""

    first: float = 0.0
    gap: float = 0.0

    def due(self, tokens: int) -> float:
        """Get the seconds until `tokens` tokens are sent (0: until the reply begins)."""
        return self.first + self.gap * tokens


@frozen
class Latency:
    """The speed of a model: `first_token` seconds until the reply begins, then `tokens_per_second` in each choice.

    `jitter` is a share from 0 to 1. Both figures vary by up to that share in either direction, by the request's digest.
    """

    first_token: float = field(default=0.0, validator=ge(0))
    tokens_per_second: float = field(default=math.inf, validator=gt(0))
    jitter: float = field(default=0.0, validator=[ge(0), le(1)])

    def pace(self, seed: int) -> Pace:
        """Get the pace of the request whose digest is `seed`."""
        gap = 1 / self.tokens_per_second
        if self.jitter == 0:
            return Pace(self.first_token, gap)
        rng = Random(seed)
        first, rest = (1 + self.jitter * (2 * rng.random() - 1) for _ in range(2))
        return Pace(self.first_token * first, gap * rest)


@frozen
class Faults:
    """The failures to inject: a share `rate` (0 to 1) of the requests, by their number, gets one of `statuses`.

    `only`: these requests alone, by method and path, such as `"POST /v1/batches"`. `carried_out`: they fail after the
    server has done what they ask for.
    """

    rate: float = field(default=0.0, validator=[ge(0), le(1)])
    statuses: tuple[int, ...] = field(default=(500, 503), converter=tuple)
    seed: int = 0
    only: tuple[str, ...] = field(default=(), converter=tuple, kw_only=True)
    carried_out: bool = field(default=False, kw_only=True)

    def concerns(self, request: str) -> bool:
        """Whether a request, by method and path, may fail."""
        return not self.only or request in self.only

    def status(self, number: int) -> int | None:
        """Get the status with which the request of this number fails. `None` if it succeeds."""
        if self.rate == 0 or not self.statuses:
            return None
        rng = Random((self.seed << 64) + number)
        if rng.random() >= self.rate:
            return None
        return self.statuses[int(rng.random() * len(self.statuses))]
