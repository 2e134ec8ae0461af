"""The limiter against a simulated server: it uses all of the quota, and draws next to no 429s."""

from __future__ import annotations

import pytest

from benchmarks.limiter_simulation import CELLS, SHORT_WINDOWS, Cell, jobs_of, ours, ours_in_processes, run


@pytest.mark.slow
@pytest.mark.parametrize("cell", [*CELLS, *SHORT_WINDOWS], ids=lambda cell: cell.name)
def test_all_of_the_quota_and_no_429s(cell: Cell) -> None:
    """Within 5 % of the least time (15 % for buckets of a second) at under 0.6 % refusals, and nothing given up."""
    outcome = run(cell, ours, seed=7, count=2_000)
    assert outcome.over_bound <= (1.15 if cell.window < 10 else 1.05)
    assert outcome.refused_per_request <= 0.006
    assert outcome.failed == 0


@pytest.mark.slow
@pytest.mark.parametrize("processes", [2, 8])
def test_processes_that_are_told_their_shares_use_all_of_it(processes: int) -> None:
    """What the others send from their parts is no reason to send less from ours."""
    outcome = run(CELLS[6], ours_in_processes(processes, shared=True), seed=7, count=2_000)
    assert outcome.over_bound <= 1.03
    assert outcome.refused_per_request <= 0.006


def test_the_least_time_at_a_server_that_settles_lies_between_what_is_used_and_what_is_reserved() -> None:
    """The bound that the figures are ratios to: none can beat what is used, all can beat that nothing came back."""
    (cell,) = (cell for cell in CELLS if cell.settles)
    jobs = jobs_of(cell, seed=7)
    used, reserved = sum(job.used for job in jobs), sum(job.cost for job in jobs)
    per_second = cell.tokens_per_minute / 60
    assert used / per_second - 60 < cell.bound(jobs) < reserved / per_second - 60
