"""The httpx transport, for trio and for proxies, with a connection pool of ours.

httpx's stock pool scans all its connections and waiters for each request and each release. At 256 requests in flight
that is most of a call's cost. A call that is cancelled while it waits in that pool can also lose its slot forever.

So each connection here is an httpx transport with a pool of one, and `pool` keeps the idle ones. A call owns its
connection. Any failure (an error, a cancellation, an abandoned stream) discards it, so there is no state to repair, and
cancellation needs no bridge (compare `custom`).
"""

from __future__ import annotations

import functools
import math
import ssl
from collections.abc import AsyncIterator, Mapping
from typing import Final

import attrs

# Imported now, because httpx would import it, and much more, within the first attempt.
import httpcore  # noqa: F401  # pyright: ignore[reportUnusedImport]
import httpx

from openai_async import _concurrency
from openai_async._transport.attempt import Attempt
from openai_async._transport.content_encoding import decoder
from openai_async._transport.dns import Resolver
from openai_async._transport.exceptions import not_connected, translate
from openai_async._transport.exchange import DeadlineReached, WireRequest
from openai_async._transport.httpx_network import Network
from openai_async._transport.httpx_progress import Progress
from openai_async._transport.keep_alive import keep_alive_timeout
from openai_async._transport.pool import ConnectionPool, Origin, PoolPerLoop
from openai_async._transport.pool_queue import PoolRequest
from openai_async._transport.proxies import proxy_for
from openai_async._transport.request_body import OutgoingBody, drain
from openai_async._transport.resource_exhaustion import ShortageError
from openai_async._transport.sockets import KEEPALIVE
from openai_async._transport.timeouts import ExchangeTimer
from openai_async._transport.tls import shared_context
from openai_async.errors import APIConnectionError
from openai_async.types.meta import Header

#: A larger body may be refused by the server before it was sent.
_LARGE: Final = 64 * 1024


@attrs.frozen
class HttpxSettings:
    """Settings of the connections.

    Attributes:
        proxies: proxy URL per scheme ("http", "https"), or "all".
        trust_env: also take proxies from the environment (HTTP_PROXY, HTTPS_PROXY, ALL_PROXY, NO_PROXY).
        keepalive: seconds that an idle connection is kept.
        ssl_context: replaces the shared one.
    """

    proxies: Mapping[str, str] = attrs.field(factory=dict[str, str], repr=False)
    trust_env: bool = True
    keepalive: float = 75.0
    ssl_context: ssl.SSLContext | None = None


class _Body(OutgoingBody, httpx.AsyncByteStream):
    """A request body for httpx."""


class HttpxConnection:
    """One connection, in an httpx transport of its own."""

    __slots__ = ("chunks", "network", "transport")

    def __init__(self, transport: httpx.AsyncHTTPTransport, resolver: Resolver) -> None:
        self.transport = transport
        pool = transport._pool
        self.network = pool._network_backend = Network(pool._network_backend, resolver)
        self.chunks: AsyncIterator[bytes] | None = None  # the response body in progress

    def is_clean(self) -> bool:
        return True  # httpx checks it, and reconnects by itself

    def holds_unread(self) -> bool:
        """Whether bytes came after the response in the same read. httpcore would give them to the next request."""
        try:
            [connection] = self.transport._pool.connections
            rest, _ = connection._connection._h11_state.trailing_data  # type: ignore[attr-defined]
            return len(rest) > 0  # pyright: ignore[reportUnknownArgumentType]
        except (AttributeError, ValueError):  # closed already, or HTTP/2
            return False

    def drop(self) -> None:
        _concurrency.spawn(self.aclose)

    async def aclose(self) -> None:
        await self.transport.aclose()
        if self.chunks is not None:
            await drain(self.chunks)


class HttpxTransport:
    """httpx with a pool of ours. Implements `exchange.Transport`."""

    def __init__(self, settings: HttpxSettings) -> None:
        self._settings = settings
        self._pools: PoolPerLoop[HttpxConnection] = PoolPerLoop(settings.keepalive)

    @property
    def open_connections(self) -> int:
        """Connections of all loops, idle and busy."""
        return self._pools.count

    @property
    def idle_connections(self) -> int:
        """Those of them that no call holds."""
        return self._pools.idle_count

    def ready(self) -> HttpxTransport:
        return self

    async def send(self, request: WireRequest, *, connect_timeout: float | None, deadline: float) -> HttpxExchange:
        pool = await self._pools.open()
        origin = _parsed(request.url)[1]
        attempt = Attempt(request, connect_timeout, deadline)
        pool_request = PoolRequest(pool, origin, request, attempt)
        try:
            while True:
                connection = pool.acquire_idle(origin) or await pool_request.acquire()
                if connection is None:
                    attempt.on_connect_ended = pool.connect_ended
                    connection = self._new_connection(pool, origin)
                try:
                    return await self._send(request, pool, origin, connection, attempt)
                except ShortageError as shortage:
                    pool_request.refused(shortage)
        except BaseException:
            attempt.connect_ended()
            attempt.timer.close()
            raise

    async def _send(
        self,
        request: WireRequest,
        pool: ConnectionPool[HttpxConnection],
        origin: Origin,
        connection: HttpxConnection,
        attempt: Attempt,
    ) -> HttpxExchange:
        body = _Body(request.body)
        connection.network.uploading = not isinstance(request.body, bytes) or len(request.body) > _LARGE
        progress = Progress(f"{origin[1]}:{origin[2]}", "connect", attempt)
        try:
            with attempt.timer.move_on_at(attempt.deadline):
                response = await connection.transport.handle_async_request(_outgoing(request, body, progress))
                return HttpxExchange(pool, origin, connection, response, attempt.timer)
            raise attempt.timeout_error(progress.reached())
        except BaseException as error:
            attempt.connect_ended()
            pool.discard(connection)
            if isinstance(error, ShortageError):
                raise
            raise translate(error, header_received=False, progress=progress)  # noqa: B904 (it sets the cause itself)
        finally:
            await body.aclose()

    async def aclose(self) -> None:
        await self._pools.aclose()

    def _new_connection(self, pool: ConnectionPool[HttpxConnection], origin: Origin) -> HttpxConnection:
        """A connection that is not connected yet."""
        try:
            connection = HttpxConnection(self._new_transport(origin), pool.resolver)
        except (ValueError, ImportError, httpx.InvalidURL) as error:
            # The proxy's URL is not shown: it may hold a password.
            hint = "; pip install 'httpx[socks]'" if isinstance(error, ImportError) else ""
            raise APIConnectionError(f"the proxy cannot be used{hint}", phase="connect") from None
        except OSError as error:
            raise not_connected(error, f"the server at {origin[1]}:{origin[2]}") from error
        pool.busy.add(connection)
        return connection

    def _new_transport(self, origin: Origin) -> httpx.AsyncHTTPTransport:
        settings = self._settings
        return httpx.AsyncHTTPTransport(
            verify=settings.ssl_context or (shared_context() if origin[0] == "https" else _no_tls()),
            trust_env=False,
            proxy=proxy_for(origin, settings.proxies, trust_env=settings.trust_env),
            limits=httpx.Limits(max_connections=1, max_keepalive_connections=1, keepalive_expiry=settings.keepalive),
            socket_options=KEEPALIVE,
        )


def _outgoing(request: WireRequest, body: _Body, progress: Progress) -> httpx.Request:
    # Not in `send`, whose frame may be shown, local variables and all, when it is cancelled.
    url, _ = _parsed(request.url)
    return httpx.Request(
        request.method,
        url,
        headers=[(b"host", url.netloc), *request.headers],
        stream=body,
        extensions={"trace": progress.trace},
    )


class HttpxExchange:
    """A response on an httpx connection. Implements `exchange.Exchange`."""

    __slots__ = (
        "_chunks",
        "_connection",
        "_decoder",
        "_done",
        "_origin",
        "_pool",
        "_response",
        "_timer",
        "header",
        "status",
    )

    def __init__(
        self,
        pool: ConnectionPool[HttpxConnection],
        origin: Origin,
        connection: HttpxConnection,
        response: httpx.Response,
        timer: ExchangeTimer,
    ) -> None:
        self.status = response.status_code
        self.header: Header = response.headers.raw
        self._pool = pool
        self._origin = origin
        self._connection = connection
        self._response = response
        self._timer = timer
        self._done = False
        stream = response.stream
        assert isinstance(stream, httpx.AsyncByteStream)
        self._chunks = connection.chunks = aiter(stream)
        self._decoder = decoder(response.headers.raw)

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
            data = b"" if self._decoder.pending else await anext(self._chunks, None)
            if data is None:
                await self._finish()
                return b""
            if chunk := self._decoder.step(data):
                return chunk

    async def _finish(self) -> None:
        await self._response.stream.aclose()  # type: ignore[union-attr]  # pyright: ignore
        self._decoder.end()
        self._done = True
        self._timer.close()
        if self._connection.network.out_of_step or self._connection.holds_unread():
            self._pool.discard(self._connection)
        else:
            value = self._response.headers.get("keep-alive")
            lifetime = math.inf if value is None else keep_alive_timeout(value.encode("latin-1", "replace"))
            self._pool.release(self._origin, self._connection, lifetime)

    def abandon(self) -> None:
        if not self._done:
            self._done = True
            self._timer.stop()
            self._pool.discard(self._connection)


@functools.lru_cache(maxsize=1024)
def _parsed(url: str) -> tuple[httpx.URL, Origin]:
    parsed = httpx.URL(url)
    return parsed, (parsed.scheme, parsed.host, parsed.port or (443 if parsed.scheme == "https" else 80))


@functools.cache
def _no_tls() -> ssl.SSLContext:
    # For plain http: a context must be given, and an empty one costs nothing to build.
    return ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
