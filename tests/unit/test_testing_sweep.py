"""The sweep cancels at every suspension, in every way; the leak probes see what stays behind."""

from __future__ import annotations

import asyncio
import contextlib
import gc
import socket
import types
import weakref
from collections.abc import Awaitable, Callable, Generator, Iterator
from pathlib import Path

import anyio
import anyio.lowlevel
import pytest

from openai_async.testing import (
    FaultServer,
    Outcome,
    SweepReport,
    leaks,
    no_leaks,
    open_sockets,
    pending_tasks,
    respond,
    sweep,
)
from openai_async.testing.sweep import KINDS, Kind


@pytest.fixture(params=["asyncio", "trio"])
def anyio_backend(request: pytest.FixtureRequest) -> str:
    return request.param


@pytest.fixture
def kinds(anyio_backend: str) -> tuple[Kind, ...]:
    """The kinds of cancellation that exist on this backend."""
    return KINDS if anyio_backend == "asyncio" else ("scope",)


async def nothing() -> None:
    """Work without a suspension, and a check that is always content."""


async def suspend() -> None:
    """Exactly one suspension on either backend (a checkpoint may be two on trio)."""
    await anyio.sleep(0.001)


def sweep_on_asyncio(
    make: Callable[[], Awaitable[object]],
    check: Callable[[], Awaitable[None]] = nothing,
    kinds: tuple[Kind, ...] = KINDS,
) -> SweepReport:
    async def main() -> SweepReport:
        return await sweep(make, check, kinds=kinds)

    return asyncio.run(main())


# Where it cancels -------------------------------------------------------------------------------


async def test_each_suspension_is_cancelled_once_in_each_way(kinds: tuple[Kind, ...]) -> None:
    """Three suspensions and k kinds are 3k runs, and each is cancelled at its own await."""
    cancelled_at: list[int] = []

    async def work() -> None:
        await suspend_counting(cancelled_at, 1)
        await suspend_counting(cancelled_at, 2)
        await suspend_counting(cancelled_at, 3)

    async def suspend_counting(log: list[int], number: int) -> None:
        try:
            await suspend()
        except BaseException:
            log.append(number)
            raise

    report = await sweep(work, nothing)
    assert report.points == 3
    assert report.outcomes == tuple(Outcome(kind, point, "cancelled") for kind in kinds for point in (1, 2, 3))
    assert cancelled_at == [1, 2, 3] * len(kinds)


async def test_a_coroutine_without_suspensions_has_no_points() -> None:
    """What never gives up control cannot be cancelled: no points, no outcomes."""
    assert await sweep(nothing, nothing) == SweepReport(0, ())


async def test_check_is_awaited_after_every_run(kinds: tuple[Kind, ...]) -> None:
    """One check for the undisturbed run, one for each cancelled run, one for each run that ends a kind."""
    checks = 0

    async def check() -> None:
        nonlocal checks
        checks += 1

    report = await sweep(suspend, check)
    assert checks == 1 + len(report.outcomes) + len(kinds)


async def test_a_leak_at_one_point_is_found_and_located() -> None:
    """A permit lost only when cancelled at the second of three awaits fails the sweep with kind and point."""
    permits = 1

    async def work() -> None:
        nonlocal permits
        await suspend()
        permits -= 1
        await suspend()
        try:
            await suspend()
        finally:
            permits += 1

    async def check() -> None:
        assert permits == 1

    with pytest.raises(AssertionError) as caught:
        await sweep(work, check, kinds=["scope"])
    assert caught.value.__notes__ == ["after cancellation (scope) at suspension 2 of 3"]


async def test_a_run_that_varies_is_swept_as_far_as_it_goes() -> None:
    """If later runs suspend less often than the first, the sweep ends with what there is."""
    runs = 0

    async def work() -> None:
        nonlocal runs
        runs += 1
        for _ in range(5 if runs == 1 else 2):
            await suspend()

    report = await sweep(work, nothing, kinds=["scope"])
    assert report.points == 5
    assert [outcome.point for outcome in report.outcomes] == [1, 2]


async def test_too_many_suspensions_are_an_error() -> None:
    """More suspensions than `max_points` raise, instead of a sweep that silently stops half-way."""

    async def for_ever() -> None:
        while True:
            await anyio.lowlevel.checkpoint()

    with pytest.raises(RuntimeError, match="more than 10 suspensions"):
        await sweep(for_ever, nothing, max_points=10)
    assert len((await sweep(suspend, nothing, kinds=["scope"], max_points=1)).outcomes) == 1


async def test_the_error_of_the_undisturbed_run_is_raised() -> None:
    """Work that fails by itself is not swept."""

    async def work() -> None:
        await suspend()
        raise LookupError

    with pytest.raises(LookupError):
        await sweep(work, nothing)


# How runs end -----------------------------------------------------------------------------------


async def test_endings_are_told_apart(kinds: tuple[Kind, ...]) -> None:
    """A shielded await finishes in spite of the cancellation, a converted one has raised."""

    async def work() -> None:
        with anyio.CancelScope(shield=True):
            await suspend()

    shielded = await sweep(work, nothing, kinds=["scope"])
    assert shielded.outcomes == (Outcome("scope", 1, "finished"),)
    assert shielded.ended("finished") == shielded.outcomes

    async def convert() -> None:
        try:
            await suspend()
        except BaseException as error:
            raise ValueError("converted") from error

    converted = await sweep(convert, nothing)
    assert converted.outcomes == tuple(Outcome(kind, 1, "raised", "ValueError('converted')") for kind in kinds)
    assert converted.ended("cancelled") == ()


def test_native_is_task_cancel_from_outside() -> None:
    """The coroutine sees one `CancelledError`, its own task, and that the task was asked once."""
    seen: list[tuple[bool, int]] = []

    async def work() -> None:
        task = asyncio.current_task()
        assert task is not None
        try:
            await suspend()
        except asyncio.CancelledError:
            seen.append((asyncio.current_task() is task, task.cancelling()))
            raise

    sweep_on_asyncio(work, kinds=("native",))
    assert seen == [(True, 1)]


def test_twice_interrupts_the_clean_up() -> None:
    """The second cancellation arrives at the first suspension of the clean-up, the others stay undisturbed."""
    cleaned: list[str] = []

    async def work() -> None:
        try:
            await suspend()
        finally:
            try:
                await suspend()
                cleaned.append("whole")
            except asyncio.CancelledError:
                cleaned.append("interrupted")
                raise

    report = sweep_on_asyncio(work, kinds=("native", "twice"))
    assert [outcome.ending for outcome in report.outcomes] == ["cancelled"] * 4
    native, twice = cleaned[1 : 1 + 3], cleaned[4:]
    assert native == ["whole", "interrupted", "whole"]  # cancelled at 1, at 2, not reached
    assert twice == ["interrupted", "interrupted", "whole"]


def test_timeout_is_an_asyncio_timeout() -> None:
    """The "timeout" run ends as `asyncio.timeout` ends it; a `TimeoutError` of the work's own is its own."""

    async def own_timeout() -> None:
        try:
            await suspend()
        except asyncio.CancelledError:
            async with asyncio.timeout(0):
                await asyncio.Event().wait()

    assert sweep_on_asyncio(suspend, kinds=("timeout",)).outcomes == (Outcome("timeout", 1, "cancelled"),)
    assert sweep_on_asyncio(own_timeout, kinds=("timeout",)).outcomes == (
        Outcome("timeout", 1, "raised", "TimeoutError()"),
    )


def test_cancellation_wins_over_a_result_on_its_way() -> None:
    """The race that loses results is swept: the awaited future is done, but the task is cancelled before it wakes."""
    given, taken = 0, 0

    async def work() -> None:
        nonlocal given, taken
        future = asyncio.get_running_loop().create_future()

        def give() -> None:
            nonlocal given
            given += 1
            future.set_result(None)

        asyncio.get_running_loop().call_soon(give)
        await future
        taken += 1

    report = sweep_on_asyncio(work, kinds=("native",))
    assert report.outcomes == (Outcome("native", 1, "cancelled"),)
    assert (given, taken) == (3, 2)


# What it may be given ---------------------------------------------------------------------------


class Iterated:
    """An awaitable whose iterator has neither `send` nor `throw`."""

    def __await__(self) -> Iterator[None]:
        return iter([None, None])


@types.coroutine
def generator_based() -> Generator[None, None, str]:
    yield
    yield
    return "done"


def future() -> Awaitable[None]:
    return asyncio.ensure_future(suspend())


@pytest.mark.parametrize(("make", "points"), [(Iterated, 2), (generator_based, 2), (future, 1)])
def test_any_awaitable_can_be_swept(make: Callable[[], Awaitable[object]], points: int) -> None:
    """Not only coroutines: `__await__` by plain iterators, generator-based coroutines, tasks."""
    report = sweep_on_asyncio(make)
    assert report.points == points
    assert [outcome.ending for outcome in report.outcomes] == ["cancelled"] * points * len(KINDS)


def test_the_harness_keeps_nothing_alive() -> None:
    """What a cancelled run held is free without a garbage collection, so a leak found is a leak of the work."""

    class Held:
        pass

    held: list[weakref.ref[Held]] = []

    async def work() -> None:
        mine = Held()
        held.append(weakref.ref(mine))
        await suspend()
        await suspend()

    async def check() -> None:
        assert [ref() for ref in held] == [None] * len(held)

    gc.disable()
    try:
        sweep_on_asyncio(work, check)
    finally:
        gc.enable()


async def test_cancelling_the_sweep_cancels_the_run_and_waits_for_its_clean_up() -> None:
    """A sweep that is itself cancelled leaves no run behind."""
    events: list[str] = []

    async def work() -> None:
        try:
            events.append("started")
            await anyio.sleep_forever()
        finally:
            with anyio.CancelScope(shield=True):
                await suspend()
            events.append("cleaned")

    async with no_leaks():
        with anyio.move_on_after(0.02) as scope:
            await sweep(work, nothing)
        assert scope.cancelled_caught
        assert events == ["started", "cleaned"]


async def test_a_real_connection_survives_the_sweep(kinds: tuple[Kind, ...]) -> None:
    """End to end: a socket exchange cancelled at every suspension leaves no connection open at the server."""
    with FaultServer([respond(body=b"hello")]) as server:

        async def exchange() -> None:
            async with await anyio.connect_tcp("127.0.0.1", server.port) as stream:
                await stream.send(b"GET / HTTP/1.1\r\n\r\n")
                assert (await stream.receive()).startswith(b"HTTP/1.1 200")

        async def check() -> None:
            await server.until(lambda s: s.open_connections == 0)

        async with no_leaks():
            report = await sweep(exchange, check)
    assert report.points >= 2
    assert {outcome.kind for outcome in report.ended("cancelled")} == set(kinds)


# Leaks ------------------------------------------------------------------------------------------


async def test_a_clean_block_passes() -> None:
    """Sockets closed and tasks finished, if only some turns of the loop later, are no leak."""
    async with anyio.create_task_group() as tasks, no_leaks():
        with socket.socket():
            tasks.start_soon(suspend)


async def test_a_leaked_socket_is_caught() -> None:
    """A socket left open fails the block with the count."""
    leaked: list[socket.socket] = []

    async def block() -> None:
        async with no_leaks(patience=0.01):
            leaked.extend(socket.socket() for _ in range(2))

    with pytest.raises(AssertionError, match=r"leaked: 2 open sockets$"):
        await block()
    for each in leaked:
        each.close()


async def test_a_leaked_task_is_caught() -> None:
    """A task left running fails the block with its name."""
    async with anyio.create_task_group() as tasks:

        async def block() -> None:
            async with no_leaks(patience=0.01):
                tasks.start_soon(anyio.sleep_forever, name="forgotten")

        with pytest.raises(AssertionError, match=r"leaked: task 'forgotten'$"):
            await block()
        tasks.cancel_scope.cancel()


async def test_the_error_of_the_block_comes_first() -> None:
    """A block that raises is not judged for what it leaves."""
    with contextlib.ExitStack() as later:

        async def block() -> None:
            async with no_leaks(patience=0.01):
                later.enter_context(socket.socket())
                raise LookupError

        with pytest.raises(LookupError):
            await block()


async def test_pending_tasks_are_the_others() -> None:
    """The current task is not listed, a waiting one is, a finished one is not."""
    before = {task.id for task in pending_tasks()}
    assert anyio.get_current_task().id not in before
    async with anyio.create_task_group() as tasks:
        tasks.start_soon(anyio.sleep_forever, name="waiting")
        assert [task.name for task in pending_tasks() if task.id not in before] == ["waiting"]
        tasks.cancel_scope.cancel()
    assert {task.id for task in pending_tasks()} <= before


@pytest.mark.slow
@pytest.mark.parametrize("descriptors", [leaks._DESCRIPTORS, (Path("/absent"),)], ids=["listed", "searched"])
def test_open_sockets_counts_sockets_only(monkeypatch: pytest.MonkeyPatch, descriptors: tuple[Path, ...]) -> None:
    """Sockets count while they are open, files never; also on systems that do not list descriptors."""
    monkeypatch.setattr(leaks, "_DESCRIPTORS", descriptors)
    before = open_sockets()
    one, two = socket.socketpair()
    with one, two, Path(__file__).open():
        assert open_sockets() == before + 2
    assert open_sockets() == before
