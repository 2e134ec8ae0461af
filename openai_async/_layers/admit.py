"""Admission: an attempt is sent when it holds a permit, so that nothing ever waits inside a connection pool.

The permit names the key. What the answer says of the limits goes back to the limiter; the permit ends when the attempt
does, or its stream. A key whose account is drained (or that is refused, when there are others) is set aside, and the
call goes on with the next one. That is no retry, and happens at most once for each key.

Nothing is sent to a server that fails every call, but for trials: see `outages`.
"""

from __future__ import annotations

import math

import anyio

from openai_async import _runtime
from openai_async._beside import beside
from openai_async._layers.call import Answer, Call, Handler
from openai_async._layers.credentials import KeyRing, NoKeys
from openai_async._layers.outages import Outages
from openai_async._limiter import Ask, Limiter, Permit
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
from openai_async.types.chat import Counted
from openai_async.types.meta import RateLimits


class Admit:
    def __init__(self, limiter: Limiter, keys: KeyRing | NoKeys, outages: Outages, next_: Handler) -> None:
        self._limiter = limiter
        self._keys = keys
        self._outages = outages
        self._next = next_
        self._calibration = Calibration()

    async def __call__(self, call: Call) -> Answer:
        asides = 0
        while True:
            permit, trial = await self._admitted(call)
            call.began = _runtime.now()
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
                seconds = _runtime.now() - call.began
                name = type(error).__name__
                call.attempts.append(Attempt(len(call.attempts) + 1, "rejected", error.status_code, name, seconds, 0.0))
                continue
            except BaseException as error:
                beside("what a refusal says of the limits", self._learn, call, permit, error)
                permit.end(sent=not (isinstance(error, APIError) and error.outcome == "not_sent"))
                self._outages.failed(call, trial, error)
                raise
            if self._outages.any:
                self._outages.succeeded(call, trial)
            beside("what a reply says of the limits", _answered, permit, answer)
            if answer.exchange is None:
                # What is read again was used when it was made.
                permit.end(tokens=None if call.method == "GET" else beside("the usage of a reply", _counted, answer))
            else:
                answer.release = permit.end
            return answer

    async def _admitted(self, call: Call) -> tuple[Permit, int | None]:
        """A permit, and the number of the trial if the call is one. It holds no permit while it waits for a server."""
        while True:
            trial = await self._outages.turn(call) if self._outages.any else None
            try:
                permit = await self._permit(call)
            except BaseException:
                if trial is not None:
                    self._outages.abandoned(call, trial)
                raise
            if trial is not None or not self._outages.any or not self._outages.holds(call):
                return permit, trial
            permit.end(sent=False)  # an outage began while it stood in line

    def _learn(self, call: Call, permit: Permit, error: BaseException) -> None:
        if isinstance(error, RateLimitError) and (requested := requested_tokens(error.message)) is not None:
            self._calibration.learn_requested(call.family, call.size, requested)
        call.held = _report(permit, error)

    async def _permit(self, call: Call) -> Permit:
        tokens = call.size.charge(scale=self._calibration.scale(call.family))
        again = bool(call.attempts)
        last = again and call.retries >= call.max_retries
        ask = Ask(call.family, tokens, call.priority, call.job, again=again, last=last)
        if call.deadline is None:
            return await self._limiter.acquire(ask)
        ask.patience = call.deadline - _runtime.now()
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


def _report(permit: Permit, error: BaseException) -> float | None:
    """Tell the limiter how an attempt failed; seconds for which it now holds the call back, None if it does not."""
    held: float | None = None
    if isinstance(error, RateLimitError) or (isinstance(error, InternalServerError) and error.outcome == "rejected"):
        stated = error.retry_after
        if stated is not None and stated > MAX_RETRY_AFTER:
            stated = None  # for the caller to hear of, not for everybody to wait for
        held = permit.refused(error.rate_limits or RateLimits(), stated)
    return held


def _answered(permit: Permit, answer: Answer) -> None:
    permit.answered(answer.meta.rate_limits if permit.samples else None)


def _counted(answer: Answer) -> float | None:
    """The tokens that the server counted; None if it did not, or if what it says is no count."""
    usage: object = getattr(answer.value, "usage", None)
    if not isinstance(usage, Counted):
        return None
    tokens = float(usage.as_completion_usage().total_tokens)
    return tokens if 0 < tokens < math.inf else None
