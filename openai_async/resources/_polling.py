"""Polling: wait for a job on the server until its state is final."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Final, TypeVar

import anyio

from openai_async import _concurrency
from openai_async.errors import WaitTimeoutError
from openai_async.types._base import Reply
from openai_async.types.settings import check_seconds

R = TypeVar("R", bound=Reply)

#: Seconds between two questions: the first ones, how they grow, and the most.
_SOON: Final = 0.5
_GROWTH: Final = 1.5
_SELDOM: Final = 30.0
#: Header in which the API states the interval that suits it, in milliseconds.
_INTERVAL_HEADER: Final = "openai-poll-after-ms"


async def until(
    fetch: Callable[[], Awaitable[R]],
    ended: Callable[[R], bool],
    *,
    what: str,
    max_wait: float | None = None,
    poll_interval: float | None = None,
    on_poll: Callable[[R], None] | None = None,
) -> R:
    """Poll until the job has ended; returns its final state.

    Args:
        fetch: requests the state.
        ended: whether a state is final.
        what: the job, for the message of an error.
        max_wait: most seconds to wait in total; None for no bound. The last poll is made at the end of them.
        poll_interval: seconds between two polls. None follows the server's advice. Without advice, the interval grows
            from 0.5 to 30 seconds.
        on_poll: called with each state, including the final one. An exception from it ends the wait.

    Raises:
        WaitTimeoutError: it did not end in time. It continues on the server.
        APIError: see `openai_async.errors`. A failed poll is retried like any call.

    Cancelling ends the wait, not the job.
    """
    check_waiting(max_wait, poll_interval)
    over = float("inf") if max_wait is None else _concurrency.now() + max_wait
    interval = _SOON
    while True:
        state = await fetch()
        if on_poll is not None:
            on_poll(state)
        if ended(state):
            return state
        left = over - _concurrency.now()
        if left <= 0:
            raise WaitTimeoutError(f"{what} has not ended within {max_wait} s", last=state)
        await anyio.sleep(min(left, poll_interval or _advised_interval(state) or interval))
        interval = min(_SELDOM, interval * _GROWTH)


def check_waiting(max_wait: float | None, poll_interval: float | None) -> None:
    """Refuse invalid bounds before the job is started.

    Raises:
        InvalidParameterError: names the argument.
    """
    check_seconds("max_wait", max_wait)
    check_seconds("poll_interval", poll_interval)


def _advised_interval(state: Reply) -> float | None:
    try:
        seconds = float(state.meta.headers.get(_INTERVAL_HEADER, "")) / 1_000
    except ValueError:
        return None
    return seconds if 0 < seconds <= 600 else None
