"""The first station: one call, as many attempts as help. What may be sent again is decided in `_policy.retry`.

Every attempt is recorded, on the reply as on the error. A wait that would end after the deadline is not begun. A call
that is held back, by the limiter or in an outage, makes no attempt meanwhile.
"""

from __future__ import annotations

import logging
import random
from collections.abc import Callable
from typing import TypeAlias

import anyio
import attrs

from openai_async import _concurrency
from openai_async._limits.accounting import log_failure, try_accounting
from openai_async._pipeline.outages import Outages, StillOutError
from openai_async._pipeline.request import Answer, Handler, Request
from openai_async._policy import retry as policy
from openai_async.errors import APIError, frameless
from openai_async.types.attempt import Attempt, RetriesEnded

log = logging.getLogger("openai_async")


#: What an attempt may have been billed for that was sent and has no answer: tokens and US dollars, as estimated; None
#: of calls that cost nothing.
Doubt: TypeAlias = Callable[[Request], "tuple[int, float | None] | None"]


class Retry:
    def __init__(self, outages: Outages, next_: Handler, doubt: Doubt = lambda call: None) -> None:
        self._outages = outages
        self._next = next_
        self._doubt = doubt

    async def __call__(self, call: Request) -> Answer:
        last: APIError | None = None
        call.now = _concurrency.clock()
        try:
            while True:
                call.began = call.now()  # until the permit is there, which counts anew
                try:
                    answer = await self._next(call)
                except APIError as error:
                    wait = _after(call, error, self._doubt)
                    if wait is None:
                        raise frameless(error)  # noqa: B904 (itself, without the way it came)
                    last = frameless(error)
                except StillOutError:
                    break
                else:
                    _succeeded(call, answer)
                    return answer
                call.retries += 1
                if wait and call.held is None:
                    await anyio.sleep(wait)
            assert last is not None
            last.attempts, last.retries_ended = tuple(call.attempts), "retry_budget"
            raise last
        finally:
            if call.attempts and self._outages.scopes:
                self._outages.left(call)
            last = None  # an error must not hold the frame that its traceback holds


def _succeeded(call: Request, answer: Answer) -> None:
    try:
        seconds = call.now() - call.began
        call.attempts.append(Attempt(len(call.attempts) + 1, "completed", answer.meta.status, None, seconds))
        answer.meta.attempts = tuple(call.attempts)
    except Exception as error:
        log_failure("the record of attempts", error)


def _after(call: Request, error: APIError, doubt: Doubt) -> float | None:
    """Record a failed attempt; seconds to wait before the next, or None to give up."""
    wait, ended = _next_attempt(call, error)
    status = getattr(error, "status_code", None)
    name = type(error).__name__
    number = len(call.attempts) + 1
    attempt = Attempt(number, error.outcome, status, name, call.now() - call.began, wait)
    if attempt.may_be_billed and (estimate := try_accounting("the cost of a failed attempt", doubt, call)) is not None:
        attempt = attrs.evolve(attempt, estimated_tokens=estimate[0], estimated_cost=estimate[1])
    call.attempts.append(attempt)
    if wait is None:
        error.attempts, error.retries_ended = tuple(call.attempts), ended
    else:
        path = call.path.partition("?")[0]  # a query may hold a key
        log.info("%s %s: %s, retry %d in %.2f s", call.method, path, name, number, wait)
    return wait


def _next_attempt(call: Request, error: APIError) -> tuple[float | None, RetriesEnded | None]:
    """Seconds until the next attempt, or None and why there is none."""
    ended = policy.why_not(error, repeatable=call.repeatable)
    if ended is not None:
        return None, ended
    if call.retries >= call.max_retries:
        return None, "max_retries"
    wait = policy.delay(call.retries + 1, error.retry_after, jitter=random.random())  # noqa: S311
    if wait is None:
        return None, "retry_after"
    if call.held is not None:
        wait = call.held
    if call.deadline is not None and call.now() + wait >= call.deadline:
        return None, "deadline"
    return wait, None
