"""One client on several event loops that run at the same time, each in a thread of its own."""

from __future__ import annotations

import asyncio
import queue
import threading
import time
from collections.abc import Awaitable, Callable

import anyio
import anyio.to_thread
import pytest

from openai_async import RateLimit
from openai_async._limits.limiter import AcquireRequest, Limiter, Permit
from openai_async.testing import FaultServer, json_reply
from openai_async.types.meta import Bucket, RateLimits

from .conftest import MakeClient
from .replies import CALL, COMPLETION, TEXT

#: Real seconds after which a thread counts as hanging. Nothing here takes a tenth of it.
HANGS = 120.0


def in_threads(*works: Callable[[], object]) -> list[object]:
    """The results of functions that run at the same time; fails if one raises or hangs."""
    results: queue.Queue[tuple[int, object]] = queue.Queue()

    def work(number: int) -> None:
        try:
            results.put((number, works[number]()))
        except BaseException as error:
            results.put((number, error))

    for number in range(len(works)):
        threading.Thread(target=work, args=(number,), daemon=True).start()
    found = dict(results.get(timeout=HANGS) for _ in works)
    for result in found.values():
        if isinstance(result, BaseException):
            raise result
    return [found[number] for number in range(len(works))]


def on_loop(main: Callable[[], Awaitable[object]], backend: str = "asyncio") -> Callable[[], object]:
    """Run a coroutine function on a loop of its own."""
    return lambda: anyio.run(main, backend=backend)


@pytest.mark.parametrize("stack", ["asyncio-direct", "trio-httpx"], indirect=True)
def test_four_loops_share_one_client_under_contention(make_client: MakeClient, anyio_backend: str) -> None:
    """4 threads with 400 calls each, all of which wait for a slot and for a rate: every call is answered, once."""
    calls, threads = 400, 4
    reply = json_reply(
        {**COMPLETION, "model": "m", "usage": {"prompt_tokens": 1, "completion_tokens": 1, "total_tokens": 2}}
    )
    with FaultServer([reply]) as server:
        limit = RateLimit(requests_per_second=1_000, burst=0.05)
        client = make_client(server.base_url, max_concurrency=6, rate_limit=limit)

        async def many() -> int:
            answered = 0
            async for result in client.chat.completions.map([CALL] * calls, max_in_flight=50):
                answered += result.unwrap().text == TEXT
            return answered

        assert in_threads(*[on_loop(many, anyio_backend)] * threads) == [calls] * threads
        statistics = client.statistics()
        assert (statistics.in_flight, statistics.waiting) == (0, 0)
        assert client.costs.total.calls == calls * threads == len(server.requests)


async def stand_in_line(limiter: Limiter, most: int) -> None:
    """Wait until so many wait."""
    while limiter.waiting < most:  # noqa: ASYNC110 (other threads set no event of this loop)
        await asyncio.sleep(0.001)


async def one_call(limiter: Limiter) -> None:
    """Take a permit and give it back."""
    (await limiter.acquire(AcquireRequest("f"))).end()


async def use(limiter: Limiter, times: list[float], calls: int) -> None:
    async def one() -> None:
        permit = await limiter.acquire(AcquireRequest("f"))
        times.append(time.monotonic())
        await anyio.lowlevel.checkpoint()
        permit.answered(None)
        permit.end()

    async with anyio.create_task_group() as group:
        for _ in range(calls):
            group.start_soon(one)


@pytest.mark.parametrize("backends", [("asyncio",) * 4, ("asyncio", "trio") * 2], ids=["asyncio", "both"])
def test_loops_of_several_threads_keep_to_one_rate(backends: tuple[str, ...]) -> None:
    """The limit holds for all loops together, on one clock, and nothing is left over when all have ended."""
    limiter = Limiter(3, RateLimit(requests_per_second=400, burst=0.1))
    times: list[float] = []
    in_threads(*[on_loop(lambda: use(limiter, times, 100), backend) for backend in backends])
    assert (limiter.in_flight, limiter.waiting, len(times)) == (0, 0, 400)
    times.sort()
    assert times[-1] - times[0] >= (400 - 40 - 1) / 400  # never faster than stated, however slow the machine


def test_a_loop_that_ends_with_the_timer_leaves_it_to_the_others() -> None:
    """The loop whose timer was set first ends while it waits and while it holds a slot; those of another are served."""
    limiter = Limiter(2, RateLimit(requests_per_second=2, burst=0.5))
    first_waits = threading.Event()

    async def first() -> None:
        held = await limiter.acquire(AcquireRequest("f"))
        waiting = asyncio.ensure_future(one_call(limiter))
        await stand_in_line(limiter, 1)
        first_waits.set()
        await stand_in_line(limiter, 2)
        del waiting  # the end of the loop cancels it
        held.end()

    async def second() -> None:
        await anyio.to_thread.run_sync(first_waits.wait)
        await one_call(limiter)
        await one_call(limiter)

    in_threads(on_loop(first), on_loop(second))
    assert (limiter.in_flight, limiter.waiting) == (0, 0)


@pytest.mark.parametrize("closed", [False, True])
def test_a_loop_that_stops_with_the_first_in_line_holds_up_nobody(closed: bool) -> None:
    """Whoever waits on a loop that does not run is passed over, and served when that loop runs on."""
    limiter = Limiter(1)
    loop = asyncio.new_event_loop()

    async def begin() -> tuple[Permit, asyncio.Future[Permit]]:
        held = await limiter.acquire(AcquireRequest("f"))
        waiting = asyncio.ensure_future(limiter.acquire(AcquireRequest("f")))
        await stand_in_line(limiter, 1)
        return held, waiting

    held, waiting = loop.run_until_complete(begin())
    if closed:
        waiting._log_destroy_pending = False  # type: ignore[attr-defined]
        loop.close()

    async def second() -> None:
        behind = asyncio.ensure_future(one_call(limiter))
        await asyncio.sleep(0)  # it stands in line
        held.end()
        await behind

    in_threads(on_loop(second))
    assert limiter.in_flight == 0
    if not closed:
        loop.run_until_complete(asyncio.wait([waiting]))
        waiting.result().end()
        loop.close()
    assert (limiter.in_flight, limiter.waiting) == (0, 0)


def test_a_blocked_loop_does_not_keep_the_time_for_others() -> None:
    """The loop with the timer is blocked by its user's code; the calls of another loop go when the limit allows it."""
    limiter = Limiter(None, RateLimit(requests_per_second=20, burst=0.05))
    blocked, served = threading.Event(), threading.Event()

    async def first() -> None:
        await one_call(limiter)
        waiting = asyncio.ensure_future(one_call(limiter))
        await stand_in_line(limiter, 1)
        blocked.set()
        assert served.wait(HANGS)
        await waiting

    async def second() -> None:
        await anyio.to_thread.run_sync(blocked.wait)
        for _ in range(3):
            await one_call(limiter)
        served.set()

    in_threads(on_loop(first), on_loop(second))
    assert (limiter.in_flight, limiter.waiting) == (0, 0)


def test_limits_that_a_reply_of_one_loop_states_are_kept_by_the_timers_of_the_others() -> None:
    """Waiters without a timer (no limit was known) are served although the loop that learned it ends at once."""
    limiter = Limiter(None, "auto")
    waits, known = threading.Event(), threading.Event()
    permits: list[Permit] = []

    async def first() -> None:
        permits.extend([await limiter.acquire(AcquireRequest("f")) for _ in range(16)])
        waits.set()
        await stand_in_line(limiter, 1)
        permits[0].answered(RateLimits(requests=Bucket(limit=600, remaining=0, reset=60.0)))
        known.set()

    async def second() -> None:
        await anyio.to_thread.run_sync(waits.wait)
        await one_call(limiter)
        assert known.is_set()

    in_threads(on_loop(first), on_loop(second))
