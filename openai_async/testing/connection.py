"""One accepted connection of the fault server: bytes in and out, and the ways to end it.

Every wait also watches the server's stop signal, so a thread inside any method leaves it as soon as the
server stops. `Hangup` is raised when there is nothing left to do: the client has gone, the server stops, or
the connection was reset. A client that closes only its sending side counts as gone. Nothing here knows HTTP.
"""

from __future__ import annotations

import functools
import math
import select
import selectors
import socket
import ssl
import struct
import sys
import time
from collections.abc import Callable
from typing import TypeVar

_T = TypeVar("_T")
_READ_SIZE = 65_536


class Hangup(Exception):
    """The conversation is over; not an error."""


class Connection:
    """A socket that one thread uses as if it blocked; `stop` becomes readable when the server stops."""

    def __init__(self, accepted: socket.socket, stop: socket.socket) -> None:
        accepted.setblocking(False)
        accepted.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.half_closed: bool = False
        self._socket = accepted
        self._stop = stop
        self._received = bytearray()
        self._selector = selectors.DefaultSelector()
        self._selector.register(stop, selectors.EVENT_READ)
        self._selector.register(accepted.fileno(), selectors.EVENT_READ)

    def start_tls(self, context: ssl.SSLContext) -> None:
        """Shake hands as the server; a client that refuses the certificate is a client that has gone."""
        tls = context.wrap_socket(self._socket, server_side=True, do_handshake_on_connect=False)
        self._socket = tls
        self._when_possible(tls.do_handshake, selectors.EVENT_READ)

    def until(self, mark: bytes) -> bytes:
        """The bytes before the mark; the mark itself is dropped. Linear: never searches a byte twice."""
        searched = 0
        while (at := self._received.find(mark, searched)) < 0:
            searched = max(0, len(self._received) - len(mark) + 1)
            self._received += self._receive()
        data = bytes(self._received[:at])
        del self._received[: at + len(mark)]
        return data

    def exactly(self, size: int) -> bytes:
        """The next `size` bytes."""
        while len(self._received) < size:
            self._received += self._receive()
        data = bytes(self._received[:size])
        del self._received[:size]
        return data

    def send(self, data: bytes) -> None:
        """Hand all bytes to the kernel, as fast as the client takes them."""
        rest = memoryview(data)
        while rest:
            sent = self._when_possible(functools.partial(self._socket.send, rest), selectors.EVENT_WRITE)
            rest = rest[sent:]

    def pause(self, seconds: float = math.inf) -> None:
        """Return after so many seconds; raise `Hangup` as soon as the client goes or the server stops.

        Linux can see that a client has gone behind bytes nobody read, so there the socket is left full on
        purpose.
        """
        deadline = time.monotonic() + seconds
        if sys.platform == "linux":
            poll = select.poll()
            poll.register(self._stop, select.POLLIN)
            poll.register(self._socket, select.POLLRDHUP)
            if poll.poll(None if math.isinf(seconds) else math.ceil(seconds * 1000)):
                raise Hangup
        else:
            while self._wait(selectors.EVENT_READ, deadline):
                self._received += self._receive()

    def half_close(self) -> None:
        """Tell the client that no more bytes follow."""
        self.half_closed = True
        try:
            if isinstance(self._socket, ssl.SSLSocket):
                try:
                    self._socket.unwrap()
                except ssl.SSLWantReadError:
                    pass  # our close_notify is out; the client's own is not waited for
            self._socket.shutdown(socket.SHUT_WR)
        except OSError:
            raise Hangup from None

    def reset(self) -> None:
        """Close with RST once the client's kernel has all that was sent, then raise `Hangup`."""
        while self._unacknowledged():
            self.pause(0.001)
        self._socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self._socket.close()
        raise Hangup

    def close(self) -> None:
        """Close; idempotent. Bytes that arrived are read first, for a close over unread bytes is a reset."""
        self._selector.close()
        try:
            for _ in range(64):  # a client that sends for ever is not waited for
                if not self._socket.recv(_READ_SIZE):
                    break
        except (OSError, ValueError):  # nothing left, already closed, or the end of TLS
            pass
        self._socket.close()

    def _receive(self) -> bytes:
        data = self._when_possible(lambda: self._socket.recv(_READ_SIZE), selectors.EVENT_READ)
        if not data:
            raise Hangup
        return data

    def _when_possible(self, operation: Callable[[], _T], events: int) -> _T:
        while True:
            try:
                return operation()
            except ssl.SSLWantReadError:
                self._wait(selectors.EVENT_READ)
            except ssl.SSLWantWriteError:
                self._wait(selectors.EVENT_WRITE)
            except BlockingIOError:
                self._wait(events)
            except OSError:
                raise Hangup from None

    def _wait(self, events: int, deadline: float = math.inf) -> bool:
        self._selector.modify(self._socket.fileno(), events)
        remaining = None if math.isinf(deadline) else max(0.0, deadline - time.monotonic())
        ready = {key.fileobj for key, _ in self._selector.select(remaining)}
        if self._stop in ready:
            raise Hangup
        return bool(ready)

    def _unacknowledged(self) -> int:
        if sys.platform != "linux":
            return 0
        import fcntl
        import termios

        return int.from_bytes(fcntl.ioctl(self._socket, termios.TIOCOUTQ, bytes(4)), sys.byteorder)
