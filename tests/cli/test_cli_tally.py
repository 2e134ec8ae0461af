"""The arithmetic behind the demo's table."""

from __future__ import annotations

import pytest

from openai_async import APIError, Attempt, RateLimitError, Result
from openai_async.cli.tally import Tally
from openai_async.types.chat import ChatCompletion, CompletionUsage
from openai_async.types.meta import Meta


def answered(*seconds: float, usage: CompletionUsage | None = None) -> Result[ChatCompletion]:
    """A call that was answered by the last of its attempts, half a second after each of the others."""
    attempts = [Attempt(number, "rejected", 429, "RateLimitError", each, 0.5) for number, each in enumerate(seconds, 1)]
    attempts[-1] = Attempt(len(seconds), "completed", 200, None, seconds[-1])
    return Result(0, value=ChatCompletion("id", [], usage=usage, meta=Meta(attempts=tuple(attempts))))


def test_calls_are_counted() -> None:
    """A call is in flight from its start to its end, and ends well or by the name of its error."""
    tally = Tally(10, most_in_flight=3)
    tally.started = 6
    assert (tally.done, tally.failed, tally.in_flight) == (0, 0, 3)
    usage = CompletionUsage(3, 4, 7)
    outcomes = [answered(1.0, usage=usage), answered(1.0)]
    outcomes += [Result(0, error=RateLimitError("429", status_code=429)), Result(0, error=APIError("?"))]
    for outcome in (*outcomes, outcomes[2]):
        tally.add(outcome)
    assert (tally.done, tally.failed, tally.in_flight) == (5, 3, 1)
    assert tally.errors == {"RateLimitError": 2, "APIError": 1}
    assert (tally.prompt_tokens, tally.completion_tokens) == (3, 4)


def test_the_rate_needs_time() -> None:
    """Calls per second are those that ended over the time of the run; before any time there is no rate."""
    tally = Tally(4, most_in_flight=4)
    for _ in range(4):
        tally.add(answered(0.1))
    assert tally.calls_per_second == 0
    tally.seconds = 0.5
    assert tally.calls_per_second == 8


def test_latency_is_what_the_caller_waited_for() -> None:
    """A call's latency holds its attempts and the pauses between them."""
    tally = Tally(1, most_in_flight=1)
    tally.add(answered(0.25, 0.25, 1.0))
    assert tally.latency(0.5) == pytest.approx(2.5)


@pytest.mark.parametrize(("share", "seconds"), [(0.01, 1), (0.50, 50), (0.501, 51), (0.99, 99), (1.0, 100)])
def test_percentiles_are_the_nearest_rank(share: float, seconds: float) -> None:
    """A percentile is a latency that occurred: the smallest that covers the share."""
    tally = Tally(100, most_in_flight=1)
    for each in range(100, 0, -1):
        tally.add(answered(float(each)))
    assert tally.latency(share) == seconds


def test_no_call_has_no_latency() -> None:
    """Without an answered call there is no percentile."""
    assert Tally(1, most_in_flight=1).latency(0.5) is None
