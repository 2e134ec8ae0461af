"""The totals of many calls: counts, tokens, latencies. Arithmetic only: it reads no clock and draws nothing."""

from __future__ import annotations

import math
from collections import Counter

import attrs

from openai_async import Result
from openai_async.types.chat import ChatCompletion


@attrs.define
class Tally:
    """The totals so far of a run of `planned` calls, at most `most_in_flight` of them at a time.

    `seconds` is the duration of the run so far. The caller keeps it and `started` up to date.
    """

    planned: int
    most_in_flight: int
    #: Requests per second that are allowed; None for no limit.
    limit: int | None = None
    started: int = 0
    #: Attempts that were refused with a 429.
    refused: int = 0
    seconds: float = 0.0
    prompt_tokens: int = 0
    completion_tokens: int = 0
    #: US dollars; None if the price of an answer is not known.
    cost: float | None = 0.0
    #: Failures by the name of their error.
    errors: Counter[str] = attrs.field(factory=Counter[str])
    _latencies: list[float] = attrs.field(factory=list[float])

    def add(self, result: Result[ChatCompletion]) -> None:
        """Count a finished call."""
        self.refused += sum(attempt.status == 429 for attempt in result.attempts)
        if result.value is None:
            self.errors[type(result.error).__name__] += 1
            return
        # A call takes as long as its attempts and the pauses between them; waiting for its turn is not its latency.
        self._latencies.append(sum(attempt.seconds + (attempt.retry_delay or 0.0) for attempt in result.attempts))
        cost = result.value.meta.cost
        self.cost = None if cost is None or self.cost is None else self.cost + cost
        if (usage := result.value.usage) is not None:
            self.prompt_tokens += usage.prompt_tokens
            self.completion_tokens += usage.completion_tokens

    @property
    def least_seconds(self) -> float | None:
        """The least time that the limit allows: one second's calls go at once, and the last call takes its time."""
        if self.limit is None or not self._latencies:
            return None
        return max(0.0, (self.planned - self.limit) / self.limit) + min(self._latencies)

    @property
    def failed(self) -> int:
        return self.errors.total()

    @property
    def done(self) -> int:
        """The calls that have ended, with success or not."""
        return len(self._latencies) + self.failed

    @property
    def in_flight(self) -> int:
        # Bounded, because a call may have ended without having been counted yet.
        return min(self.started - self.done, self.most_in_flight)

    @property
    def calls_per_second(self) -> float:
        return self.done / self.seconds if self.seconds > 0 else 0.0

    def latency(self, share: float) -> float | None:
        """Get the seconds within which this share (above 0, up to 1) of the successful calls was answered. None without
        any.

        It is the nearest rank: a latency that was measured. It sorts, so call it at the end of a run.
        """
        ordered = sorted(self._latencies)
        return ordered[math.ceil(share * len(ordered)) - 1] if ordered else None
