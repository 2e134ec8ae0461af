"""Rate limits as the API enforces them: buckets that refill continuously. Arithmetic only: time is an argument.

A bucket of limit L per minute holds at most ``L * window / 60`` and gains ``L / 60`` a second. Over any T seconds it
admits at most ``(L / 60) * (window + T)``. A call is charged when it is admitted, and nothing is refunded. A refused
call costs no tokens but still one request, as the API documents.
"""

from __future__ import annotations

import math
from typing import Literal

from attrs import field, frozen
from attrs.validators import gt, optional

__all__ = ["Allowance", "Bucket", "RateLimits", "Refusal", "go_duration"]

# Floating point may leave a bucket this far below what it should hold; who waited as told must get in.
_SLACK = 1e-6


@frozen
class RateLimits:
    """The limits of one key for one model: `requests_per_minute`, `tokens_per_minute` (`None`: no such limit).

    `window` is the burst in seconds: the bucket holds what `window` seconds refill. 60 is the API's usual minute; with
    1, a limit of 60,000 a minute is enforced as 1,000 a second.
    """

    requests_per_minute: float | None = field(default=None, validator=optional(gt(0)))
    tokens_per_minute: float | None = field(default=None, validator=optional(gt(0)))
    window: float = field(default=60.0, validator=gt(0))


@frozen
class Refusal:
    """The reason why a call was not admitted. `wait` is in seconds, and infinite if waiting cannot help."""

    dimension: Literal["requests", "tokens"]
    limit: int
    used: int
    requested: int
    wait: float


class Bucket:
    """One dimension of a limit. It starts full and refills continuously."""

    __slots__ = ("_level", "_now", "capacity", "limit", "rate")

    def __init__(self, per_minute: float, window: float, now: float) -> None:
        self.limit: float = per_minute
        self.rate: float = per_minute / 60
        self.capacity: float = self.rate * window
        self._level = self.capacity
        self._now = now

    def level(self, now: float) -> float:
        """Refill up to `now` (seconds; a clock that steps back refills nothing) and return the level."""
        if now > self._now:
            self._level = min(self.capacity, self._level + (now - self._now) * self.rate)
            self._now = now
        return self._level

    def wait(self, now: float, amount: float) -> float:
        """Get the seconds until `amount` can be taken. 0 if it can be taken now.

        An amount above the capacity but within a minute's limit is taken from a full bucket, which then is in debt.
        Otherwise a small window would refuse such a call forever.
        """
        if amount > max(self.limit, self.capacity):
            return math.inf
        missing = min(amount, self.capacity) - self.level(now)
        return missing / self.rate if missing > _SLACK else 0.0

    def take(self, now: float, amount: float) -> None:
        """Charge an admitted call."""
        self._level = self.level(now) - amount

    def penalize(self, now: float, amount: float) -> None:
        """Charge a refused call. Never into debt, because a client that keeps asking would never be admitted."""
        self._level = min(self.level(now), max(0.0, self.level(now) - amount))

    def headers(self, now: float, dimension: bytes) -> list[tuple[bytes, bytes]]:
        """Get the three `x-ratelimit-*` headers of this dimension."""
        level = self.level(now)
        reset = go_duration((self.capacity - level) / self.rate)
        return [
            (b"x-ratelimit-limit-" + dimension, b"%d" % self.limit),
            (b"x-ratelimit-remaining-" + dimension, b"%d" % max(0, math.floor(level + _SLACK))),
            (b"x-ratelimit-reset-" + dimension, reset.encode()),
        ]


class Allowance:
    """The two buckets of one key for one model."""

    __slots__ = ("_requests", "_tokens")

    def __init__(self, limits: RateLimits, now: float) -> None:
        rpm, tpm = limits.requests_per_minute, limits.tokens_per_minute
        self._requests = None if rpm is None else Bucket(rpm, limits.window, now)
        self._tokens = None if tpm is None else Bucket(tpm, limits.window, now)

    def admit(self, now: float, tokens: int) -> Refusal | None:
        """Charge one request and `tokens`, or return the reason. A refusal costs a request and no tokens."""
        requests = self._requests
        refusal = _refusal("requests", requests, now, 1) or _refusal("tokens", self._tokens, now, tokens)
        if refusal is not None:
            if requests is not None:
                requests.penalize(now, 1)
            return refusal
        if requests is not None:
            requests.take(now, 1)
        if self._tokens is not None:
            self._tokens.take(now, tokens)
        return None

    def headers(self, now: float) -> list[tuple[bytes, bytes]]:
        """Get the `x-ratelimit-*` headers at `now`. None for a dimension without a limit."""
        headers = [] if self._requests is None else self._requests.headers(now, b"requests")
        if self._tokens is not None:
            headers += self._tokens.headers(now, b"tokens")
        return headers


def _refusal(
    dimension: Literal["requests", "tokens"], bucket: Bucket | None, now: float, amount: int
) -> Refusal | None:
    if bucket is None or (wait := bucket.wait(now, amount)) == 0.0:
        return None
    # Rounded, not floored: with `Used` and `Requested` a client can work out what it lacks.
    used = round(bucket.limit - max(0.0, bucket.level(now)))
    return Refusal(dimension, int(bucket.limit), used, amount, wait)


def go_duration(seconds: float) -> str:
    """Write a duration as Go does, rounded up to milliseconds: `0s`, `120ms`, `7.66s`, `6m0s`, `1h0m0s`."""
    milliseconds = max(0, math.ceil(seconds * 1000 - _SLACK))
    if milliseconds == 0:
        return "0s"
    if milliseconds < 1000:
        return f"{milliseconds}ms"
    minutes, rest = divmod(milliseconds, 60_000)
    hours, minutes = divmod(minutes, 60)
    full_seconds, thousandths = divmod(rest, 1000)
    written = f"{full_seconds}.{thousandths:03}".rstrip("0").rstrip(".") + "s"
    if hours:
        return f"{hours}h{minutes}m{written}"
    return f"{minutes}m{written}" if minutes else written
