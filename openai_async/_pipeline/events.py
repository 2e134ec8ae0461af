"""Hooks: callables that are told of every call. Without hooks an event costs one truth test, and is not built.

A hook runs on the loop, in the course of the call, so it must not wait. What it raises is logged once and changes
nothing.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any, TypeAlias

from openai_async._limits.accounting import log_failure
from openai_async._pipeline.answer import Bill, Response
from openai_async._pipeline.call_state import CallState
from openai_async._pipeline.request import Request
from openai_async.types.call_event import CallEvent, EventKind
from openai_async.types.usage import ReplyUsage

Hook: TypeAlias = Callable[[CallEvent], None]
Hooks: TypeAlias = tuple[Hook, ...]


def emit(hooks: Hooks, kind: EventKind, request: Request, state: CallState, **more: Any) -> None:
    """Tell every hook of an event. Raises nothing. `more` are further fields of the event."""
    try:
        attempts = tuple(state.attempts)
        waited = max(0.0, state.now() - state.began - sum(attempt.seconds for attempt in attempts))
        if attempts and "status" not in more:
            more["status"] = attempts[-1].status
        event = CallEvent(kind=kind, model=request.model, scope=request.scope, waited=waited, attempts=attempts, **more)
    except Exception as error:
        log_failure("an event of a call", error)
        return
    for hook in hooks:
        try:
            hook(event)
        except Exception as error:
            log_failure("a hook", error)


def emit_failure(hooks: Hooks, kind: EventKind, request: Request, state: CallState, error: BaseException) -> None:
    """Tell every hook how an attempt or a call failed."""
    status, phase = getattr(error, "status_code", None), getattr(error, "phase", None)
    emit(hooks, kind, request, state, error=type(error).__name__, status=status, phase=phase)


def emit_reply(hooks: Hooks, request: Request, state: CallState, response: Response, cost: float | None) -> None:
    """Tell every hook of a whole reply: the end of its attempt and of its call."""
    tokens = None if response.usage is None else response.usage.total_tokens
    emit(hooks, "attempt_ended", request, state, tokens=tokens, cost=cost)
    emit(hooks, "call_ended", request, state, tokens=tokens, cost=cost)


class StreamEnd:
    """Tells hooks that a stream or download is over: with its usage where it is billed, or when its permit ends."""

    def __init__(self, hooks: Hooks, request: Request, state: CallState) -> None:
        self._emit = partial(emit, hooks, request=request, state=state)
        self._is_over = False
        self._figures: dict[str, Any] = {}

    def billing(self, bill: Bill | None) -> Bill | None:
        """A bill whose result the events show."""
        if bill is None:
            return None

        def noted(usage_of: Callable[[], ReplyUsage | None]) -> float | None:
            seen: list[ReplyUsage | None] = []

            def usage() -> ReplyUsage | None:
                seen.append(usage_of())
                return seen[-1]

            cost = bill(usage)
            counted = seen[0].usage if seen and seen[0] is not None else None
            self._figures = {"tokens": None if counted is None else counted.total_tokens, "cost": cost}
            return cost

        return noted

    def releasing(self, release: Callable[..., None] | None) -> Callable[..., None]:
        """A release of the permit that tells the hooks afterwards."""

        def released(*args: Any, **kwargs: Any) -> None:
            if release is not None:
                release(*args, **kwargs)
            if not self._is_over:
                self._is_over = True
                self._emit("stream_ended", **self._figures)
                self._emit("call_ended", **self._figures)

        return released
