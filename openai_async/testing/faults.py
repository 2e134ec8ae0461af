"""A scripted HTTP/1.1 server on loopback that misbehaves exactly as scripted, for clients of any kind.

It reads a request, plays the next script, and keeps the connection for another request if the response was
whole and self-delimited. Threads and raw sockets carry it, so the client under test may live on asyncio, trio
or no loop at all. Tests synchronise by conditions (`wait_for`, marks, gates), never by sleeping.

It never answers on its own: no defaults, no error pages. It binds 127.0.0.1 only. A plan that raises, or a
client that does not speak HTTP, fails the test when the server is left.
"""

from __future__ import annotations

import asyncio
import collections
import itertools
import selectors
import socket
import ssl
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from types import TracebackType
from typing import Self, TypeAlias

import anyio.to_thread

from openai_async.testing._backend import on_asyncio
from openai_async.testing.connection import Connection, Hangup
from openai_async.testing.request import Request, find_header, read_body, read_head
from openai_async.testing.script import (
    Fin,
    Gate,
    Mark,
    ReadRequest,
    Rst,
    Script,
    Sleep,
    Stall,
    Step,
    self_delimited,
    step_bytes,
)

Plan: TypeAlias = Sequence[Script] | Callable[[Request], Script]

_STOP_LIMIT = 1.0  # seconds; every wait in a connection watches the stop signal, so this is never used up


class FaultServer:
    """A server that plays scripts; `with FaultServer([script, ...]) as server:` runs it in daemon threads.

    `scripts` are played one per request, in order of arrival over all connections; the last one is repeated.
    Or a callable chooses the script for each `Request`, one call at a time. `on_accept` scripts are
    played in the same way when a connection is accepted, before TLS and before any request (`[(Rst(),), ()]`:
    the first connection is reset, later ones live). `tls` is a server-side context; the address is
    127.0.0.1, with a free port unless one is given.

    Raises `ValueError` for an empty list and `TypeError` for one script where a list of scripts belongs.
    """

    def __init__(
        self,
        scripts: Plan,
        *,
        on_accept: Sequence[Script] = ((),),
        tls: ssl.SSLContext | None = None,
        port: int = 0,
    ) -> None:
        self._choose = scripts if callable(scripts) else None
        self._scripts = None if callable(scripts) else _in_turn(scripts)
        self._on_accept = _in_turn(on_accept)
        self._tls = tls
        self._port = port
        self._turn = threading.Lock()  # one plan call at a time; never taken while holding _changed
        self._changed = threading.Condition()  # guards everything below
        self._requests: list[Request] = []
        self._marks: collections.Counter[str] = collections.Counter()
        self._open_gates: set[str] = set()
        self._accepted = 0
        self._open = 0
        self._failures: list[Exception] = []
        self._threads: list[threading.Thread] = []  # touched by the accepting thread alone until it has ended
        self._address: tuple[str, int] | None = None
        self._stopping = False

    # The server's life ----------------------------------------------------------------------------

    def __enter__(self) -> Self:
        if self._address is not None:
            raise RuntimeError("a FaultServer runs once: make another one")
        self._listener = socket.create_server(("127.0.0.1", self._port), backlog=512)
        self._listener.setblocking(False)
        self._address = self._listener.getsockname()
        self._stop, self._stop_signal = socket.socketpair()
        self._acceptor = threading.Thread(target=self._accept, name="fault-server", daemon=True)
        self._acceptor.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Close every connection, end every thread, then raise what went wrong inside the server, if so.

        Raises `RuntimeError` if a thread outlives one second, which only a plan that blocks can bring about.
        """
        self._stopping = True  # for threads that run
        self._stop_signal.send(b"x")  # for threads that wait; never read, so it wakes them all
        self._acceptor.join(_STOP_LIMIT)
        self._listener.close()
        deadline = time.monotonic() + _STOP_LIMIT
        for thread in self._threads:
            thread.join(max(0.0, deadline - time.monotonic()))
        if any(thread.is_alive() for thread in self._threads):
            raise RuntimeError("a connection of the fault server did not stop; does the plan block?")
        self._stop.close()
        self._stop_signal.close()
        if self._failures and error is None:
            raise self._failures[0]

    @property
    def base_url(self) -> str:
        """`http://127.0.0.1:PORT/v1` (https with TLS); kept when the server has stopped: nobody listens."""
        if self._address is None:
            raise RuntimeError("the server has no address before it is entered")
        return f"{'https' if self._tls else 'http'}://127.0.0.1:{self.port}/v1"

    @property
    def port(self) -> int:
        """The TCP port on 127.0.0.1."""
        if self._address is None:
            raise RuntimeError("the server has no address before it is entered")
        return self._address[1]

    # What happened so far -------------------------------------------------------------------------

    @property
    def requests(self) -> tuple[Request, ...]:
        """The requests read so far, in order of arrival."""
        with self._changed:
            return tuple(self._requests)

    @property
    def accepted_connections(self) -> int:
        """How many connections were ever accepted."""
        with self._changed:
            return self._accepted

    @property
    def open_connections(self) -> int:
        """How many connections the server still holds open."""
        with self._changed:
            return self._open

    @property
    def marks(self) -> Mapping[str, int]:
        """How often each `Mark` and `Gate` was reached."""
        with self._changed:
            return self._marks.copy()

    # Waiting for it -------------------------------------------------------------------------------

    def wait_for(self, condition: Callable[[FaultServer], bool], timeout: float = 5.0) -> None:
        """Block the calling thread until the condition holds.

        It is tried at each change. Raises `TimeoutError` after `timeout` seconds, and what went wrong inside
        the server as soon as it does. Inside a coroutine use `until`.
        """
        with self._changed:
            if not self._changed.wait_for(lambda: self._failures or condition(self), timeout):
                raise TimeoutError(f"not within {timeout} s; {self!r}")
            if self._failures:
                raise self._failures[0]

    def wait_mark(self, name: str, times: int = 1, timeout: float = 5.0) -> None:
        """Block until the mark or gate was reached so many times; errors as for `wait_for`."""
        self.wait_for(lambda server: server.marks.get(name, 0) >= times, timeout)

    async def until(self, condition: Callable[[FaultServer], bool], timeout: float = 5.0) -> None:
        """`wait_for` without blocking the loop; `timeout` is real time, on a virtual clock too.

        Cancelling gives up the wait and changes nothing.
        """
        given_up = False

        def wait() -> None:
            self.wait_for(lambda server: given_up or condition(server), timeout)

        try:
            if on_asyncio():  # the loop's own threads are those `VirtualClockLoop` can see
                await asyncio.get_running_loop().run_in_executor(None, wait)
            else:
                await anyio.to_thread.run_sync(wait, abandon_on_cancel=True)
        finally:
            given_up = True
            with self._changed:
                self._changed.notify_all()

    async def until_mark(self, name: str, times: int = 1, timeout: float = 5.0) -> None:
        """`wait_mark` without blocking the loop; cancelling gives up the wait and changes nothing."""
        await self.until(lambda server: server.marks.get(name, 0) >= times, timeout)

    def open_gate(self, name: str) -> None:
        """Let every script that is or comes at `Gate(name)` go on."""
        with self._changed:
            self._open_gates.add(name)

    def __repr__(self) -> str:
        with self._changed:
            return (
                f"<FaultServer: {self._accepted} connections accepted, {self._open} open, "
                f"{len(self._requests)} requests, marks {dict(self._marks)}>"
            )

    # Inside the threads ---------------------------------------------------------------------------

    def _accept(self) -> None:
        with selectors.DefaultSelector() as selector:
            selector.register(self._listener, selectors.EVENT_READ)
            selector.register(self._stop, selectors.EVENT_READ)
            while self._stop not in {key.fileobj for key, _ in selector.select()}:
                try:
                    accepted, _ = self._listener.accept()
                except (BlockingIOError, ConnectionAbortedError):
                    continue  # the client left between being seen and being accepted
                with self._changed:
                    self._accepted += 1
                    self._open += 1
                    number = self._accepted
                    self._changed.notify_all()
                thread = threading.Thread(
                    target=self._serve, args=(accepted, number), name=f"fault-server-{number}", daemon=True
                )
                thread.start()
                self._threads = [*filter(threading.Thread.is_alive, self._threads), thread]

    def _serve(self, accepted: socket.socket, number: int) -> None:
        connection = Connection(accepted, self._stop)
        try:
            self._converse(connection, number)
        except Hangup:
            pass
        except Exception as error:
            with self._changed:
                self._failures.append(error)
        finally:
            connection.close()
            with self._changed:
                self._open -= 1
                self._changed.notify_all()

    def _converse(self, connection: Connection, number: int) -> None:
        self._play(self._next(self._on_accept), connection, number)
        if self._tls is not None and not connection.half_closed:
            connection.start_tls(self._tls)
        while not connection.half_closed:
            request, script = self._next_exchange(connection, number)
            request = self._play(script, connection, number) or request
            last = (find_header(request.headers, "connection") or "").lower() == "close"
            if not connection.half_closed and (last or not request.complete or not self_delimited(script)):
                connection.half_close()

    def _next_exchange(self, connection: Connection, number: int) -> tuple[Request, Script]:
        """The next request and the rest of its script, after the leading `ReadRequest`."""
        head = read_head(connection)
        if self._scripts is None:
            assert self._choose is not None
            request = self._read_request(connection, number, head)
            with self._turn:
                script = self._choose(request)
            return request, script[1:] if script and isinstance(script[0], ReadRequest) else script
        script = self._next(self._scripts)
        if script and isinstance(script[0], ReadRequest):
            return self._read_request(connection, number, head, script[0].body), script[1:]
        return self._read_request(connection, number, head), script

    def _next(self, scripts: Iterator[Script]) -> Script:
        with self._turn:
            return next(scripts)

    def _read_request(
        self,
        connection: Connection,
        number: int,
        head: tuple[str, str, tuple[tuple[bytes, bytes], ...]],
        limit: int | None = None,
    ) -> Request:
        body, complete = read_body(connection, head[2], limit)
        request = Request(*head, body=body, connection=number, complete=complete)
        with self._changed:
            self._requests.append(request)
            self._changed.notify_all()
        return request

    def _play(self, script: Script, connection: Connection, number: int) -> Request | None:
        """Play the steps; the last request read among them, if any."""
        request = None
        for step in script:
            if self._stopping:
                raise Hangup
            match step:
                case Sleep(seconds):
                    connection.pause(seconds)
                case Stall():
                    connection.pause()
                case Mark(name):
                    self._reach(name)
                case Gate(name):
                    self._reach(name)
                    while name not in self._open_gates:
                        connection.pause(0.002)
                case ReadRequest(limit):
                    request = self._read_request(connection, number, read_head(connection), limit)
                case Fin():
                    connection.half_close()
                case Rst():
                    connection.reset()
                case _:
                    connection.send(step_bytes(step))
        return request

    def _reach(self, name: str) -> None:
        with self._changed:
            self._marks[name] += 1
            self._changed.notify_all()


def _in_turn(scripts: Sequence[Script]) -> Iterator[Script]:
    if not scripts:
        raise ValueError("a plan needs at least one script")
    first: object = scripts[0]
    if isinstance(first, Step):
        raise TypeError("a plan is a list of scripts: write FaultServer([script])")
    return itertools.chain(scripts, itertools.repeat(scripts[-1]))
