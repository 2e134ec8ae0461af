"""One HTTP/1.1 connection on an asyncio protocol: one exchange at a time, parsed by llhttp (through httptools).

Reading never runs ahead of the reader by more than `HIGH_WATER` bytes: beyond it the socket is not read. Writing a body
that is made piece by piece waits until the socket takes more. What the server may not do is an error of the exchange: a
damaged or oversized head, both framings at once, data nobody asked for, an end before the stated end. A body without
any framing ends with the connection; every other ends where it said.

The parser checks the head and the framing. The fields are kept as the bytes that came, and taken apart when somebody
looks at them: a callback for each of two dozen would cost as much as all the rest here.

One timer serves all waits of a connection: it is set for the first moment at which one has to give up, and when it
rings for a wait that has long ended, it is set for the one that is under way. So a call sets none.
"""

from __future__ import annotations

import asyncio
import math
from collections.abc import Callable
from typing import Final, cast

import httptools

from openai_async._transport.exceptions import SPEAKS_TLS, TLS_ALERT, said_by
from openai_async._transport.exchange import DeadlineReached
from openai_async._transport.keep_alive import keep_alive_timeout
from openai_async._transport.request_body import Body, closed
from openai_async._transport.sockets import KEEPALIVE, readable
from openai_async._transport.timeouts import Bound
from openai_async.errors import Phase

#: Bytes of decoded framing that may wait for the reader; of a head.
HIGH_WATER = 512 * 1024
MAX_HEAD = 256 * 1024
#: Bodies up to this size are copied to stand behind their head in one write.
_SMALL: Final = 64 * 1024
_INVALID: Final = "the server's answer is not valid HTTP/1.1"


class _RefusedError(Exception):
    """Raised in a callback of the parser, which then stops: what follows must not be taken for more of the answer."""


class DirectConnection(asyncio.BufferedProtocol):
    """A connection. `start` an exchange, then await `news`, and look at the fields.

    Args:
        loop: whose it is.
        buffer: what the socket is read into, for this moment only: all connections of the loop share it. (A buffer that
            is made for each read costs three system calls.)
    """

    def __init__(self, loop: asyncio.AbstractEventLoop, buffer: memoryview) -> None:
        self._loop = loop
        self._buffer = buffer
        self._transport: asyncio.Transport | None = None
        self._parser = httptools.HttpResponseParser(self)
        self._waiter: asyncio.Future[None] | None = None
        self._timer: asyncio.TimerHandle | None = None
        self._rings = math.inf  # when the timer does
        self._bound = Bound()  # of the wait under way
        self._writable = True
        self._closed: asyncio.Future[None] = loop.create_future()
        self._paused = False
        self._readable: Callable[[], object] = bool
        self._active = False  # an exchange is under way
        self._reset()

    def _reset(self) -> None:
        self.status = 0
        self.head = b""  # as it came, up to its blank line; until it is complete, with what came behind it
        self._begun = False  # something of the answer has arrived
        self.head_complete = False
        self.complete = False
        self.failure: str | None = None  # why the exchange cannot go on
        self.pieces: list[bytes] = []
        self._buffered = 0
        self._framed = False  # the end of the body is stated
        self.encoded = False  # by some Content-Encoding
        self._whole = True  # the request was handed over to its end
        self.lifetime = math.inf  # seconds that the server keeps the connection when it is idle
        self._bodiless = False  # as the answer to a HEAD, whatever its header says
        self._keep_alive = False

    # -- the owner's side ------------------------------------------------------------------------------

    def start(self, head: bytes, body: bytes = b"", *, bodiless: bool = False) -> None:
        """Send a request, or the head of one whose body follows by `upload`. The answer to a HEAD is `bodiless`."""
        assert self._transport is not None
        self._reset()
        self._bodiless = bodiless
        self._active = True
        if len(body) < _SMALL:
            self._transport.write(head + body)
        else:
            self._transport.writelines((head, body))

    async def upload(self, body: Body, deadline: float) -> None:
        """Send a body piece by piece, no faster than the socket takes it, and no further once there is an answer."""
        self._whole = False
        chunked = body.length is None
        pieces = body.open()
        try:
            async for piece in pieces:
                if self.head_complete or self.failure is not None or self._transport is None:
                    return
                if piece:
                    # Not `writelines`: in CPython 3.12.0 to 3.13.1 it never pauses the writer (CVE-2024-12254).
                    self._transport.write(b"%x\r\n%b\r\n" % (len(piece), piece) if chunked else piece)
                del piece  # what waits may be cancelled, and its frames be shown with local variables
                while not (self._writable or self.head_complete or self.failure is not None):
                    await self.news(deadline)
        finally:
            await closed(pieces)
        if self._transport is not None:
            self._whole = True
            if chunked:
                self._transport.write(b"0\r\n\r\n")

    def news(self, deadline: float) -> asyncio.Future[None]:
        """Await it until something new has arrived: the head, a piece, the end, a failure, or room for more of a body.

        Raises:
            DeadlineReached: nothing new came until then (loop time), also when awaited.
        """
        bound = self._bound
        if deadline != bound.deadline:
            bound.start(deadline)
        if deadline < math.inf:
            now = self._loop.time()
            if now >= bound.end and not bound.looks_again(now):  # something new came all the time, and was not enough
                raise DeadlineReached(self.phase)
            if bound.end < self._rings:
                self._set_timer(bound.end)
        self._waiter = self._loop.create_future()  # a coroutine around it would cost as much again
        return self._waiter

    @property
    def phase(self) -> Phase:
        """How far the exchange has come. Bytes that the kernel has not taken were not sent."""
        if self.head_complete:
            return "body"
        transport = self._transport
        unsent = not (self._whole and self._writable) or (transport is not None and transport.get_write_buffer_size())
        return "send" if unsent else "response"

    def _set_timer(self, when: float) -> None:
        if self._timer is not None:
            self._timer.cancel()
        self._rings = when
        self._timer = self._loop.call_at(when, self._ring) if when < math.inf else None

    def _ring(self) -> None:
        self._rings, self._timer = math.inf, None
        if self._waiter is None or self._waiter.done():
            return
        now = self._loop.time()
        if now < self._bound.end or self._bound.rang(now):
            self._set_timer(self._bound.end)
        else:
            self._waiter.set_exception(DeadlineReached(self.phase))

    def take(self) -> bytes:
        """The pieces that have arrived, as one."""
        pieces = self.pieces
        data = pieces[0] if len(pieces) == 1 else b"".join(pieces)
        self.pieces = []
        self._buffered = 0
        if self._paused and self._transport is not None:
            self._paused = False
            self._transport.resume_reading()
        return data

    def finish(self) -> bool:
        """The exchange is over and read; whether the connection can carry another."""
        self._active = False
        transport = self._transport
        return (
            self._keep_alive
            and self._whole
            and self.failure is None
            and transport is not None
            and not transport.is_closing()
            and transport.get_write_buffer_size() == 0  # answered before it had read the request: out of step
        )

    def is_clean(self) -> bool:
        transport = self._transport
        if transport is None or transport.is_closing() or self._active:
            return False
        # The server's FIN may be in the kernel, and not yet with the loop: a look there saves a lost request.
        return not self._readable()

    def drop(self) -> None:
        if self._active and not self.complete and self.failure is None:
            self.failure = "it was closed on this side"  # a reader that still waits must hear of it
        self._active = False
        self._set_timer(math.inf)
        if self._transport is not None:
            self._transport.abort()
        self._wake()

    async def aclose(self) -> None:
        self.drop()
        if self._transport is not None:
            await asyncio.wait([self._closed])

    # -- the loop's side -------------------------------------------------------------------------------

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.Transport, transport)
        sock = transport.get_extra_info("socket")
        for option in KEEPALIVE:
            sock.setsockopt(*option)
        self._readable = readable(sock.fileno())

    def pause_writing(self) -> None:
        self._writable = False

    def resume_writing(self) -> None:
        self._writable = True
        self._wake()

    def get_buffer(self, sizehint: int) -> memoryview:
        return self._buffer

    def buffer_updated(self, nbytes: int) -> None:
        self._received(bytes(self._buffer[:nbytes]))

    def _received(self, data: bytes) -> None:
        if not self._active:  # nobody asked
            self.drop()
            return
        if self.complete or not (self._begun or data.startswith(b"H")):
            # Behind the answer; or before it, where the parser skips line ends and knows RTSP.
            self._fail(SPEAKS_TLS if not self._begun and data.startswith(TLS_ALERT) else _INVALID)
            self._wake()
            return
        self._begun = True
        if not self.head_complete:
            self.head = self.head + data if self.head else data
        try:
            self._parser.feed_data(data)
        except (httptools.HttpParserError, httptools.HttpParserUpgrade) as error:
            refused = error.__context__
            self._fail(str(refused) if isinstance(refused, _RefusedError) else _INVALID)
        if not self.head_complete and len(self.head) > MAX_HEAD:
            self._fail(f"the head of the answer is over {MAX_HEAD} bytes")
        if self._buffered > HIGH_WATER and not self._paused and self._transport is not None:
            self._paused = True
            self._transport.pause_reading()
        self._wake()

    def eof_received(self) -> bool:
        self._end()
        return False  # close our side, too

    def connection_lost(self, exc: Exception | None) -> None:
        if exc is None:
            self._end()
        elif self._active and not self.complete and self.failure is None:
            self.failure = said_by(exc)
        self._set_timer(math.inf)
        self._transport = None  # asyncio's can bear no more calls, not even to be aborted
        if not self._closed.done():
            self._closed.set_result(None)
        self._wake()

    def _end(self) -> None:
        """No more bytes will come. That is the end of the body only where no other end was stated."""
        if self._active and not self.complete and self.failure is None:
            if self.head_complete and not self._framed:
                self.complete = True
            else:
                self.failure = "the server closed the connection"
        self._wake()

    def _fail(self, why: str) -> None:
        if self.failure is None and not self.complete:
            self.failure = why
        self._keep_alive = False
        if self._transport is not None:
            self._transport.abort()

    def _wake(self) -> None:
        if self._waiter is not None and not self._waiter.done():
            self._waiter.set_result(None)

    # -- the parser's side -----------------------------------------------------------------------------

    def on_message_begin(self) -> None:
        if self.complete:  # a second answer to one request
            raise _RefusedError("the server sent more than one answer")

    def on_headers_complete(self) -> None:
        status, version = self._parser.get_status_code(), self._parser.get_http_version()
        if status < 100 or version not in ("1.1", "1.0"):
            raise _RefusedError(_INVALID)
        self.head, blank_line, behind = self.head.lstrip(b"\r\n").partition(b"\r\n\r\n")
        if not blank_line:
            raise _RefusedError(_INVALID)
        if len(self.head) > MAX_HEAD:
            raise _RefusedError(f"the head of the answer is over {MAX_HEAD} bytes")
        if status < 200:  # an interim answer; the real one follows
            if status == 101:
                raise _RefusedError("the server switched protocols unasked")
            self.head = behind
            return
        self._look_at_framing(version)
        self.status = status
        self.head_complete = True
        if status in (204, 304):
            self._framed = True
        if self._bodiless:  # the parser cannot be told: this connection has seen its last answer
            self.complete = self._framed = True

    def _look_at_framing(self, version: str) -> None:
        """What the head says of where the body ends, and how it is packed."""
        head = self.head.lower() + b"\r\n"
        self._framed = b"\r\ncontent-length:" in head
        self.encoded = b"\r\ncontent-encoding:" in head
        if b"\r\nkeep-alive:" in head:
            self.lifetime = keep_alive_timeout(head.partition(b"\r\nkeep-alive:")[2].partition(b"\r\n")[0])
        if b"\r\ntransfer-encoding:" in head:
            coding = head.partition(b"\r\ntransfer-encoding:")[2].partition(b"\r\n")[0]
            # As the parser reads it: anything else it takes for some coding of which it does not know the end.
            several = self._framed or head.count(b"\r\ntransfer-encoding:") > 1
            if several or version == "1.0" or coding.lstrip(b" \t").rstrip(b" ") != b"chunked":
                raise _RefusedError("the answer has a transfer encoding that was not asked for")
            self._framed = True

    def on_body(self, data: bytes) -> None:
        self.pieces.append(data)
        self._buffered += len(data)

    def on_message_complete(self) -> None:
        if not self.head_complete:  # of an interim answer
            return
        self.complete = True
        self._keep_alive = self._parser.should_keep_alive() and not self._bodiless
