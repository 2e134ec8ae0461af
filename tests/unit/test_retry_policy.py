"""Sending again happens where it helps and does no harm, after a delay that is the server's or grows."""

from __future__ import annotations

import pytest

from openai_async import errors
from openai_async._policy import retry
from openai_async.errors import APIError

NEVER, REPEATABLE, ALWAYS = "never", "if repeatable", "always"

CASES: list[tuple[APIError, str]] = [
    # not sent: the server cannot have acted
    (errors.APIConnectionError("refused", phase="connect"), ALWAYS),
    (errors.APIConnectionError("broke", phase="send"), ALWAYS),
    (errors.ConnectTimeoutError("late", phase="connect"), ALWAYS),
    # rejected: the server said no before doing the work
    (errors.RateLimitError("429", status_code=429), ALWAYS),
    (errors.RequestTimeoutError("408", status_code=408), ALWAYS),
    (errors.ConflictError("409", status_code=409), ALWAYS),
    (errors.APIStatusError("425", status_code=425), ALWAYS),
    (errors.InternalServerError("503", status_code=503), ALWAYS),
    (errors.InternalServerError("529", status_code=529), ALWAYS),
    # ambiguous: the work may have been done
    (errors.InternalServerError("500", status_code=500), REPEATABLE),
    (errors.InternalServerError("502", status_code=502), REPEATABLE),
    (errors.InternalServerError("504", status_code=504), REPEATABLE),
    (errors.APIConnectionError("reset", phase="response"), REPEATABLE),
    (errors.APIConnectionError("cut", phase="body"), REPEATABLE),
    (errors.APITimeoutError("late", phase="response"), REPEATABLE),
    (errors.StreamInterrupted("cut"), REPEATABLE),
    (errors.DecodeError("html"), REPEATABLE),
    # it would end the same way
    (errors.QuotaExhaustedError("429", status_code=429), NEVER),
    (errors.RequestExceedsLimitError("429", status_code=429), NEVER),
    (errors.BadRequestError("400", status_code=400), NEVER),
    (errors.ContextLengthExceededError("400", status_code=400), NEVER),
    (errors.ContextLengthExceededError("500", status_code=500), NEVER),
    (errors.ContentFilterError("400", status_code=400), NEVER),
    (errors.AuthenticationError("401", status_code=401), NEVER),
    (errors.APIStatusError("402", status_code=402), NEVER),
    (errors.PermissionDeniedError("403", status_code=403), NEVER),
    (errors.NotFoundError("404", status_code=404), NEVER),
    (errors.RequestTooLargeError("413", status_code=413), NEVER),
    (errors.UnprocessableEntityError("422", status_code=422), NEVER),
    (errors.ResponseTooLargeError("big"), NEVER),
    (errors.UnexpectedRedirectError("301"), NEVER),
    (errors.InvalidResponseError("odd"), NEVER),
    (errors.APIError("?"), NEVER),
]
ids = [f"{type(error).__name__} {error.message}" for error, _ in CASES]


@pytest.mark.parametrize(("error", "when"), CASES, ids=ids)
def test_the_table(error: APIError, when: str) -> None:
    """What is known of a failure decides whether it is followed by another attempt."""
    assert retry.may_retry(error, repeatable=True) is (when != NEVER)
    assert retry.may_retry(error, repeatable=False) is (when == ALWAYS)


STATUS_CASES = [(error, when) for error, when in CASES if isinstance(error, errors.APIStatusError)]


@pytest.mark.parametrize("wanted", [True, False])
@pytest.mark.parametrize(
    ("error", "when"), STATUS_CASES, ids=[f"{type(e).__name__} {e.message}" for e, _ in STATUS_CASES]
)
def test_the_servers_own_word_wins(error: errors.APIStatusError, when: str, wanted: bool) -> None:
    """`x-should-retry` overrides the table, but for a drained account and for doing possible work twice."""
    cls = type(error)
    told = cls(error.message, status_code=error.status_code, should_retry=wanted)
    hopeless = cls in (errors.QuotaExhaustedError, errors.RequestExceedsLimitError)
    assert retry.may_retry(told, repeatable=True) is (wanted and not hopeless)
    assert retry.may_retry(told, repeatable=False) is (wanted and not hopeless and when != REPEATABLE)


# ---- delays


@pytest.mark.parametrize(
    ("number", "jitter", "seconds"),
    [
        (1, 0.0, 0.5),
        (2, 0.0, 1.0),
        (3, 0.0, 2.0),
        (4, 0.0, 4.0),
        (5, 0.0, 8.0),
        (6, 0.0, 8.0),
        (10_000, 0.0, 8.0),
        (1, 0.5, 0.4375),
        (1, 0.999999, 0.375),
        (9, 0.999999, 6.0),
    ],
)
def test_delays_double_up_to_a_cap(number: int, jitter: float, seconds: float) -> None:
    """Half a second, then twice as much each time, up to eight; jitter takes off up to a quarter."""
    assert retry.delay(number, None, jitter=jitter) == pytest.approx(seconds, abs=1e-5)


@pytest.mark.parametrize(
    ("stated", "jitter", "seconds"),
    [
        (0.0, 0.9, 0.0),
        (1.0, 0.0, 1.0),
        (1.0, 0.5, 1.05),
        (60.0, 0.5, 60.5),
        (120.0, 0.0, 120.0),
        (120.001, 0.0, None),
        (1e300, 0.0, None),
        (float("inf"), 0.0, None),
    ],
)
def test_the_servers_delay_is_a_minimum(stated: float, jitter: float, seconds: float | None) -> None:
    """A little is added, so that not all come back together; a delay over two minutes is not waited for."""
    for number in (1, 7):
        assert retry.delay(number, stated, jitter=jitter) == (seconds if seconds is None else pytest.approx(seconds))
