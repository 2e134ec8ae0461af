"""The default transport: httpx, one connection to a shard.

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
import ssl
import urllib.request
from collections import deque
from collections.abc import AsyncGenerator, AsyncIterator, Mapping
from typing import Any, TypeAlias

import attrs
import httpx

from openai_async import _runtime
from openai_async._transport.decode import decoder
from openai_async._transport.exchange import WireRequest
from openai_async._transport.failures import translated
from openai_async._transport.sockets import KEEPALIVE
from openai_async._transport.tls import shared_context

_Shard: TypeAlias = httpx.AsyncHTTPTransport
_Origin: TypeAlias = tuple[str, str, int]


@attrs.frozen
class ShardSettings:
    """How connections are made.

    Attributes:
        proxies: proxy URL per scheme ("http", "https"), or "all".
        trust_env: also take proxies from the environment (HTTP_PROXY, HTTPS_PROXY, ALL_PROXY, NO_PROXY).
        keepalive: seconds that an idle connection is kept.
        ssl_context: replaces the shared one.
    """

    proxies: Mapping[str, str] = attrs.field(factory=dict, repr=False)
    trust_env: bool = True
    keepalive: float = 75.0
    ssl_context: ssl.SSLContext | None = None


class Shards:
    """See the module. `Transport` of `exchange`."""

    def __init__(self, settings: ShardSettings) -> None:
        self._settings = settings
        self._loops: dict[object, _LoopShards] = {}

    async def send(self, request: WireRequest, *, connect_timeout: float | None) -> ShardExchange:
        mine = self._loops.get(_runtime.loop_token()) or await self._open()
        url, origin = _parsed(request.url)
        shard = mine.take(origin) or self._new_shard(origin)
        mine.busy.add(shard)
        try:
            response = await shard.handle_async_request(
                httpx.Request(
                    request.method,
                    url,
                    headers=[(b"host", url.netloc), *request.headers],
                    stream=httpx.ByteStream(request.body),
                    extensions={"timeout": {"connect": connect_timeout}},
                )
            )
            return ShardExchange(mine, origin, shard, response)
        except BaseException as error:
            mine.discard(shard)
            raise translated(error, head_arrived=False)

    async def aclose(self) -> None:
        mine = self._loops.get(_runtime.loop_token())
        if mine is not None:
            await mine.aclose()
            await _runtime.background_done()

    @property
    def open_connections(self) -> int:
        """Connections of all loops, idle and busy."""
        return sum(len(mine.busy) + sum(map(len, mine.idle.values())) for mine in self._loops.values())

    async def _open(self) -> _LoopShards:
        token = _runtime.loop_token()
        mine = _LoopShards(self._settings.keepalive, on_close=lambda: self._loops.pop(token, None))
        self._loops[token] = mine
        await mine.watch_loop()
        return mine

    def _new_shard(self, origin: _Origin) -> _Shard:
        settings = self._settings
        return httpx.AsyncHTTPTransport(
            verify=settings.ssl_context or (shared_context() if origin[0] == "https" else _no_tls()),
            trust_env=False,
            proxy=_proxy_for(origin, settings),
            limits=httpx.Limits(max_connections=1, max_keepalive_connections=1, keepalive_expiry=settings.keepalive),
            socket_options=KEEPALIVE,
        )


class _LoopShards:
    """The shards of one event loop."""

    def __init__(self, keepalive: float, on_close: Any) -> None:
        self.idle: dict[_Origin, deque[tuple[_Shard, float]]] = {}
        self.busy: set[_Shard] = set()
        self._keepalive = keepalive
        self._on_close = on_close
        self._watch: AsyncGenerator[None, Any] | None = None

    async def watch_loop(self) -> None:
        self._watch = _runtime.at_loop_end(self._close_all)
        await anext(self._watch)

    def take(self, origin: _Origin) -> _Shard | None:
        stack = self.idle.get(origin)
        return stack.pop()[0] if stack else None

    def give_back(self, origin: _Origin, shard: _Shard) -> None:
        if shard not in self.busy:  # closed meanwhile
            return
        self.busy.discard(shard)
        stack = self.idle.setdefault(origin, deque())
        now = _runtime.now()
        stack.append((shard, now))
        # The coldest is at the other end; one look per release keeps the stack trimmed at O(1).
        if now - stack[0][1] > self._keepalive:
            _runtime.spawn(stack.popleft()[0].aclose)

    def discard(self, shard: _Shard) -> None:
        """Close a shard in the background: its owner may be a cancelled task, which must not await anything."""
        if shard in self.busy:
            self.busy.discard(shard)
            _runtime.spawn(shard.aclose)

    async def aclose(self) -> None:
        if self._watch is not None:
            await self._watch.aclose()

    async def _close_all(self) -> None:
        self._on_close()
        shards = [*self.busy, *(shard for stack in self.idle.values() for shard, _ in stack)]
        self.busy.clear()
        self.idle.clear()
        for shard in shards:
            await shard.aclose()
        await _runtime.background_done()


class ShardExchange:
    """A response on a shard. `Exchange` of `exchange`."""

    __slots__ = (
        "_decoder",
        "_done",
        "_loop",
        "_origin",
        "_pieces",
        "_response",
        "_shard",
        "headers",
        "status",
    )

    def __init__(self, loop: _LoopShards, origin: _Origin, shard: _Shard, response: httpx.Response) -> None:
        self.status = response.status_code
        self.headers: list[tuple[bytes, bytes]] = response.headers.raw
        self._loop = loop
        self._origin = origin
        self._shard = shard
        self._response = response
        self._done = False
        stream = response.stream
        assert isinstance(stream, httpx.AsyncByteStream)
        self._pieces: AsyncIterator[bytes] = stream.__aiter__()
        self._decoder = decoder(self.headers)

    async def read(self) -> bytes:
        if self._done:
            return b""
        try:
            while True:
                data = b"" if self._decoder.pending else await anext(self._pieces)
                if piece := self._decoder.step(data):
                    return piece
        except StopAsyncIteration:
            await self._finish()
            return b""
        except BaseException as error:
            self.abandon()
            raise translated(error, head_arrived=True)

    async def _finish(self) -> None:
        try:
            await self._response.stream.aclose()  # type: ignore[union-attr]  # pyright: ignore
            self._decoder.end()
        except BaseException:
            self.abandon()
            raise
        self._done = True
        self._loop.give_back(self._origin, self._shard)

    def abandon(self) -> None:
        if not self._done:
            self._done = True
            self._loop.discard(self._shard)


@functools.lru_cache(maxsize=1024)
def _parsed(url: str) -> tuple[httpx.URL, _Origin]:
    parsed = httpx.URL(url)
    return parsed, (parsed.scheme, parsed.host, parsed.port or (443 if parsed.scheme == "https" else 80))


@functools.cache
def _no_tls() -> ssl.SSLContext:
    # For plain http: a context must be given, and an empty one costs nothing to build.
    return ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)


def _proxy_for(origin: _Origin, settings: ShardSettings) -> str | None:
    scheme, host, port = origin
    stated = settings.proxies.get(scheme) or settings.proxies.get("all")
    if stated or not settings.trust_env:
        return stated
    environment = urllib.request.getproxies_environment()
    if urllib.request.proxy_bypass_environment(f"{host}:{port}", environment):
        return None
    return environment.get(scheme) or environment.get("all")
