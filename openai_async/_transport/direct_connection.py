"""One HTTP/1.1 connection on an asyncio protocol: one exchange at a time, parsed by llhttp (through httptools).

Flow control: the socket is not read while `HIGH_WATER` bytes wait for the reader, and a body that is sent in chunks
waits until the socket accepts more.

The server breaks the exchange with a malformed or oversized header section, with both framings at once (RFC 9112,
section 6.3), with data that no request asked for, or with an end before the stated end. A body without framing ends
with the connection.

The parser checks the header section and the framing. Fields stay in the bytes that came, and are split when a caller
reads them: a callback for each of two dozen fields would cost as much as everything else here.

One timer serves all waits of a connection, so most calls set none. When it fires for a wait that has ended, it is set
for the current one.
"""

from __future__ import annotations

import asyncio
import math
from collections.abc import Callable
from typing import Final, cast

import httptools

from openai_async._transport.exceptions import SPEAKS_TLS, TLS_ALERT, reason_of
from openai_async._transport.exchange import DeadlineReached
from openai_async._transport.keep_alive import keep_alive_timeout
from openai_async._transport.request_body import Body, close_chunks
from openai_async._transport.sockets import KEEPALIVE, readable
from openai_async._transport.timeouts import WaitDeadline
from openai_async.errors import Phase

#: Bytes of content that may wait for the reader; bytes of a header section.
HIGH_WATER = 512 * 1024
MAX_HEADER_SECTION = 256 * 1024
#: Bodies up to this size are copied after their header section, for one write.
_SMALL: Final = 64 * 1024
_INVALID: Final = "the server's answer is not valid HTTP/1.1"


class _RefusedError(Exception):
    """Raised in a callback to stop the parser: what follows must not be read as part of the response."""


class DirectConnection(asyncio.BufferedProtocol):
    """A connection. `start` an exchange, then await `wait` and read the attributes.

    Args:
        loop: its event loop.
        buffer: receives each read. All connections of the loop share it, because a new buffer for each read costs three
            system calls.
    """

    def __init__(self, loop: asyncio.AbstractEventLoop, buffer: memoryview) -> None:
        self._loop = loop
        self._buffer = buffer
        self._transport: asyncio.Transport | None = None
        self._parser = httptools.HttpResponseParser(self)
        self._waiter: asyncio.Future[None] | None = None
        self._timer: asyncio.TimerHandle | None = None
        self._timer_at = math.inf  # when the timer fires
        self._deadline = WaitDeadline()  # of the current wait
        self._writable = True
        self._closed: asyncio.Future[None] = loop.create_future()
        self._paused = False
        self._readable: Callable[[], object] = bool
        self._active = False  # an exchange is in progress
        self._reset()

    def _reset(self) -> None:
        self.status = 0
        self.header_section = b""  # up to its blank line; until it is complete, with the bytes behind it
        self._received_any = False  # a byte of the response has arrived
        self.header_complete = False
        self.complete = False
        self.failure: str | None = None  # why the exchange cannot go on
        self.chunks: list[bytes] = []
        self._buffered = 0
        self._framed = False  # the framing says where the body ends
        self.encoded = False  # there is a Content-Encoding field
        self._request_complete = True  # all of the request was written
        self.lifetime = math.inf  # seconds that the server keeps an idle connection
        self._without_body = False  # the response to a HEAD request, whatever its header section says
        self._keep_alive = False

    # -- called by the transport ---------------------------------------------------------------------

    def start(self, header: bytes, body: bytes = b"", *, without_body: bool = False) -> None:
        """Send a request, or the header section of one whose body follows by `upload`.

        `without_body`: the method is HEAD, so the response has no body.
        """
        assert self._transport is not None
        self._reset()
        self._without_body = without_body
        self._active = True
        if len(body) < _SMALL:
            self._transport.write(header + body)
        else:
            self._transport.writelines((header, body))

    async def upload(self, body: Body, deadline: float) -> None:
        """Send a body in chunks, as fast as the socket accepts them. Stop when a response comes before the end."""
        self._request_complete = False
        chunked = body.length is None
        chunks = body.open()
        try:
            async for chunk in chunks:
                if self.header_complete or self.failure is not None or self._transport is None:
                    return
                if chunk:
                    # Not `writelines`: in CPython 3.12.0 to 3.13.1 it never pauses the writer (CVE-2024-12254).
                    self._transport.write(b"%x\r\n%b\r\n" % (len(chunk), chunk) if chunked else chunk)
                del chunk  # this frame may be shown, local variables and all, when it is cancelled
                while not (self._writable or self.header_complete or self.failure is not None):
                    await self.wait(deadline)
        finally:
            await close_chunks(chunks)
        if self._transport is not None:
            self._request_complete = True
            if chunked:
                self._transport.write(b"0\r\n\r\n")

    def wait(self, deadline: float) -> asyncio.Future[None]:
        """A future for the next event: the header section, a chunk, the end, a failure, or room to write.

        Raises:
            DeadlineReached: no event before that loop time. Raised at once, or when awaited.
        """
        wait = self._deadline
        if deadline != wait.deadline:
            wait.start(deadline)
        if deadline < math.inf:
            now = self._loop.time()
            if now >= wait.end and not wait.reads_again(now):  # events came all the time
                raise DeadlineReached(self.phase)
            if wait.end < self._timer_at:
                self._set_timer(wait.end)
        self._waiter = self._loop.create_future()  # a coroutine around it would cost as much again
        return self._waiter

    @property
    def phase(self) -> Phase:
        """The phase of the exchange. Bytes that the kernel has not accepted were not sent."""
        if self.header_complete:
            return "body"
        transport = self._transport
        unsent = not (self._request_complete and self._writable) or (
            transport is not None and transport.get_write_buffer_size()
        )
        return "send" if unsent else "response"

    def _set_timer(self, when: float) -> None:
        if self._timer is not None:
            self._timer.cancel()
        self._timer_at = when
        self._timer = self._loop.call_at(when, self._timer_fired) if when < math.inf else None

    def _timer_fired(self) -> None:
        self._timer_at, self._timer = math.inf, None
        if self._waiter is None or self._waiter.done():
            return
        now = self._loop.time()
        if now < self._deadline.end or self._deadline.extends(now):
            self._set_timer(self._deadline.end)
        else:
            self._waiter.set_exception(DeadlineReached(self.phase))

    def read(self) -> bytes:
        """The chunks that have arrived, joined."""
        chunks = self.chunks
        data = chunks[0] if len(chunks) == 1 else b"".join(chunks)
        self.chunks = []
        self._buffered = 0
        if self._paused and self._transport is not None:
            self._paused = False
            self._transport.resume_reading()
        return data

    def finish(self) -> bool:
        """End an exchange that was read completely. Whether the connection persists (RFC 9112, section 9.3)."""
        self._active = False
        transport = self._transport
        return (
            self._keep_alive
            and self._request_complete
            and self.failure is None
            and transport is not None
            and not transport.is_closing()
            and transport.get_write_buffer_size() == 0  # it answered before it had read the request
        )

    def is_clean(self) -> bool:
        transport = self._transport
        if transport is None or transport.is_closing() or self._active:
            return False
        # The loop may not have seen the server's FIN yet. A look into the kernel saves a request that would be lost.
        return not self._readable()

    def drop(self) -> None:
        if self._active and not self.complete and self.failure is None:
            self.failure = "it was closed on this side"  # wakes a reader with an error
        self._active = False
        self._set_timer(math.inf)
        if self._transport is not None:
            self._transport.abort()
        self._wake()

    async def aclose(self) -> None:
        self.drop()
        if self._transport is not None:
            await asyncio.wait([self._closed])

    # -- called by the event loop --------------------------------------------------------------------

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
        if self.complete or not (self._received_any or data.startswith(b"H")):
            # After the response; or before it, where the parser skips line ends and accepts RTSP.
            self._fail(SPEAKS_TLS if not self._received_any and data.startswith(TLS_ALERT) else _INVALID)
            self._wake()
            return
        self._received_any = True
        if not self.header_complete:
            self.header_section = self.header_section + data if self.header_section else data
        try:
            self._parser.feed_data(data)
        except (httptools.HttpParserError, httptools.HttpParserUpgrade) as error:
            refused = error.__context__
            self._fail(str(refused) if isinstance(refused, _RefusedError) else _INVALID)
        if not self.header_complete and len(self.header_section) > MAX_HEADER_SECTION:
            self._fail(f"the header section of the response is over {MAX_HEADER_SECTION} bytes")
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
            self.failure = reason_of(exc)
        self._set_timer(math.inf)
        self._transport = None  # it accepts no more calls, not even `abort`
        if not self._closed.done():
            self._closed.set_result(None)
        self._wake()

    def _end(self) -> None:
        """The server closed. That ends a body without framing, and breaks any other."""
        if self._active and not self.complete and self.failure is None:
            if self.header_complete and not self._framed:
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

    # -- called by the parser ------------------------------------------------------------------------

    def on_message_begin(self) -> None:
        if self.complete:  # a second response to one request
            raise _RefusedError("the server sent more than one answer")

    def on_headers_complete(self) -> None:
        status, version = self._parser.get_status_code(), self._parser.get_http_version()
        if status < 100 or version not in ("1.1", "1.0"):
            raise _RefusedError(_INVALID)
        self.header_section, blank_line, behind = self.header_section.lstrip(b"\r\n").partition(b"\r\n\r\n")
        if not blank_line:
            raise _RefusedError(_INVALID)
        if len(self.header_section) > MAX_HEADER_SECTION:
            raise _RefusedError(f"the header section of the response is over {MAX_HEADER_SECTION} bytes")
        if status < 200:  # an interim response (RFC 9110, section 15.2); the final one follows
            if status == 101:
                raise _RefusedError("the server switched protocols unasked")
            self.header_section = behind
            return
        self._read_framing(version)
        self.status = status
        self.header_complete = True
        if status in (204, 304):
            self._framed = True
        if self._without_body:  # the parser cannot be told, so this connection carries no other exchange
            self.complete = self._framed = True

    def _read_framing(self, version: str) -> None:
        """Read from the header section where the body ends (RFC 9112, section 6), and whether it is encoded."""
        header = self.header_section.lower() + b"\r\n"
        self._framed = b"\r\ncontent-length:" in header
        self.encoded = b"\r\ncontent-encoding:" in header
        if b"\r\nkeep-alive:" in header:
            self.lifetime = keep_alive_timeout(header.partition(b"\r\nkeep-alive:")[2].partition(b"\r\n")[0])
        if b"\r\ntransfer-encoding:" in header:
            coding = header.partition(b"\r\ntransfer-encoding:")[2].partition(b"\r\n")[0]
            # As the parser reads it: after any other coding it does not know where the body ends.
            several = self._framed or header.count(b"\r\ntransfer-encoding:") > 1
            if several or version == "1.0" or coding.lstrip(b" \t").rstrip(b" ") != b"chunked":
                raise _RefusedError("the answer has a transfer encoding that was not asked for")
            self._framed = True

    def on_body(self, data: bytes) -> None:
        self.chunks.append(data)
        self._buffered += len(data)

    def on_message_complete(self) -> None:
        if not self.header_complete:  # of an interim response
            return
        self.complete = True
        self._keep_alive = self._parser.should_keep_alive() and not self._without_body
