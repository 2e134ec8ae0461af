"""Admission: an attempt is sent when it holds a permit, so that nothing ever waits inside a connection pool.

The permit names the key. What the answer says of the limits goes back to the limiter; the permit ends when the attempt
does, or its stream. A key whose account is drained (or that is refused, when there are others) is set aside, and the
call goes on with the next one. That is no retry, and happens at most once for each key.

Nothing is sent to a server that fails every call, but for trials: see `outages`.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import TypeAlias

import anyio
import attrs

from openai_async._limits.accounting import log_failure, try_accounting
from openai_async._limits.limiter import AcquireRequest, Limiter, Permit, Waiter
from openai_async._pipeline.answer import Failure, Response
from openai_async._pipeline.call_state import CallState
from openai_async._pipeline.credentials import Credentials, KeyRing, NoKeys
from openai_async._pipeline.events import Hooks, emit
from openai_async._pipeline.outages import Outages
from openai_async._pipeline.request import Request
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
from openai_async.types.meta import RateLimits

#: Sends an attempt, with the loop's clock, the key, and the loop time at which the attempt got its permit.
Sender: TypeAlias = Callable[[Request, Callable[[], float], Credentials | None, float], Awaitable[Response]]


class Admission:
    """The layer that waits for a permit."""

    def __init__(
        self, limiter: Limiter, keys: KeyRing | NoKeys, outages: Outages, send: Sender, hooks: Hooks = ()
    ) -> None:
        self._limiter = limiter
        self._keys = keys
        self._outages = outages
        self._send = send
        self._hooks = hooks
        self._calibration = Calibration()

    async def __call__(self, request: Request, state: CallState) -> Response | Failure:
        # Nearly every call holds its permit after one line: no outage, and nobody before it.
        turn = None if self._outages.scopes else self._limiter.try_acquire(self._limit_request(request, state))
        admitted = (turn, None, 0.0) if isinstance(turn, Permit) else await self._admitted(request, state, turn)
        permit, trial, outage_wait = admitted
        began = state.now()
        try:
            keys = self._keys
            credentials = await keys.credentials(permit.key) if keys.is_asked_for else keys.stored(permit.key)
            if request.on_send is not None:
                request.on_send()
            response = await self._send(request, state.now, credentials, began)
        except APIError as error:
            held, another_key = self._failed(request, state, error, permit, trial)
            return Failure(error, began, held, outage_wait, another_key)
        except BaseException as error:
            permit.end()
            self._outages.failed(request, state, trial, error)
            raise
        if self._outages.scopes:
            self._outages.succeeded(request, trial)
        limits = _limits_to_learn(permit, response)
        if response.exchange is None:
            # What is read again was used when it was made.
            used = None if response.usage is None or request.method == "GET" else response.usage.total_tokens
            permit.finish(limits, used)
            return response
        try_accounting("what a reply says of the limits", permit.answered, limits)
        return attrs.evolve(response, release=permit.end)

    async def _admitted(
        self, request: Request, state: CallState, waiter: Waiter | None
    ) -> tuple[Permit, int | None, float]:
        """Wait for a permit. The call holds none while it waits for a server that fails every call.

        Returns the permit, the number of the trial if the call is one, and the seconds waited for the server.
        `waiter` is the call's position in the queue, if it has one.
        """
        if self._hooks and (waiter is not None or self._outages.holds(request)):
            emit(self._hooks, "waiting", request, state)
        trial: int | None = None
        waited = 0.0
        while True:
            try:
                if waiter is None:
                    trial = None
                    if self._outages.scopes:
                        trial, seconds = await self._outages.turn(request, state, waited)
                        waited += seconds
                    turn = self._limiter.try_acquire(self._limit_request(request, state))
                else:
                    turn, waiter = waiter, None
                permit = turn if isinstance(turn, Permit) else await self._served(request, turn)
            except BaseException:
                if trial is not None:
                    self._outages.abandoned(request, trial)
                raise
            if trial is not None or not self._outages.scopes or not self._outages.holds(request):
                return permit, trial, waited
            permit.end(sent=False)  # an outage began while it waited in the queue

    def _failed(
        self, request: Request, state: CallState, error: APIError, permit: Permit, trial: int | None
    ) -> tuple[float | None, bool]:
        """End the permit of an attempt that failed, and tell the limiter and the outages what that says.

        Returns the seconds for which the limiter holds the call back, and whether the call goes on with another key.
        """
        held: float | None = None
        another_key = False
        if isinstance(error, (QuotaExhaustedError, AuthenticationError)):
            permit.end()
            self._outages.failed(request, state, trial, error)
            is_left = self._another_key_is_left(permit.key, error)
            another_key = is_left and state.keys_refused + 1 < len(self._keys)
        else:
            held = try_accounting("what a refusal says of the limits", self._learn, request, permit, error)
            permit.end(sent=error.outcome != "not_sent")
            self._outages.failed(request, state, trial, error)
        return held, another_key

    def _learn(self, request: Request, permit: Permit, error: APIError) -> float | None:
        if isinstance(error, RateLimitError) and (requested := requested_tokens(error.message)) is not None:
            self._calibration.learn_requested(request.scope, request.size, requested)
        return _report(permit, error)

    def _limit_request(self, request: Request, state: CallState) -> AcquireRequest:
        tokens = request.size.charge(scale=self._calibration.scale(request.scope))
        is_retry = bool(state.attempts)
        is_last = is_retry and state.retries >= request.max_retries
        acquire = AcquireRequest(
            request.scope, tokens, request.priority, request.job, is_retry=is_retry, is_last_attempt=is_last
        )
        if request.deadline is not None:
            acquire.max_wait = request.deadline - state.now()
        return acquire

    async def _served(self, request: Request, waiter: Waiter) -> Permit:
        if request.deadline is None:
            return await self._limiter.wait(waiter)
        permit: Permit | None = None
        with anyio.CancelScope(deadline=request.deadline):
            permit = await self._limiter.wait(waiter)
        if permit is None:
            raise DeadlineExceededError("the deadline passed while the call waited for its turn", phase="connect")
        return permit

    def _another_key_is_left(self, key: int, error: APIError) -> bool:
        """Set a key aside; whether another one is left. A single key is never set aside: it may be topped up."""
        if len(self._keys) == 1:
            return False
        if self._limiter.set_aside(key):
            return True
        if isinstance(error, QuotaExhaustedError):
            error.message = f"every key is drained or refused; the last one: {error.message}"
        return False


def _report(permit: Permit, error: APIError) -> float | None:
    """Tell the limiter how an attempt failed; seconds for which it now holds the call back, None if it does not."""
    held: float | None = None
    if isinstance(error, RateLimitError) or (isinstance(error, InternalServerError) and error.outcome == "rejected"):
        stated = error.retry_after
        if stated is not None and stated > MAX_RETRY_AFTER:
            stated = None  # for the caller to hear of, not for everybody to wait for
        held = permit.refused(error.rate_limits or RateLimits(), stated)
    return held


def _limits_to_learn(permit: Permit, response: Response) -> RateLimits | None:
    """What a reply says of the limits; None if that would tell nothing new, or cannot be read."""
    try:
        return response.rate_limits if permit.samples else None
    except Exception as error:
        log_failure("what a reply says of the limits", error)
        return None
