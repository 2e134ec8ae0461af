"""How a thread and an event loop wake each other.

Where the kernel has counters that can be waited for (eventfd(2), Linux), they are used: both ends let go of the GIL
before they ask the kernel, where a thread that a lock wakes finds the GIL held by whoever released the lock, and the
socket that asyncio wakes its own loop with is read twice, the second time for an exception.
"""

from __future__ import annotations

import asyncio
import os
import sys
import threading
from collections.abc import Callable
from typing import Final, Protocol

#: Waits until a descriptor can be read, in a process where a waiting thread would hold up its other coroutines.
_let_others_run: Callable[[int], object] | None = None


def wait_by(wait: Callable[[int], object] | None) -> None:
    """From now on, call this function before each wait."""
    global _let_others_run
    _let_others_run = wait


class Wakeup(Protocol):
    """Wakes one waiting thread. It may wake without cause, so the waiting thread checks its condition again."""

    def wake(self) -> None: ...
    def wait(self) -> None: ...

    def recycle(self) -> None:
        """Keep it for another call, because no thread waits for it any more."""
        ...


class LockWakeup:
    """A lock that `wake` releases."""

    __slots__ = ("_lock",)

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._lock.acquire()

    def wake(self) -> None:
        self._lock.release()

    def wait(self) -> None:
        if sys.platform == "win32":
            self._lock.acquire(timeout=0.05)  # Ctrl-C does not interrupt a lock there
        else:
            self._lock.acquire()

    def recycle(self) -> None:
        pass


class PipeWakeup:
    """A pipe, for processes without eventfd where a waiting thread must let other coroutines run."""

    __slots__ = ("_ends", "_wait")

    def __init__(self, wait: Callable[[int], object]) -> None:
        self._ends = os.pipe()
        self._wait = wait

    def wake(self) -> None:
        os.write(self._ends[1], b"!")

    def wait(self) -> None:
        self._wait(self._ends[0])
        os.read(self._ends[0], 1)

    def recycle(self) -> None:
        pass

    def __del__(self) -> None:
        for end in getattr(self, "_ends", ()):
            os.close(end)


class LoopWakeup(Protocol):
    """Makes an event loop call a function, soon, from any thread. One call may answer several wake-ups."""

    def wake(self) -> None: ...

    def open(self) -> None:
        """Begin to react. Call it on the loop."""
        ...

    def close(self) -> None: ...


class CallSoonWakeup:
    """Uses the loop's own `call_soon_threadsafe`."""

    def __init__(self, loop: asyncio.AbstractEventLoop, answer: Callable[[], None]) -> None:
        self._loop = loop
        self._answer = answer

    def wake(self) -> None:
        self._loop.call_soon_threadsafe(self._answer)

    def open(self) -> None:
        pass

    def close(self) -> None:
        pass


if sys.platform == "linux":

    class EventfdWakeup:
        """An eventfd, kept for the next call, because opening one costs as much as using it."""

        __slots__ = ("fd",)

        def __init__(self, fd: int) -> None:
            self.fd = fd

        def wake(self) -> None:
            os.eventfd_write(self.fd, 1)

        def wait(self) -> None:
            if _let_others_run is not None:
                _let_others_run(self.fd)
            os.read(self.fd, 8)  # goes on after a signal whose handler returns; os.eventfd_read does not

        def recycle(self) -> None:
            if len(_idle) < _MOST:
                _idle.append(self)

        def __del__(self) -> None:
            os.close(self.fd)

    class EventfdLoopWakeup:
        """An eventfd that the loop watches."""

        def __init__(self, loop: asyncio.AbstractEventLoop, answer: Callable[[], None]) -> None:
            self._loop = loop
            self._answer = answer
            self._fd = os.eventfd(0, os.EFD_CLOEXEC | os.EFD_NONBLOCK)

        def wake(self) -> None:
            os.eventfd_write(self._fd, 1)

        def open(self) -> None:
            self._loop.add_reader(self._fd, self._heard)

        def close(self) -> None:
            os.close(self._fd)

        def _heard(self) -> None:
            os.eventfd_read(self._fd)
            self._answer()

    _MOST: Final = 64
    _idle: list[EventfdWakeup] = []

    def acquire() -> Wakeup:
        """A wake-up for one call."""
        try:
            return _idle.pop()
        except IndexError:
            pass
        try:
            return EventfdWakeup(os.eventfd(0, os.EFD_CLOEXEC))
        except OSError:  # no descriptors are left
            return LockWakeup()

    def after_fork() -> None:
        """Forget the idle eventfds in a child process, because they wake threads of the parent."""
        _idle.clear()

    loop_wakeup: type[EventfdLoopWakeup | CallSoonWakeup] = EventfdLoopWakeup

else:

    def acquire() -> Wakeup:
        """A wake-up for one call."""
        return LockWakeup() if _let_others_run is None else PipeWakeup(_let_others_run)

    def after_fork() -> None:
        """Do nothing, because no wake-up is kept for another call."""

    loop_wakeup: type[CallSoonWakeup] = CallSoonWakeup
