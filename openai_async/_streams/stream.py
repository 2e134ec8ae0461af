"""Async iterators over server-sent events. A stream ends with its terminal event or raises StreamInterrupted.

A stream holds its connection and its permit until it is over or closed; both are released exactly once. The work is
done by its `StreamReader`.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable
from types import TracebackType
from typing import TYPE_CHECKING, Any, Generic, Self, TypeVar

from openai_async._streams.reader import StreamReader
from openai_async._streams.text import TextIterator
from openai_async.errors import StreamInterrupted
from openai_async.types._base import Value
from openai_async.types._uncopied import Uncopied
from openai_async.types.meta import Meta, RateLimits

if TYPE_CHECKING:
    from openai_async._streams.interface import ChunkSource

C = TypeVar("C", bound=Value)
F = TypeVar("F")


class AsyncStream(Uncopied, Generic[C, F]):
    """The events of one reply, as they arrive.

    Iterate it for chunks, iterate `text` for pieces of text, or await `final()` for the complete reply. Use it as a
    context manager: leaving early closes it and frees its connection. Cancelling an iteration closes it, too.

    Iterating raises:
        StreamInterrupted: it ended without its terminal event.
        APIConnectionError: the connection broke.
        FirstTokenTimeoutError, IdleTimeoutError: it fell silent.
        DeadlineExceededError: the deadline of the call passed, whether events came or not.
        APIStatusError: the server reported an error inside the stream.
        DecodeError, ResponseTooLargeError: an event is damaged, or over the bound.
        ConcurrentReadError: another task is waiting for the next event. That task goes on.

    All but the last of them carry the partial reply in `partial`.
    """

    def __init__(self, reader: StreamReader[C, F]) -> None:
        self._reader = reader
        self.meta: Meta = reader.meta

    @property
    def request_id(self) -> str | None:
        """The server's id of the request, for its support."""
        return self.meta.request_id

    @property
    def rate_limits(self) -> RateLimits:
        """The rate limits that the headers stated when the stream began."""
        return self.meta.rate_limits

    @property
    def partial(self) -> F | None:
        """The reply so far; None before the first event."""
        return self._reader.partial

    def __aiter__(self) -> Self:
        return self

    async def __anext__(self) -> C:
        reader = self._reader
        while (chunk := reader.take()) is None:
            if not reader.decode(1):
                await reader.advance()
        return chunk

    @property
    def text(self) -> AsyncIterator[str]:
        """The pieces of text, without the empty ones: of the choice with index 0, or of a response's whole output."""
        return TextIterator(self)

    async def final(self) -> F:
        """Read to the end and return the complete reply, in the shape of a reply that was not streamed.

        Raises what iterating raises. Cancelling closes the stream; `partial` keeps what had arrived.
        """
        async for _ in self:
            pass
        reply = self.partial
        if reply is None:
            raise StreamInterrupted("the stream ended without any content")
        return reply

    async def aclose(self) -> None:
        """Close the stream. Before its end, the connection is closed too, which tells the server.

        A task that is reading gets `StreamInterrupted`. Never raises and never waits: there is nothing to cancel.
        """
        self._reader.close()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._reader.close()

    def __del__(self) -> None:
        reader = getattr(self, "_reader", None)
        if reader is not None and not reader.closed:
            reader.finalize(self)

    def __repr__(self) -> str:
        reader = self._reader
        state = "complete" if reader.complete else "closed" if reader.closed else "open"
        return f"<AsyncStream {state}, request {self.request_id}>"


class AsyncStreamManager(Uncopied, Generic[C, F]):
    """`async with` form of a stream: the request is sent on entering, the stream is closed on leaving."""

    def __init__(self, open_: Callable[[], Awaitable[AsyncStream[C, F]]]) -> None:
        self._open = open_
        self._stream: AsyncStream[C, F] | None = None

    async def __aenter__(self) -> AsyncStream[C, F]:
        self._stream = await self._open()
        return self._stream

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._stream is not None:
            await self._stream.aclose()


def reader_of(stream: AsyncStream[C, Any]) -> ChunkSource[C]:
    """What reads a stream, for the synchronous client: see `interface`."""
    return stream._reader
