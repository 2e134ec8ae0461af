"""A network backend for httpcore: our resolver and Happy Eyeballs, and errors for a shortage on this machine."""

from __future__ import annotations

import ssl
from collections.abc import Iterable
from typing import Any, Final

import anyio
import anyio.lowlevel
import httpcore

from openai_async import _concurrency
from openai_async._transport.connect import connect_any
from openai_async._transport.dns import Address, Resolver
from openai_async._transport.exceptions import SPEAKS_TLS, TLS_ALERT
from openai_async._transport.resource_exhaustion import ShortageError

#: Turns of the loop until what has arrived is read: the reader waits, the loop sees the data, the reader has it. A
#: write comes after them: asyncio closes a connection whose write fails, and drops a response that nobody is reading.
_UNTIL_READ: Final = 3


class Network(httpcore.AsyncNetworkBackend):
    """A network backend of httpcore that wraps another one.

    Args:
        inner: connects to addresses.
        names: knows the addresses.
    """

    def __init__(self, inner: httpcore.AsyncNetworkBackend, resolver: Resolver) -> None:
        self._inner = inner
        self._resolver = resolver
        #: The body of the current request is large, or read while it is sent.
        self.uploading = False
        #: A request was not sent to its end, so the connection can carry no other.
        self.out_of_step = False

    async def connect_tcp(
        self,
        host: str,
        port: int,
        timeout: float | None = None,
        local_address: str | None = None,
        socket_options: Iterable[Any] | None = None,
    ) -> httpcore.AsyncNetworkStream:
        async def connect(address: Address) -> httpcore.AsyncNetworkStream:
            return await self._inner.connect_tcp(str(address.sockaddr[0]), port, timeout, local_address, socket_options)

        try:
            addresses = await self._resolver.resolve(host, port)
        except ShortageError:
            raise
        except OSError as error:
            raise httpcore.ConnectError(str(error)) from error
        try:
            connected = await connect_any(addresses, connect, lambda late: _concurrency.spawn(late.aclose))
        except httpcore.ConnectError:
            self._resolver.forget(host, port)
            raise
        return _Stream(connected, self)

    async def connect_unix_socket(
        self, path: str, timeout: float | None = None, socket_options: Iterable[Any] | None = None
    ) -> httpcore.AsyncNetworkStream:
        return await self._inner.connect_unix_socket(path, timeout, socket_options)

    async def sleep(self, seconds: float) -> None:
        await self._inner.sleep(seconds)


class _Stream(httpcore.AsyncNetworkStream):
    """One connection. It is read during an upload, because a server may refuse the request before its end.

    After a `WriteError`, httpcore reads the response and closes the connection.
    """

    def __init__(self, inner: httpcore.AsyncNetworkStream, network: Network) -> None:
        self._inner = inner
        self._network = network
        self._begun = False  # something was read
        self._early: bytes | None = None  # what came while a body was written; b"" where the server has closed

    async def read(self, max_bytes: int, timeout: float | None = None) -> bytes:
        if self._early is None:
            data = await self._inner.read(max_bytes, timeout)
        else:
            data, self._early = self._early, None
        if not self._begun:
            self._begun = True
            if data.startswith(TLS_ALERT):
                raise httpcore.RemoteProtocolError(SPEAKS_TLS)
        return data

    async def write(self, buffer: bytes, timeout: float | None = None) -> None:
        if not (buffer and self._network.uploading):
            return await self._inner.write(buffer, timeout)
        self._network.out_of_step = True
        if self._early is None and await self._written(buffer, timeout):
            self._network.out_of_step = False
            return None
        self._network.uploading = False
        raise httpcore.WriteError("the server answered before it had read the request")

    async def _written(self, buffer: bytes, timeout: float | None) -> bool:
        """Write the whole buffer. False if the server sent something before that."""
        written = False
        try:
            async with anyio.create_task_group() as group:
                group.start_soon(self._read_early, group.cancel_scope)
                for _ in range(_UNTIL_READ):
                    await anyio.lowlevel.checkpoint()
                await self._inner.write(buffer, timeout)
                written = True
                group.cancel_scope.cancel()
        except BaseExceptionGroup as errors:
            raise errors.exceptions[0] from None
        return written

    async def _read_early(self, writing: anyio.CancelScope) -> None:
        try:
            self._early = await self._inner.read(64 * 1024)
        except httpcore.ReadError:
            return  # the write fails, too
        writing.cancel()

    async def aclose(self) -> None:
        await self._inner.aclose()

    async def start_tls(
        self, ssl_context: ssl.SSLContext, server_hostname: str | None = None, timeout: float | None = None
    ) -> httpcore.AsyncNetworkStream:
        return _Stream(await self._inner.start_tls(ssl_context, server_hostname, timeout), self._network)

    def get_extra_info(self, info: str) -> Any:
        return self._inner.get_extra_info(info)
