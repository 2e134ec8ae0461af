"""The cancellation bridge: I/O of code that survives anyio's cancellation, but not asyncio's own.

httpx 0.28 loses a slot of its pool for ever when the task in it is cancelled natively (`task.cancel`,
`asyncio.timeout`), and loses none when the same code is cancelled through an anyio scope. So the I/O runs in a child
task inside a scope; when the caller is cancelled natively, the scope is cancelled and waited for. Costs 13-22 us a
call, which is why only pools that are not ours (`foreign`) go through it.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import TypeVar

import anyio

from openai_async import _concurrency

T = TypeVar("T")


async def bridged(work: Callable[[], Awaitable[T]], *, undo: Callable[[T], None] | None = None) -> T:
    """Run `work` so that cancelling the caller reaches it as an anyio cancellation.

    Args:
        work: what to run.
        undo: takes the result of a `work` that finished although the caller was cancelled.
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
        except asyncio.CancelledError as error:  # also the second and the third: the child must end first
            cancelled = cancelled or error
            scope.cancel()
    if cancelled is None:
        return task.result()
    if not task.cancelled() and task.exception() is None and undo is not None:
        undo(task.result())
    raise cancelled
