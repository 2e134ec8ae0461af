"""The first station: one call, as many attempts as help. What may be sent again is decided in `_policy.retry`.

Every attempt is recorded, on the reply as on the error. A wait that would end after the deadline is not begun.
"""

from __future__ import annotations

import logging
import random

import anyio

from openai_async import _runtime
from openai_async._beside import beside
from openai_async._layers.call import Answer, Call, Handler
from openai_async._policy import retry as policy
from openai_async._policy.budget import RetryBudget
from openai_async.errors import APIError, DeadlineExceededError, RateLimitError, frameless
from openai_async.types.attempt import Attempt

log = logging.getLogger("openai_async")


def _record(call: Call, answer: Answer) -> None:
    seconds = _runtime.now() - call.began
    call.attempts.append(Attempt(len(call.attempts) + 1, "completed", answer.meta.status, None, seconds))
    answer.meta.attempts = tuple(call.attempts)


class Retry:
    def __init__(self, budget: RetryBudget, next_: Handler) -> None:
        self._budget = budget
        self._next = next_

    async def __call__(self, call: Call) -> Answer:
        self._budget.deposit()
        while True:
            call.began = _runtime.now()  # until the permit is there, which counts anew
            try:
                answer = await self._next(call)
            except APIError as error:
                wait = self._after(call, error, _runtime.now() - call.began)
                if wait is None:
                    error.attempts = tuple(call.attempts)
                    raise frameless(error)  # noqa: B904 (itself, without the way it came)
            else:
                beside("the record of attempts", _record, call, answer)
                return answer
            if wait:
                await anyio.sleep(wait)

    def _after(self, call: Call, error: APIError, seconds: float) -> float | None:
        """Record a failed attempt; seconds to wait before the next, or None to give up."""
        number = len(call.attempts) + 1
        wait = self._wait_before_retry(call, error)
        status = getattr(error, "status_code", None)
        name = type(error).__name__
        call.attempts.append(Attempt(number, error.outcome, status, name, seconds, wait))
        if wait is not None:
            path = call.path.partition("?")[0]  # a query may hold a key
            log.info("%s %s: %s, retry %d in %.2f s", call.method, path, name, number, wait)
        return wait

    def _wait_before_retry(self, call: Call, error: APIError) -> float | None:
        if isinstance(error, DeadlineExceededError) or not policy.may_retry(error, repeatable=call.repeatable):
            return None
        refusals = sum(attempt.error == RateLimitError.__name__ for attempt in call.attempts)
        if isinstance(error, RateLimitError) and call.paced and call.max_retries:
            # The limiter now holds back everybody: there is nothing to wait for here, and no storm to fear.
            long = error.retry_after is not None and error.retry_after > policy.MAX_RETRY_AFTER
            return None if long or refusals >= policy.MAX_REFUSALS else 0.0
        number = len(call.attempts) - refusals + 1
        if number > call.max_retries:
            return None
        wait = policy.delay(number, error.retry_after, jitter=random.random())  # noqa: S311
        if wait is None or (call.deadline is not None and _runtime.now() + wait >= call.deadline):
            return None
        return wait if self._budget.withdraw() else None
