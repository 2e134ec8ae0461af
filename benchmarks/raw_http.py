"""HTTP/1.1 by hand on asyncio protocols: the floor that the other clients are measured against.

It speaks only what the canned server does: 200, chunked, kept alive, one request at a time on a connection.
No header is read, nothing times out, nothing is retried; any surprise is an exception or a hang. Not for
use.
"""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import AsyncIterator
from typing import Any
from urllib.parse import urlsplit


class Connection(asyncio.Protocol):
    """One connection; the bytes of the answer under way are in `received`."""

    def __init__(self) -> None:
        self.received = bytearray()
        self.arrival: asyncio.Future[None] | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport: Any = transport

    def data_received(self, data: bytes) -> None:
        self.received += data
        if self.arrival is not None and not self.arrival.done():
            self.arrival.set_result(None)

    def connection_lost(self, exc: Exception | None) -> None:
        if self.arrival is not None and not self.arrival.done():
            self.arrival.set_exception(exc or ConnectionError("closed by the server"))

    async def _more(self) -> None:
        self.arrival = asyncio.get_running_loop().create_future()
        await self.arrival

    async def content(self, request: bytes) -> AsyncIterator[bytes]:
        """Send `request`; yield the content of the answer, as much at a time as has arrived."""
        self.transport.write(request)
        received = self.received
        while (end := received.find(b"\r\n\r\n")) < 0:
            await self._more()
        assert received.startswith(b"HTTP/1.1 200 "), bytes(received[:end])
        start, ended = end + 4, False
        while not ended:
            payload, start, ended = _dechunk(received, start)
            if payload:
                yield payload
            elif not ended:
                await self._more()
        received.clear()


def _dechunk(received: bytearray, start: int) -> tuple[bytes, int, bool]:
    """The payloads of the whole HTTP chunks from `start` on; where they end; whether they end the answer."""
    payloads: list[bytearray] = []
    while (end := received.find(b"\r\n", start)) > 0:
        size = int(received[start:end], 16)
        if len(received) < end + size + 4:
            break
        payloads.append(received[end + 2 : end + 2 + size])
        start = end + size + 4
        if not size:
            return b"".join(payloads), start, True
    return b"".join(payloads), start, False


class Pool:
    """POSTs JSON to one URL, on the connection used last or a new one; no limit to their number."""

    def __init__(self, url: str) -> None:
        address = urlsplit(url)
        self.host, self.port = address.hostname or "", address.port or 80
        self.tls = ssl.create_default_context() if address.scheme == "https" else None
        self.head = (
            f"POST {address.path} HTTP/1.1\r\nHost: {address.netloc}\r\n"
            "Authorization: Bearer k\r\nContent-Type: application/json\r\nContent-Length: "
        ).encode()
        self.idle: list[Connection] = []

    async def post(self, body: bytes) -> AsyncIterator[bytes]:
        """The content of the answer, in pieces; the connection is idle again after the last."""
        if self.idle:
            connection = self.idle.pop()
        else:
            loop = asyncio.get_running_loop()
            _, connection = await loop.create_connection(Connection, self.host, self.port, ssl=self.tls)
        async for piece in connection.content(b"%s%d\r\n\r\n%s" % (self.head, len(body), body)):
            yield piece
        self.idle.append(connection)

    async def lines(self, body: bytes) -> AsyncIterator[bytes]:
        """The lines of the answer, wherever the pieces were cut."""
        rest = b""
        async for piece in self.post(body):
            *lines, rest = (rest + piece).split(b"\n")
            for line in lines:
                yield line

    def close(self) -> None:
        """Close the idle connections."""
        for connection in self.idle:
            connection.transport.close()
