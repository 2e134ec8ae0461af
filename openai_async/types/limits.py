"""Configured rate limits."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Literal, TypeAlias

import attrs

from openai_async.errors import ConfigurationError
from openai_async.types._plain import Record

#: How a server counts tokens against its limit:
#:
#: - admission: the estimate, when the request is admitted, for good (OpenAI);
#: - settle: the estimate at first, what was used at the end (Azure OpenAI, Bedrock);
#: - realtime: the prompt at first, the output as it comes (Anthropic, Groq).
Accounting: TypeAlias = Literal["admission", "settle", "realtime"]

_SECONDS = {"second": 1.0, "minute": 60.0, "day": 86_400.0}


@attrs.frozen(kw_only=True)
class RateLimit(Record):
    """The rate limits of an account, per second, minute or day. Several may be set; all of them apply.

    A limit refills continuously. A burst is at most one period's worth, whatever a server reports. Some servers enforce
    a limit per minute as one per second: set it per second then, or with the `burst` that they allow.

    Configured limits forbid: a request larger than a limit is refused at once. So is a call whose turn comes after its
    deadline. Limits reported by a server only delay, by at most a minute after the last request.

    Attributes:
        burst: the size of a burst, in seconds' worth; default: one period.
        share: this process's fraction of every limit, such as 1/4 in each of four processes with one key. The shares of
            all processes must add up to at most 1. The unused share of one process is not available to the others.
        accounting: how the server counts tokens: "settle" (by usage) or "admission" (by estimate). None for "settle" on
            Azure, else "admission".
    """

    requests_per_second: float | None = None
    requests_per_minute: float | None = None
    requests_per_day: float | None = None
    tokens_per_second: float | None = None
    tokens_per_minute: float | None = None
    tokens_per_day: float | None = None
    burst: float | None = None
    share: float = 1.0
    accounting: Accounting | None = None

    def __attrs_post_init__(self) -> None:
        for kind in ("requests", "tokens"):
            for period in _SECONDS:
                name = f"{kind}_per_{period}"
                value: object = getattr(self, name)
                if value is not None and not _is_positive(value):
                    raise ConfigurationError(f"rate_limit.{name}", "must be a positive number, or None")
        if self.burst is not None and not _is_positive(self.burst):
            raise ConfigurationError("rate_limit.burst", "must be a positive number of seconds, or None")
        if not _is_positive(self.share) or self.share > 1:
            raise ConfigurationError("rate_limit.share", "must be more than 0 and at most 1")
        if self.accounting not in (None, "admission", "settle", "realtime"):
            raise ConfigurationError("rate_limit.accounting", "must be 'admission', 'settle', 'realtime' or None")

    def periods(self) -> Iterator[tuple[Literal["requests", "tokens"], float, float, float]]:
        """The tuples (kind, rate per second, capacity, largest request) of all configured limits.

        Rate and capacity are this process's share. A single request may use the account's complete limit: it waits
        until the share is full, and later requests wait until the debt is refilled.
        """
        kinds: tuple[Literal["requests", "tokens"], ...] = ("requests", "tokens")
        for kind in kinds:
            for period, seconds in _SECONDS.items():
                limit: float | None = getattr(self, f"{kind}_per_{period}")
                if limit is not None:
                    ours = limit * self.share
                    at_once = ours if self.burst is None else ours * min(1.0, self.burst / seconds)
                    # Less than one request's worth could never be spent.
                    yield kind, ours / seconds, max(1.0, at_once), max(1.0, limit)


def _is_positive(value: object) -> bool:
    return isinstance(value, (int, float)) and not isinstance(value, bool) and 0 < value < float("inf")


#: What a client is given: one for all models, one per model, "auto" to learn from headers, None for none.
StatedLimits: TypeAlias = RateLimit | Mapping[str, RateLimit] | Literal["auto"] | None
