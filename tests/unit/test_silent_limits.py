"""Servers that refuse and do not say what their limit is: nothing is lost, and most of the limit is used."""

from __future__ import annotations

import pytest

from tests.unit.silent_limits import FAST, LIMITS, SLOW, UNSTEADY, Times, run

TIMES = {"fast": FAST, "slow": SLOW, "unsteady": UNSTEADY}


@pytest.mark.slow
@pytest.mark.parametrize("times", TIMES)
@pytest.mark.parametrize("limit", LIMITS)
def test_no_call_is_lost_with_two_retries(limit: str, times: str) -> None:
    """60 calls at once, several times, and 400: each is answered after at most three requests, most after fewer."""
    make, _ = LIMITS[limit]
    for seed in range(5):
        assert run(make(), 60, TIMES[times], seed=seed).lost == 0
    outcome = run(make(), 400, TIMES[times])
    assert outcome.lost == 0
    assert outcome.sent <= 2.1 * 400


@pytest.mark.slow
@pytest.mark.parametrize("limit", [name for name, (_, rate) in LIMITS.items() if rate == 20 and name != "no burst"])
def test_most_of_the_limit_is_used(limit: str) -> None:
    """A minute's worth of calls, more than may be in flight: none is lost, at 70 % of the limit or more."""
    make, rate = LIMITS[limit]
    outcome = run(make(), 1_200, FAST)
    assert outcome.lost == 0
    assert 1_200 / outcome.seconds >= 0.7 * rate


def test_a_limit_without_any_burst_is_found_too() -> None:
    """Every request must keep its distance from the last one: more than half of the limit is used, and none is lost."""
    make, rate = LIMITS["no burst"]
    outcome = run(make(), 1_200, FAST)
    assert outcome.lost == 0
    assert 1_200 / outcome.seconds >= 0.5 * rate


@pytest.mark.slow
@pytest.mark.parametrize("limit", ["bucket", "window of a second", "sliding window", "leaky bucket"])
def test_clients_that_share_a_limit_lose_next_to_nothing(limit: str) -> None:
    """Two that know nothing of each other: at most one call in 500 is lost, and half of the limit is used."""
    make, rate = LIMITS[limit]
    outcome = run(make(), 1_000, FAST, clients=2)
    assert outcome.lost <= 2
    assert 1_000 / outcome.seconds >= 0.5 * rate


def test_a_single_call_makes_three_requests_and_waits_longer_each_time() -> None:
    """A server that refuses everything: half a second, then a second, less a quarter of jitter at most."""

    class Shut:
        asked: list[float] = []  # noqa: RUF012

        def ask(self, now: float) -> tuple[bool, float | None]:
            self.asked.append(now)
            return False, None

        def done(self) -> None:
            raise AssertionError

    server = Shut()
    outcome = run(server, 1, Times((0.0, 0.0), (0.0, 0.0)))
    first, second, third = server.asked
    assert (outcome.lost, outcome.sent) == (1, 3)
    # The last attempt keeps an additional distance: nobody else can find out whether the server accepts again.
    assert 0.37 < second - first <= 0.51
    assert 0.75 <= third - second <= 2.1
