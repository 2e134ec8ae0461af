"""What the rest of the package knows of a transport: a request value in, an `Exchange` out."""

from __future__ import annotations

import math
from typing import Protocol

import attrs

from openai_async._transport.request_body import Body
from openai_async.errors import Phase
from openai_async.types.meta import Header


@attrs.define  # not frozen: making one is on the path of every call
class WireRequest:
    """One HTTP request, ready to send. Its repr shows neither headers nor body: they hold the key and the prompt.

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
    """The moment has passed until which something was to happen. The caller knows which bound that was.

    Attributes:
        phase: how far the request had come.
        reason: what was waited for, where that was not the server.
    """

    def __init__(self, phase: Phase, reason: str = "") -> None:
        super().__init__(phase, reason)
        self.phase: Phase = phase
        self.reason = reason


class Exchange(Protocol):
    """A response whose head has arrived.

    It owns its connection until the body was read to the end or `abandon` was called; after any error out of `read` it
    owns nothing more.
    """

    status: int
    header: Header

    async def read(self, deadline: float) -> bytes:
        """The next piece of the decoded body; b"" at its end, where the connection is given back for reuse.

        Args:
            deadline: loop time at which to give up. What lies in the socket by then is still read: see `bounds`.

        Raises:
            DeadlineReached: nothing came until then.
            APIConnectionError: the connection broke, or the body ended before its stated end.
            InvalidResponseError: an encoding that was not asked for.
        """
        ...

    def abandon(self) -> None:
        """Drop the connection without waiting. May be called at any time, and more than once.

        A `read` that still waits raises `APIConnectionError`.
        """
        ...


class Transport(Protocol):
    """Sends requests. Usable from several event loops; a connection never leaves the loop that opened it."""

    def ready(self) -> Transport:
        """What sends on the running loop, with all that it imports. Called before any timeout runs."""
        ...

    async def send(self, request: WireRequest, *, connect_timeout: float | None, deadline: float) -> Exchange:
        """Send one request and return once the response's head is there. Never waits for a free connection.

        Cancelling drops the connection.

        Args:
            request: what to send.
            connect_timeout: seconds for a new connection, or None.
            deadline: loop time at which to give up, infinite for never.

        Raises:
            DeadlineReached: there was no head until then; with the phase that the request was in.
            APIConnectionError: with the phase it failed in.

        The phase is "connect" until the request's first byte (a name look-up, TCP, TLS, a proxy's CONNECT) and "send"
        until its last one: a server does not act on an incomplete request (RFC 9112, section 8). Where the transport
        cannot tell, it is "response".
        """
        ...

    async def aclose(self) -> None:
        """Close every connection that the running loop owns."""
        ...

    @property
    def open_connections(self) -> int:
        """Connections of all loops, idle and busy, as far as they are known here."""
        ...

    @property
    def idle_connections(self) -> int:
        """Those of them that no call holds."""
        ...
