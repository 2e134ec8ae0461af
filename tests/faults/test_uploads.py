"""Request bodies that are made while they are sent: whole, no faster than the server reads, left at once."""

from __future__ import annotations

import math
from collections.abc import AsyncIterator, Callable
from typing import Self, TypeAlias

import anyio
import pytest

from openai_async._transport.direct import DirectTransport
from openai_async._transport.exchange import Exchange, Transport, WireRequest
from openai_async._transport.httpx_transport import HttpxSettings, HttpxTransport
from openai_async.errors import APIConnectionError
from openai_async.testing import FaultServer, Fin, ReadRequest, Rst, Script, Stall, respond

#: More than all the buffers between two sockets of this machine hold.
ENDLESS = 4_000
PIECE = b"x" * 65_536

Open: TypeAlias = Callable[[], Transport]


class Pieces:
    """A body of `count` pieces that notes how far it was read, and whether it was closed."""

    def __init__(self, count: int, piece: bytes = PIECE, *, stated: bool = True) -> None:
        self.length = count * len(piece) if stated else None
        self.piece = piece
        self.count = count
        self.taken = 0
        self.closed = 0

    def open(self) -> AsyncIterator[bytes]:
        self.taken = 0
        return _Reading(self)


class _Reading:
    def __init__(self, body: Pieces) -> None:
        self._body = body

    def __aiter__(self) -> Self:
        return self

    async def __anext__(self) -> bytes:
        if self._body.taken == self._body.count:
            raise StopAsyncIteration
        await anyio.lowlevel.checkpoint()
        self._body.taken += 1
        return self._body.piece

    async def aclose(self) -> None:
        self._body.closed += 1


@pytest.fixture
def new_transport(transport: str) -> Open:
    if transport == "direct":
        return DirectTransport
    return lambda: HttpxTransport(HttpxSettings(trust_env=False))


async def send(transport: Transport, url: str, body: Pieces, until: float = math.inf) -> Exchange:
    framing = (b"transfer-encoding", b"chunked") if body.length is None else (b"content-length", b"%d" % body.length)
    return await transport.send(WireRequest("POST", url, [framing], body), connect_timeout=5.0, deadline=until)


async def read_all(exchange: Exchange) -> bytes:
    pieces: list[bytes] = []
    while piece := await exchange.read(math.inf):
        pieces.append(piece)
    return b"".join(pieces)


@pytest.mark.parametrize("stated", [True, False], ids=["length", "chunked"])
async def test_a_body_arrives_whole_and_the_connection_is_used_again(new_transport: Open, stated: bool) -> None:
    """Every piece is sent, in order, under either framing."""
    transport = new_transport()
    with FaultServer([respond(200, b"ok")]) as server:
        for _ in range(2):
            body = Pieces(40, b"0123456789" * 500, stated=stated)
            assert await read_all(await send(transport, server.base_url, body)) == b"ok"
            assert body.closed == 1
        assert [request.body for request in server.requests] == [b"0123456789" * 500 * 40] * 2
        assert server.accepted_connections == 1
        await transport.aclose()


async def test_an_empty_piece_does_not_end_a_chunked_body(new_transport: Open) -> None:
    """A body may have nothing to give for a while."""
    transport = new_transport()
    with FaultServer([respond(200, b"ok")]) as server:

        class Gaps(Pieces):
            def open(self) -> AsyncIterator[bytes]:
                async def pieces() -> AsyncIterator[bytes]:
                    for piece in (b"", b"a", b"", b"b", b""):
                        yield piece

                return pieces()

        assert await read_all(await send(transport, server.base_url, Gaps(0, stated=False))) == b"ok"
        assert server.requests[0].body == b"ab"
        await transport.aclose()


async def test_a_server_that_does_not_read_holds_the_body_back(new_transport: Open) -> None:
    """What waits to be sent is bounded by the socket, not by the size of the body; cancelling closes the body."""
    transport, body = new_transport(), Pieces(ENDLESS)
    with FaultServer([(ReadRequest(body=0), Stall())]) as server:
        async with anyio.create_task_group() as group:
            group.start_soon(send, transport, server.base_url, body)
            await _stalled(body)
            assert 0 < body.taken < ENDLESS / 2
            group.cancel_scope.cancel()
        assert body.closed == 1
        assert transport.open_connections == 0
        await transport.aclose()


async def _stalled(body: Pieces) -> None:
    """Until nothing was taken from a body for many turns of the loop."""
    quiet = 0
    while quiet < 2_000 or not body.taken:
        before = body.taken
        await anyio.lowlevel.checkpoint()
        quiet = quiet + 1 if body.taken == before else 0


async def test_an_early_answer_ends_the_upload(new_transport: Open) -> None:
    """A refusal that comes before the body was sent is read at once, and the connection is not used again."""
    transport, body = new_transport(), Pieces(ENDLESS)
    with FaultServer([(ReadRequest(body=0), *respond(413, b"too large"), Stall())]) as server:
        exchange = await send(transport, server.base_url, body)
        assert (exchange.status, await read_all(exchange)) == (413, b"too large")
        assert body.taken < ENDLESS
        assert body.closed == 1
        assert transport.open_connections == 0
        await transport.aclose()


@pytest.mark.parametrize("end", [(Rst(),), (Fin(),)], ids=["reset", "closed"])
async def test_a_connection_that_breaks_ends_the_upload(new_transport: Open, end: Script) -> None:
    """The error comes when the server goes, not when the body has been read."""
    transport, body = new_transport(), Pieces(ENDLESS)
    with FaultServer([(ReadRequest(body=1_000), *end)]) as server:
        with pytest.raises(APIConnectionError):
            await send(transport, server.base_url, body)
        assert body.taken < ENDLESS
        assert body.closed == 1
        await transport.aclose()


async def test_a_body_that_fails_shows_its_own_error(new_transport: Open) -> None:
    """What a body raises reaches the caller as it is, and the connection is dropped."""
    transport = new_transport()

    class Broken(Pieces):
        def open(self) -> AsyncIterator[bytes]:
            async def pieces() -> AsyncIterator[bytes]:
                yield b"a"
                raise ValueError("the file is gone")

            return pieces()

    with FaultServer([(ReadRequest(body=0), Stall())]) as server:
        with pytest.raises(ValueError, match="the file is gone"):
            await send(transport, server.base_url, Broken(2))
        assert transport.open_connections == 0
        await transport.aclose()
