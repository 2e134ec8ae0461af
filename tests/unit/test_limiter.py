"""Permits go out in order, never more than there are, and every one comes back."""

from __future__ import annotations

import asyncio
from typing import Any

import anyio
import anyio.abc
import pytest
from anyio.lowlevel import checkpoint

from openai_async._limiter import ConcurrencyLimit
from openai_async.errors import ConfigurationError


class Line:
    """Tasks that wait for a permit of `limit`, in a known order; they keep it until told."""

    def __init__(self, limit: ConcurrencyLimit, group: anyio.abc.TaskGroup) -> None:
        self.limit = limit
        self.served: list[int] = []
        self._group = group
        self._scopes: list[anyio.CancelScope] = []

    async def join(self) -> int:
        """One more task; returns its number once it stands in line, or has its permit."""
        number = len(self._scopes)
        self._scopes.append(anyio.CancelScope())
        before = self.limit.waiting + len(self.served)
        self._group.start_soon(self._wait, number)
        while self.limit.waiting + len(self.served) == before:
            await checkpoint()
        return number

    def leave(self, number: int) -> None:
        """Cancel a task, wherever it is."""
        self._scopes[number].cancel()

    async def _wait(self, number: int) -> None:
        with self._scopes[number]:
            await self.limit.acquire()
            self.served.append(number)


async def settled() -> None:
    """Let every task run that can."""
    await anyio.wait_all_tasks_blocked()


@pytest.mark.parametrize("limit", [0, -1, True, False, 1.5, "5", 1.0])
def test_a_limit_is_a_positive_integer_or_none(limit: Any) -> None:
    """Anything else is refused by its public name."""
    with pytest.raises(ConfigurationError, match=r"^max_concurrency: must be a positive integer"):
        ConcurrencyLimit(limit)


def test_taking_without_waiting() -> None:
    """Permits are there until they are out, and there again when one comes back."""
    limit = ConcurrencyLimit(2)
    assert (limit.limit, limit.in_flight, limit.waiting) == (2, 0, 0)
    assert [limit.acquire_nowait() for _ in range(3)] == [True, True, False]
    assert limit.in_flight == 2
    limit.release()
    assert limit.in_flight == 1
    assert limit.acquire_nowait()


async def test_no_bound() -> None:
    """Without a limit nobody waits, and permits are counted all the same."""
    limit = ConcurrencyLimit(None)
    for _ in range(10_000):
        await limit.acquire()
    assert (limit.limit, limit.in_flight, limit.waiting) == (None, 10_000, 0)
    for _ in range(10_000):
        limit.release()
    assert limit.in_flight == 0


async def test_first_come_first_served() -> None:
    """Permits go to those who wait, in the order in which they came."""
    limit = ConcurrencyLimit(2)
    async with anyio.create_task_group() as group:
        line = Line(limit, group)
        for _ in range(12):
            await line.join()
        assert line.served == [0, 1]
        assert (limit.in_flight, limit.waiting) == (2, 10)
        for count in range(3, 13):
            limit.release()
            assert limit.in_flight == 2
            await settled()
            assert line.served == [*range(count)]
        assert limit.waiting == 0
        limit.release()
        limit.release()
    assert limit.in_flight == 0


async def test_nobody_overtakes() -> None:
    """A permit that was given back belongs to the head of the line, even if somebody asks before he wakes."""
    limit = ConcurrencyLimit(1)
    async with anyio.create_task_group() as group:
        line = Line(limit, group)
        await line.join()
        await line.join()
        limit.release()
        assert not limit.acquire_nowait()
        third = await line.join()
        await settled()
        assert line.served == [0, 1]
        line.leave(third)
    assert limit.in_flight == 1


async def test_cancelling_a_waiter_takes_it_out_of_the_line() -> None:
    """The others keep their order, and no permit is lost with the one who left."""
    limit = ConcurrencyLimit(1)
    async with anyio.create_task_group() as group:
        line = Line(limit, group)
        for _ in range(5):
            await line.join()
        line.leave(1)
        line.leave(3)
        await settled()
        assert (limit.in_flight, limit.waiting) == (1, 2)
        for _ in range(2):
            limit.release()
            await settled()
        assert line.served == [0, 2, 4]
        assert (limit.in_flight, limit.waiting) == (1, 0)
    limit.release()
    assert limit.in_flight == 0


async def test_cancelling_all_waiters_at_once() -> None:
    """Ten thousand of them leave nothing behind."""
    limit = ConcurrencyLimit(1)
    assert limit.acquire_nowait()
    async with anyio.create_task_group() as group:
        for _ in range(10_000):
            group.start_soon(limit.acquire)
        await settled()
        assert limit.waiting == 10_000
        group.cancel_scope.cancel()
    assert (limit.in_flight, limit.waiting) == (1, 0)


async def test_a_permit_granted_to_a_cancelled_waiter_is_not_lost() -> None:
    """Cancelled between being handed the permit and waking up: the permit is taken, or goes on to the next, once."""
    limit = ConcurrencyLimit(1)
    async with anyio.create_task_group() as group:
        line = Line(limit, group)
        for _ in range(3):
            await line.join()
        limit.release()
        line.leave(1)
        await settled()
        assert limit.in_flight == 1
        if line.served == [0, 1]:  # the backend let it wake up first
            limit.release()
            await settled()
        assert line.served[-1] == 2
        assert (limit.in_flight, limit.waiting) == (1, 0)
    limit.release()
    assert limit.in_flight == 0


def test_native_cancellation_of_asyncio_loses_nothing_either() -> None:
    """`Task.cancel()` before, at and after the grant leaves the count exact."""

    async def main() -> list[int]:
        limit = ConcurrencyLimit(1)
        served: list[int] = []

        async def wait(number: int) -> None:
            await limit.acquire()
            served.append(number)

        tasks = [asyncio.ensure_future(wait(number)) for number in range(5)]
        await asyncio.sleep(0)
        assert limit.waiting == 4
        tasks[1].cancel()  # waiting
        limit.release()
        tasks[2].cancel()  # granted, not yet awake
        await asyncio.wait(tasks[:4])
        tasks[0].cancel()  # over
        assert (limit.in_flight, limit.waiting) == (1, 1)
        limit.release()
        await tasks[4]
        limit.release()
        assert (limit.in_flight, limit.waiting) == (0, 0)
        return served

    assert asyncio.run(main()) == [0, 3, 4]


async def test_a_line_that_is_served_goes_on_without_waiting() -> None:
    """After a crowd, permits are free again and cost no waiting."""
    limit = ConcurrencyLimit(3)

    async def use() -> None:
        await limit.acquire()
        assert 1 <= limit.in_flight <= 3
        await checkpoint()
        limit.release()

    async with anyio.create_task_group() as group:
        for _ in range(100):
            group.start_soon(use)
    assert (limit.in_flight, limit.waiting) == (0, 0)
    assert [limit.acquire_nowait() for _ in range(4)] == [True, True, True, False]
