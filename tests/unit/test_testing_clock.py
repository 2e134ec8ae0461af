"""Virtual time passes when nothing else can happen, and only then."""

from __future__ import annotations

import asyncio
import threading

import anyio
import anyio.to_thread
import httpx
import pytest

from openai_async.testing import FaultServer, Gate, VirtualClockLoop, json_reply, respond, run_virtual, sse


def now() -> float:
    return asyncio.get_running_loop().time()


def test_an_hour_takes_no_time() -> None:
    """A sleep of an hour moves the virtual clock by an hour and needs nothing else to happen."""

    async def main() -> float:
        assert now() == 0.0
        await asyncio.sleep(3_600)
        return now()

    assert run_virtual(main) == 3_600


def test_arguments_and_errors_pass_through() -> None:
    """`run_virtual` hands arguments in and results and exceptions out, as `asyncio.run` does."""

    async def divide(dividend: int, divisor: int) -> float:
        await asyncio.sleep(1)
        return dividend / divisor

    assert run_virtual(divide, 6, 3) == 2
    with pytest.raises(ZeroDivisionError):
        run_virtual(divide, 6, 0)


def test_timers_fire_in_order_and_on_time() -> None:
    """Each sleeper wakes at its own virtual moment, the same in every run."""

    async def main() -> list[tuple[str, float]]:
        woken: list[tuple[str, float]] = []

        async def sleeper(name: str, delay: float) -> None:
            await asyncio.sleep(delay)
            woken.append((name, now()))

        async with asyncio.TaskGroup() as tasks:
            for name, delay in (("late", 10), ("early", 1), ("middle", 5.5)):
                tasks.create_task(sleeper(name, delay))
        return woken

    assert run_virtual(main) == [("early", 1), ("middle", 5.5), ("late", 10)]


def test_time_stands_still_while_something_can_run() -> None:
    """A task that keeps yielding is never overtaken by a timer."""

    async def main() -> float:
        timer = asyncio.get_running_loop().call_later(0.001, pytest.fail, "a timer overtook a runnable task")
        for _ in range(1_000):
            await asyncio.sleep(0)
        timer.cancel()
        return now()

    assert run_virtual(main) == 0.0


def test_timeouts_and_anyio_deadlines_are_virtual() -> None:
    """`asyncio.timeout`, anyio deadlines and `anyio.current_time` share the loop's clock."""

    async def main() -> tuple[float, float]:
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(50):
                await asyncio.Event().wait()
        first = anyio.current_time()
        with anyio.move_on_after(25) as scope:
            await anyio.sleep_forever()
        assert scope.cancelled_caught
        return first, anyio.current_time()

    assert run_virtual(main) == (50, 75)


def test_short_sleeps_end_after_decades_too() -> None:
    """Where the clock is so large that a nanosecond no longer moves it, timers fire all the same."""

    async def main() -> float:
        await asyncio.sleep(1e9)
        await asyncio.sleep(1e-8)
        await asyncio.sleep(0.001)
        return now()

    assert run_virtual(main) == pytest.approx(1e9 + 0.001, abs=1e-6)


@pytest.mark.parametrize("wait", ["future", "event", "queue"])
def test_a_deadlock_is_raised_instead_of_hanging(wait: str) -> None:
    """Waiting for what cannot come raises `RuntimeError` that names the task and the place."""

    async def main() -> None:
        match wait:
            case "future":
                await asyncio.get_running_loop().create_future()
            case "event":
                await asyncio.Event().wait()
            case _:
                await asyncio.Queue[None]().get()

    with pytest.raises(RuntimeError, match=r"deadlock: .*Task-\d+ waits in .*test_testing_clock.py:\d+"):
        run_virtual(main)


def test_a_deadlock_still_runs_the_clean_up() -> None:
    """The deadlocked tasks are cancelled, and their `finally` blocks run on virtual time too."""
    cleaned: list[float] = []

    async def main() -> None:
        try:
            await asyncio.Event().wait()
        finally:
            await asyncio.sleep(60)
            cleaned.append(now())

    with pytest.raises(RuntimeError, match="deadlock"):
        run_virtual(main)
    assert cleaned == [60]


def test_real_sockets_are_waited_for_when_there_is_no_timer() -> None:
    """With I/O registered and no timer the loop waits in real time and the clock stands still."""

    async def main(server: FaultServer) -> tuple[bytes, float]:
        reader, writer = await asyncio.open_connection("127.0.0.1", server.port)
        writer.write(b"GET / HTTP/1.1\r\nconnection: close\r\n\r\n")
        await server.until_mark("held")
        server.open_gate("held")
        body = await reader.read()
        writer.close()
        await writer.wait_closed()
        return body[-5:], now()

    with FaultServer([sse(["a", Gate("held"), "b"])]) as server:
        assert run_virtual(main, server) == (b"0\r\n\r\n", 0.0)


def test_backoff_between_real_requests_is_virtual() -> None:
    """Three requests over a real socket with an hour between them are three hours of virtual time."""

    async def main(server: FaultServer) -> tuple[list[int], float]:
        statuses: list[int] = []
        async with httpx.AsyncClient(timeout=None) as client:
            for _ in range(3):
                statuses.append((await client.get(server.base_url)).status_code)
                await anyio.sleep(3_600)
        return statuses, now()

    with FaultServer([respond(429), respond(503), json_reply({})]) as server:
        statuses, finished = run_virtual(main, server)
    assert statuses == [429, 503, 200]
    assert finished == pytest.approx(3 * 3_600, abs=5)


def test_io_grace_lets_replies_come_before_timers() -> None:
    """With `io_grace` a client timeout does not overtake a reply that is on its way."""

    async def main(server: FaultServer) -> float:
        async with httpx.AsyncClient(timeout=0.001) as client:
            for _ in range(3):
                await client.get(server.base_url)
        return now()

    with FaultServer([respond()]) as server:
        assert run_virtual(main, server, io_grace=20) == 0.0


def test_a_stalled_server_costs_only_virtual_time() -> None:
    """A read timeout against a silent server fires at its virtual moment."""

    async def main(server: FaultServer) -> float:
        async with httpx.AsyncClient(timeout=600) as client:
            with pytest.raises(httpx.ReadTimeout):
                await client.get(server.base_url)
        return now()

    with FaultServer([[Gate("never")]]) as server:
        assert run_virtual(main, server, io_grace=0.2) == 600


def test_executor_threads_hold_the_clock() -> None:
    """While `asyncio.to_thread` runs, a pending timer does not fire; afterwards it does."""
    order: list[str] = []
    release = threading.Event()

    async def main() -> float:
        loop = asyncio.get_running_loop()
        loop.call_later(5, order.append, "timer")
        loop.call_soon(threading.Timer(0.05, release.set).start)
        await asyncio.to_thread(release.wait)
        order.append("thread")
        assert now() == 0.0
        await asyncio.sleep(10)
        return now()

    assert run_virtual(main) == 10
    assert order == ["thread", "timer"]


def test_other_threads_are_waited_for_with_io_grace() -> None:
    """A thread the loop does not know of is given `io_grace` seconds before a deadlock is declared."""

    async def main() -> str:
        return await anyio.to_thread.run_sync(str, 7)

    assert run_virtual(main, io_grace=5) == "7"


@pytest.fixture
def anyio_backend() -> tuple[str, dict[str, object]]:
    return "asyncio", {"loop_factory": VirtualClockLoop}


async def test_whole_tests_run_on_virtual_time() -> None:
    """anyio's pytest plugin takes the loop as a backend option, so a test can sleep for a year."""
    assert isinstance(asyncio.get_running_loop(), VirtualClockLoop)
    await anyio.sleep(365 * 86_400)
    assert anyio.current_time() >= 365 * 86_400
