"""The retry table is total and monotone; delays and budgets keep their bounds."""

from __future__ import annotations

import inspect
from typing import Any

from hypothesis import given, strategies as st

from openai_async import errors
from openai_async._policy import retry
from openai_async._policy.retry_budget import RetryBudget
from openai_async.errors import APIError

CLASSES = [cls for cls in vars(errors).values() if inspect.isclass(cls) and issubclass(cls, APIError)]
PHASES = ("connect", "send", "response", "body")  # from early to late


@st.composite
def failures(draw: st.DrawFn) -> APIError:
    """An error of any class, with any fields."""
    cls = draw(st.sampled_from(CLASSES))
    fields: dict[str, Any] = {
        "should_retry": draw(st.sampled_from([None, True, False])),
        "retry_after": draw(st.none() | st.floats(0, 1e9)),
    }
    if issubclass(cls, errors.APIConnectionError):
        fields["phase"] = draw(st.sampled_from(PHASES))
    if issubclass(cls, errors.APIStatusError):
        fields["status_code"] = draw(st.integers(400, 599))
    return cls("it failed", **fields)


@given(error=failures())
def test_every_failure_has_an_answer(error: APIError) -> None:
    """Yes or no for every error; a call that may be repeated is retried at least where any other is."""
    careless, careful = (retry.may_retry(error, repeatable=repeatable) for repeatable in (True, False))
    assert {careless, careful} <= {True, False}
    assert careless or not careful


@given(error=failures())
def test_work_that_may_have_been_done_is_not_done_twice(error: APIError) -> None:
    """Without leave to repeat, nothing ambiguous and nothing hopeless is sent again."""
    if error.outcome == "ambiguous":
        assert not retry.may_retry(error, repeatable=False)
    if isinstance(error, (errors.QuotaExhaustedError, errors.RequestExceedsLimitError)):
        assert not retry.may_retry(error, repeatable=True)


@given(
    cls=st.sampled_from([cls for cls in CLASSES if issubclass(cls, errors.APIConnectionError)]),
    repeatable=st.booleans(),
)
def test_the_further_a_call_came_the_less_it_is_retried(cls: type[errors.APIConnectionError], repeatable: bool) -> None:
    """From refused to cut off midway, the answer changes from yes to no at most once."""
    answers = [retry.may_retry(cls("it failed", phase=phase), repeatable=repeatable) for phase in PHASES]
    assert answers == sorted(answers, reverse=True)


jitters = st.floats(0, 1, exclude_max=True)


@given(number=st.integers(1, 10**9), jitter=jitters)
def test_own_delays_are_bounded(number: int, jitter: float) -> None:
    """Never more than the cap, never less than three quarters of the full delay, never shorter for a later retry."""
    wait = retry.delay(number, None, jitter=jitter)
    later = retry.delay(number + 1, None, jitter=jitter)
    full = retry.delay(number, None, jitter=0.0)
    assert wait is not None
    assert later is not None
    assert full is not None
    assert 0.75 * retry.BACKOFF_BASE <= 0.75 * full <= wait <= full <= retry.BACKOFF_CAP
    assert wait <= later


@given(number=st.integers(1, 100), stated=st.floats(0, allow_nan=False), jitter=jitters)
def test_a_servers_delay_is_kept(number: int, stated: float, jitter: float) -> None:
    """Never earlier than it asks, at most a second later, and not at all beyond two minutes."""
    wait = retry.delay(number, stated, jitter=jitter)
    assert (wait is None) == (stated > retry.MAX_RETRY_AFTER)
    if wait is not None:
        assert stated <= wait <= min(stated + 1.0, stated * 1.1 + 1e-9)


@given(
    steps=st.lists(st.booleans(), max_size=400),
    ratio=st.floats(0, 1),
    reserve=st.floats(0, 100),
)
def test_the_budget_is_never_overdrawn(steps: list[bool], ratio: float, reserve: float) -> None:
    """Calls and retries in any order: never below zero, never over the reserve, never more retries than were earned."""
    budget = RetryBudget(ratio=ratio, reserve=reserve)
    calls = retries = 0
    for is_call in steps:
        if is_call:
            calls += 1
            budget.deposit()
        else:
            retries += budget.withdraw()
        assert 0 <= budget.balance <= reserve
    assert retries <= calls * ratio + reserve + 1e-6
