"""The limiter against a simulated server: it uses all of the quota, and draws next to no 429s."""

from __future__ import annotations

import pytest

from benchmarks.limiter_simulation import CELLS, SHORT_WINDOWS, Cell, ours, run


@pytest.mark.parametrize("cell", [*CELLS, *SHORT_WINDOWS], ids=lambda cell: cell.name)
def test_all_of_the_quota_and_no_429s(cell: Cell) -> None:
    """Within 5 % of the least time (15 % for buckets of a second) at under 0.6 % refusals, and nothing given up."""
    outcome = run(cell, ours, seed=7, count=2_000)
    assert outcome.over_bound <= (1.15 if cell.window < 10 else 1.05)
    assert outcome.refused_per_request <= 0.006
    assert outcome.failed == 0
