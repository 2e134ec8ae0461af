"""The connections of one event loop: who holds which, which are idle, and that all are closed when the loop ends.

Idle connections are a stack for each origin: the warmest is taken first (O(1)), the coldest expires at the other end.
Nothing waits in here; admission is the limiter's.
"""

from __future__ import annotations

from collections import deque
from collections.abc import AsyncGenerator, Callable
from functools import cached_property
from typing import Any, Final, Generic, Protocol, TypeAlias, TypeVar

import anyio

from openai_async import _runtime

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


class LoopConnections(Generic[K]):
    """Connections of one loop. `keepalive` is in seconds."""

    def __init__(self, keepalive: float, on_close: Callable[[], object]) -> None:
        self.idle: dict[Origin, deque[tuple[K, float]]] = {}
        self.busy: set[K] = set()
        #: Bounds the connects that are under way, for a transport that connects by itself.
        self.connecting = anyio.Semaphore(MOST_CONNECTS, fast_acquire=True)
        self._keepalive = keepalive
        self._now, _ = _runtime.clock_here()
        self._on_close = on_close
        self._watch: AsyncGenerator[None, Any] | None = None

    @cached_property
    def buffer(self) -> memoryview:
        """Where sockets of this loop are read into: one after the other, each for a moment."""
        return memoryview(bytearray(_BUFFER))

    @property
    def count(self) -> int:
        return len(self.busy) + sum(map(len, self.idle.values()))

    async def watch_loop(self) -> None:
        """From now on the end of the running loop closes everything."""
        self._watch = _runtime.at_loop_end(self._close_all)
        await anext(self._watch)

    def take(self, origin: Origin) -> K | None:
        """The warmest idle connection that is still clean; None if there is none."""
        stack = self.idle.get(origin)
        while stack:
            connection, since = stack.pop()
            if connection.is_clean() and self._now() - since <= self._keepalive:
                self.busy.add(connection)
                return connection
            connection.drop()
        return None

    def give_back(self, origin: Origin, connection: K) -> None:
        """A connection is idle again."""
        if connection not in self.busy:  # everything was closed meanwhile
            return
        self.busy.discard(connection)
        stack = self.idle.setdefault(origin, deque())
        now = self._now()
        stack.append((connection, now))
        # One look at the coldest per release keeps the stack trimmed.
        if now - stack[0][1] > self._keepalive:
            stack.popleft()[0].drop()

    def discard(self, connection: K) -> None:
        """A connection that cannot be used again."""
        if connection in self.busy:
            self.busy.discard(connection)
            connection.drop()

    async def aclose(self) -> None:
        """Close everything; busy connections break under their owners."""
        if self._watch is not None:
            await self._watch.aclose()

    async def _close_all(self) -> None:
        self._on_close()
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
        await _runtime.background_done()


class PerLoop(Generic[K]):
    """`LoopConnections` by event loop, opened on first use."""

    def __init__(self, keepalive: float) -> None:
        self._keepalive = keepalive
        self._loops: dict[object, LoopConnections[K]] = {}

    def here(self) -> LoopConnections[K] | None:
        """Those of the running loop, if there are any yet."""
        return self._loops.get(_runtime.loop_token())

    async def mine(self) -> LoopConnections[K]:
        """Those of the running loop, from now on until it ends."""
        token = _runtime.loop_token()
        found = self._loops.get(token)
        if found is None:
            found = self._loops[token] = LoopConnections(self._keepalive, lambda: self._loops.pop(token, None))
            await found.watch_loop()
        return found

    @property
    def count(self) -> int:
        """Connections of all loops, idle and busy."""
        return sum(found.count for found in tuple(self._loops.values()))

    async def aclose(self) -> None:
        """Close those of the running loop."""
        found = self._loops.get(_runtime.loop_token())
        if found is not None:
            await found.aclose()
