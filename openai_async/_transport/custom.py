"""A transport over an httpx (or httpx2) client or transport that the user passed, with its proxies, hooks and pool.

It is closed here only on request. We cannot discard its pool when a call is cancelled, so its I/O runs through
`httpx_cancellation`.
"""

from __future__ import annotations

import importlib
import itertools
from collections.abc import AsyncIterator
from typing import Any
from urllib.parse import urlsplit

import anyio

from openai_async import _concurrency
from openai_async._transport.attempt import Attempt
from openai_async._transport.content_encoding import decoder
from openai_async._transport.exceptions import translate
from openai_async._transport.exchange import DeadlineReached, WireRequest
from openai_async._transport.httpx_cancellation import run_cancellable
from openai_async._transport.httpx_progress import Progress
from openai_async._transport.request_body import OutgoingBody, drain
from openai_async._transport.resource_exhaustion import shortage_of, wait_after
from openai_async._transport.timeouts import ExchangeTimer
from openai_async.errors import APIConnectionError, ConfigurationError
from openai_async.types.meta import Header


class CustomTransport:
    """`Transport` over an object with httpx's `AsyncClient.send`, or its `AsyncBaseTransport` interface.

    Args:
        field: name of the argument it came from, for errors.
        owner: the object.
        close: whether `aclose` closes it.

    Raises:
        ConfigurationError: it is neither, or it is a synchronous one.
    """

    def __init__(self, field: str, owner: Any, *, close: bool = False) -> None:
        self._owner = owner
        self._close = close
        self._is_client = hasattr(owner, "build_request") and hasattr(owner, "send")
        if not hasattr(owner, "aclose") or not (self._is_client or hasattr(owner, "handle_async_request")):
            raise ConfigurationError(field, "must be an httpx.AsyncClient or an httpx.AsyncBaseTransport")
        self._http = _library_of(owner)
        self._closing = _Closing()
        self._waiting_for_header = 0  # requests whose header section has not arrived
        self._traces = False  # it reports its progress: an object that is not httpx's own may not
        self._body: Any = type("Body", (OutgoingBody, self._http.AsyncByteStream), {})

    def ready(self) -> CustomTransport:
        return self

    async def send(self, request: WireRequest, *, connect_timeout: float | None, deadline: float) -> CustomExchange:
        for refusals in itertools.count(1):
            self._waiting_for_header += 1
            try:
                return await self._attempt(request, connect_timeout, deadline)
            except APIConnectionError as error:
                if error.phase != "connect" or error.__cause__ is None or shortage_of(error.__cause__) is None:
                    raise
                # Another program may never free what it holds; our own calls will.
                bound, before = (
                    request.call_deadline if self._waiting_for_header > 1 else request.deadline_of_attempt(deadline),
                    _concurrency.now(),
                )
                if before + wait_after(refusals) >= bound:
                    raise
            finally:
                self._waiting_for_header -= 1
            await anyio.sleep(wait_after(refusals))
            if bound == request.call_deadline:
                request.local_wait += _concurrency.now() - before
        raise AssertionError

    async def _attempt(self, request: WireRequest, connect_timeout: float | None, deadline: float) -> CustomExchange:
        if getattr(self._owner, "is_closed", False) is True:
            raise APIConnectionError("the httpx client that was given has been closed", phase="connect")
        body: Any = self._body(request.body)
        attempt = Attempt(request, connect_timeout, deadline)
        progress = Progress(_host_of(request.url), "connect" if self._traces else None, attempt)
        try:
            with attempt.timer.move_on_at(attempt.deadline):
                await self._closing.wait()
                response = await run_cancellable(
                    lambda: self._sent(request, body, connect_timeout, progress),
                    undo=lambda late: _concurrency.spawn(late.stream.aclose),
                )
                return CustomExchange(response, self._closing, attempt.timer)
            raise attempt.timeout_error(progress.reached())
        except BaseException as error:
            attempt.timer.close()
            raise translate(error, header_received=False, progress=progress)  # noqa: B904 (it sets the cause itself)
        finally:
            self._traces = self._traces or progress.phase is not None
            await body.aclose()

    async def _sent(self, request: WireRequest, body: Any, connect_timeout: float | None, progress: Progress) -> Any:
        url = self._http.URL(request.url)
        outgoing = self._http.Request(
            request.method,
            url,
            headers=[(b"host", url.netloc), *request.headers],
            stream=body,
            # Every other bound is ours; without these the client's own defaults (5 s to read) would apply.
            extensions={
                "timeout": {"connect": connect_timeout, "read": None, "write": None, "pool": None},
                "trace": progress.trace,
            },
        )
        if self._is_client:
            return await self._owner.send(outgoing, stream=True, follow_redirects=False)
        return await self._owner.handle_async_request(outgoing)

    @property
    def open_connections(self) -> int:
        return 0  # the owner's to know

    @property
    def idle_connections(self) -> int:
        return 0

    async def aclose(self) -> None:
        if self._close:
            await self._owner.aclose()


class CustomExchange:
    """A response of the user's client. Implements `exchange.Exchange`."""

    __slots__ = ("_chunks", "_closing", "_decoder", "_done", "_response", "_timer", "header", "status")

    def __init__(self, response: Any, closing: _Closing, timer: ExchangeTimer) -> None:
        self.status: int = response.status_code
        self.header: Header = response.headers.raw
        self._response = response
        self._closing = closing
        self._timer = timer
        self._done = False
        self._decoder = decoder(response.headers.raw)
        self._chunks: AsyncIterator[bytes] = aiter(response.stream)

    def read_arrived(self) -> bytes | None:
        return None

    async def read(self, deadline: float) -> bytes:
        if self._done:
            return b""
        try:
            with self._timer.move_on_at(deadline):
                return await self._next()
            if self._done:
                raise APIConnectionError("the response was abandoned before it was complete", phase="body")
            raise DeadlineReached("body")
        except BaseException as error:
            self.abandon()
            raise translate(error, header_received=True)  # noqa: B904 (it sets the cause itself)

    async def _next(self) -> bytes:
        while True:
            data = b"" if self._decoder.pending else await run_cancellable(lambda: anext(self._chunks, None))
            if data is None:
                await run_cancellable(self._response.stream.aclose)
                self._done = True
                self._timer.close()
                self._decoder.end()
                return b""
            if chunk := self._decoder.step(data):
                return chunk

    def abandon(self) -> None:
        if not self._done:
            self._done = True
            self._timer.stop()
            self._closing.begin()
            _concurrency.spawn(self._close)

    async def _close(self) -> None:
        try:
            await self._response.stream.aclose()
            await drain(self._chunks)
        finally:
            self._closing.end()


class _Closing:
    """Counts responses that are being closed, so that the next request can wait for them here.

    Inside its pool, httpx can lose the slot of a request that is cancelled between being served and connecting.
    """

    def __init__(self) -> None:
        self._count = 0
        self._done = anyio.Event()

    def begin(self) -> None:
        if not self._count:
            self._done = anyio.Event()
        self._count += 1

    def end(self) -> None:
        self._count -= 1
        if not self._count:
            self._done.set()

    async def wait(self) -> None:
        if self._count:
            await self._done.wait()


def _host_of(url: str) -> str:
    parts = urlsplit(url)
    return f"{parts.hostname}:{parts.port or (443 if parts.scheme == 'https' else 80)}"


def _library_of(owner: Any) -> Any:
    """httpx or httpx2: whichever the object's class comes from, or derives from."""
    for cls in type(owner).__mro__:
        root = cls.__module__.partition(".")[0]
        if root in ("httpx", "httpx2"):
            return importlib.import_module(root)
    return importlib.import_module("httpx")
