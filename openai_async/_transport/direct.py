"""The direct transport: HTTP/1.1 on an asyncio protocol, without a general HTTP client (see benchmarks/).

Connections are pooled for each event loop and origin, and carry one exchange at a time.
"""

from __future__ import annotations

import asyncio
import functools
import socket
import ssl
from urllib.parse import urlsplit

from openai_async._transport.attempt import Attempt
from openai_async._transport.connect import connect_tcp
from openai_async._transport.direct_connection import DirectConnection
from openai_async._transport.direct_response import DirectExchange
from openai_async._transport.exceptions import SPEAKS_TLS, TEXTS, not_connected
from openai_async._transport.exchange import DeadlineReached, WireRequest
from openai_async._transport.pool import ConnectionPool, Origin, PoolPerLoop
from openai_async._transport.pool_queue import PoolRequest
from openai_async._transport.resource_exhaustion import ShortageError
from openai_async.errors import APIConnectionError


class DirectTransport:
    """HTTP/1.1 on asyncio. Implements `exchange.Transport`."""

    def __init__(self, *, keepalive: float = 75.0, ssl_context: ssl.SSLContext | None = None) -> None:
        self._pools: PoolPerLoop[DirectConnection] = PoolPerLoop(keepalive)
        self._ssl_context = ssl_context

    @property
    def open_connections(self) -> int:
        """Connections of all loops, idle and busy."""
        return self._pools.count

    @property
    def idle_connections(self) -> int:
        """Those of them that no call holds."""
        return self._pools.idle_count

    def ready(self) -> DirectTransport:
        return self

    async def send(self, request: WireRequest, *, connect_timeout: float | None, deadline: float) -> DirectExchange:
        origin = _parsed(request.url)[0]
        pool = self._pools.current() or await self._pools.open()
        connection = pool.acquire_idle(origin)
        if connection is None:
            connection = await self._connect(pool, origin, request, Attempt(request, connect_timeout, deadline))
            deadline = request.deadline_of_attempt(deadline)
        try:
            _start(connection, request)
            if not isinstance(request.body, bytes):
                await connection.upload(request.body, deadline)
            while not connection.header_complete:
                if connection.failure is not None:
                    raise _connection_error(connection)
                await connection.wait(deadline)
            return DirectExchange(pool, origin, connection)
        except BaseException:
            pool.discard(connection)
            raise

    async def aclose(self) -> None:
        await self._pools.aclose()

    async def _connect(
        self, pool: ConnectionPool[DirectConnection], origin: Origin, request: WireRequest, attempt: Attempt
    ) -> DirectConnection:
        pool_request = PoolRequest(pool, origin, request, attempt)
        try:
            while True:
                if (connection := await pool_request.acquire()) is not None:
                    return connection
                try:
                    return await self._open_in_time(pool, origin, attempt)
                except ShortageError as shortage:
                    pool_request.refused(shortage)
                finally:
                    pool.connect_ended()
        finally:
            attempt.timer.close()

    async def _open_in_time(
        self, pool: ConnectionPool[DirectConnection], origin: Origin, attempt: Attempt
    ) -> DirectConnection:
        try:
            tls = self._tls() if origin[0] == "https" else None  # before the connect: certificates may be unreadable
            attempt.connect_started()
            with attempt.timer.move_on_at(attempt.wait_deadline):
                sock = await connect_tcp(origin[1], origin[2], pool.resolver)
                connection = await _open(origin[1], sock, tls, pool.buffer)
                pool.busy.add(connection)
                try:
                    attempt.request_started()
                except DeadlineReached:
                    pool.release(origin, connection)
                    raise
                return connection
        except ShortageError:
            raise
        except (OSError, ssl.CertificateError) as error:
            raise not_connected(error, f"the server at {origin[1]}:{origin[2]}") from error
        raise attempt.timeout_error("connect")

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
    # Not in `send`, whose frame may be shown, local variables and all, when it is cancelled.
    _, host, target = _parsed(request.url)
    header = _request_header(request, target, host)
    body = request.body if isinstance(request.body, bytes) else b""
    connection.start(header, body, without_body=request.method == "HEAD")


def _request_header(request: WireRequest, target: bytes, host: bytes) -> bytes:
    """The request line and the header section (RFC 9112). Names and values were checked when they were passed."""
    lines = [b"%b %b HTTP/1.1\r\nhost: %b" % (request.method.encode("ascii"), target, host)]
    lines += [b": ".join(pair) for pair in request.headers]
    lines.append(b"\r\n")
    return b"\r\n".join(lines)


def _connection_error(connection: DirectConnection) -> APIConnectionError:
    if connection.failure == SPEAKS_TLS:
        return APIConnectionError(SPEAKS_TLS, phase="connect")
    phase = connection.phase
    return APIConnectionError(f"{TEXTS[phase]}: {connection.failure}", phase=phase)


@functools.lru_cache(maxsize=1024)
def _parsed(url: str) -> tuple[Origin, bytes, bytes]:
    """The origin, the Host field and the request target of a URL that `_wire.paths` and the settings have checked."""
    parts = urlsplit(url)
    host = parts.hostname or ""
    port = parts.port or (443 if parts.scheme == "https" else 80)
    target = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
    return (parts.scheme, host, port), parts.netloc.encode("ascii"), target.encode("ascii")
