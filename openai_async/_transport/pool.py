"""The connection pool of one event loop. All its connections are closed when the loop ends.

Idle connections form a stack for each origin: the most recently used is acquired first (O(1)), the least recently used
expires at the other end. The limiter admits calls; a call waits here only if this machine cannot open another
connection, or is opening too many at once. It then gets the next connection that is released, or opens one.
"""

from __future__ import annotations

import math
from collections import deque
from collections.abc import AsyncGenerator, Callable
from functools import cached_property
from typing import Any, Final, Generic, Protocol, TypeAlias, TypeVar

import anyio

from openai_async import _concurrency
from openai_async._transport.dns import Resolver
from openai_async._transport.resource_exhaustion import most_connections, wait_after
from openai_async.errors import APIConnectionError

#: Connects at a time: about the backlog of a server. A connect beyond it waits a second or three.
MOST_CONNECTS: Final = 100
#: Most bytes of one read.
_BUFFER: Final = 256 * 1024

#: scheme, host, port
Origin: TypeAlias = tuple[str, str, int]


class Connection(Protocol):
    """A connection that the pool can hold."""

    def is_clean(self) -> bool:
        """Whether it is open and nothing lies unread in it, the server's FIN included."""
        ...

    def drop(self) -> None:
        """Close it without waiting: the caller may be a cancelled task, which must not await."""
        ...

    async def aclose(self) -> None:
        """Close it and wait until it is closed."""
        ...


K = TypeVar("K", bound=Connection)


class _Waiter(Generic[K]):
    """A call that waits for a connection, or for leave to open one."""

    __slots__ = ("connection", "granted", "origin", "ready")

    def __init__(self, origin: Origin) -> None:
        self.origin = origin
        self.ready = anyio.Event()
        self.granted = False  # it may open a connection
        self.connection: K | None = None  # a released one that it got


class ConnectionPool(Generic[K]):
    """The connections of one loop. `keepalive`: seconds that an idle connection is kept."""

    def __init__(self, keepalive: float, on_close: Callable[[], object]) -> None:
        self.idle: dict[Origin, deque[tuple[K, float]]] = {}  # each with the loop time at which it expires
        self.busy: set[K] = set()
        self.resolver = Resolver()
        self._opening = 0  # connects in progress
        self._queue: deque[_Waiter[K]] = deque()
        self._closed = False
        self._keepalive = keepalive
        self._now, _ = _concurrency.clock_here()
        self._on_close = on_close
        self._at_loop_end: AsyncGenerator[None, Any] | None = None

    @cached_property
    def buffer(self) -> memoryview:
        """The read buffer that all connections of this loop share."""
        return memoryview(bytearray(_BUFFER))

    @property
    def idle_count(self) -> int:
        """Connections that no call holds."""
        return sum(map(len, self.idle.values()))

    @property
    def count(self) -> int:
        return len(self.busy) + sum(map(len, self.idle.values()))

    async def watch_loop(self) -> None:
        """Close everything when the running loop ends."""
        self._at_loop_end = _concurrency.at_loop_end(self._close_all)
        await anext(self._at_loop_end)

    def acquire_idle(self, origin: Origin) -> K | None:
        """The most recently used idle connection that is still clean; None if there is none."""
        stack = self.idle.get(origin)
        while stack:
            connection, deadline = stack.pop()
            if connection.is_clean() and self._now() <= deadline:
                self.busy.add(connection)
                return connection
            connection.drop()
        return None

    async def wait_for_turn(self, origin: Origin, refusals: int = 0) -> K | None:
        """Wait for a released connection to this origin, or for leave to open one (None).

        After None the caller opens a connection and calls `connect_ended` afterwards, also when the connect failed.

        Args:
            origin: scheme, host and port.
            refusals: how often this machine has refused a connect of this call. Each makes the next wait longer.

        Raises:
            APIConnectionError: the pool was closed while the call waited.
        """
        if not (refusals or self._queue) and self._has_room():
            self._opening += 1
            return None
        waiter: _Waiter[K] = _Waiter(origin)
        self._queue.append(waiter)
        try:
            with anyio.move_on_after(wait_after(refusals) if refusals else math.inf):
                await waiter.ready.wait()
        except BaseException:
            self._cancel_wait(waiter)
            raise
        if self._closed:
            raise APIConnectionError("the client was closed while the call waited to connect", phase="connect")
        if not waiter.ready.is_set():
            self._queue.remove(waiter)
            self._opening += 1
        return waiter.connection

    def connect_ended(self) -> None:
        """Count a connect as ended. Its connection, if there is one, is in `busy`."""
        self._opening -= 1
        self._wake_waiters()

    def _has_room(self) -> bool:
        if self._opening >= MOST_CONNECTS:
            return False
        most = most_connections()
        return self.count + self._opening < most or self._drop_idle()

    def _drop_idle(self) -> bool:
        """Drop an idle connection of any origin. Whether there was one."""
        for stack in self.idle.values():
            if stack:
                stack.popleft()[0].drop()
                return True
        return False

    def _wake_waiters(self) -> None:
        """Let waiting calls open connections, as far as there is room."""
        while self._queue and self._has_room():
            waiter = self._queue.popleft()
            waiter.granted = True
            self._opening += 1
            waiter.ready.set()

    def _cancel_wait(self, waiter: _Waiter[K]) -> None:
        """Remove a waiter that was cancelled. What it had got goes to the next one."""
        if waiter.connection is not None:
            self.release(waiter.origin, waiter.connection)
        elif waiter.granted:
            self.connect_ended()
        elif not self._closed:
            self._queue.remove(waiter)
            self._wake_waiters()

    def release(self, origin: Origin, connection: K, lifetime: float = math.inf) -> None:
        """Return a connection to the pool. `lifetime`: seconds that the server keeps it."""
        if connection not in self.busy:  # everything was closed meanwhile
            return
        if lifetime <= 0:
            self.discard(connection)
            return
        if self._queue and self._pass_on(origin, connection):
            return
        self.busy.discard(connection)
        stack = self.idle.setdefault(origin, deque())
        now = self._now()
        stack.append((connection, now + min(self._keepalive, lifetime)))
        # One look at the oldest per release keeps the stack short.
        if now > stack[0][1]:
            stack.popleft()[0].drop()
        if self._queue:  # of other origins
            self._wake_waiters()

    def _pass_on(self, origin: Origin, connection: K) -> bool:
        """Pass a connection to the first call that waits for its origin. O(1) if all wait for the same origin."""
        for waiter in self._queue:
            if waiter.origin == origin:
                self._queue.remove(waiter)
                waiter.connection = connection
                waiter.ready.set()
                return True
        return False

    def discard(self, connection: K) -> None:
        """Drop a connection that cannot be used again."""
        if connection in self.busy:
            self.busy.discard(connection)
            connection.drop()
            if self._queue:
                self._wake_waiters()

    async def aclose(self) -> None:
        """Close every connection. Exchanges in progress fail."""
        if self._at_loop_end is not None:
            await self._at_loop_end.aclose()

    async def _close_all(self) -> None:
        self._on_close()
        self._closed = True
        while self._queue:
            self._queue.popleft().ready.set()
        connections = [*self.busy, *(connection for stack in self.idle.values() for connection, _ in stack)]
        self.busy.clear()
        self.idle.clear()
        try:
            while connections:
                await connections[-1].aclose()
                connections.pop()
        except BaseException:
            for connection in connections:  # cancelled: the rest goes without being waited for
                connection.drop()
            raise
        finally:
            await self.resolver.aclose()
        await _concurrency.background_done()


class PoolPerLoop(Generic[K]):
    """One `ConnectionPool` for each event loop, made on first use."""

    def __init__(self, keepalive: float) -> None:
        self._keepalive = keepalive
        self._loops: dict[object, ConnectionPool[K]] = {}

    def current(self) -> ConnectionPool[K] | None:
        """The pool of the running loop, if there is one yet."""
        return self._loops.get(_concurrency.loop_token())

    async def open(self) -> ConnectionPool[K]:
        """The pool of the running loop. It is made here, and closed when the loop ends."""
        token = _concurrency.loop_token()
        pool = self._loops.get(token)
        if pool is None:
            pool = self._loops[token] = ConnectionPool(self._keepalive, lambda: self._loops.pop(token, None))
            await pool.watch_loop()
        return pool

    @property
    def count(self) -> int:
        """Connections of all loops, idle and busy."""
        return sum(pool.count for pool in tuple(self._loops.values()))

    @property
    def idle_count(self) -> int:
        """Idle connections of all loops."""
        return sum(pool.idle_count for pool in tuple(self._loops.values()))

    async def aclose(self) -> None:
        """Close the pool of the running loop."""
        pool = self._loops.get(_concurrency.loop_token())
        if pool is not None:
            await pool.aclose()
