"""Rate limits as a user states them."""

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
    """The limits of an account, per second, minute or day. Several may be stated; all of them hold.

    A limit refills continuously; what may be sent at once is one period's worth, and no more, whatever a server says.
    Some accounts are held to a limit per second although it is stated per minute: state it per second then, or with the
    `burst` that they allow.

    What is stated forbids: a request larger than a limit is refused at once, and so is a call whose turn a limit puts
    after its deadline. What a server says of its limits only delays, by a minute after the last request at most.

    Attributes:
        burst: seconds' worth that may be sent at once, where that is less than a period's.
        share: the part of every limit that is this process's, such as 1/4 in each of four processes on one key. Their
            shares add up to at most 1; then none is refused for what the others send. What one leaves unused is
            not given to the others.
        accounting: how the server counts tokens; None for what is known of it: "settle" for Azure, else "admission".
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
        """(kind, rate per second, capacity, most of a single request) of each stated limit.

        Rate and capacity are shared out. A single request may cost what the account allows: it waits for its part to
        be full, and what follows waits for as long as the account takes.
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
