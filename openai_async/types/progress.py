"""How far a long piece of work has come."""

from __future__ import annotations

from collections.abc import Mapping

import attrs

from openai_async.types._base import EMPTY


@attrs.frozen
class Progress:
    """A map, or a batch, at one moment.

    Attributes:
        total: how many calls there are in all; None if the source does not say.
        done, failed: calls that have ended, and how many of those with an error.
        in_flight: calls that were started and have not ended, those that wait for their turn included.
        tokens: as counted by the server so far.
        cost: US dollars so far; None if the price of a model is not known.
        seconds: since the start.
        waiting_for: how many calls of the whole client wait, by what for.
        limit_requests_per_minute, limit_tokens_per_minute: the rate limits, where they are known.
        least_seconds: the least time that they allow for all calls, at the mean size so far.
    """

    total: int | None
    done: int
    failed: int
    in_flight: int
    tokens: int
    cost: float | None
    seconds: float
    waiting_for: Mapping[str, int] = EMPTY
    limit_requests_per_minute: float | None = None
    limit_tokens_per_minute: float | None = None
    least_seconds: float | None = None

    @property
    def calls_per_minute(self) -> float:
        """Calls that ended, per minute since the start; 0 before any time has passed."""
        return 60.0 * self.done / self.seconds if self.seconds > 0 else 0.0

    @property
    def tokens_per_minute(self) -> float:
        """Tokens that were used, per minute since the start; 0 before any time has passed."""
        return 60.0 * self.tokens / self.seconds if self.seconds > 0 else 0.0

    @property
    def seconds_left(self) -> float | None:
        """At the pace so far; None while there is none, or no total."""
        if self.total is None or not self.done:
            return None
        return self.seconds * max(0, self.total - self.done) / self.done
