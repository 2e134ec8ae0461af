"""Who is let in before a request is read: heads have a bound in time, and `Host` must be a name of this server.

A page in a browser can have any name of its own resolve to loopback (DNS rebinding). Its requests then carry that name
in `Host`; so a name is accepted only if it is loopback's, the one that the server is bound to, or one that is allowed.
An address is no such name, and is always accepted.
"""

from __future__ import annotations

import asyncio
import ipaddress
import socket
from collections.abc import Collection
from typing import Any

from starlette.types import ASGIApp, Receive, Scope, Send
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

from openai_async.emulator.error_responses import Problem

__all__ = ["bounded_heads", "checked_host", "is_loopback"]


def is_loopback(host: str) -> bool:
    """Whether an address or name to listen on is reachable from this machine alone."""
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host.lower() == "localhost"


def checked_host(app: ASGIApp, bound: str, allowed: Collection[str] = ()) -> ASGIApp:
    """Wrap `app`: a request whose `Host` is none of this server's names gets a 403. One without `Host` is let in."""
    names = {name.lower() for name in ("localhost", bound, *allowed)}
    if not is_loopback(bound):
        names.add(socket.gethostname().lower())

    async def check(scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http":
            for name, value in scope["headers"]:
                if name == b"host" and not _is_ours(value.decode("latin-1"), names):
                    await _refuse(send)
                    return
        await app(scope, receive, send)

    return check


def _is_ours(host: str, names: set[str]) -> bool:
    name = host[1:].partition("]")[0] if host.startswith("[") else host.partition(":")[0]
    name = name.lower().removesuffix(".")
    if name in names or name.endswith(".localhost"):
        return True
    try:
        ipaddress.ip_address(name)
    except ValueError:
        return False
    return True


async def _refuse(send: Send) -> None:
    words = "The Host of this request is not a name of this server. Its owner can allow it (`hosts`, --allow-host)."
    body = Problem(403, words, code="host_not_allowed").body()
    headers = [
        (b"content-type", b"application/json"),
        (b"content-length", b"%d" % len(body)),
        (b"connection", b"close"),
    ]
    await send({"type": "http.response.start", "status": 403, "headers": headers})
    await send({"type": "http.response.body", "body": body, "more_body": False})


def bounded_heads(seconds: float) -> type[HttpToolsProtocol]:
    """uvicorn's protocol, with `seconds` for the head of each request, counted from its first byte.

    The first head of a connection counts from its beginning.
    """

    class _Protocol(HttpToolsProtocol):
        _late: asyncio.TimerHandle | None = None
        _in_body = False

        def connection_made(self, transport: Any) -> None:
            super().connection_made(transport)
            self._begin_head()

        def connection_lost(self, exc: Exception | None) -> None:
            self._end_head()
            super().connection_lost(exc)

        def data_received(self, data: bytes) -> None:
            if not self._in_body:
                self._begin_head()
            super().data_received(data)

        def on_message_begin(self) -> None:
            self._begin_head()
            super().on_message_begin()

        def on_headers_complete(self) -> None:
            self._end_head()
            self._in_body = True
            super().on_headers_complete()

        def on_message_complete(self) -> None:
            self._in_body = False
            super().on_message_complete()

        def _begin_head(self) -> None:
            if self._late is None:
                self._late = self.loop.call_later(seconds, self.transport.abort)

        def _end_head(self) -> None:
            if self._late is not None:
                self._late.cancel()
                self._late = None

    return _Protocol
