"""Streams of operations without a class of their own: events whose fields are attributes."""

from __future__ import annotations

from typing import Final

from openai_async._pipeline.pipeline import Pipeline
from openai_async._pipeline.request import Request
from openai_async._streams.stream import AsyncStream
from openai_async._wire import codec, error_responses
from openai_async.errors import StreamInterrupted
from openai_async.types.api_object import APIObject
from openai_async.types.meta import Meta

#: Reads one event.
event_of: Final = codec.decoder(APIObject, event=True)


class _Feed(AsyncStream[APIObject, APIObject]):
    """Events as they arrive, as of any stream. No event is known to be the last one: it ends where its body does.

    A body that breaks off is an error all the same, and so is one that ends within an event. `final()` gives the last
    event.
    """

    def _end_of_body(self) -> None:
        event = self._sse.end()
        if event is None:
            self._events.append((None, b"[DONE]"))
        elif not self._unfolded(event[1]):
            error = error_responses.from_event_data(event[1], request_id=self.request_id, secrets=self._secrets)
            del event
            self._fail(error or StreamInterrupted("the stream ended within an event"))


class _Last:
    """The last event."""

    def __init__(self) -> None:
        self.over = False
        self._event: APIObject | None = None

    def add(self, chunk: APIObject) -> None:
        self._event = chunk

    def result(self, meta: Meta) -> APIObject | None:
        return self._event

    def reply_usage(self) -> None:
        """Nothing: what events count is not known."""


async def opened(pipeline: Pipeline, call: Request) -> AsyncStream[APIObject, APIObject]:
    """Send a call whose reply comes in events. A whole object instead is the only event.

    Cancelling drops the connection.
    """
    answer = await pipeline.open(call)
    bound = pipeline.defaults.max_event_bytes
    return _Feed(call, answer, event_of, _Last(), bound, unfold=lambda body: [body])
