"""Both transports over loopback sockets, against a server that never closes first unless the answer says so."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncGenerator, Callable, Sequence

from openai_async._transport.direct import DirectTransport
from openai_async._transport.exchange import Transport
from openai_async._transport.httpx_transport import HttpxSettings, HttpxTransport
from openai_async.testing import FaultServer, Fin, ReadRequest, Request, Script, Send, Step
from tests.conformance.outcome import SECOND, Outcome, observe

#: Seconds of silence after which a client is taken to wait for more. No test but a failing one takes so long.
_SILENCE = 2.0


@contextlib.asynccontextmanager
async def _opened(name: str) -> AsyncGenerator[Transport]:
    transport: Transport = DirectTransport() if name == "direct" else HttpxTransport(HttpxSettings(trust_env=False))
    yield transport
    await transport.aclose()


async def over_sockets(
    name: str,
    pieces: Sequence[bytes | Step],
    *,
    ends: bool,
    between: Callable[[FaultServer], object] | None = None,
) -> Outcome:
    """What the transport of that name ("direct", "httpx") makes of an answer that a server sends in these pieces.

    A step of the fault server may stand among the pieces. `between` happens between the two calls; without
    it the second waits, where the server closes, until it has.
    """
    said = tuple(Send(piece) if isinstance(piece, bytes) else piece for piece in pieces)
    first: Script = (*said, Fin()) if ends else (*said, ReadRequest(), Send(SECOND))

    def choose(request: Request) -> Script:
        return first if request.header("x-turn") == "first" else (Send(SECOND),)

    def settle(server: FaultServer) -> None:
        if between is not None:
            between(server)
        elif ends:
            server.wait_for(lambda server: server.open_connections == 0)

    with FaultServer(choose) as server:
        async with _opened(name) as transport:
            return await observe(
                transport,
                server.base_url,
                opened=lambda: server.accepted_connections,
                silent=lambda: asyncio.sleep(_SILENCE),
                between=lambda: settle(server),
            )
