"""Admission: an attempt is sent when it holds a permit, so that nothing ever waits inside a connection pool.

The permit names the key. What the answer says of the limits goes back to the limiter; the permit ends when the attempt
does, or its stream. A key whose account is drained (or that is refused, when there are others) is set aside, and the
call goes on with the next one. That is no retry, and happens at most once for each key.

Nothing is sent to a server that fails every call, but for trials: see `outages`.
"""

from __future__ import annotations

import anyio

from openai_async._limits.accounting import log_failure, try_accounting
from openai_async._limits.limiter import AcquireRequest, Limiter, Permit, Waiter
from openai_async._pipeline.credentials import KeyRing, NoKeys
from openai_async._pipeline.outages import Outages
from openai_async._pipeline.request import Answer, Handler, Request
from openai_async._policy.estimates import Calibration, requested_tokens
from openai_async._policy.retry import MAX_RETRY_AFTER
from openai_async.errors import (
    APIError,
    AuthenticationError,
    DeadlineExceededError,
    InternalServerError,
    QuotaExhaustedError,
    RateLimitError,
)
from openai_async.types.attempt import Attempt
from openai_async.types.meta import RateLimits


class Admit:
    def __init__(self, limiter: Limiter, keys: KeyRing | NoKeys, outages: Outages, next_: Handler) -> None:
        self._limiter = limiter
        self._keys = keys
        self._outages = outages
        self._next = next_
        self._calibration = Calibration()

    async def __call__(self, call: Request) -> Answer:
        asides = 0
        while True:
            # Nearly every call holds its permit after one line: no outage, and nobody before it.
            turn = None if self._outages.scopes else self._limiter.try_acquire(self._request_of(call))
            permit, trial = (turn, None) if isinstance(turn, Permit) else await self._admitted(call, turn)
            call.began = call.now()
            call.held = None
            try:
                call.credentials = await self._keys.credentials(permit.key)
                if call.on_send is not None:
                    call.on_send()
                answer = await self._next(call)
            except (QuotaExhaustedError, AuthenticationError) as error:
                permit.end()
                self._outages.failed(call, trial, error)
                asides += 1
                if not self._goes_on(permit.key, error) or asides >= len(self._keys):
                    raise
                seconds = call.now() - call.began
                name = type(error).__name__
                call.attempts.append(Attempt(len(call.attempts) + 1, "rejected", error.status_code, name, seconds, 0.0))
                continue
            except BaseException as error:
                try_accounting("what a refusal says of the limits", self._learn, call, permit, error)
                permit.end(sent=not (isinstance(error, APIError) and error.outcome == "not_sent"))
                self._outages.failed(call, trial, error)
                raise
            if self._outages.scopes:
                self._outages.succeeded(call, trial)
            limits = _limits_to_learn(permit, answer)
            if answer.exchange is None:
                # What is read again was used when it was made.
                used = None if answer.usage is None or call.method == "GET" else answer.usage.total_tokens
                permit.finish(limits, used)
            else:
                try_accounting("what a reply says of the limits", permit.answered, limits)
                answer.release = permit.end
            return answer

    async def _admitted(self, call: Request, waiter: Waiter | None) -> tuple[Permit, int | None]:
        """A permit, and the number of the trial if the call is one. It holds no permit while it waits for a server.

        `waiter`: its place in line, if it has one.
        """
        trial: int | None = None
        while True:
            try:
                if waiter is None:
                    trial = await self._outages.turn(call) if self._outages.scopes else None
                    turn = self._limiter.try_acquire(self._request_of(call))
                else:
                    turn, waiter = waiter, None
                permit = turn if isinstance(turn, Permit) else await self._served(call, turn)
            except BaseException:
                if trial is not None:
                    self._outages.abandoned(call, trial)
                raise
            if trial is not None or not self._outages.scopes or not self._outages.holds(call):
                return permit, trial
            permit.end(sent=False)  # an outage began while it stood in line

    def _learn(self, call: Request, permit: Permit, error: BaseException) -> None:
        if isinstance(error, RateLimitError) and (requested := requested_tokens(error.message)) is not None:
            self._calibration.learn_requested(call.scope, call.size, requested)
        call.held = _report(permit, error)

    def _request_of(self, call: Request) -> AcquireRequest:
        tokens = call.size.charge(scale=self._calibration.scale(call.scope))
        is_retry = bool(call.attempts)
        is_last = is_retry and call.retries >= call.max_retries
        request = AcquireRequest(
            call.scope, tokens, call.priority, call.job, is_retry=is_retry, is_last_attempt=is_last
        )
        if call.deadline is not None:
            request.max_wait = call.deadline - call.now()
        return request

    async def _served(self, call: Request, waiter: Waiter) -> Permit:
        if call.deadline is None:
            return await self._limiter.wait(waiter)
        permit: Permit | None = None
        with anyio.CancelScope(deadline=call.deadline):
            permit = await self._limiter.wait(waiter)
        if permit is None:
            raise DeadlineExceededError("the deadline passed while the call waited for its turn", phase="connect")
        return permit

    def _goes_on(self, key: int, error: APIError) -> bool:
        """Set a key aside; whether another one is left. A single key is never set aside: it may be topped up."""
        if len(self._keys) == 1:
            return False
        if self._limiter.set_aside(key):
            return True
        if isinstance(error, QuotaExhaustedError):
            error.message = f"every key is drained or refused; the last one: {error.message}"
        return False


def _report(permit: Permit, error: BaseException) -> float | None:
    """Tell the limiter how an attempt failed; seconds for which it now holds the call back, None if it does not."""
    held: float | None = None
    if isinstance(error, RateLimitError) or (isinstance(error, InternalServerError) and error.outcome == "rejected"):
        stated = error.retry_after
        if stated is not None and stated > MAX_RETRY_AFTER:
            stated = None  # for the caller to hear of, not for everybody to wait for
        held = permit.refused(error.rate_limits or RateLimits(), stated)
    return held


def _limits_to_learn(permit: Permit, answer: Answer) -> RateLimits | None:
    """What a reply says of the limits; None if that would tell nothing new, or cannot be read."""
    try:
        return answer.meta.rate_limits if permit.samples else None
    except Exception as error:
        log_failure("what a reply says of the limits", error)
        return None
