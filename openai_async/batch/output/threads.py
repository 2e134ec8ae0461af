"""Threads for work that blocks: reading IN, replaying OUT, writing, and syncing to the disk.

A batch has its own threads, two at a time, so that it and the program's other threads do not wait for each other.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import TypeVar

import anyio
import anyio.from_thread
import anyio.to_thread

from openai_async import _concurrency

T = TypeVar("T")


class Threads:
    """Runs functions in worker threads."""

    def __init__(self) -> None:
        self._limiter = anyio.CapacityLimiter(2)

    async def run(self, work: Callable[[], T]) -> T:
        """For work that is short and has to be whole: cancelling takes effect after it."""
        done: list[T] = []
        with anyio.CancelScope(shield=True):
            done.append(await anyio.to_thread.run_sync(work, limiter=self._limiter))
        return done[0]

    async def run_long(self, work: Callable[[Callable[[], object]], T]) -> T:
        """For work that takes its time: it is given a function to call now and then, which raises when cancelled."""
        return await anyio.to_thread.run_sync(work, anyio.from_thread.check_cancelled, limiter=self._limiter)


async def sheltered(work: Callable[[], Awaitable[T]]) -> T:
    """Do the work in a task of its own.

    asyncio's own `Task.cancel` breaks any await, also that for a thread which goes on; what the thread was to give, an
    open file or a lock, is lost then. Behind a task group it arrives as a cancelled scope, which `run` withstands.
    """
    results: list[T] = []
    failures: list[BaseException] = []

    async def alone() -> None:
        try:
            results.append(await work())
        except BaseException as error:  # out of the group by itself
            if _concurrency.cancels(error):
                raise
            failures.append(error)

    async with anyio.create_task_group() as group:
        group.start_soon(alone)
    if failures:
        raise failures.pop()
    return results[0]
