"""Streams that never lie about their end.

A stream is over when its terminal event has come: `[DONE]`, or the event that its kind of stream ends with; a chat also
when every choice has its reason and the body has ended where its framing says. Anything else - the connection ends,
breaks or falls silent, an event is damaged, the server reports an error midway - is raised as what it is, with
everything delivered so far folded into `partial`. After the terminal event the rest of the body is read for a moment,
so that the connection can be used again.

A stream holds its connection and its permit until it is over or closed; both go exactly once.
"""

from __future__ import annotations

from collections import deque
from collections.abc import AsyncIterator, Awaitable, Callable
from types import TracebackType
from typing import Generic, NoReturn, Protocol, Self, TypeVar

import attrs

from openai_async import _concurrency
from openai_async._pipeline.request import Answer, Request
from openai_async._streams.body import OpenBody
from openai_async._streams.text_pieces import TextPieces
from openai_async._transport.exchange import DeadlineReached
from openai_async._wire import error_responses, json
from openai_async._wire.accumulators.synthesize import EventSynthesizer
from openai_async._wire.sse import Event, SSEDecoder, is_keepalive
from openai_async._wire.surrogates import CharacterJoiner
from openai_async.errors import (
    APIError,
    DecodeError,
    FirstTokenTimeoutError,
    ForeignLoopError,
    IdleTimeoutError,
    StreamInterrupted,
    frameless,
)
from openai_async.types._base import Value
from openai_async.types._uncopied import Uncopied
from openai_async.types.meta import Meta, RateLimits
from openai_async.types.usage import ReplyUsage

#: Seconds and bytes that are spent on reading what follows the terminal event.
_DRAIN_SECONDS = 0.1
_DRAIN_BYTES = 64 * 1024

#: Chunks that are decoded before somebody asks for them, at most.
_AHEAD = 256

C = TypeVar("C", bound=Value)
F_co = TypeVar("F_co", covariant=True)
C_contra = TypeVar("C_contra", bound=Value, contravariant=True)
F = TypeVar("F")


class Fold(Protocol[C_contra, F_co]):
    """What turns the chunks of one kind of stream into the reply they amount to."""

    @property
    def over(self) -> bool:
        """Whether the last chunk was the terminal event. Never so where `[DONE]` is."""
        ...

    def add(self, chunk: C_contra) -> None: ...
    def result(self, meta: Meta) -> F_co | None: ...
    def reply_usage(self) -> ReplyUsage | None: ...


class AsyncStream(OpenBody, Generic[C, F]):
    """The events of one reply, as they arrive.

    Iterate it for chunks, iterate `text` for pieces of text, or await `final()` for the whole. Use it as a context
    manager: leaving early closes it and frees its connection. Cancelling an iteration closes it, too.

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

    def __init__(
        self,
        call: Request,
        answer: Answer,
        decode: Callable[[bytes], C],
        fold: Fold[C, F],
        max_event_bytes: int,
        decode_named: Callable[[bytes | None, bytes], C] | None = None,
        unfold: EventSynthesizer | None = None,
        is_whole: Callable[[], bool] | None = None,
    ) -> None:
        super().__init__(call, answer)
        self.meta: Meta = answer.meta
        self._bill = answer.bill
        self._secrets = [call.credentials.secret] if call.credentials else []
        self._decode = decode
        self._decode_named = decode_named  # where the name of an event is not in its data, too
        self._unfold = unfold  # where the server may have answered with a whole reply
        self._is_whole = is_whole  # where servers leave the terminal event out: nothing else is missing
        self._fold = fold
        self._sse = SSEDecoder(max_event_bytes)
        self._joiner: CharacterJoiner | None = None  # of a stream that has cut a character in two
        self._events: deque[Event] = deque()
        self._decoded: deque[C] = deque()  # the chunks of events before those
        self._opened = _concurrency.now()
        self._bare: bool | None = None  # the body is JSON by itself, and no stream; None before its first byte
        self._begun = False  # an event has arrived
        self._complete = False  # the terminal event has arrived

    @property
    def request_id(self) -> str | None:
        """The server's id of the request, for its support."""
        return self.meta.request_id

    @property
    def rate_limits(self) -> RateLimits:
        """The rate limits stated when the stream began."""
        return self.meta.rate_limits

    @property
    def partial(self) -> F | None:
        """The reply so far; None before the first event."""
        return self._fold.result(self.meta)

    def __aiter__(self) -> Self:
        return self

    async def __anext__(self) -> C:
        while (chunk := self._take()) is None:
            if not self._decode_some(1):
                await self._advance()
        return chunk

    @property
    def text(self) -> AsyncIterator[str]:
        """The pieces of text, without the empty ones: of the choice with index 0, or of a response's whole output."""
        return TextPieces(self)

    async def final(self) -> F:
        """Read to the end and return the whole reply, in the shape of one that was not streamed.

        Raises what iterating raises. Cancelling closes the stream; `partial` keeps what had arrived.
        """
        async for _ in self:
            pass
        whole = self.partial
        if whole is None:
            raise StreamInterrupted("the stream ended without any content")
        return whole

    async def aclose(self) -> None:
        """Close the stream; before its end, the server is told so by closing the connection.

        A task that is reading gets `StreamInterrupted`. Never raises and never waits: there is nothing to cancel.
        """
        self._close()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._close()

    def __repr__(self) -> str:
        state = "complete" if self._complete else "closed" if self._closed else "open"
        return f"<AsyncStream {state}, request {self.request_id}>"

    def _take(self) -> C | None:
        """The next chunk, if it is decoded. Arithmetic only: the synchronous client calls it in its caller's thread."""
        if not self._decoded:
            return None
        try:
            chunk = self._decoded.popleft()
        except IndexError:  # another thread has closed the stream
            return None
        self._fold.add(chunk)
        if self._fold.over:
            self._decoded.clear()
            self._events.clear()
            self._completed()
        return chunk

    def _decode_some(self, most: int) -> bool:
        """Decode what has arrived, up to so many chunks; False if it takes `_advance` to go on."""
        while self._events and len(self._decoded) < most:
            kind, data = self._events[0]
            if data == b"[DONE]":
                break
            try:
                chunk = self._decode(data) if self._decode_named is None else self._decode_named(kind, data)
            except DecodeError as error:
                if isinstance(error, json.LoneSurrogateError) and self._joiner is None:
                    self._joiner = CharacterJoiner(json.loads_surrogates)
                    self._events = deque(self._joiner.feed(self._events))
                    continue
                break
            if kind == b"error" or (chunk.extra and error_responses.error_in(chunk.extra)):
                break
            self._events.popleft()
            self._decoded.append(chunk)
        return bool(self._decoded)

    async def _arrive(self) -> None:
        """Wait until a chunk is decoded, and all that have arrived with it. For threads that iterate."""
        # Not in the thread: the decoder's memory would move from core to core, at half the cost of a chunk.
        while not self._decode_some(_AHEAD):
            await self._advance()

    async def _advance(self) -> None:
        """Wait for the next event, or end as the stream ends: one that is there and not ready is an end, too."""
        if self._events:
            if is_keepalive(self._events[0]):
                self._events.popleft()
                return
            if self._events[0][1].strip() != b"[DONE]":
                self._fail_with(self._events.popleft()[1])
            await self._finish()
        if self._complete:
            await self._finish()
            raise StopAsyncIteration
        if self._closed:
            raise self._left()
        await self._read_events()

    def _left(self) -> StreamInterrupted:
        return StreamInterrupted("the stream was closed before its end", partial=self.partial)

    def _fail_with(self, data: bytes) -> NoReturn:
        """Raise what the data of an event that is no chunk amounts to."""
        error: APIError = DecodeError("the stream holds an error event without an error")
        try:
            self._decode(data)
        except DecodeError as damage:
            error = damage
        error = error_responses.from_event_data(data, request_id=self.request_id, secrets=self._secrets) or error
        del data  # servers quote keys, and tracebacks may be shown with local variables
        self._fail(error)

    async def _read_events(self) -> None:
        """Wait for the next event, or for the end. Bytes without an event do not renew any timeout."""
        try:
            now = self._now()
        except APIError as error:
            self._fail(error)
        first = self._opened, self._timeout.first_token, FirstTokenTimeoutError
        due, late = self._due(*((now, self._timeout.idle, IdleTimeoutError) if self._begun else first))
        self._begin_reading()
        try:
            self._sse.check()
            while not self._events:
                data = await self._exchange.read(due)
                if not data:
                    break
                if self._bare is None and (start := data.lstrip()[:1]):
                    self._bare = start == b"{"
                events = self._sse.feed(data)
                self._events += events if self._joiner is None else self._joiner.feed(events)
                while self._events and is_keepalive(self._events[0]):
                    self._events.popleft()
        except DeadlineReached:
            self._fail(late(self._why(late, "event"), phase="body"))
        except APIError as error:
            self._fail(self._left() if self._closed else error)
        except BaseException:
            self._close()
            raise
        finally:
            self._reading = False
        if not self._events:
            return self._end_of_body()
        if self._bare:
            self._unfolded(self._events[0][1])
        self._begun = True
        return None

    def _end_of_body(self) -> None:
        """The body is over. A terminal event or an error may stand in it without its blank line."""
        event, error = self._sse.end(), None
        if event is None and self._is_whole is not None and self.meta.states_end and self._is_whole():
            event = (None, b"[DONE]")
        if event is not None:
            if event[1].strip() == b"[DONE]":
                self._events.append(event)
                return
            error = error_responses.from_event_data(event[1], request_id=self.request_id, secrets=self._secrets)
            if error is None and self._unfolded(event[1]):
                return
        del event
        self._fail(error or StreamInterrupted("the stream ended without its terminal event"))

    def _unfolded(self, body: bytes) -> bool:
        """Whether the body is no stream, and the whole reply instead: then its events are there now."""
        if not self._bare or self._begun or self._unfold is None or not (whole := self._unfold(body)):
            return False
        self._events.clear()
        self._events += [(None, event) for event in (*whole, b"[DONE]")]
        return True

    async def _finish(self) -> None:
        """The terminal event is here: read on briefly, so that the connection can be reused."""
        if not self._complete:
            self._completed()
        if self._closed or self._reading:  # or another task does so
            return
        self._begin_reading()
        spare = _DRAIN_BYTES
        try:
            until = self._now() + _DRAIN_SECONDS
            while spare > 0 and (data := await self._exchange.read(until)):
                spare -= len(data)
        except (APIError, DeadlineReached, ForeignLoopError):
            pass  # the reply is whole, whatever becomes of the connection
        finally:
            self._reading = False
            self._close()

    def _completed(self) -> None:
        self._complete = True
        self._book()

    def _book(self) -> None:
        """Bill it once, as far as its usage is known: a stream that is left early is not free."""
        bill, self._bill = self._bill, None
        if bill is not None:
            self.meta.cost = bill(self._fold.reply_usage)

    def _close(self) -> None:
        self._book()
        self._decoded.clear()
        self._events.clear()
        super()._close()

    def _fail(self, error: APIError) -> NoReturn:
        self._close()
        *earlier, last = self.meta.attempts
        broken = attrs.evolve(last, outcome="ambiguous", error=type(error).__name__)
        error.attempts = (*earlier, broken)
        error.request_id = error.request_id or self.request_id
        error.partial = self.partial
        raise frameless(error)


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
