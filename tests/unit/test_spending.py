"""Bounds on what a run may spend: kept while calls are in flight, whatever each of them costs."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given, strategies as st

from openai_async import InvalidParameterError
from openai_async._policy.spending import Spending


def test_nothing_is_bounded_without_a_bound() -> None:
    """No bound, no stop, and room for any number of calls; the sums are kept all the same."""
    spending = Spending()
    spending.add(10**9, None)
    assert spending.stopped is None
    assert spending.has_room(10**6)
    assert (spending.tokens, spending.cost) == (10**9, None)


def test_calls_in_flight_count_as_the_mean() -> None:
    """What is in flight will cost something, too; before anything is known only a few are started."""
    spending = Spending(max_total_tokens=1_000)
    assert spending.has_room(7)
    assert not spending.has_room(8)
    spending.add(100, 0.0)
    assert spending.has_room(8)
    assert not spending.has_room(9)
    spending.add(300, 0.0)  # 200 on average
    assert spending.has_room(2)
    assert not spending.has_room(3)
    assert spending.stopped is None
    spending.add(600, 0.0)
    assert spending.stopped == "max_total_tokens"


def test_an_unknown_price_reaches_any_bound() -> None:
    """Dollars that nobody knows cannot be kept below a number of them."""
    spending = Spending(max_cost=1e9)
    spending.add(1, 0.1)
    assert spending.stopped is None
    spending.add(1, None)
    assert (spending.stopped, spending.cost) == ("max_cost", None)


def test_calls_without_an_answer_count_as_the_mean() -> None:
    """They may have been charged: as long as it is not known what an answer costs, they count as nothing."""
    spending = Spending(max_cost=10.0)
    spending.add(0, 0.0, answered=0, unanswered=5)
    assert spending.stopped is None
    spending.add(2, 2.0, answered=2)
    assert spending.stopped is None
    assert spending.has_room(2)
    assert not spending.has_room(3)
    spending.add(0, 0.0, answered=0, unanswered=3)
    assert spending.stopped == "max_cost"
    assert spending.cost == 2.0


@given(st.lists(st.integers(1, 100), min_size=1, max_size=200), st.integers(1, 2_000), st.integers(1, 50))
def test_a_run_ends_at_its_bound_and_always_gets_there(sizes: list[int], bound: int, window: int) -> None:
    """Whatever calls cost, one may always be started before the bound is reached, and none afterwards."""
    spending, in_flight, waiting = Spending(max_total_tokens=bound), list[int](), list(sizes)
    while waiting or in_flight:
        while waiting and len(in_flight) < window and spending.stopped is None and spending.has_room(len(in_flight)):
            in_flight.append(waiting.pop())
        if not in_flight:
            break
        spending.add(in_flight.pop(0), 0.0)
    assert not waiting or spending.tokens >= bound
    if len(set(sizes)) == 1 and bound > 8 * sizes[0]:  # nothing to be surprised by
        assert spending.tokens < bound + sizes[0]


@pytest.mark.parametrize("name", ["max_total_tokens", "max_cost"])
@pytest.mark.parametrize("bound", [0, -1, True, "1", float("nan")])
def test_a_bound_is_a_positive_number(name: str, bound: Any) -> None:
    """The error names the argument."""
    with pytest.raises(InvalidParameterError, match=name):
        Spending(**{name: bound})
