"""Cancelled at any await, by any means: nothing stays behind, and the client goes on working.

`sweep` cancels at every suspension of a coroutine; after each run the permits are back, the queue is empty, no task is
left, the server sees no connection but those that the client keeps idle, and one more call succeeds.
"""

from __future__ import annotations

import asyncio
import itertools
import random
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import Any

import anyio
import anyio.lowlevel
import httpx
import pytest

from openai_async import AsyncClient
from openai_async.testing import FaultServer, Gate, Request, Script, json_reply, pending_tasks, sse, sweep

from .conftest import MakeClient
from .replies import CALL, COMPLETION, EVENTS, TEXT, error_reply, ok, ok_as_asked

Check = Callable[[], Awaitable[None]]


async def call(client: AsyncClient, **options: Any) -> None:
    reply = await client.chat.completions.create(**CALL, **options)
    assert reply.text == TEXT


def nothing_left(client: AsyncClient, server: FaultServer, *, held: int = 0, wait_for_idle: int = 1) -> Check:
    """What must be true after every run.

    `held`: permits that the test itself holds. `wait_for_idle`: most idle connections that the client may keep.
    """
    tasks = len(pending_tasks())

    async def check() -> None:
        statistics = client.statistics()
        assert (statistics.in_flight, statistics.waiting) == (held, 0)
        await server.until(lambda server: server.open_connections <= held + wait_for_idle)
        assert client.statistics().open_connections <= held + wait_for_idle
        with anyio.fail_after(30):
            while len(pending_tasks()) > tasks:  # closing takes a few turns
                await anyio.lowlevel.checkpoint()
        if not held:
            await call(client)

    return check


@pytest.mark.parametrize("kept", [True, False], ids=["warm", "cold"])
async def test_create_cancelled_at_every_await(kept: bool, make_client: MakeClient) -> None:
    """A cancelled call gives its permit back and drops its connection, new or reused."""
    headers = {} if kept else {"connection": "close"}
    with FaultServer([json_reply(COMPLETION, headers=headers)]) as server:
        async with make_client(server.base_url) as client:
            await call(client)
            report = await sweep(lambda: call(client), nothing_left(client, server))
    assert report.points > 0
    assert report.ended("raised") == ()


async def test_a_stream_cancelled_at_every_await(make_client: MakeClient) -> None:
    """Opening, iterating and closing a stream can be cancelled anywhere; the permit goes back exactly once."""
    with FaultServer(ok_as_asked) as server:
        async with make_client(server.base_url) as client:

            async def read() -> None:
                async with client.chat.completions.stream(**CALL) as stream:
                    first = await anext(stream)
                    assert first.text
                    whole = await stream.final()
                    assert whole.text == TEXT

            report = await sweep(read, nothing_left(client, server))
    assert report.points > 1
    assert report.ended("raised") == ()


async def test_leaving_a_stream_early_cancelled_at_every_await(make_client: MakeClient) -> None:
    """A stream left in its middle, and cancelled on the way out, leaves nothing."""
    with FaultServer(ok_as_asked) as server:
        async with make_client(server.base_url) as client:

            async def leave() -> None:
                async with client.chat.completions.stream(**CALL) as stream:
                    async for _ in stream:
                        break
                await anyio.lowlevel.checkpoint()

            report = await sweep(leave, nothing_left(client, server))
    assert report.points > 1
    assert report.ended("raised") == ()


async def test_a_stream_without_a_block_cancelled_at_every_await(make_client: MakeClient) -> None:
    """`async for event in await create(stream=True)`: cancelling an iteration closes the stream by itself."""
    with FaultServer(ok_as_asked) as server:
        async with make_client(server.base_url) as client:

            async def read() -> None:
                async for _ in await client.chat.completions.create(**CALL, stream=True):
                    pass

            report = await sweep(read, nothing_left(client, server))
    assert report.points > 1
    assert report.ended("raised") == ()


@pytest.mark.parametrize("ordered", [True, False], ids=["ordered", "unordered"])
async def test_a_map_cancelled_at_every_await(ordered: bool, make_client: MakeClient) -> None:
    """Cancelling a map ends all of its calls, whether it is used as a block or not."""
    with FaultServer([ok()]) as server:
        async with make_client(server.base_url) as client:

            async def read() -> None:
                results = client.chat.completions.map([CALL] * 4, max_in_flight=2, ordered=ordered)
                assert [result.unwrap().text async for result in results] == [TEXT] * 4

            report = await sweep(read, nothing_left(client, server, wait_for_idle=2))
    assert report.points > 1
    assert report.ended("raised") == ()


async def test_a_map_left_while_it_starts_calls_ends_them_too(make_client: MakeClient) -> None:
    """A map that is left in the very turn in which it starts its next call does not wait for the answer."""
    in_time = True
    for _ in range(20):  # which of the two comes first is the loop's choice
        left = anyio.Event()

        async def leave(client: AsyncClient, left: anyio.Event) -> None:
            async with client.chat.completions.map([CALL] * 4, max_in_flight=1) as results:
                assert (await anext(results)).unwrap().text == TEXT
            assert client.statistics().in_flight == 0
            left.set()

        with FaultServer([ok(), (Gate("late"), *ok())]) as server:
            async with make_client(server.base_url) as client, anyio.create_task_group() as tasks:
                tasks.start_soon(leave, client, left)
                with anyio.move_on_after(3):
                    await left.wait()
                in_time = in_time and left.is_set()
                server.open_gate("late")
        if not in_time:
            break
    assert in_time


async def test_waiting_for_a_permit_cancelled_at_every_await(make_client: MakeClient) -> None:
    """A cancelled waiter leaves the line; the one permit is still there for the next."""
    with FaultServer([sse([EVENTS[0], Gate("end"), *EVENTS[1:]]), ok()]) as server:
        async with make_client(server.base_url, max_concurrency=1) as client:
            async with client.chat.completions.stream(**CALL) as holder:
                await anext(holder)

                async def wait() -> None:
                    with anyio.move_on_after(0.01):
                        await call(client)

                check = nothing_left(client, server, held=1, wait_for_idle=0)
                report = await sweep(wait, check)
                assert report.points > 0
                assert report.ended("raised") == ()
                server.open_gate("end")
                assert (await holder.final()).text == TEXT
            await call(client)


async def test_a_permit_handed_to_a_cancelled_waiter_goes_on(make_client: MakeClient) -> None:
    """A waiter cancelled in the very turn in which its permit arrives passes it to the next one."""
    with FaultServer([sse([EVENTS[0], Gate("end"), *EVENTS[1:]]), ok()]) as server:
        async with make_client(server.base_url, max_concurrency=1) as client:
            holder = client.chat.completions.stream(**CALL)
            stream = await holder.__aenter__()
            scopes = [anyio.CancelScope() for _ in range(6)]
            ended: list[int] = []

            async def wait(number: int) -> None:
                with scopes[number]:
                    await call(client)
                    ended.append(number)

            async with anyio.create_task_group() as waiters:
                for number in range(6):
                    waiters.start_soon(wait, number)
                    while client.statistics().waiting <= number:
                        await anyio.lowlevel.checkpoint()
                await stream.aclose()  # the first in line has the permit now, and does not know it yet
                for scope in scopes[:3]:
                    scope.cancel()
            assert ended == [3, 4, 5]
            assert client.statistics().in_flight == 0


@pytest.mark.parametrize("stack", ["asyncio-direct", "asyncio-httpx"], indirect=True)
async def test_a_permit_handed_to_a_natively_cancelled_waiter_goes_on(make_client: MakeClient) -> None:
    """The same by `Task.cancel`, which, unlike a scope, also hits a waiter whose permit is already there."""
    with FaultServer([sse([EVENTS[0], Gate("end"), *EVENTS[1:]]), ok()]) as server:
        async with make_client(server.base_url, max_concurrency=1) as client:
            stream = await client.chat.completions.create(**CALL, stream=True)
            tasks = [asyncio.create_task(call(client)) for _ in range(6)]
            while client.statistics().waiting < 6:
                await anyio.lowlevel.checkpoint()
            await stream.aclose()
            for task in tasks[:3]:
                task.cancel()
            _, unserved = await asyncio.wait(tasks, timeout=5)
            assert unserved == set()
            assert [task.cancelled() for task in tasks] == [True] * 3 + [False] * 3
            assert client.statistics().in_flight == 0


async def test_the_wait_before_a_retry_cancelled_at_every_await(make_client: MakeClient) -> None:
    """Cancelling between two attempts holds nothing: neither a permit nor a connection.

    Without a limiter: it would slow down, as this server refuses every other request.
    """
    numbers = itertools.count()
    seen: set[str] = set()

    def choose(request: Request) -> Script:
        number = request.header("x-call")
        if number is None or number in seen:
            return ok()
        seen.add(number)
        return error_reply(503, {"retry-after-ms": "5"})

    with FaultServer(choose) as server:
        async with make_client(server.base_url, max_retries=1, rate_limit=None) as client:
            report = await sweep(
                lambda: call(client, extra_headers={"x-call": str(next(numbers))}), nothing_left(client, server)
            )
    assert report.points > 2
    assert report.ended("raised") == ()


@asynccontextmanager
async def users_own_pool(make_client: MakeClient, server: FaultServer) -> AsyncIterator[AsyncClient]:
    """A client on an httpx pool of the user's with a single slot. Whoever finds it taken for ever fails by deadline."""
    limits = httpx.Limits(max_connections=1)
    async with (
        httpx.AsyncClient(limits=limits, trust_env=False) as pool,
        make_client(server.base_url, transport=None, http_client=pool, deadline=2.0) as client,
    ):
        yield client


@pytest.mark.parametrize("stack", ["asyncio-httpx", "trio-httpx"], indirect=True)
@pytest.mark.parametrize("whole", [True, False], ids=["whole", "left early"])
async def test_a_users_own_pool_loses_no_slot(whole: bool, make_client: MakeClient) -> None:
    """Through the user's httpx client, too, a cancelled call or stream never takes its slot to the grave."""
    with FaultServer(ok_as_asked) as server:
        async with users_own_pool(make_client, server) as client:

            async def read() -> None:
                async with client.chat.completions.stream(**CALL) as stream:
                    await (stream.final() if whole else anext(stream))

            for work in (lambda: call(client), read):
                report = await sweep(work, nothing_left(client, server))
                assert report.points > 0
                assert report.ended("raised") == ()


@pytest.mark.parametrize("stack", ["asyncio-httpx", "trio-httpx"], indirect=True)
async def test_a_users_own_pool_survives_a_call_cancelled_behind_a_closing_stream(make_client: MakeClient) -> None:
    """A call that comes while the stream before it is being closed can be cancelled at every await."""
    with FaultServer(ok_as_asked) as server:
        async with users_own_pool(make_client, server) as client:

            async def read() -> None:
                async with client.chat.completions.stream(**CALL) as stream:
                    await anext(stream)
                await call(client)

            report = await sweep(read, nothing_left(client, server))
    assert report.points > 1
    assert report.ended("raised") == ()


# Storms ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "size",
    [pytest.param(1_000, id="1,000"), pytest.param(10_000, id="10,000", marks=[pytest.mark.long])],
)
async def test_a_storm_of_cancelled_tasks_leaks_nothing(size: int, make_client: MakeClient) -> None:
    """Thousands of tasks, waiting and in flight, cancelled in random order: afterwards all is as before."""
    chance = random.Random(size)
    ended = 0
    with FaultServer(ok_as_asked) as server:
        async with make_client(server.base_url, max_concurrency=32) as client:

            async def work(scope: anyio.CancelScope, streamed: bool) -> None:
                nonlocal ended
                with scope:
                    if streamed:
                        async with client.chat.completions.stream(**CALL) as stream:
                            await stream.final()
                    else:
                        await call(client)
                    ended += 1

            scopes = [anyio.CancelScope() for _ in range(size)]
            async with anyio.create_task_group() as tasks:
                for scope in scopes:
                    tasks.start_soon(work, scope, chance.random() < 0.5)
                victims = chance.sample(scopes, size * 3 // 4)
                for number, scope in enumerate(victims):
                    if number % 8 == 0:
                        await anyio.lowlevel.checkpoint()
                    scope.cancel()
            assert size // 4 <= ended < size
            statistics = client.statistics()
            assert (statistics.in_flight, statistics.waiting) == (0, 0)
            assert statistics.open_connections <= 32
            async with anyio.create_task_group() as tasks:
                for _ in range(100):
                    tasks.start_soon(call, client)
            await server.until(lambda server: server.open_connections <= client.statistics().open_connections)


@pytest.mark.parametrize("stack", ["asyncio-direct", "asyncio-httpx"], indirect=True)
async def test_a_storm_of_natively_cancelled_tasks_leaks_nothing(make_client: MakeClient) -> None:
    """The same through `Task.cancel`, several times for some."""
    chance = random.Random(1)
    with FaultServer([ok()]) as server:
        async with make_client(server.base_url, max_concurrency=32) as client:
            tasks = [asyncio.create_task(call(client)) for _ in range(1_000)]
            for number, task in enumerate(chance.sample(tasks, 750)):
                if number % 8 == 0:
                    await asyncio.sleep(0)
                task.cancel()
                if chance.random() < 0.3:
                    await asyncio.sleep(0)
                    task.cancel()
            await asyncio.wait(tasks)
            assert all(task.cancelled() or task.exception() is None for task in tasks)
            statistics = client.statistics()
            assert (statistics.in_flight, statistics.waiting) == (0, 0)
            await asyncio.gather(*(call(client) for _ in range(100)))
            await server.until(lambda server: server.open_connections <= client.statistics().open_connections)
