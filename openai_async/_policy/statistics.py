"""A snapshot of one client: what `client.statistics()` returns. Values only."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, Literal

import attrs

from openai_async._policy.totals import CostTotals
from openai_async.types._plain import Record


@attrs.frozen(kw_only=True)
class LimitStatistics(Record):
    """One rate limit of one key.

    Attributes:
        key: the index of the key, in the list that was given.
        kind: what is counted.
        per_second: the rate at which the limit refills.
        capacity: the most that can be sent at once.
        level: what can be sent now, as estimated from what was sent and what the server said. It may be negative.
        is_learned: whether the limit is known from the server alone. Then it delays calls and refuses none.
    """

    key: int
    kind: Literal["requests", "tokens"]
    per_second: float
    capacity: float
    level: float
    is_learned: bool


@attrs.frozen(kw_only=True)
class ScopeStatistics(Record):
    """One rate-limit scope: an endpoint with a model, such as "/chat/completions gpt-5".

    Attributes:
        waiting: calls that wait for their turn. Calls that wait for the end of an outage are included.
        limits: the limits that are known.
        retry_after: seconds for which nothing is sent after a refusal.
        is_out: whether the server fails every call; calls wait until it answers again.
        failures_left: failures that are still tolerated before calls wait. None if nothing failed lately.
    """

    waiting: int = 0
    limits: tuple[LimitStatistics, ...] = ()
    retry_after: float = 0.0
    is_out: bool = False
    failures_left: float | None = None


@attrs.frozen(kw_only=True)
class ClientStatistics(Record):
    """A snapshot of one client. It does not change afterwards.

    Calls that pause between two attempts are neither waiting nor in flight.

    Attributes:
        in_flight: attempts and open streams.
        waiting_for: how many calls wait, by what for: "requests", "tokens", "retry-after", "slot", "limits" to be
            learned, or the end of an "outage".
        open_connections: connections of all event loops, as far as they are known: an `http_client` or `transport` of
            yours knows its own.
        idle_connections: those of them that no call uses.
        keys_set_aside: indices of keys that are not used, because their account is drained.
        scopes: limits and outages by rate-limit scope. Scopes that were not used for long are left out.
        costs: calls, tokens and US dollars so far.
    """

    in_flight: int
    waiting_for: Mapping[str, int]
    open_connections: int
    idle_connections: int
    keys_set_aside: tuple[int, ...]
    scopes: Mapping[str, ScopeStatistics]
    costs: CostTotals

    @property
    def waiting(self) -> int:
        """Calls that wait, whatever for."""
        return sum(self.waiting_for.values())

    def _items(self) -> Iterator[tuple[str, Any]]:
        yield "in_flight", self.in_flight
        yield "waiting", self.waiting
        yield from (pair for pair in super()._items() if pair[0] != "in_flight")
