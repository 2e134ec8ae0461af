"""The lean transport: direct HTTP/1.1 on asyncio, for a fraction of the CPU of a general client (see benchmarks/).

Connections are kept per loop and origin, and carry one exchange at a time.
"""

from __future__ import annotations

import asyncio
import functools
import socket
import ssl
from urllib.parse import urlsplit

from openai_async._transport.attempt import Attempt
from openai_async._transport.connect import dial
from openai_async._transport.direct_connection import DirectConnection
from openai_async._transport.direct_response import DirectExchange
from openai_async._transport.exceptions import SPEAKS_TLS, TEXTS, not_connected
from openai_async._transport.exchange import DeadlineReached, WireRequest
from openai_async._transport.pool import ConnectionPool, Origin, PoolPerLoop
from openai_async._transport.pool_queue import Opening
from openai_async._transport.resource_exhaustion import ShortageError
from openai_async.errors import APIConnectionError


class DirectTransport:
    """See the module. `Transport` of `exchange`."""

    def __init__(self, *, keepalive: float = 75.0, ssl_context: ssl.SSLContext | None = None) -> None:
        self._connections: PoolPerLoop[DirectConnection] = PoolPerLoop(keepalive)
        self._ssl_context = ssl_context

    @property
    def open_connections(self) -> int:
        """Connections of all loops, idle and busy."""
        return self._connections.count

    @property
    def idle_connections(self) -> int:
        """Those of them that no call holds."""
        return self._connections.idle_count

    def ready(self) -> DirectTransport:
        return self

    async def send(self, request: WireRequest, *, connect_timeout: float | None, deadline: float) -> DirectExchange:
        origin = _parsed(request.url)[0]
        owned = self._connections.here() or await self._connections.mine()
        connection = owned.take(origin)
        if connection is None:
            connection = await self._connect(owned, origin, request, Attempt(request, connect_timeout, deadline))
            deadline = request.deadline_of_attempt(deadline)
        try:
            _start(connection, request)
            if not isinstance(request.body, bytes):
                await connection.upload(request.body, deadline)
            while not connection.head_complete:
                if connection.failure is not None:
                    raise _broken(connection)
                await connection.news(deadline)
            return DirectExchange(owned, origin, connection)
        except BaseException:
            owned.discard(connection)
            raise

    async def aclose(self) -> None:
        await self._connections.aclose()

    async def _connect(
        self, owned: ConnectionPool[DirectConnection], origin: Origin, request: WireRequest, attempt: Attempt
    ) -> DirectConnection:
        opening = Opening(owned, origin, request, attempt)
        try:
            while True:
                if (connection := await opening.place()) is not None:
                    return connection
                try:
                    return await self._open_in_time(owned, origin, attempt)
                except ShortageError as shortage:
                    opening.refused(shortage)
                finally:
                    owned.opened()
        finally:
            attempt.waits.close()

    async def _open_in_time(
        self, owned: ConnectionPool[DirectConnection], origin: Origin, attempt: Attempt
    ) -> DirectConnection:
        try:
            tls = self._tls() if origin[0] == "https" else None  # before anything is dialled: it may not be readable
            attempt.connects()
            with attempt.waits.move_on_at(attempt.due):
                sock = await dial(origin[1], origin[2], owned.names)
                connection = await _open(origin[1], sock, tls, owned.buffer)
                owned.busy.add(connection)
                try:
                    attempt.connected()
                except DeadlineReached:
                    owned.give_back(origin, connection)
                    raise
                return connection
        except ShortageError:
            raise
        except (OSError, ssl.CertificateError) as error:
            raise not_connected(error, f"the server at {origin[1]}:{origin[2]}") from error
        raise attempt.late("connect")

    def _tls(self) -> ssl.SSLContext:
        if self._ssl_context is None:
            from openai_async._transport.tls import shared_context

            self._ssl_context = shared_context()
        return self._ssl_context


async def _open(host: str, sock: socket.socket, tls: ssl.SSLContext | None, buffer: memoryview) -> DirectConnection:
    loop = asyncio.get_running_loop()
    try:
        _, connection = await loop.create_connection(
            lambda: DirectConnection(loop, buffer), sock=sock, ssl=tls, server_hostname=None if tls is None else host
        )
    except BaseException:
        sock.close()
        raise
    return connection


def _start(connection: DirectConnection, request: WireRequest) -> None:
    # Not in `send`: what waits may be cancelled, and its frames be shown with local variables.
    _, host, target = _parsed(request.url)
    head = _request_head(request, target, host)
    body = request.body if isinstance(request.body, bytes) else b""
    connection.start(head, body, bodiless=request.method == "HEAD")


def _request_head(request: WireRequest, target: bytes, host: bytes) -> bytes:
    """The bytes of a request up to its body. Names and values were checked when they were given."""
    lines = [b"%b %b HTTP/1.1\r\nhost: %b" % (request.method.encode("ascii"), target, host)]
    lines += [b"%b: %b" % pair for pair in request.headers]
    lines.append(b"\r\n")
    return b"\r\n".join(lines)


def _broken(connection: DirectConnection) -> APIConnectionError:
    if connection.failure == SPEAKS_TLS:
        return APIConnectionError(SPEAKS_TLS, phase="connect")
    phase = connection.phase
    return APIConnectionError(f"{TEXTS[phase]}: {connection.failure}", phase=phase)


@functools.lru_cache(maxsize=1024)
def _parsed(url: str) -> tuple[Origin, bytes, bytes]:
    """Origin, Host header and request target of a URL that `_wire.paths` and the settings have checked."""
    parts = urlsplit(url)
    host = parts.hostname or ""
    port = parts.port or (443 if parts.scheme == "https" else 80)
    target = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
    return (parts.scheme, host, port), parts.netloc.encode("ascii"), target.encode("ascii")
