"""Decode and accumulate the events of a run. No I/O.

The `object` field of the data gives the type of an event's value; the name of the event says what happened. Unknown
events pass.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final, cast

import attrs

from openai_async._wire import codec, json
from openai_async.errors import DecodeError
from openai_async.types._base import EMPTY
from openai_async.types.api_object import APIObject
from openai_async.types.assistants import Message, MessageDelta, Run, RunEvent, RunStep, RunStepDelta, Thread
from openai_async.types.meta import NO_META, Meta
from openai_async.types.usage import CompletionUsage, ReplyUsage

_CLASSES: Final[Mapping[str, type[Thread | Message | MessageDelta | Run | RunStep | RunStepDelta | APIObject]]] = {
    "thread": Thread,
    "thread.message": Message,
    "thread.message.delta": MessageDelta,
    "thread.run": Run,
    "thread.run.step": RunStep,
    "thread.run.step.delta": RunStepDelta,
}


def decode_event(name: bytes | None, data: bytes) -> RunEvent:
    """Decode one event of a run's stream.

    Raises:
        DecodeError: the data is no JSON object, or not of the shape that its `object` states.
    """
    decoded: Any = json.loads_event(data)
    if not isinstance(decoded, dict):
        raise DecodeError("the event is not an object")
    plain = cast("dict[str, Any]", decoded)
    kind = plain.get("object")
    cls = _CLASSES.get(kind, APIObject) if isinstance(kind, str) else APIObject
    # A stream looks for an error among what is unknown of its chunks.
    extra = {"error": plain["error"]} if "error" in plain else EMPTY
    return RunEvent((name or b"").decode("utf-8", "replace"), codec.structure(cls, plain), extra=extra)


class RunAccumulator:
    """The accumulator of one run: its latest state."""

    __slots__ = ("_run",)

    def __init__(self) -> None:
        self._run: Run | None = None

    @property
    def over(self) -> bool:
        """Never: `[DONE]` ends it."""
        return False

    def add(self, chunk: RunEvent) -> None:
        if isinstance(chunk.data, Run):
            self._run = chunk.data

    def result(self, meta: Meta = NO_META) -> Run | None:
        """The run so far; None before the first event that holds it."""
        return None if self._run is None else attrs.evolve(self._run, meta=meta)

    def reply_usage(self) -> ReplyUsage | None:
        """The usage, once it is known, with what its price depends on."""
        run = self._run
        if run is None or run.usage is None:
            return None
        usage = run.usage
        counted = CompletionUsage(usage.prompt_tokens, usage.completion_tokens, usage.total_tokens, extra=usage.extra)
        return ReplyUsage(run.model, run.created_at, None, counted)
