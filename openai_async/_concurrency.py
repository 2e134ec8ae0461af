"""The one place that knows asyncio from trio: what anyio has no word for.

A background job (`spawn`) is for cleaning up what a cancelled caller can no longer await. Whoever spawns keeps the
work short and lets it raise nothing.
"""

from __future__ import annotations

import asyncio
import contextlib
import contextvars
import os
import sys
import time
from collections.abc import AsyncGenerator, Awaitable, Callable
from typing import Any, cast

import anyio

#: Tasks are only weakly held by their loop.
_background: set[asyncio.Task[None]] = set()


def asyncio_loop() -> asyncio.AbstractEventLoop | None:
    """The running asyncio loop of this thread; None under trio."""
    return asyncio._get_running_loop()


def loop_token() -> object:
    """What identifies the running event loop: state that belongs to a loop is filed under it."""
    loop = asyncio._get_running_loop()
    if loop is not None:
        return loop
    import trio

    return trio.lowlevel.current_trio_token()


def running_loop() -> object | None:
    """As `loop_token`; None outside of any loop."""
    loop = asyncio._get_running_loop()
    if loop is not None:
        return loop
    trio = sys.modules.get("trio")
    return trio.lowlevel.current_trio_token() if trio is not None and trio.lowlevel.in_trio_run() else None


def post(loop: object, callback: Callable[[], object]) -> bool:
    """Have another loop (a `loop_token`) call something soon, from any thread; False if that loop has ended.

    A loop that is stopped calls it when it runs on.
    """
    try:
        if isinstance(loop, asyncio.AbstractEventLoop):
            loop.call_soon_threadsafe(callback)
        else:
            cast("Any", loop).run_sync_soon(callback)
    except RuntimeError:  # trio's RunFinishedError is one
        return False
    return True


def is_stopped(loop: object) -> bool:
    """Whether an asyncio loop does not run, and may never do so again. (A trio run cannot be left and resumed.)"""
    return isinstance(loop, asyncio.AbstractEventLoop) and not loop.is_running()


def has_ended(loop: object) -> bool:
    """Whether a loop runs no more: it is stopped, or closed."""
    return is_stopped(loop) or not post(loop, bool)


def cancels(error: BaseException) -> bool:
    """Whether an error that arrived in the current task is its cancellation, and not an error of the code in it.

    User code may raise anything: `SystemExit`, `KeyboardInterrupt`, also `CancelledError` itself.
    """
    if isinstance(error, asyncio.CancelledError):
        task = asyncio.current_task()
        return task is None or task.cancelling() > 0
    trio = sys.modules.get("trio")
    return trio is not None and isinstance(error, trio.Cancelled)


def clock_here() -> tuple[Callable[[], float], Callable[[], bool]]:
    """`now` for the running loop, and whether that loop still runs (False: ask anew, it may).

    To know this beforehand saves asking which loop runs, which is a system call each time.
    """
    loop = asyncio._get_running_loop()
    if loop is not None:
        return loop.time, loop.is_running
    import trio

    token = trio.lowlevel.current_trio_token()
    return trio.current_time, lambda: trio.lowlevel.in_trio_run() and trio.lowlevel.current_trio_token() is token


def clock() -> Callable[[], float]:
    """`now` for the running loop, and for no other."""
    loop = asyncio._get_running_loop()
    if loop is not None:
        return loop.time
    import trio

    return trio.current_time


def now() -> float:
    """Seconds on the running loop's monotonic clock."""
    loop = asyncio._get_running_loop()
    if loop is not None:
        return loop.time()
    import trio

    return trio.current_time()


def now_on(loop: object) -> float | None:
    """Seconds on the clock of a loop (a `loop_token`); None if it is not the one that runs here."""
    running = asyncio._get_running_loop()
    if running is not None:
        return running.time() if running is loop else None
    return now() if running_loop() is loop else None


class LastingClock:
    """Seconds that go on from one event loop to the next, as long as there is one."""

    __slots__ = ("_clock", "_goes", "_last", "_offset")

    def __init__(self) -> None:
        self._clock: Callable[[], float] = time.monotonic  # of a loop, as long as it `_goes`
        self._goes: Callable[[], bool] = bool
        self._offset = 0.0  # our time = loop time + offset
        self._last = (0.0, 0.0)  # our time, monotonic time

    def now(self) -> float:
        """Seconds since it was first asked."""
        monotonic = time.monotonic()
        if not self._goes():
            last, before = self._last
            try:
                self._clock, self._goes = clock_here()
            except (RuntimeError, ImportError):  # outside of any loop: a stream is collected after its own has ended
                return last + monotonic - before
            self._offset = last + (monotonic - before if before else 0.0) - self._clock()
        now = self._clock() + self._offset
        self._last = (now, monotonic)
        return now

    def share(self) -> None:
        """Go on without any loop: several threads ask, and each has a loop of its own."""
        last, before = self._last
        self._offset = last - (before or time.monotonic())
        self._clock, self._goes = time.monotonic, _always

    def ask_anew(self) -> None:
        """The loop that was asked last is another process's."""
        self._goes = bool


def _always() -> bool:
    return True


def spawn(job: Callable[[], Awaitable[None]]) -> None:
    """Run a job in the background of the running loop. Its errors are dropped: nobody is left to hear them."""

    async def run() -> None:
        with contextlib.suppress(Exception):
            await job()

    loop = asyncio._get_running_loop()
    if loop is not None:
        task = loop.create_task(run())
        _background.add(task)
        task.add_done_callback(_background.discard)
    elif "trio" in sys.modules:
        import trio

        with contextlib.suppress(RuntimeError):  # the run is ending: its sockets end with it
            trio.lowlevel.spawn_system_task(run)


def call_later(seconds: float, callback: Callable[[], object]) -> Callable[[], object]:
    """Call back on the running loop, once; returns what cancels it."""
    loop = asyncio._get_running_loop()
    if loop is not None:
        return loop.call_later(seconds, callback).cancel

    import trio

    scope = trio.CancelScope()

    async def ring() -> None:
        with scope:
            await trio.sleep(seconds)
        if not scope.cancelled_caught:
            callback()

    trio.lowlevel.spawn_system_task(ring)
    return scope.cancel


class Jobs:
    """Concurrent jobs that outlive the call that starts them, as those of an iterator do; ended together."""

    def __init__(self) -> None:
        self._running: set[Callable[[], Any]] = set()  # what cancels each
        self._ended: anyio.Event | None = None
        self._cancelled = False
        self._loop: asyncio.AbstractEventLoop | None = None  # theirs, on asyncio
        self._post: Callable[[Callable[[], object]], object] | None = None  # calls there, from any thread
        self._pid = os.getpid()

    def start(self, job: Callable[[], Awaitable[None]]) -> None:
        """Start a job, unless all were cancelled. It must handle its own errors."""
        if self._cancelled:
            return
        loop = asyncio._get_running_loop()
        if loop is not None:

            async def run() -> None:
                await job()

            task = loop.create_task(run())
            self._loop, self._post = loop, loop.call_soon_threadsafe
            cancel: Callable[[], Any] = task.cancel
            self._running.add(cancel)
            task.add_done_callback(lambda _: self._end(cancel))
        else:
            import trio

            scope = trio.CancelScope()

            async def run_on_trio() -> None:
                try:
                    with scope:
                        await job()
                finally:
                    self._end(scope.cancel)

            self._post = trio.lowlevel.current_trio_token().run_sync_soon
            self._running.add(scope.cancel)
            trio.lowlevel.spawn_system_task(run_on_trio, context=contextvars.copy_context())

    def _end(self, cancel: Callable[[], Any]) -> None:
        self._running.discard(cancel)
        if not self._running and self._ended is not None:
            self._ended.set()

    async def ended(self) -> None:
        """Wait until each has ended."""
        if self._running:
            self._ended = self._ended or anyio.Event()  # two may wait
            await self._ended.wait()

    async def cancel(self) -> None:
        """Cancel all jobs and wait until each has ended. None can be started after that."""
        self._cancelled = True
        self._cancel_each()
        await self.ended()

    def drop(self) -> None:
        """Cancel all jobs without waiting. None can be started after that. From any thread: finalizers use it."""
        self._cancelled = True
        if not self._running or self._post is None or os.getpid() != self._pid:  # a fork: they are the parent's
            return
        if self._loop is not None and self._loop is asyncio._get_running_loop():
            self._cancel_each()  # before any of them can go on
            return
        with contextlib.suppress(RuntimeError):  # the loop has ended, and they with it
            self._post(self._cancel_each)

    def _cancel_each(self) -> None:
        for cancel in tuple(self._running):
            cancel()


async def background_done() -> None:
    """Wait for the background jobs of the running asyncio loop. (trio waits for its system tasks by itself.)"""
    loop = asyncio._get_running_loop()
    mine = [task for task in tuple(_background) if task.get_loop() is loop]
    if mine:
        await asyncio.wait(mine)


async def at_loop_end(close: Callable[[], Awaitable[None]]) -> AsyncGenerator[None, Any]:
    """A generator whose `finally` closes something when the running loop ends.

    Both asyncio (`shutdown_asyncgens`) and trio finish the asynchronous generators that are still alive while the loop
    can run. That is what lets one client serve many `asyncio.run` without an unclosed socket in between. The caller
    starts it with `anext` and keeps it.
    """
    try:
        yield
    finally:
        await close()
