"""The connections of one event loop: who holds which, which are idle, and that all are closed when the loop ends.

Idle connections are a stack for each origin: the warmest is taken first (O(1)), the coldest expires at the other end.
Admission is the limiter's. Here a call waits only where this machine cannot open one more connection, or should not: it
gets the next one that comes back, or opens its own when there is room.
"""

from __future__ import annotations

import math
from collections import deque
from collections.abc import AsyncGenerator, Callable
from functools import cached_property
from typing import Any, Final, Generic, Protocol, TypeAlias, TypeVar

import anyio

from openai_async import _concurrency
from openai_async._transport.dns import Names
from openai_async._transport.resource_exhaustion import most_connections, wait_after
from openai_async.errors import APIConnectionError

#: A server's queue of connections that it has not accepted yet is about this long; one more waits a second, or three.
MOST_CONNECTS: Final = 100
#: Bytes that are read at once, at most.
_BUFFER: Final = 256 * 1024

#: scheme, host, port
Origin: TypeAlias = tuple[str, str, int]


class Connection(Protocol):
    """What can be held: one connection."""

    def is_clean(self) -> bool:
        """Whether it is open and the server has sent nothing unasked, its own farewell included."""
        ...

    def drop(self) -> None:
        """Close it without waiting: the owner may be a cancelled task, which must not await anything."""
        ...

    async def aclose(self) -> None:
        """Close it and wait until it is closed."""
        ...


K = TypeVar("K", bound=Connection)


class _Turn(Generic[K]):
    """A call that waits for a connection, or for room to open one."""

    __slots__ = ("connection", "granted", "origin", "ready")

    def __init__(self, origin: Origin) -> None:
        self.origin = origin
        self.ready = anyio.Event()
        self.granted = False  # it may open one
        self.connection: K | None = None  # it got one that came back


class ConnectionPool(Generic[K]):
    """Connections of one loop. `keepalive` is in seconds."""

    def __init__(self, keepalive: float, on_close: Callable[[], object]) -> None:
        self.idle: dict[Origin, deque[tuple[K, float]]] = {}  # each with the moment until which it may be used
        self.busy: set[K] = set()
        self.names = Names()
        self._opening = 0  # connects under way
        self._queue: deque[_Turn[K]] = deque()
        self._closed = False
        self._keepalive = keepalive
        self._now, _ = _concurrency.clock_here()
        self._on_close = on_close
        self._watch: AsyncGenerator[None, Any] | None = None

    @cached_property
    def buffer(self) -> memoryview:
        """Where sockets of this loop are read into: one after the other, each for a moment."""
        return memoryview(bytearray(_BUFFER))

    @property
    def idle_count(self) -> int:
        """Connections that no call holds."""
        return sum(map(len, self.idle.values()))

    @property
    def count(self) -> int:
        return len(self.busy) + sum(map(len, self.idle.values()))

    async def watch_loop(self) -> None:
        """From now on the end of the running loop closes everything."""
        self._watch = _concurrency.at_loop_end(self._close_all)
        await anext(self._watch)

    def take(self, origin: Origin) -> K | None:
        """The warmest idle connection that is still clean; None if there is none."""
        stack = self.idle.get(origin)
        while stack:
            connection, deadline = stack.pop()
            if connection.is_clean() and self._now() <= deadline:
                self.busy.add(connection)
                return connection
            connection.drop()
        return None

    async def place(self, origin: Origin, refusals: int = 0) -> K | None:
        """Wait until one more connection may be opened (None), or one for this origin has come back (that one).

        After None the caller opens one and calls `opened` when that has ended, however it did.

        Args:
            origin: where to.
            refusals: how often the machine has refused to open one: then it is not asked again for a while.

        Raises:
            APIConnectionError: all connections were closed meanwhile.
        """
        if not (refusals or self._queue) and self._has_room():
            self._opening += 1
            return None
        turn: _Turn[K] = _Turn(origin)
        self._queue.append(turn)
        try:
            with anyio.move_on_after(wait_after(refusals) if refusals else math.inf):
                await turn.ready.wait()
        except BaseException:
            self._leave(turn)
            raise
        if self._closed:
            raise APIConnectionError("the client was closed while the call waited to connect", phase="connect")
        if not turn.ready.is_set():
            self._queue.remove(turn)
            self._opening += 1
        return turn.connection

    def opened(self) -> None:
        """A connect has ended. Its connection, if there is one, is among the busy."""
        self._opening -= 1
        self._serve()

    def _has_room(self) -> bool:
        if self._opening >= MOST_CONNECTS:
            return False
        most = most_connections()
        return self.count + self._opening < most or self._drop_idle()

    def _drop_idle(self) -> bool:
        """Make room: drop an idle connection, of whatever origin. Whether there was one."""
        for stack in self.idle.values():
            if stack:
                stack.popleft()[0].drop()
                return True
        return False

    def _serve(self) -> None:
        """Let those who wait open connections, as far as there is room."""
        while self._queue and self._has_room():
            turn = self._queue.popleft()
            turn.granted = True
            self._opening += 1
            turn.ready.set()

    def _leave(self, turn: _Turn[K]) -> None:
        """A waiting call was cancelled; what it was given goes to the next one."""
        if turn.connection is not None:
            self.give_back(turn.origin, turn.connection)
        elif turn.granted:
            self.opened()
        elif not self._closed:
            self._queue.remove(turn)
            self._serve()

    def give_back(self, origin: Origin, connection: K, lifetime: float = math.inf) -> None:
        """A connection is idle again; the server keeps it for so many seconds."""
        if connection not in self.busy:  # everything was closed meanwhile
            return
        if lifetime <= 0:
            self.discard(connection)
            return
        if self._queue and self._hand_over(origin, connection):
            return
        self.busy.discard(connection)
        stack = self.idle.setdefault(origin, deque())
        now = self._now()
        stack.append((connection, now + min(self._keepalive, lifetime)))
        # One look at the coldest per release keeps the stack trimmed.
        if now > stack[0][1]:
            stack.popleft()[0].drop()
        if self._queue:  # of other origins
            self._serve()

    def _hand_over(self, origin: Origin, connection: K) -> bool:
        """Give a connection to the first call that waits for one. O(1) where all wait for the same origin."""
        for turn in self._queue:
            if turn.origin == origin:
                self._queue.remove(turn)
                turn.connection = connection
                turn.ready.set()
                return True
        return False

    def discard(self, connection: K) -> None:
        """A connection that cannot be used again."""
        if connection in self.busy:
            self.busy.discard(connection)
            connection.drop()
            if self._queue:
                self._serve()

    async def aclose(self) -> None:
        """Close everything; busy connections break under their owners."""
        if self._watch is not None:
            await self._watch.aclose()

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
            await self.names.aclose()
        await _concurrency.background_done()


class PoolPerLoop(Generic[K]):
    """`ConnectionPool` by event loop, opened on first use."""

    def __init__(self, keepalive: float) -> None:
        self._keepalive = keepalive
        self._loops: dict[object, ConnectionPool[K]] = {}

    def here(self) -> ConnectionPool[K] | None:
        """Those of the running loop, if there are any yet."""
        return self._loops.get(_concurrency.loop_token())

    async def mine(self) -> ConnectionPool[K]:
        """Those of the running loop, from now on until it ends."""
        token = _concurrency.loop_token()
        found = self._loops.get(token)
        if found is None:
            found = self._loops[token] = ConnectionPool(self._keepalive, lambda: self._loops.pop(token, None))
            await found.watch_loop()
        return found

    @property
    def count(self) -> int:
        """Connections of all loops, idle and busy."""
        return sum(found.count for found in tuple(self._loops.values()))

    @property
    def idle_count(self) -> int:
        """Idle connections of all loops."""
        return sum(found.idle_count for found in tuple(self._loops.values()))

    async def aclose(self) -> None:
        """Close those of the running loop."""
        found = self._loops.get(_concurrency.loop_token())
        if found is not None:
            await found.aclose()
