"""The lean transport: direct HTTP/1.1 on asyncio, for a fraction of the CPU of a general client (see benchmarks/).

Connections are kept per loop and origin, and carry one exchange at a time.
"""

from __future__ import annotations

import asyncio
import functools
import math
import socket
import ssl
from urllib.parse import urlsplit

from openai_async._transport.connection import LeanConnection, LeanExchange, request_head
from openai_async._transport.dialing import dial
from openai_async._transport.exchange import DueError, WireRequest
from openai_async._transport.ownership import LoopConnections, Origin, PerLoop
from openai_async.errors import APIConnectionError, ConnectTimeoutError


class Lean:
    """See the module. `Transport` of `exchange`."""

    def __init__(self, *, keepalive: float = 75.0, ssl_context: ssl.SSLContext | None = None) -> None:
        self._connections: PerLoop[LeanConnection] = PerLoop(keepalive)
        self._ssl_context = ssl_context

    @property
    def open_connections(self) -> int:
        """Connections of all loops, idle and busy."""
        return self._connections.count

    def load(self) -> None:
        return

    async def send(self, request: WireRequest, *, connect_timeout: float | None, until: float) -> LeanExchange:
        origin, host, target = _parsed(request.url)
        owned = self._connections.here() or await self._connections.mine()
        connection = owned.take(origin) or await self._connect(owned, origin, connect_timeout, until)
        try:
            head = request_head(request, target, host)
            if isinstance(request.body, bytes):
                connection.start(head, request.body, bodiless=request.method == "HEAD")
            else:
                connection.start(head)
                await connection.upload(request.body, until)
            while not connection.head_complete:
                if connection.failure is not None:
                    raise APIConnectionError(
                        f"the connection broke after the request was sent, before an answer came: {connection.failure}",
                        phase="response",
                    )
                await connection.news(until)
            return LeanExchange(owned, origin, connection)
        except BaseException:
            owned.discard(connection)
            raise

    async def aclose(self) -> None:
        await self._connections.aclose()

    async def _connect(
        self, owned: LoopConnections[LeanConnection], origin: Origin, timeout: float | None, until: float
    ) -> LeanConnection:
        loop, due = asyncio.get_running_loop(), until
        try:
            async with asyncio.timeout_at(until if until < math.inf else None) as bound:
                async with owned.connecting:
                    if (idle := owned.take(origin)) is not None:  # one came back meanwhile
                        return idle
                    if timeout is not None:  # which waiting for one's turn is no part of
                        due = min(until, loop.time() + timeout)
                        bound.reschedule(due)
                    sock = await dial(origin[1], origin[2])
                connection = await self._open(loop, origin, sock, owned.buffer)
        except TimeoutError:
            if due == until:
                raise DueError from None
            raise ConnectTimeoutError(f"no connection within {timeout} s (timeout.connect)", phase="connect") from None
        except (OSError, ssl.CertificateError) as error:
            error.__traceback__ = None  # its frames hold nothing of ours, but many of the loop's
            raise APIConnectionError(f"could not connect to the server: {error}", phase="connect") from error
        owned.busy.add(connection)
        return connection

    async def _open(
        self, loop: asyncio.AbstractEventLoop, origin: Origin, sock: socket.socket, buffer: memoryview
    ) -> LeanConnection:
        scheme, host, _ = origin
        try:
            _, connection = await loop.create_connection(
                lambda: LeanConnection(loop, buffer),
                sock=sock,
                ssl=self._tls() if scheme == "https" else None,
                server_hostname=host if scheme == "https" else None,
            )
        except BaseException:
            sock.close()
            raise
        return connection

    def _tls(self) -> ssl.SSLContext:
        if self._ssl_context is None:
            from openai_async._transport.tls import shared_context

            self._ssl_context = shared_context()
        return self._ssl_context


@functools.lru_cache(maxsize=1024)
def _parsed(url: str) -> tuple[Origin, bytes, bytes]:
    """Origin, Host header and request target of a URL that `_wire.paths` and the settings have checked."""
    parts = urlsplit(url)
    host = parts.hostname or ""
    port = parts.port or (443 if parts.scheme == "https" else 80)
    target = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
    return (parts.scheme, host, port), parts.netloc.encode("ascii"), target.encode("ascii")
