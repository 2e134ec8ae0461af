"""Who may send when: waiting for a permit, in order.

A permit is one call in flight. Waiting is first in, first out; nobody overtakes. A cancelled waiter leaves the queue,
and a permit that was already handed to it goes on to the next one, exactly once.
"""

from __future__ import annotations

from collections import OrderedDict

import anyio

from openai_async.errors import ConfigurationError


class _Waiter:
    __slots__ = ("event", "granted")

    def __init__(self) -> None:
        self.event = anyio.Event()
        self.granted = False


class ConcurrencyLimit:
    """At most `limit` permits at a time; None for no bound. Plain arithmetic unless somebody has to wait."""

    __slots__ = ("_in_flight", "_limit", "_queue")

    def __init__(self, limit: int | None) -> None:
        if limit is not None and (isinstance(limit, bool) or not isinstance(limit, int) or limit < 1):  # pyright: ignore
            raise ConfigurationError("max_concurrency", "must be a positive integer, or None for no bound")
        self._limit = limit
        self._in_flight = 0
        # Ordered, and O(1) to leave from the middle: ten thousand waiters may be cancelled together.
        self._queue: OrderedDict[_Waiter, None] = OrderedDict()

    @property
    def limit(self) -> int | None:
        """Most permits at a time; None for no bound."""
        return self._limit

    @property
    def in_flight(self) -> int:
        """Permits that are out."""
        return self._in_flight

    @property
    def waiting(self) -> int:
        """Callers in the queue."""
        return len(self._queue)

    def acquire_nowait(self) -> bool:
        """Take a permit if one is free and nobody waits."""
        if self._queue or (self._limit is not None and self._in_flight >= self._limit):
            return False
        self._in_flight += 1
        return True

    async def acquire(self) -> None:
        """Take a permit, waiting in line for it. Cancelling leaves the line; no permit is lost."""
        if self.acquire_nowait():
            return
        waiter = _Waiter()
        self._queue[waiter] = None
        try:
            await waiter.event.wait()
        except BaseException:
            if waiter.granted:
                self.release()
            else:
                del self._queue[waiter]
            raise

    def release(self) -> None:
        """Give a permit back; the head of the line gets it."""
        if self._queue:
            waiter, _ = self._queue.popitem(last=False)
            waiter.granted = True
            waiter.event.set()
        else:
            self._in_flight -= 1
