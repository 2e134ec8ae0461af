"""An outage is not answered by a storm of our own."""

from __future__ import annotations

import pytest

from openai_async._policy.retry_budget import RetryBudget


def requests_in_outage(calls: int, retries: int, budget: RetryBudget) -> int:
    """Requests that calls send if all of them fail and each wants so many retries."""
    sent = 0
    for _ in range(calls):
        budget.deposit()
        sent += 1
        for _ in range(retries):
            if not budget.withdraw():
                break
            sent += 1
    return sent


@pytest.mark.parametrize("calls", [0, 1, 10, 100, 1_000, 10_000])
@pytest.mark.parametrize("retries", [1, 2, 10])
def test_an_outage_costs_a_tenth_more_and_fifty(calls: int, retries: int) -> None:
    """N calls send at most 1.1 N + 50 requests, however many retries each may make."""
    sent = requests_in_outage(calls, retries, RetryBudget())
    assert sent <= calls * 1.1 + 50
    assert sent >= min(calls * (1 + retries), int(calls * 1.1 + 49))  # and it is used, not only kept


def test_a_few_failures_are_always_retried() -> None:
    """The reserve is there from the first call on: fifty retries need no calls before them."""
    budget = RetryBudget()
    assert [budget.withdraw() for _ in range(51)] == [True] * 50 + [False]


def test_good_times_fill_the_reserve_again_and_no_further() -> None:
    """After an outage, ten calls earn one retry; a million good calls earn no more than the reserve."""
    budget = RetryBudget()
    while budget.withdraw():
        pass
    for _ in range(9):
        budget.deposit()
    assert not budget.withdraw()
    for _ in range(2):
        budget.deposit()
    assert budget.withdraw()
    for _ in range(1_000_000):
        budget.deposit()
    assert budget.balance == 50.0


def test_a_refused_retry_costs_nothing() -> None:
    """Asking in vain does not push the balance below zero."""
    budget = RetryBudget(ratio=0.5, reserve=1.0)
    assert budget.withdraw()
    for _ in range(10):
        assert not budget.withdraw()
    assert budget.balance == 0.0
    budget.deposit()
    budget.deposit()
    assert budget.withdraw()
