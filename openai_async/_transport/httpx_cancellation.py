"""Turn a native asyncio cancellation into one of an anyio scope, for httpx's stock pool.

httpx 0.28 loses a slot of its pool forever when a task inside it is cancelled natively (`task.cancel`,
`asyncio.timeout`). It loses none when an anyio scope is cancelled. So the I/O runs in a child task inside a scope. When
the caller is cancelled, the scope is cancelled and the child is awaited. This costs 13-22 us a call, so only `custom`
uses it, where the pool is not ours.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import TypeVar

import anyio

from openai_async import _concurrency

T = TypeVar("T")


async def run_cancellable(work: Callable[[], Awaitable[T]], *, undo: Callable[[T], None] | None = None) -> T:
    """Run `work` so that cancelling the caller reaches it as an anyio cancellation.

    Args:
        work: what to run.
        undo: gets the result if `work` finished although the caller was cancelled.
    """
    loop = _concurrency.asyncio_loop()
    if loop is None:  # trio knows one kind of cancellation only
        return await work()

    scope = anyio.CancelScope()

    async def run() -> T:
        with scope:
            return await work()
        raise asyncio.CancelledError  # the scope swallowed it

    task = loop.create_task(run())
    cancelled: asyncio.CancelledError | None = None
    while not task.done():
        try:
            await asyncio.wait([task])
        except asyncio.CancelledError as error:  # also a second one: the child must end first
            cancelled = cancelled or error
            scope.cancel()
    if cancelled is None:
        return task.result()
    if not task.cancelled() and task.exception() is None and undo is not None:
        undo(task.result())
    raise cancelled
