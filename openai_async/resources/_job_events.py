"""The events of a job as they happen: the list of events is polled until the job has ended."""

from __future__ import annotations

from collections import deque
from collections.abc import Awaitable, Callable, Sequence
from typing import Final, Generic, Self, TypeVar

import anyio

from openai_async.types._uncopied import Uncopied
from openai_async.types.settings import check_seconds

V = TypeVar("V")

#: Seconds between two questions without anything new: the first ones, how they grow, and the most.
_SOON: Final = 0.5
_GROWTH: Final = 1.5
_SELDOM: Final = 10.0


class AsyncJobEvents(Uncopied, Generic[V]):
    """The events of a job, oldest first, each once, until it has ended. Iterating waits for new ones.

    Iterating raises the errors of a call (see `openai_async.errors`). Cancelling drops the connection; the job
    continues. Leaving the iteration early leaves nothing behind.
    """

    def __init__(
        self,
        ended: Callable[[], Awaitable[bool]],
        new: Callable[[], Awaitable[Sequence[V]]],
        poll_interval: float | None,
    ) -> None:
        check_seconds("poll_interval", poll_interval)
        self._ended = ended
        self._new = new  # the events that it has not given before, oldest first
        self._poll_interval = poll_interval
        self._interval = _SOON
        self._ready: deque[V] = deque()
        self._polled = False
        self._over = False

    def __aiter__(self) -> Self:
        return self

    async def __anext__(self) -> V:
        while not self._ready:
            if self._over:
                raise StopAsyncIteration
            if self._polled:
                await anyio.sleep(self._poll_interval or self._interval)
                self._interval = min(_SELDOM, self._interval * _GROWTH)
            await self._ask()
        return self._ready.popleft()

    async def _ask(self) -> None:
        """Poll the state first, then the list: the list then has everything that happened before the end."""
        over = await self._ended()
        if new := await self._new():
            self._interval = _SOON
        self._ready.extend(new)
        self._polled, self._over = True, over
