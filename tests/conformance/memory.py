"""Both transports over memory instead of sockets: a server decides to the byte what each read brings.

The transports are the real ones, above the last call that would reach the kernel: the direct transport's protocol is
driven as a loop drives it (`get_buffer` and `buffer_updated`, `eof_received`, `connection_lost`, and silence while it
has paused reading), httpx's connection reads from a network backend of ours. Nothing here waits for a clock.
"""

from __future__ import annotations

import asyncio
import atexit
import contextlib
import functools
import socket
from collections.abc import AsyncGenerator, Generator, Sequence
from typing import Any
from unittest import mock

import httpcore

from openai_async._transport import direct
from openai_async._transport.dns import Address, Resolver
from openai_async._transport.exchange import Transport
from openai_async._transport.httpx_transport import HttpxConnection, HttpxSettings, HttpxTransport
from tests.conformance.outcome import SECOND, Outcome, observe

#: Turns of the loop in which a client that has all bytes must come to its end. The longest way here takes about ten.
_TURNS = 50


class Server:
    """Says `pieces` to the first request and `SECOND` to every later one, whichever connection they come on."""

    def __init__(self, pieces: Sequence[bytes], *, ends: bool) -> None:
        self._pieces = pieces
        self._ends = ends
        self._asked = False
        self.opened = 0
        self._said = asyncio.Event()

    def answer(self) -> tuple[Sequence[bytes], bool]:
        """What to say to a request, and whether the connection ends behind it."""
        if self._asked:
            return (SECOND,), False
        self._asked = True
        return self._pieces, self._ends

    def said_all(self) -> None:
        self._said.set()

    async def silent(self) -> None:
        await self._said.wait()
        for _ in range(_TURNS):
            await asyncio.sleep(0)


class _DirectWire(asyncio.Transport):
    """The loop's side of a direct connection."""

    def __init__(self, protocol: asyncio.BufferedProtocol, server: Server, sock: socket.socket) -> None:
        super().__init__({"socket": sock})
        self._protocol = protocol
        self._server = server
        self._sent = b""
        self._closing = False
        self._flowing = asyncio.Event()
        self._flowing.set()
        self._saying: asyncio.Task[None] | None = None
        protocol.connection_made(self)

    def write(self, data: Any) -> None:
        self._sent += data
        if self._sent.endswith(b"\r\n\r\n"):  # no request here has a body
            self._sent = b""
            self._saying = asyncio.ensure_future(self._say(*self._server.answer()))

    def writelines(self, list_of_data: Any) -> None:
        self.write(b"".join(list_of_data))

    async def _say(self, pieces: Sequence[bytes], ends: bool) -> None:
        for piece in pieces:
            await self._flowing.wait()
            if self._closing:
                break
            self._pass_on(piece)
            await asyncio.sleep(0)
        if ends and not self._closing:
            assert not self._protocol.eof_received()
            self.close()
        self._server.said_all()

    def _pass_on(self, piece: bytes) -> None:
        """A read of a socket gives no more than the buffer takes, and is over when the next one begins."""
        while piece and not self._closing:
            buffer = self._protocol.get_buffer(-1)
            size = min(len(buffer), len(piece))
            buffer[:size] = piece[:size]
            self._protocol.buffer_updated(size)
            buffer[:size] = bytes(size)
            piece = piece[size:]

    def pause_reading(self) -> None:
        self._flowing.clear()

    def resume_reading(self) -> None:
        self._flowing.set()

    def get_write_buffer_size(self) -> int:
        return 0

    def is_closing(self) -> bool:
        return self._closing

    def close(self) -> None:
        if not self._closing:
            self._closing = True
            self._flowing.set()
            asyncio.get_running_loop().call_soon(self._protocol.connection_lost, None)

    def abort(self) -> None:
        self.close()


class _HttpxWire(httpcore.AsyncNetworkStream):
    """The network's side of a connection of httpx."""

    def __init__(self, server: Server) -> None:
        self._server = server
        self._incoming: list[bytes] = []
        self._ends = False
        self._sent = b""
        self._asked = False

    async def write(self, buffer: bytes, timeout: float | None = None) -> None:
        self._sent += buffer
        if self._sent.endswith(b"\r\n\r\n"):
            self._sent = b""
            pieces, self._ends = self._server.answer()
            self._incoming += pieces

    async def read(self, max_bytes: int, timeout: float | None = None) -> bytes:
        await asyncio.sleep(0)
        if not self._incoming:
            if self._ends:
                return b""
            self._server.said_all()
            await asyncio.Event().wait()
        piece = self._incoming.pop(0)
        if len(piece) > max_bytes:
            self._incoming.insert(0, piece[max_bytes:])
        return piece[:max_bytes]

    async def aclose(self) -> None:
        return

    def get_extra_info(self, info: str) -> Any:
        return bool(self._incoming) or self._ends if info == "is_readable" else None


class _HttpxNetwork(httpcore.AsyncNetworkBackend):
    def __init__(self, server: Server) -> None:
        self._server = server

    async def connect_tcp(self, *_: Any, **__: Any) -> httpcore.AsyncNetworkStream:
        self._server.opened += 1
        return _HttpxWire(self._server)


class _MemoryHttpxTransport(HttpxTransport):
    def __init__(self, server: Server) -> None:
        super().__init__(HttpxSettings(trust_env=False))
        self._server = server

    def _new_connection(self, pool: Any, origin: Any) -> HttpxConnection:
        connection = super()._new_connection(pool, origin)
        connection.network._inner = _HttpxNetwork(self._server)
        connection.network._resolver = _NoResolver()
        return connection


class _NoResolver(Resolver):
    async def resolve(self, host: str, port: int) -> list[Address]:
        return [Address(0, (host, port))]


@functools.cache
def _quiet() -> socket.socket:
    """Connections are asked for their options and for silence: one that is open and silent stands in for all."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        quiet = socket.create_connection(listener.getsockname())
        peer, _ = listener.accept()
    atexit.register(quiet.close)
    atexit.register(peer.close)
    return quiet


@contextlib.contextmanager
def _direct_connects_to(server: Server) -> Generator[None]:
    """While this holds, the direct transport of the running loop dials `server`."""
    loop = asyncio.get_running_loop()

    async def connect(factory: Any, *_: Any, **__: Any) -> tuple[Any, Any]:
        server.opened += 1
        protocol = factory()
        return _DirectWire(protocol, server, _quiet()), protocol

    async def connect_tcp(host: str, port: int, names: object) -> socket.socket:
        return _quiet()

    with mock.patch.object(direct, "connect_tcp", connect_tcp), mock.patch.object(loop, "create_connection", connect):
        yield


@contextlib.asynccontextmanager
async def serving(name: str, server: Server) -> AsyncGenerator[Transport]:
    """The transport of that name, "direct" or "httpx", with nobody but `server` to talk to."""
    if name == "httpx":
        transport = _MemoryHttpxTransport(server)
        yield transport
        await transport.aclose()
        return
    with _direct_connects_to(server):
        transport = direct.DirectTransport()
        yield transport
        await transport.aclose()


async def over_memory(name: str, pieces: Sequence[bytes], *, ends: bool) -> Outcome:
    """What the transport of that name makes of an answer that comes in these pieces, each of them one read."""
    server = Server(pieces, ends=ends)
    async with serving(name, server) as transport:
        return await observe(transport, "http://memory.test/v1", opened=lambda: server.opened, silent=server.silent)
