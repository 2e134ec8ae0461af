"""From the bytes of a stream to its chunks, up to its end.

A stream is over when its terminal event has come: `[DONE]`, or the event that its kind of stream ends with. A chat is
also over when every choice has its `finish_reason` and the body has ended where its framing says. Anything else is an
error, and `partial` holds what was delivered before it: the connection ends, breaks or falls silent, an event is
damaged, the server reports an error midway. After the terminal event the reader drains the rest of the body for a
moment, so that the connection can be used again.

Bytes go one way: `_read_events` (bytes -> events), `decode` (events -> chunks), `take` (a chunk to its consumer, and
into the accumulator). Only the first of them waits.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from typing import Generic, NoReturn, Protocol, TypeVar

import attrs

from openai_async import _concurrency
from openai_async._pipeline.answer import Answer
from openai_async._pipeline.request import Request
from openai_async._streams.body import ResponseBody
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
from openai_async.types._base import EMPTY, Value
from openai_async.types.meta import Meta
from openai_async.types.usage import ReplyUsage

#: Seconds and bytes that the drain spends on what follows the terminal event.
_DRAIN_SECONDS = 0.1
_DRAIN_BYTES = 64 * 1024

#: The most chunks that are decoded before a thread takes them.
_MAX_DECODED_AHEAD = 256

_DONE = b"[DONE]"

C = TypeVar("C", bound=Value)
F = TypeVar("F")
F_co = TypeVar("F_co", covariant=True)
C_contra = TypeVar("C_contra", bound=Value, contravariant=True)


class Accumulator(Protocol[C_contra, F_co]):
    """Builds the complete reply from the chunks of one kind of stream."""

    @property
    def over(self) -> bool:
        """Whether the last chunk was the terminal event. Always False for streams that end with `[DONE]`."""
        ...

    def add(self, chunk: C_contra) -> None: ...
    def result(self, meta: Meta) -> F_co | None: ...
    def reply_usage(self) -> ReplyUsage | None: ...


class StreamReader(ResponseBody, Generic[C, F]):
    """Reads the chunks of one stream. See the module for when it ends.

    Args:
        request: the request that the stream answers.
        answer: the answer of the pipeline, with the header section of the response.
        decode: decodes the data of one event.
        accumulator: builds the complete reply.
        max_event_bytes: bound on one event.
        decode_named: decodes the name and the data of an event, where the data alone does not tell its kind.
        synthesize: makes events of a complete reply, which some servers send in place of a stream.
        is_complete: tells, when the body has ended without its terminal event, whether nothing but that is missing.
        ends_with_body: no event is known to be the last one, and the end of the body is the end of the stream.
    """

    __slots__ = (
        "_accumulator",
        "_bill",
        "_decode",
        "_decode_named",
        "_decoded",
        "_ends_with_body",
        "_events",
        "_is_complete",
        "_is_json",
        "_joiner",
        "_opened",
        "_secrets",
        "_sse",
        "_started",
        "_synthesize",
        "complete",
        "meta",
    )

    reading: bool  # as in the base: type checkers want it where it is assigned

    def __init__(
        self,
        request: Request,
        answer: Answer,
        decode: Callable[[bytes], C],
        accumulator: Accumulator[C, F],
        max_event_bytes: int,
        *,
        decode_named: Callable[[bytes | None, bytes], C] | None = None,
        synthesize: EventSynthesizer | None = None,
        is_complete: Callable[[], bool] | None = None,
        ends_with_body: bool = False,
    ) -> None:
        super().__init__(request, answer)
        self.meta: Meta = answer.meta
        self.complete: bool = False  # the terminal event has arrived
        self._bill = answer.bill
        self._secrets = answer.secrets
        self._decode = decode
        self._decode_named = decode_named
        self._synthesize = synthesize
        self._is_complete = is_complete
        self._ends_with_body = ends_with_body
        self._accumulator = accumulator
        self._sse = SSEDecoder(max_event_bytes)
        self._joiner: CharacterJoiner | None = None  # of a stream that has split a character over two events
        self._events: deque[Event] = deque()
        self._decoded: deque[C] = deque()  # the chunks of events before those
        self._opened = _concurrency.now()
        self._is_json: bool | None = None  # the body is one JSON value and no stream; None before its first byte
        self._started = False  # an event has arrived

    @property
    def partial(self) -> F | None:
        """The reply so far; None before the first event."""
        return self._accumulator.result(self.meta)

    # -- events -> chunks ------------------------------------------------------------------------------

    def take(self) -> C | None:
        """The next chunk, if it is decoded. It computes only: other threads call it."""
        if not self._decoded:
            return None
        try:
            chunk = self._decoded.popleft()
        except IndexError:  # another thread has closed the stream
            return None
        self._accumulator.add(chunk)
        if self._accumulator.over:
            self._decoded.clear()
            self._events.clear()
            self._set_complete()
        return chunk

    def decode(self, limit: int) -> bool:
        """Decode what has arrived, up to `limit` chunks; False if only `advance` can go on."""
        while self._events and len(self._decoded) < limit:
            name, data = self._events[0]
            if data == _DONE:
                break
            try:
                chunk = self._decode(data) if self._decode_named is None else self._decode_named(name, data)
            except DecodeError as error:
                if isinstance(error, json.LoneSurrogateError) and self._joiner is None:
                    self._joiner = CharacterJoiner(json.loads_surrogates)
                    self._events = deque(self._joiner.feed(self._events))
                    continue
                break
            if name == b"error" or (chunk.extra is not EMPTY and error_responses.error_in(chunk.extra)):
                break
            self._events.popleft()
            self._decoded.append(chunk)
        return bool(self._decoded)

    async def fetch(self) -> None:
        """Wait until a chunk is decoded, and decode all that have arrived with it. For threads that iterate."""
        # Not in the thread: the decoder's memory would move from core to core, at half the cost of a chunk.
        while not self.decode(_MAX_DECODED_AHEAD):
            await self.advance()

    async def advance(self) -> None:
        """Wait for the next event, or raise what the stream ends with.

        An event that has arrived and that `decode` did not take is an end too: `[DONE]`, or an error.
        """
        if self._events:
            if is_keepalive(self._events[0]):
                self._events.popleft()
                return
            if self._events[0][1].strip() != _DONE:
                self._fail_with(self._events.popleft()[1])
            await self._finish()
        if self.complete:
            await self._finish()
            raise StopAsyncIteration
        if self.closed:
            raise self._closed_early()
        await self._read_events()

    # -- bytes -> events -------------------------------------------------------------------------------

    async def _read_events(self) -> None:
        """Wait for the next event, or for the end. Bytes without an event do not restart a timeout."""
        try:
            now = self.now()
        except APIError as error:
            self._fail(error)
        if self._started:
            deadline, timeout_error = self.deadline_of(now, self.timeout.idle, IdleTimeoutError)
        else:
            deadline, timeout_error = self.deadline_of(self._opened, self.timeout.first_token, FirstTokenTimeoutError)
        self.begin_reading()
        try:
            self._sse.check()
            while not self._events:
                data = await self.exchange.read(deadline)
                if not data:
                    break
                if self._is_json is None and (start := data.lstrip()[:1]):
                    self._is_json = start == b"{"
                events = self._sse.feed(data)
                self._events += events if self._joiner is None else self._joiner.feed(events)
                while self._events and is_keepalive(self._events[0]):
                    self._events.popleft()
        except DeadlineReached:
            self._fail(timeout_error(self.timeout_message(timeout_error, "event"), phase="body"))
        except APIError as error:
            self._fail(self._closed_early() if self.closed else error)
        except BaseException:
            self.close()
            raise
        finally:
            self.reading = False
        if not self._events:
            return self._end_of_body()
        if self._is_json:
            self._synthesized(self._events[0][1])
        self._started = True
        return None

    def _end_of_body(self) -> None:
        """The body is over. A terminal event or an error may stand in it without its blank line."""
        event, error = self._sse.end(), None
        if event is None and self._may_end():
            event = (None, _DONE)
        if event is not None:
            if event[1].strip() == _DONE:
                self._events.append(event)
                return
            error = error_responses.from_event_data(event[1], request_id=self.meta.request_id, secrets=self._secrets)
            if error is None and self._synthesized(event[1]):
                return
        del event  # servers quote keys, and tracebacks may be shown with local variables
        missing = "within an event" if self._ends_with_body else "without its terminal event"
        self._fail(error or StreamInterrupted(f"the stream ended {missing}"))

    def _may_end(self) -> bool:
        """Whether a stream whose body has ended without a terminal event is complete."""
        if self._is_complete is not None and self.meta.states_end and self._is_complete():
            return True
        return self._ends_with_body

    def _synthesized(self, body: bytes) -> bool:
        """Whether the body is a complete reply in place of a stream. Then its events are there now."""
        if not self._is_json or self._started or self._synthesize is None:
            return False
        if not (events := self._synthesize(body)):
            return False
        self._events.clear()
        self._events += [(None, data) for data in (*events, _DONE)]
        return True

    # -- the end ---------------------------------------------------------------------------------------

    async def _finish(self) -> None:
        """End a stream whose terminal event is here: drain its body, so that the connection can be used again."""
        if not self.complete:
            self._set_complete()
        if self.closed or self.reading:  # or another task does so
            return
        self.begin_reading()
        remaining = _DRAIN_BYTES
        try:
            deadline = self.now() + _DRAIN_SECONDS
            while remaining > 0 and (data := await self.exchange.read(deadline)):
                remaining -= len(data)
        except (APIError, DeadlineReached, ForeignLoopError):
            pass  # the reply is complete, whatever becomes of the connection
        finally:
            self.reading = False
            self.close()

    def _set_complete(self) -> None:
        self.complete = True
        self._bill_once()

    def _bill_once(self) -> None:
        """Bill the usage as far as it is known: a stream that is left early is not free."""
        bill, self._bill = self._bill, None
        if bill is not None:
            self.meta.cost = bill(self._accumulator.reply_usage)

    def close(self) -> None:
        """Bill the usage, and release the connection and the permit. Never waits. A second call does nothing."""
        self._bill_once()
        self._decoded.clear()
        self._events.clear()
        super().close()

    def _closed_early(self) -> StreamInterrupted:
        return StreamInterrupted("the stream was closed before its end", partial=self.partial)

    def _fail_with(self, data: bytes) -> NoReturn:
        """Raise the error that the data of an event stands for."""
        error: APIError = DecodeError("the stream holds an error event without an error")
        try:
            self._decode(data)
        except DecodeError as damage:
            error = damage
        request_id = self.meta.request_id
        error = error_responses.from_event_data(data, request_id=request_id, secrets=self._secrets) or error
        del data  # servers quote keys, and tracebacks may be shown with local variables
        self._fail(error)

    def _fail(self, error: APIError) -> NoReturn:
        """Close, and raise the error with what is known of the stream."""
        self.close()
        *earlier, last = self.meta.attempts
        failed = attrs.evolve(last, outcome="ambiguous", error=type(error).__name__)
        error.attempts = (*earlier, failed)
        error.request_id = error.request_id or self.meta.request_id
        error.partial = self.partial
        raise frameless(error)
