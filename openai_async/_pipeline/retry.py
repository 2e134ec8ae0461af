"""The retry layer: one call, as many attempts as help. `_policy.retry` decides what may be sent again.

Every attempt is recorded, on the reply as on the error. A wait that would end after the deadline is not begun. A call
that is held back, by the limiter or in an outage, makes no attempt meanwhile. The answer is complete when it leaves
here: the layers above see its cost and its attempts.
"""

from __future__ import annotations

import logging
import random
from collections.abc import Awaitable, Callable
from functools import partial
from typing import TypeAlias

import anyio

from openai_async import _concurrency
from openai_async._limits.accounting import log_failure, try_accounting
from openai_async._pipeline.answer import Answer, Bill, Failure, Response
from openai_async._pipeline.billing import Billing
from openai_async._pipeline.call_state import CallState
from openai_async._pipeline.events import Hooks, StreamEnd, emit, emit_failure, emit_reply
from openai_async._pipeline.outages import Outages, StillOutError
from openai_async._pipeline.request import Request
from openai_async._pipeline.stated_stream import StatedStream
from openai_async._policy import retry as policy
from openai_async.errors import APIError, APIStatusError, frameless
from openai_async.types.attempt import Attempt, RetriesEnded
from openai_async.types.meta import Meta

log = logging.getLogger("openai_async")

#: Makes one attempt. An error that came before the attempt had a permit is raised, any later one is a `Failure`.
AttemptHandler: TypeAlias = Callable[[Request, CallState], Awaitable[Response | Failure]]


class Retry:
    """The layer that makes attempts.

    Args:
        attempt: makes one.
        outages: is told when a call that failed has ended.
        billing: knows what replies cost, and what lost attempts may have cost; None where nothing is paid.
        stated_stream: knows what servers want of `stream`; None where nobody asks.
        hooks: are told of every call.
    """

    def __init__(
        self,
        attempt: AttemptHandler,
        outages: Outages,
        billing: Billing | None = None,
        stated_stream: StatedStream | None = None,
        hooks: Hooks = (),
    ) -> None:
        self._attempt = attempt
        self._outages = outages
        self._billing = billing
        self._stated_stream = stated_stream
        self._hooks = hooks

    async def __call__(self, request: Request) -> Answer:
        now = _concurrency.clock()
        state = CallState(now, now())
        if self._hooks:
            emit(self._hooks, "request_begun", request, state)
        result: Response | Failure | None = None
        last: APIError | None = None
        try:
            while True:
                began = now() if state.attempts else state.began
                try:
                    result = await self._attempt(request, state)
                except APIError as error:
                    result = Failure(error, began)
                except StillOutError:
                    break
                if isinstance(result, Response):
                    return self._completed(request, state, result)
                last = frameless(result.error)
                state.outage_wait += result.outage_wait
                if result.another_key:
                    self._record(request, state, result, 0.0)
                    state.keys_refused += 1
                    continue
                wait, ended = _next_attempt(request, state, result)
                self._record(request, state, result, wait)
                state.keys_refused = 0
                if wait is None:
                    last.attempts, last.retries_ended = tuple(state.attempts), ended
                    changed = self._as_insisted(request, last)
                    if changed is None:
                        raise last
                    request = changed
                    continue
                name, number = type(last).__name__, len(state.attempts)
                log.info("%s %s: %s, retry %d in %.2f s", request.method, request.shown_path, name, number, wait)
                state.retries += 1
                if wait and result.held is None:
                    await anyio.sleep(wait)
            assert last is not None
            last.attempts, last.retries_ended = tuple(state.attempts), "retry_budget"
            raise last
        except BaseException as error:
            if self._hooks:
                emit_failure(self._hooks, "call_ended", request, state, error)
            raise
        finally:
            if state.attempts and self._outages.scopes:
                self._outages.left(request, state)
            result = last = None  # an error must not hold the frame that its traceback holds

    def _completed(self, request: Request, state: CallState, response: Response) -> Answer:
        """Build the answer with everything that is known of the call."""
        attempts = state.attempts
        try:
            seconds = state.now() - response.began
            attempts.append(Attempt(len(attempts) + 1, "completed", response.status, None, seconds))
        except Exception as error:
            log_failure("the record of attempts", error)
        dollars: float | None = None
        estimated: int | None = None
        billing = self._billing
        if response.exchange is None:
            if billing is not None:
                dollars, estimated = billing.of_reply(request, response)
            if self._hooks:
                emit_reply(self._hooks, request, state, response, dollars)
            meta = Meta(response.status, response.headers, tuple(attempts), response.received, dollars, estimated)
            return Answer(meta, response.value, response.usage)
        release = response.release
        bill: Bill | None = None if billing is None else partial(billing.of_stream, request)
        if self._hooks:
            emit(self._hooks, "attempt_ended", request, state)
            end = StreamEnd(self._hooks, request, state)
            bill, release = end.billing(bill), end.releasing(release)
        meta = Meta(response.status, response.headers, tuple(attempts), response.received)
        exchange, secrets = response.exchange, response.secrets
        return Answer(meta, exchange=exchange, release=release, bill=bill, secrets=secrets)

    def _record(self, request: Request, state: CallState, failure: Failure, wait: float | None) -> None:
        error = failure.error
        outcome = "rejected" if failure.another_key else error.outcome
        status = getattr(error, "status_code", None)
        seconds = state.now() - failure.began
        attempt = Attempt(len(state.attempts) + 1, outcome, status, type(error).__name__, seconds, wait)
        if attempt.may_be_billed and self._billing is not None:
            attempt = try_accounting("the cost of a failed attempt", self._billing.of_lost, request, attempt) or attempt
        state.attempts.append(attempt)
        if self._hooks:
            emit_failure(self._hooks, "attempt_ended", request, state, error)

    def _as_insisted(self, request: Request, error: APIError) -> Request | None:
        """The request as the server wants it, if it has refused what the request says of `stream`."""
        if self._stated_stream is None or not isinstance(error, APIStatusError):
            return None
        return self._stated_stream.insisted(request, error)


def _next_attempt(request: Request, state: CallState, failure: Failure) -> tuple[float | None, RetriesEnded | None]:
    """Seconds until the next attempt, or None and why there is none."""
    ended = policy.why_not(failure.error, repeatable=request.repeatable)
    if ended is not None:
        return None, ended
    if state.retries >= request.max_retries:
        return None, "max_retries"
    wait = policy.delay(state.retries + 1, failure.error.retry_after, jitter=random.random())  # noqa: S311
    if wait is None:
        return None, "retry_after"
    if failure.held is not None:
        wait = failure.held
    if request.deadline is not None and state.now() + wait >= request.deadline:
        return None, "deadline"
    return wait, None
