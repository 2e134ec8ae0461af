"""An asyncio loop whose clock jumps instead of waiting: hours of backoff in milliseconds, the same each time.

`loop.time()` (and so `asyncio.sleep`, `asyncio.timeout`, `anyio.current_time`, anyio deadlines) is virtual
and starts at 0.0. Whenever nothing can run, it jumps to the next timer. If there is no timer and no I/O
either, that is a deadlock: it raises `RuntimeError` with the waiting tasks instead of hanging.

Limits. `time.monotonic()` stays real. With real sockets time still jumps, so a peer slower than `io_grace`
real seconds appears to stall until the next timer. Pass `io_grace` (0.01 to 0.05 on loopback) to wait so
long before every jump. Threads of the loop's executor (`asyncio.to_thread`, name look-ups) hold the
clock until they are done; other threads (`anyio.to_thread`) are invisible and need `io_grace` as well. It is
not for a loop that idles in a thread of its own. trio has the same in
`trio.testing.MockClock(autojump_threshold=0)`.
"""

from __future__ import annotations

import asyncio
import functools
import math
import selectors
from collections.abc import Callable, Coroutine
from concurrent.futures import Executor
from typing import Any, TypeAlias, TypeVar, TypeVarTuple

_T = TypeVar("_T")
_Ts = TypeVarTuple("_Ts")
_Ready: TypeAlias = list[tuple[selectors.SelectorKey, int]]
_Poll: TypeAlias = Callable[[float | None], _Ready]


class VirtualClockLoop(asyncio.SelectorEventLoop):
    """A loop on virtual time.

    Use it through `run_virtual`, `asyncio.Runner(loop_factory=VirtualClockLoop)`, or in tests under anyio's
    plugin with the fixture value `("asyncio", {"loop_factory": VirtualClockLoop})`.

    `io_grace`: real seconds granted to I/O and threads before each jump and before a deadlock is declared.
    """

    _clock_resolution: float  # asyncio's own

    def __init__(self, *, io_grace: float = 0.0) -> None:
        self._now = 0.0
        self._io_grace = io_grace
        self._executor_calls = 0
        self._idle_selector = _IdleSelector(self._idle)
        super().__init__(self._idle_selector)
        self._own_sockets = len(self._idle_selector.get_map())

    def time(self) -> float:
        """Virtual seconds since the loop was made."""
        return self._now

    def run_in_executor(self, executor: Executor | None, func: Callable[[*_Ts], _T], *args: *_Ts) -> asyncio.Future[_T]:
        """As the base class; the clock stands still until the call is done or given up."""
        future = super().run_in_executor(executor, func, *args)
        self._executor_calls += 1
        future.add_done_callback(self._executor_returned)
        return future

    async def shutdown_default_executor(self, timeout: float | None = None) -> None:
        """As the base class, in real time and without a limit: a virtual one would be over at once."""
        self._executor_calls += 1
        try:
            await super().shutdown_default_executor()
        finally:
            self._executor_calls -= 1

    def _executor_returned(self, _: asyncio.Future[Any]) -> None:
        self._executor_calls -= 1

    def _idle(self, until_timer: float | None, poll: _Poll) -> _Ready:
        """Nothing can run. Invariant: returns only with real events or after time went forward."""
        if self._executor_calls:
            return poll(None)
        if ready := poll(self._io_grace):
            return ready
        if until_timer is not None:
            self._now += until_timer
            # Timers due within this span fire. Below the clock's own step (after half a year, more than the usual
            # nanosecond) none would, and the loop would spin.
            self._clock_resolution = max(self._clock_resolution, math.ulp(self._now))
            return []
        if len(self._idle_selector.get_map()) > self._own_sockets:
            return poll(None)
        raise RuntimeError(f"deadlock: nothing can run, no timer, no I/O; {self._waiting()}")

    def _waiting(self) -> str:
        locations: list[str] = []
        for task in sorted(asyncio.all_tasks(self), key=lambda task: task.get_name()):
            stack = task.get_stack(limit=1)
            location = f"{stack[0].f_code.co_filename}:{stack[0].f_lineno}" if stack else "an unknown place"
            locations.append(f"{task.get_name()} waits in {location}")
        return ", ".join(locations) or "no task is left"


class _IdleSelector(selectors.DefaultSelector):
    """Polls as usual while callbacks are ready, and hands the idle moments to the loop."""

    def __init__(self, on_idle: Callable[[float | None, _Poll], _Ready]) -> None:
        super().__init__()
        self._on_idle = on_idle

    def select(self, timeout: float | None = None) -> _Ready:
        if timeout is not None and timeout <= 0:
            return super().select(0)
        return self._on_idle(timeout, super().select)


def run_virtual(coro_fn: Callable[[*_Ts], Coroutine[Any, Any, _T]], *args: *_Ts, io_grace: float = 0.0) -> _T:
    """`asyncio.run(coro_fn(*args))` on a `VirtualClockLoop`; returns or raises what the coroutine does.

    Raises `RuntimeError("deadlock: ...")` when everything waits for something that cannot come.
    """
    with asyncio.Runner(loop_factory=functools.partial(VirtualClockLoop, io_grace=io_grace)) as runner:
        return runner.run(coro_fn(*args))
