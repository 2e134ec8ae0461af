"""Admission: an attempt is sent when it holds a permit, so that nothing ever waits inside a connection pool.

The permit names the key. What the answer says of the limits goes back to the limiter; the permit ends when the attempt
does, or its stream. A key whose account is drained (or that is refused, when there are others) is set aside, and the
call goes on with the next one.
"""

from __future__ import annotations

import math

import anyio

from openai_async import _runtime
from openai_async._beside import beside
from openai_async._layers.call import Answer, Call, Handler
from openai_async._layers.credentials import KeyRing
from openai_async._limiter import Ask, Limiter, Permit
from openai_async._policy.estimates import Calibration, requested_tokens
from openai_async.errors import (
    APIError,
    AuthenticationError,
    DeadlineExceededError,
    InternalServerError,
    QuotaExhaustedError,
    RateLimitError,
)
from openai_async.types.attempt import Attempt
from openai_async.types.chat import Counted
from openai_async.types.meta import RateLimits

#: Seconds; a longer Retry-After is for the caller to hear of, not for everybody to wait for.
_LONGEST_GATE = 120.0


class Admit:
    def __init__(self, limiter: Limiter, keys: KeyRing, next_: Handler) -> None:
        self._limiter = limiter
        self._keys = keys
        self._next = next_
        self._calibration = Calibration()

    async def __call__(self, call: Call) -> Answer:
        while True:
            permit = await self._permit(call)
            call.paced = permit.paced
            call.began = _runtime.now()
            try:
                call.credentials = await self._keys.credentials(permit.key)
                if call.on_send is not None:
                    call.on_send()
                answer = await self._next(call)
            except (QuotaExhaustedError, AuthenticationError) as error:
                permit.end()
                if not self._goes_on(permit.key, error):
                    raise
                seconds = _runtime.now() - call.began
                name = type(error).__name__
                call.attempts.append(Attempt(len(call.attempts) + 1, "rejected", error.status_code, name, seconds, 0.0))
                continue
            except BaseException as error:
                beside("what a refusal says of the limits", self._learn, call, permit, error)
                permit.end(sent=not (isinstance(error, APIError) and error.outcome == "not_sent"))
                raise
            beside("what a reply says of the limits", _answered, permit, answer)
            if answer.exchange is None:
                # What is read again was used when it was made.
                permit.end(tokens=None if call.method == "GET" else beside("the usage of a reply", _counted, answer))
            else:
                answer.release = permit.end
            return answer

    def _learn(self, call: Call, permit: Permit, error: BaseException) -> None:
        if isinstance(error, RateLimitError) and (requested := requested_tokens(error.message)) is not None:
            self._calibration.learn_requested(call.family, call.size, requested)
        _report(permit, error)

    async def _permit(self, call: Call) -> Permit:
        tokens = call.size.charge(scale=self._calibration.scale(call.family))
        ask = Ask(call.family, tokens, call.priority, call.job, again=bool(call.attempts))
        if call.deadline is None:
            return await self._limiter.acquire(ask)
        permit: Permit | None = None
        with anyio.CancelScope(deadline=call.deadline):
            permit = await self._limiter.acquire(ask)
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


def _report(permit: Permit, error: BaseException) -> None:
    if isinstance(error, RateLimitError) or (isinstance(error, InternalServerError) and error.outcome == "rejected"):
        gate = error.retry_after if error.retry_after is not None and error.retry_after <= _LONGEST_GATE else None
        permit.refused(error.rate_limits or RateLimits(), gate)


def _answered(permit: Permit, answer: Answer) -> None:
    permit.answered(answer.meta.rate_limits if permit.samples else None)


def _counted(answer: Answer) -> float | None:
    """The tokens that the server counted; None if it did not, or if what it says is no count."""
    usage: object = getattr(answer.value, "usage", None)
    if not isinstance(usage, Counted):
        return None
    tokens = float(usage.as_completion_usage().total_tokens)
    return tokens if 0 <= tokens < math.inf else None
