"""What a limiter knows of its scopes, for `client.statistics()`. Loaded when it is asked for."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from typing import NamedTuple

import attrs

from openai_async._limits.backend import LimitPool
from openai_async._limits.levels import Reason
from openai_async._limits.waiting import ScopeQueue
from openai_async._policy.statistics import LimitStatistics, ScopeStatistics


class LimiterStatistics(NamedTuple):
    """One limiter at one moment."""

    in_flight: int
    waiting_for: Counter[Reason]
    scopes: dict[str, ScopeStatistics]


def read(
    in_flight: int, queues: Mapping[str, ScopeQueue], pools: Iterable[tuple[str, Mapping[int, LimitPool]]], now: float
) -> LimiterStatistics:
    """Read queues and pools, both by scope. In a section of the limiter; O(scopes * keys)."""
    waiting_for: Counter[Reason] = Counter()
    scopes = {scope: _scope(by_key, now) for scope, by_key in pools}
    for scope, queue in queues.items():
        waiting_for[queue.reason] += len(queue)
        scopes[scope] = attrs.evolve(scopes.get(scope) or ScopeStatistics(), waiting=len(queue))
    return LimiterStatistics(in_flight, waiting_for, scopes)


def _scope(pools: Mapping[int, LimitPool], now: float) -> ScopeStatistics:
    limits: list[LimitStatistics] = []
    for key, pool in pools.items():
        pool.at_rest(now)  # refills the levels
        limits += [
            LimitStatistics(
                key=key,
                kind=level.kind,
                per_second=level.rate,
                capacity=level.capacity,
                level=level.level,
                is_learned=level.is_learned,
            )
            for level in pool.levels
        ]
    return ScopeStatistics(limits=tuple(limits), retry_after=min((p.held(now) for p in pools.values()), default=0.0))
