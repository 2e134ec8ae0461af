"""The event loop of the synchronous clients: one per process, in a daemon thread of its own.

To make a call, a thread copies its context, starts a task on the loop and waits for it. Ctrl-C in the waiting thread
cancels the task, waits until it has cleaned up, and is raised as KeyboardInterrupt. A second Ctrl-C ends that waiting.
An error of the task is raised in the thread, as the same object.

The thread starts with the first `claim` and ends with the last `release`, after the calls in flight. A forked process
has no portal and starts its own: nothing of the parent's is awaited, closed or written to. At the end of the
interpreter, tasks are cancelled, connections are closed and the thread is joined, for two seconds at most.
"""

from __future__ import annotations

import asyncio
import atexit
import contextvars
import os
import threading
from collections import deque
from collections.abc import Awaitable, Callable
from typing import Any, Final, Protocol, TypeVar
from weakref import WeakSet

from openai_async.errors import ForeignLoopError
from openai_async.sync._bridge import green_threads, wakeup
from openai_async.sync._bridge.call import PortalCall
from openai_async.sync._bridge.caller import warn_of_running_loop

T = TypeVar("T")

#: Seconds that the end of the interpreter, or of the last client, waits for connections to close.
_JOIN: Final = 2.0


class Open(Protocol):
    """An object to close on its loop, such as a stream."""

    async def aclose(self) -> None: ...


class Ended(Exception):
    """The portal takes no more calls; there may be another one by now."""


class Portal:
    """An event loop in a thread. Use `claim`, which counts the users: there is one portal at a time."""

    def __init__(self) -> None:
        self.users: int = 0  # under the lock, as `ended`
        self.ended: bool = False  # it takes no more calls
        self.forked: bool = False  # it belongs to the parent process; its thread does not exist here
        self.exiting: bool = False
        #: The objects to close when the loop ends.
        self.open: WeakSet[Open] = WeakSet()
        self._inbox: deque[tuple[contextvars.Context, PortalCall[Any]]] = deque()
        self._woken = False  # the loop was woken, and has not started the calls yet
        #: The tasks that the loop waits for before it ends, each with the call that waits for it, if any.
        self.tasks: dict[asyncio.Task[None], PortalCall[Any] | None] = {}
        self._unused = asyncio.Event()
        self._thread: threading.Thread | green_threads.RealThread
        if (unpatched := green_threads.unpatched()) is None:
            self._loop = asyncio.new_event_loop()
            self._thread = threading.Thread(target=self._run, name="openai-async", daemon=True)
        else:
            self._thread = green_threads.RealThread(unpatched, self._run)
            self._loop = self._thread.loop
        wakeup.wait_by(unpatched.wait if unpatched is not None else None)
        self._loop_wakeup: wakeup.LoopWakeup = wakeup.loop_wakeup(self._loop, self._start_calls)

    def start(self) -> None:
        self._thread.start()
        _alive.add(self)

    # -- from any thread -------------------------------------------------------------------------------

    def call(self, function: Callable[[], Awaitable[T]]) -> T:
        """Await the result of a function on the loop, and return it or raise its error.

        Raises:
            Ended: the portal has ended, and nothing was called.
            ForeignLoopError: this is the loop's own thread, which would wait for itself.
            APIConnectionError: the loop has ended meanwhile.
        """
        if threading.get_ident() == self._thread.ident:
            raise ForeignLoopError(
                "a callback of a synchronous client cannot call one: it runs in the thread that would do the work"
            )
        warn_of_running_loop()
        call = PortalCall(self, function)
        del function  # it may hold a prompt
        try:
            self._submit(call)
            call.wait()
            call.wakeup.recycle()
        except Ended:
            raise
        except BaseException:  # Ctrl-C, or what another signal handler raised
            if self.post(call.cancel):
                call.wait()
            call.discard()
            raise
        return call.outcome()

    def post(self, callback: Callable[[], object]) -> bool:
        """Call something on the loop, soon; False if the loop has ended. Takes no lock, because finalizers use it."""
        if self.forked:
            return False
        try:
            self._loop.call_soon_threadsafe(callback)
        except RuntimeError:
            return False
        return True

    def release(self) -> None:
        """Count one user less. The last one ends the loop."""
        with _lock:
            self.users -= 1
            if self.users or self.ended:
                return
            self.ended = True
        self.post(self._unused.set)

    def join(self) -> None:
        """Wait until the thread has ended, if it is to end."""
        if self.ended and not self.forked and threading.get_ident() != self._thread.ident:
            self._thread.join(_JOIN)

    def _submit(self, call: PortalCall[Any]) -> None:
        with _lock:
            # Under the lock, so that the loop cannot end between the check and the call.
            if self.ended:
                raise Ended
            self._inbox.append((contextvars.copy_context(), call))
            if not self._woken:  # one wake-up serves all calls until the loop runs
                self._woken = True
                self._loop_wakeup.wake()

    # -- on the loop -----------------------------------------------------------------------------------

    def _start_calls(self) -> None:
        self._woken = False
        while self._inbox:
            context, call = self._inbox.popleft()
            context.run(call.start)

    def spawn(self, coroutine: Any) -> asyncio.Task[None]:
        """Run a coroutine that handles its own errors; the loop does not end before it."""
        task = self.begin(coroutine)
        task.add_done_callback(self.tasks.pop)
        return task

    def begin(self, coroutine: Any, call: PortalCall[Any] | None = None) -> asyncio.Task[None]:
        """As `spawn`, of a coroutine that leaves `tasks` itself: a callback would cost a turn of the loop."""
        task = self._loop.create_task(coroutine)
        self.tasks[task] = call
        return task

    def hold(self) -> None:
        """Count one user more. On the loop, which is alive then."""
        with _lock:
            self.users += 1

    def _run(self) -> None:
        try:
            with asyncio.Runner(loop_factory=lambda: self._loop):
                self._run_until_ended()
        finally:
            _alive.discard(self)
            with _lock:
                self.ended = True  # in every case: nothing may write to the descriptor, which may be another's by then
                self._loop_wakeup.close()
            self._wake_all()

    def _run_until_ended(self) -> None:
        """Run until the last user has gone, even if user code stops the loop or cancels its tasks."""
        serving = self._loop.create_task(self._serve())
        while not serving.done():
            try:
                self._loop.run_until_complete(serving)
            except (SystemExit, KeyboardInterrupt):  # its task has it, and whoever awaits that
                continue
            except asyncio.CancelledError:  # user code has cancelled all tasks of the loop
                serving = self._loop.create_task(self._serve())
            except RuntimeError:
                if serving.done() or self._loop.is_closed():  # else it was stopped
                    raise

    def _wake_all(self) -> None:
        """Wake all threads that wait for a call: the loop has ended."""
        waiting = [call for call in self.tasks.values() if call is not None]
        waiting += [call for _, call in self._inbox]
        for call in waiting:
            call.lose()

    async def _serve(self) -> None:
        self._loop_wakeup.open()
        await self._unused.wait()
        while self.tasks and not self.exiting:
            await asyncio.wait(tuple(self.tasks), timeout=1.0)
        for each in tuple(self.open):
            await each.aclose()

    def _exit(self) -> None:
        self.exiting = True
        self._unused.set()
        for task in tuple(self.tasks):
            task.cancel()

    # -- the end ---------------------------------------------------------------------------------------

    def end_with_interpreter(self) -> None:
        """Cancel all tasks and close the connections. Threads that wait for a call are left waiting."""
        self.ended = True
        if self.post(self._exit):
            self._thread.join(_JOIN)

    def disown(self) -> None:
        """Keep all that belongs to the parent process for ever, so that nothing of it is finalized in the child."""
        self.forked = self.ended = True
        tasks = asyncio.all_tasks(self._loop)
        for task in tasks:
            task._log_destroy_pending = False  # type: ignore[attr-defined] # pyright: ignore[reportAttributeAccessIssue]
        _remains.append((self, tasks))


# ---- one per process

_lock = green_threads.rlock()  # reentrant, because a signal handler may make a call during a call
_current: Portal | None = None
_alive: set[Portal] = set()
_exiting = False
#: The portals of parent processes: see `Portal.disown`.
_remains: list[object] = []


def claim() -> Portal:
    """The portal of this process, started if there is none. Each `claim` needs one `release`."""
    global _current
    with _lock:
        if _exiting:
            raise ForeignLoopError("the interpreter is exiting: there is nobody to make this call any more")
        if _current is None or _current.ended:
            portal = Portal()
            try:
                portal.start()
            except BaseException:
                portal.ended = True
                portal.post(portal._unused.set)
                raise
            _current = portal
        _current.users += 1
        return _current


def _after_fork() -> None:
    global _lock, _current
    wakeup.after_fork()
    _lock = green_threads.rlock()  # another thread may have held it
    _current = None
    for portal in _alive:
        portal.disown()
    _alive.clear()


def _at_exit() -> None:
    global _exiting
    _exiting = True
    for portal in tuple(_alive):
        portal.end_with_interpreter()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_after_fork)
atexit.register(_at_exit)
