"""The interface of a transport: a `WireRequest` in, an `Exchange` out."""

from __future__ import annotations

import math
from typing import Protocol

import attrs

from openai_async._transport.request_body import Body
from openai_async.errors import Phase
from openai_async.types.meta import Header


@attrs.define  # not frozen: making one is on the path of every call
class WireRequest:
    """One HTTP request, ready to send. Its repr shows neither fields nor body, which hold the key and the prompt.

    Attributes:
        call_deadline: loop time at which the whole call must have ended, infinite for never.
        local_wait: seconds that the transport waited for this machine (a file descriptor, a turn to connect). They do
            not count against the attempt: its deadline moves by as much, but not beyond `call_deadline`.
    """

    method: str
    url: str = attrs.field(repr=lambda url: repr(url.partition("?")[0]))  # a query may hold a key
    headers: list[tuple[bytes, bytes]] = attrs.field(repr=False)
    body: bytes | Body = attrs.field(repr=False)
    call_deadline: float = math.inf
    local_wait: float = 0.0

    def deadline_of_attempt(self, deadline: float) -> float:
        """The deadline of the attempt, later by `local_wait`."""
        return min(deadline + self.local_wait, max(deadline, self.call_deadline))


class DeadlineReached(Exception):
    """A deadline passed. The caller knows which timeout it belongs to.

    Attributes:
        phase: the phase of the request.
        reason: what the request waited for, if that was not the server.
    """

    def __init__(self, phase: Phase, reason: str = "") -> None:
        super().__init__(phase, reason)
        self.phase: Phase = phase
        self.reason = reason


class Exchange(Protocol):
    """A response whose header section has arrived (RFC 9110: the response of one exchange).

    It owns its connection until the body was read to the end, `abandon` was called, or `read` raised.
    """

    status: int
    header: Header

    def read_arrived(self) -> bytes | None:
        """The complete body if all of it has arrived, as of most short ones; None if it must be awaited by `read`."""
        ...

    async def read(self, deadline: float) -> bytes:
        """The next chunk of the decoded body. b"" at its end, where the connection is released to the pool.

        Args:
            deadline: loop time at which to give up. Data that is in the socket by then is still read: see `timeouts`.

        Raises:
            DeadlineReached: nothing came before it.
            APIConnectionError: the connection broke, or the body ended before its stated end.
            InvalidResponseError: a content coding that was not requested.
        """
        ...

    def abandon(self) -> None:
        """Drop the connection without waiting. It may be called at any time, and more than once.

        A `read` that still waits raises `APIConnectionError`.
        """
        ...


class Transport(Protocol):
    """Sends requests. Several event loops may use it; a connection stays on the loop that opened it."""

    def ready(self) -> Transport:
        """The transport for the running loop, with its modules imported. Called before any timeout starts."""
        ...

    async def send(self, request: WireRequest, *, connect_timeout: float | None, deadline: float) -> Exchange:
        """Send one request and wait for the header section of its response. Never waits for a free connection.

        Cancelling drops the connection.

        Args:
            request: what to send.
            connect_timeout: seconds for a new connection, or None.
            deadline: loop time at which to give up, infinite for never.

        Raises:
            DeadlineReached: no header section came before it; with the phase of the request.
            APIConnectionError: with the phase it failed in.

        The phase is "connect" until the request's first byte (a name look-up, TCP, TLS, a proxy's CONNECT) and "send"
        until its last one: a server does not act on an incomplete request (RFC 9112, section 8). Where the transport
        cannot tell, it is "response".
        """
        ...

    async def aclose(self) -> None:
        """Close every connection of the running loop."""
        ...

    @property
    def open_connections(self) -> int:
        """Connections of all loops, idle and busy, as far as they are known here."""
        ...

    @property
    def idle_connections(self) -> int:
        """Those of them that no call holds."""
        ...
