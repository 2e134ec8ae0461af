"""`client.statistics()`: a snapshot, read from the rooms that keep the numbers."""

from __future__ import annotations

import copy
from collections import Counter
from typing import TYPE_CHECKING

import attrs

if TYPE_CHECKING:
    from openai_async._pipeline.pipeline import Pipeline
    from openai_async._policy.statistics import ClientStatistics, ScopeStatistics


class WithStatistics:
    """What a client tells of itself."""

    _pipeline: Pipeline

    def statistics(self) -> ClientStatistics:
        """Take a snapshot of calls, connections, limits, outages and costs, such as for a health endpoint.

        It sends nothing and waits for nothing. It takes time and memory for the scopes, keys, event loops and models
        in use, whatever the number of calls.
        """
        return collect(self._pipeline)


def collect(pipeline: Pipeline) -> ClientStatistics:
    """The snapshot. O(scopes * keys + event loops + models): nothing is counted by looking at single calls."""
    from openai_async._policy.statistics import ClientStatistics
    from openai_async._policy.totals import CostTotals

    pipelines = [pipeline] if pipeline.admin is pipeline else [pipeline, pipeline.admin]
    waiting_for: Counter[str] = Counter()
    scopes: dict[str, ScopeStatistics] = {}
    in_flight = 0
    for each in pipelines:
        limits = each.limiter.statistics()
        in_flight += limits.in_flight
        waiting_for.update(limits.waiting_for)
        scopes |= _with_outages(each, limits.scopes, waiting_for)
    totals = pipeline.billing.totals.models
    return ClientStatistics(
        in_flight=in_flight,
        waiting_for=dict(waiting_for),
        open_connections=pipeline.transport.open_connections,
        idle_connections=pipeline.transport.idle_connections,
        keys_set_aside=tuple(sorted(pipeline.limiter.drained)),
        scopes=scopes,
        costs=CostTotals({model: copy.copy(totals[model]) for model in tuple(totals)}),
    )


def _with_outages(
    pipeline: Pipeline, scopes: dict[str, ScopeStatistics], waiting_for: Counter[str]
) -> dict[str, ScopeStatistics]:
    """Add what is known of outages to scopes, and who waits for their end to `waiting_for`."""
    from openai_async._policy.statistics import ScopeStatistics

    for name, state in tuple(pipeline.outages.scopes.items()):
        known = scopes.get(name) or ScopeStatistics()
        waiting = len(state.waiters)
        if waiting:
            waiting_for["outage"] += waiting
        scopes[name] = attrs.evolve(
            known,
            waiting=known.waiting + waiting,
            is_out=state.outage.is_open,
            failures_left=state.outage.failures_left,
        )
    return scopes
