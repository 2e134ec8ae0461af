"""Threads of the operating system in processes that gevent or eventlet has patched.

There a `threading.Thread` is a coroutine of the thread that starts it. The event loop of the synchronous clients needs
a thread of the operating system, and a caller that waits for it must let the other coroutines run.
"""

from __future__ import annotations

import asyncio
import sys
import threading
import time
from collections.abc import Callable
from types import SimpleNamespace
from typing import Any


class Unpatched:
    """The original thread functions of a patched process. `wait` lets others run until a descriptor is ready."""

    def __init__(self, threads: Any, wait: Callable[[int], object]) -> None:
        self.start_new_thread: Callable[..., object] = threads.start_new_thread
        self.allocate_lock: Callable[[], Any] = threads.allocate_lock
        self.rlock: Callable[[], Any] = threads.RLock
        self.wait = wait


def unpatched() -> Unpatched | None:
    """The functions that gevent or eventlet has replaced; None in a process that is not patched."""
    monkey: Any = sys.modules.get("gevent.monkey")
    if monkey is not None and monkey.is_module_patched("threading"):
        names = ("start_new_thread", "allocate_lock", "RLock")
        threads = SimpleNamespace(**{name: monkey.get_original("_thread", name) for name in names})
        return Unpatched(threads, sys.modules["gevent"].socket.wait_read)
    patcher: Any = sys.modules.get("eventlet.patcher")
    if patcher is not None and patcher.is_monkey_patched("thread"):
        hubs: Any = sys.modules["eventlet.hubs"]
        return Unpatched(patcher.original("_thread"), lambda fd: hubs.trampoline(fd, read=True))
    return None


def rlock() -> Any:
    """A lock between threads of the operating system. Nobody may wait for anything else while holding it."""
    patched = unpatched()
    return threading.RLock() if patched is None else patched.rlock()


class RealThread:
    """A daemon thread of the operating system in a patched process, as far as the portal needs one.

    It makes its event loop itself, and waits: what the loop waits with belongs to the thread there. Then it is started.
    """

    def __init__(self, of: Unpatched, target: Callable[[], object]) -> None:
        self.ident: int | None = None
        self.loop: asyncio.AbstractEventLoop
        self._target = target
        self._loop_ready, self._started = of.allocate_lock(), of.allocate_lock()
        self._loop_ready.acquire()
        self._started.acquire()
        self._over = False
        of.start_new_thread(self._run, ())
        self._loop_ready.acquire()  # for a moment; nobody else runs meanwhile

    def start(self) -> None:
        self._started.release()

    def join(self, timeout: float) -> None:
        """Wait for its end, for so many seconds at most."""
        until = time.monotonic() + timeout
        while not self._over and time.monotonic() < until:
            time.sleep(0.005)  # lets the other coroutines run

    def _run(self) -> None:
        self.ident = threading.get_ident()
        self.loop = asyncio.new_event_loop()
        self._loop_ready.release()
        self._started.acquire()
        try:
            self._target()
        finally:
            self._over = True
