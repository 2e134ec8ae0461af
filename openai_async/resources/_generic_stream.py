"""Streams of operations without a class of their own: events whose fields are attributes."""

from __future__ import annotations

from typing import Final

from openai_async._pipeline.pipeline import Pipeline
from openai_async._pipeline.request import Request
from openai_async._streams.reader import StreamReader
from openai_async._streams.stream import AsyncStream
from openai_async._wire import codec
from openai_async.types.api_object import APIObject
from openai_async.types.meta import Meta

#: Decodes one event.
event_of: Final = codec.decoder(APIObject, event=True)


class _LastEvent:
    """The reply that a stream of any events amounts to: its last event."""

    def __init__(self) -> None:
        self.over = False
        self._event: APIObject | None = None

    def add(self, chunk: APIObject) -> None:
        self._event = chunk

    def result(self, meta: Meta) -> APIObject | None:
        return self._event

    def reply_usage(self) -> None:
        """Nothing, because the meaning of the numbers in these events is not known."""


async def opened(pipeline: Pipeline, call: Request) -> AsyncStream[APIObject, APIObject]:
    """Send a call whose reply is a stream of events. A reply of one object is a stream of one event.

    No event is known to be the last one, so the stream ends where its body does. A body that breaks off, or ends within
    an event, is an error all the same. `final()` gives the last event.

    Cancelling drops the connection.
    """
    answer = await pipeline.open(call)
    bound = pipeline.defaults.max_event_bytes
    reader = StreamReader(
        call, answer, event_of, _LastEvent(), bound, synthesize=lambda body: [body], ends_with_body=True
    )
    return AsyncStream(reader)
