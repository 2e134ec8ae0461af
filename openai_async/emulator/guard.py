"""The checks before a request is read: a time limit for its headers, and the name in its `Host` header.

A web page can make a name of its own resolve to loopback (DNS rebinding). Its requests then carry that name in `Host`.
A name is therefore accepted only if it is a loopback name, the name that the server is bound to, or an allowed one. An
IP address is always accepted.
"""

from __future__ import annotations

import asyncio
import ipaddress
import socket
from collections.abc import Collection
from typing import Any

from starlette.types import ASGIApp, Receive, Scope, Send
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

from openai_async.emulator.error_responses import ErrorResponse

__all__ = ["checked_host", "header_deadline", "is_loopback"]


def is_loopback(host: str) -> bool:
    """Whether a listening address or name is reachable from this machine alone."""
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host.lower() == "localhost"


def checked_host(app: ASGIApp, bound: str, allowed: Collection[str] = ()) -> ASGIApp:
    """Wrap `app`: a request with a foreign name in `Host` gets a 403. One without `Host` is accepted."""
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
    body = ErrorResponse(403, words, code="host_not_allowed").body()
    headers = [
        (b"content-type", b"application/json"),
        (b"content-length", b"%d" % len(body)),
        (b"connection", b"close"),
    ]
    await send({"type": "http.response.start", "status": 403, "headers": headers})
    await send({"type": "http.response.body", "body": body, "more_body": False})


def header_deadline(seconds: float) -> type[HttpToolsProtocol]:
    """Make uvicorn's protocol with a limit of `seconds` for the headers of each request, from its first byte.

    For the first request of a connection, time counts from the start of the connection.
    """

    class _Protocol(HttpToolsProtocol):
        _timer: asyncio.TimerHandle | None = None
        _in_body = False

        def connection_made(self, transport: Any) -> None:
            super().connection_made(transport)
            self._begin_headers()

        def connection_lost(self, exc: Exception | None) -> None:
            self._end_headers()
            super().connection_lost(exc)

        def data_received(self, data: bytes) -> None:
            if not self._in_body:
                self._begin_headers()
            super().data_received(data)

        def on_message_begin(self) -> None:
            self._begin_headers()
            super().on_message_begin()

        def on_headers_complete(self) -> None:
            self._end_headers()
            self._in_body = True
            super().on_headers_complete()

        def on_message_complete(self) -> None:
            self._in_body = False
            super().on_message_complete()

        def _begin_headers(self) -> None:
            if self._timer is None:
                self._timer = self.loop.call_later(seconds, self.transport.abort)

        def _end_headers(self) -> None:
            if self._timer is not None:
                self._timer.cancel()
                self._timer = None

    return _Protocol
