"""httpx, one connection to a shard: for proxies and for trio, and a fallback for everything.

httpx's stock pool scans all its connections and waiters on each request and each release, which at 256 in flight is
most of a call's cost; and a call that is cancelled while it waits inside the pool can take its slot to the grave. So
the pool is cut into shards of a single connection each, and kept here: an idle shard is popped from a stack (O(1), the
warmest first), a call owns its shard, and whatever goes wrong - an error, cancelling, leaving a stream - throws the
whole shard away. There is no state left to repair, which is also why cancellation needs no bridge here (compare
`foreign`). Admission is the limiter's: nothing ever waits in here.

A shard belongs to the event loop it was opened on, and is closed when that loop ends.
"""

from __future__ import annotations

import functools
import math
import ssl
from collections.abc import AsyncIterator, Mapping
from typing import Final

import attrs

# httpx would import it, and much behind it, within the time of the first attempt.
import httpcore  # noqa: F401  # pyright: ignore[reportUnusedImport]
import httpx

from openai_async import _concurrency
from openai_async._transport.attempt import Attempt
from openai_async._transport.content_encoding import decoder
from openai_async._transport.dns import Names
from openai_async._transport.exceptions import not_connected, translate
from openai_async._transport.exchange import DeadlineReached, WireRequest
from openai_async._transport.httpx_network import Network
from openai_async._transport.httpx_progress import Progress
from openai_async._transport.keep_alive import keep_alive_timeout
from openai_async._transport.pool import ConnectionPool, Origin, PoolPerLoop
from openai_async._transport.pool_queue import Opening
from openai_async._transport.proxies import proxy_for
from openai_async._transport.request_body import OutgoingBody, run_out
from openai_async._transport.resource_exhaustion import ShortageError
from openai_async._transport.sockets import KEEPALIVE
from openai_async._transport.timeouts import Waits
from openai_async._transport.tls import shared_context
from openai_async.errors import APIConnectionError
from openai_async.types.meta import Header

#: Bytes of a body beyond which the server may refuse it before it was sent.
_LARGE: Final = 64 * 1024


@attrs.frozen
class HttpxSettings:
    """How connections are made.

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
    """The body of a request for httpx."""


class HttpxConnection:
    """One connection, in an httpx transport of its own."""

    __slots__ = ("network", "pieces", "transport")

    def __init__(self, transport: httpx.AsyncHTTPTransport, names: Names) -> None:
        self.transport = transport
        pool = transport._pool
        self.network = pool._network_backend = Network(pool._network_backend, names)
        self.pieces: AsyncIterator[bytes] | None = None  # the body that is being read

    def is_clean(self) -> bool:
        return True  # httpx looks itself, and reconnects inside its transport

    def holds_unread(self) -> bool:
        """Whether bytes came behind an answer in the same read: httpcore keeps them, for the next caller to get."""
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
        if self.pieces is not None:
            await run_out(self.pieces)


class HttpxTransport:
    """See the module. `Transport` of `exchange`."""

    def __init__(self, settings: HttpxSettings) -> None:
        self._settings = settings
        self._shards: PoolPerLoop[HttpxConnection] = PoolPerLoop(settings.keepalive)

    @property
    def open_connections(self) -> int:
        """Connections of all loops, idle and busy."""
        return self._shards.count

    @property
    def idle_connections(self) -> int:
        """Those of them that no call holds."""
        return self._shards.idle_count

    def ready(self) -> HttpxTransport:
        return self

    async def send(self, request: WireRequest, *, connect_timeout: float | None, deadline: float) -> HttpxExchange:
        owned = await self._shards.mine()
        origin = _parsed(request.url)[1]
        attempt = Attempt(request, connect_timeout, deadline)
        opening = Opening(owned, origin, request, attempt)
        try:
            while True:
                shard = owned.take(origin) or await opening.place()
                if shard is None:
                    attempt.on_end = owned.opened
                    shard = self._new_connection(owned, origin)
                try:
                    return await self._send(request, owned, origin, shard, attempt)
                except ShortageError as shortage:
                    opening.refused(shortage)
        except BaseException:
            attempt.ended()
            attempt.waits.close()
            raise

    async def _send(
        self,
        request: WireRequest,
        owned: ConnectionPool[HttpxConnection],
        origin: Origin,
        shard: HttpxConnection,
        attempt: Attempt,
    ) -> HttpxExchange:
        body = _Body(request.body)
        shard.network.uploading = not isinstance(request.body, bytes) or len(request.body) > _LARGE
        progress = Progress(f"{origin[1]}:{origin[2]}", "connect", attempt)
        try:
            with attempt.waits.move_on_at(attempt.deadline):
                response = await shard.transport.handle_async_request(_outgoing(request, body, progress))
                return HttpxExchange(owned, origin, shard, response, attempt.waits)
            raise attempt.late(progress.reached())
        except BaseException as error:
            attempt.ended()
            owned.discard(shard)
            if isinstance(error, ShortageError):
                raise
            raise translate(error, header_received=False, progress=progress)  # noqa: B904 (it sets the cause itself)
        finally:
            await body.aclose()

    async def aclose(self) -> None:
        await self._shards.aclose()

    def _new_connection(self, owned: ConnectionPool[HttpxConnection], origin: Origin) -> HttpxConnection:
        """A shard that has yet to connect."""
        try:
            shard = HttpxConnection(self._new_transport(origin), owned.names)
        except (ValueError, ImportError, httpx.InvalidURL) as error:
            # The proxy's URL is not shown: it may hold a password.
            hint = "; pip install 'httpx[socks]'" if isinstance(error, ImportError) else ""
            raise APIConnectionError(f"the proxy cannot be used{hint}", phase="connect") from None
        except OSError as error:
            raise not_connected(error, f"the server at {origin[1]}:{origin[2]}") from error
        owned.busy.add(shard)
        return shard

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
    # Not in `send`: what waits may be cancelled, and its frames be shown with local variables.
    url, _ = _parsed(request.url)
    return httpx.Request(
        request.method,
        url,
        headers=[(b"host", url.netloc), *request.headers],
        stream=body,
        extensions={"trace": progress.trace},
    )


class HttpxExchange:
    """A response on a shard. `Exchange` of `exchange`."""

    __slots__ = (
        "_decoder",
        "_done",
        "_origin",
        "_owned",
        "_pieces",
        "_response",
        "_shard",
        "_waits",
        "header",
        "status",
    )

    def __init__(
        self,
        owned: ConnectionPool[HttpxConnection],
        origin: Origin,
        shard: HttpxConnection,
        response: httpx.Response,
        waits: Waits,
    ) -> None:
        self.status = response.status_code
        self.header: Header = response.headers.raw
        self._owned = owned
        self._origin = origin
        self._shard = shard
        self._response = response
        self._waits = waits
        self._done = False
        stream = response.stream
        assert isinstance(stream, httpx.AsyncByteStream)
        self._pieces = shard.pieces = aiter(stream)
        self._decoder = decoder(response.headers.raw)

    async def read(self, deadline: float) -> bytes:
        if self._done:
            return b""
        try:
            with self._waits.move_on_at(deadline):
                return await self._next()
            if self._done:
                raise APIConnectionError("the answer was left before it was complete", phase="body")
            raise DeadlineReached("body")
        except BaseException as error:
            self.abandon()
            raise translate(error, header_received=True)  # noqa: B904 (it sets the cause itself)

    async def _next(self) -> bytes:
        while True:
            data = b"" if self._decoder.pending else await anext(self._pieces, None)
            if data is None:
                await self._finish()
                return b""
            if piece := self._decoder.step(data):
                return piece

    async def _finish(self) -> None:
        await self._response.stream.aclose()  # type: ignore[union-attr]  # pyright: ignore
        self._decoder.end()
        self._done = True
        self._waits.close()
        if self._shard.network.out_of_step or self._shard.holds_unread():
            self._owned.discard(self._shard)
        else:
            stated = self._response.headers.get("keep-alive")
            lifetime = math.inf if stated is None else keep_alive_timeout(stated.encode("latin-1", "replace"))
            self._owned.give_back(self._origin, self._shard, lifetime)

    def abandon(self) -> None:
        if not self._done:
            self._done = True
            self._waits.stop()
            self._owned.discard(self._shard)


@functools.lru_cache(maxsize=1024)
def _parsed(url: str) -> tuple[httpx.URL, Origin]:
    parsed = httpx.URL(url)
    return parsed, (parsed.scheme, parsed.host, parsed.port or (443 if parsed.scheme == "https" else 80))


@functools.cache
def _no_tls() -> ssl.SSLContext:
    # For plain http: a context must be given, and an empty one costs nothing to build.
    return ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
