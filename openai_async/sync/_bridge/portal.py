"""The event loop of the synchronous clients: one per process, in a daemon thread of its own.

A call is one hop: the calling thread copies its context, starts a task over there and waits for it. Ctrl-C in the
waiting thread cancels the task's scope, waits until it has cleaned up, and goes on as KeyboardInterrupt; a second one
ends that waiting. What was raised over there is raised here, as itself.

The thread starts with the first `claim` and ends with the last `release`, after the calls under way. A process that was
forked has none and starts its own: nothing of the parent's is awaited, closed or written to. The end of the interpreter
cancels what is left, closes the connections and joins the thread, for two seconds at most.
"""

from __future__ import annotations

import asyncio
import atexit
import contextvars
import os
import sys
import threading
import warnings
from collections import deque
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any, Final, Generic, Protocol, TypeVar, cast
from weakref import WeakSet

from openai_async import _concurrency
from openai_async.errors import APIConnectionError, ForeignLoopError, OpenAIError, frameless
from openai_async.sync._bridge import green_threads, wakeup

T = TypeVar("T")

_PACKAGE: Final = str(Path(__file__).parents[1])
#: Seconds that the end of the interpreter, or of the last client, waits for connections to close.
_JOIN: Final = 2.0


class Open(Protocol):
    """What is to be closed on its loop, such as a stream."""

    async def aclose(self) -> None: ...


class Ended(Exception):
    """The portal takes no more calls; there may be another one by now."""


class Portal:
    """An event loop in a thread. Use `claim`: it counts who uses it, and there is one at a time."""

    def __init__(self) -> None:
        self.users: int = 0  # under the lock, as `ended`
        self.ended: bool = False  # it takes no more calls
        self.forked: bool = False  # it is the parent process's: its thread does not exist here
        self.exiting: bool = False
        #: What is to be closed when the loop ends.
        self.open: WeakSet[Open] = WeakSet()
        self._inbox: deque[tuple[contextvars.Context, _Call[Any]]] = deque()
        self._woken = False  # the loop wake-up was rung, and not answered yet
        #: The loop does not end before them. With the call that waits for each, if one does.
        self.tasks: dict[asyncio.Task[None], _Call[Any] | None] = {}
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
        """Await what a function gives, on the loop, and return its result or raise its error.

        Raises:
            Ended: nothing was called.
            ForeignLoopError: this is the loop's own thread, which would wait for itself.
            APIConnectionError: the loop has ended meanwhile.
        """
        self._check()
        call = _Call(self, function)
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
        """Have something called on the loop, soon; False if it has ended. Takes no lock: finalizers may use it."""
        if self.forked:
            return False
        try:
            self._loop.call_soon_threadsafe(callback)
        except RuntimeError:
            return False
        return True

    def release(self) -> None:
        """One user less; the last one ends the loop."""
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

    def _check(self) -> None:
        if threading.get_ident() == self._thread.ident:
            raise ForeignLoopError(
                "a callback of a synchronous client cannot call one: it runs in the thread that would do the work"
            )
        if (asyncio._get_running_loop() is not None or ("trio" in sys.modules and _in_trio())) and not _in_notebook():
            warnings.warn(
                "a synchronous client blocks the event loop that runs in this thread; use AsyncClient here",
                RuntimeWarning,
                stacklevel=_depth_of_caller(),
            )

    def _submit(self, call: _Call[Any]) -> None:
        with _lock:
            # Under the lock, so that the loop cannot end between the look and the call.
            if self.ended:
                raise Ended
            self._inbox.append((contextvars.copy_context(), call))
            if not self._woken:  # one wake serves all that come until the loop gets to it
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

    def begin(self, coroutine: Any, call: _Call[Any] | None = None) -> asyncio.Task[None]:
        """As `spawn`, of a coroutine that leaves `tasks` itself: a callback would cost a turn of the loop."""
        task = self._loop.create_task(coroutine)
        self.tasks[task] = call
        return task

    def hold(self) -> None:
        """One user more, from the loop itself, which is alive then."""
        with _lock:
            self.users += 1

    def _run(self) -> None:
        try:
            with asyncio.Runner(loop_factory=lambda: self._loop):
                self._run_until_ended()
        finally:
            _alive.discard(self)
            with _lock:
                self.ended = True  # whatever has happened: nobody may wake, it may be another's descriptor by then
                self._loop_wakeup.close()
            self._wake_all()

    def _run_until_ended(self) -> None:
        """Serve. What user code raises or calls to end a loop stops this one, too; it goes on where it was."""
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
        """The loop has ended, for whatever reason: no thread waits for it any more."""
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
        """Cancel everything and close the connections. Threads that wait for a call are left waiting."""
        self.ended = True
        if self.post(self._exit):
            self._thread.join(_JOIN)

    def disown(self) -> None:
        """In a child process: keep all that is the parent's as it is, for ever, so that nothing of it is finalized."""
        self.forked = self.ended = True
        tasks = asyncio.all_tasks(self._loop)
        for task in tasks:
            task._log_destroy_pending = False  # type: ignore[attr-defined] # pyright: ignore[reportAttributeAccessIssue]
        _remains.append((self, tasks))


class _Call(Generic[T]):
    """One call under way: started and ended on the loop, awaited by the thread that makes it."""

    __slots__ = ("_cancelled", "_done", "_error", "_function", "_portal", "_running", "_task", "_value", "wakeup")

    def __init__(self, portal: Portal, function: Callable[[], Awaitable[T]]) -> None:
        self._portal = portal
        self._function: Callable[[], Awaitable[T]] | None = function
        self.wakeup: wakeup.Wakeup = wakeup.acquire()
        self._task: asyncio.Task[None] | None = None
        self._running = self._cancelled = self._done = False
        self._value: T | None = None
        self._error: BaseException | None = None

    def start(self) -> None:
        if (sniffio := sys.modules.get("sniffio")) is not None:
            sniffio.current_async_library_cvar.set("asyncio")  # in the copied context it may be the caller's
        self._task = self._portal.begin(self._run(), self)

    def cancel(self) -> None:
        self._cancelled = True
        if self._task is None:  # and never will be: Ctrl-C came before it was handed in
            self._end()
        elif self._running:  # else it looks itself: a task that is cancelled before it runs would tell nobody
            self._task.cancel()

    async def _run(self) -> None:
        function, self._function = self._function, None
        assert function is not None
        self._running = True
        try:
            if not self._cancelled:
                self._value = await function()
        except BaseException as error:
            self._error = error if self._cancelled or not _concurrency.cancels(error) else _lost()
        self._portal.tasks.pop(cast("asyncio.Task[None]", self._task), None)
        self._end()

    def lose(self) -> None:
        """Its loop has ended under it."""
        if not self._done:
            self._error = _lost()
            self._end()

    def _end(self) -> None:
        self._done = True
        if not self._portal.exiting:  # a thread that is woken while the interpreter ends finds ruins
            self.wakeup.wake()

    def wait(self) -> None:
        """Wait for its end; at once if it has come."""
        while not self._done:
            self.wakeup.wait()

    def discard(self) -> None:
        """Nobody is left to take what it opened."""
        close = getattr(self._value, "close", None)
        if close is not None:
            close()

    def outcome(self) -> T:
        """Its result, or its error. Errors of ours come without the frames over there, which others may show."""
        if self._error is not None:
            error, self._error = self._error, None
            try:
                if isinstance(error, StopAsyncIteration):
                    raise StopIteration(*error.args) from None
                raise frameless(error) if isinstance(error, OpenAIError) else error
            finally:
                del error
        return cast("T", self._value)


def _lost() -> APIConnectionError:
    return APIConnectionError(
        "the call was ended under way: by the end of its event loop, or by code that cancelled all of its tasks",
        phase="response",
    )


# ---- one per process

_lock = green_threads.rlock()  # a signal handler may make a call in the midst of one
_current: Portal | None = None
_alive: set[Portal] = set()
_exiting = False
#: What a parent process left: see `Portal.disown`.
_remains: list[object] = []


def claim() -> Portal:
    """The portal of this process, started if there is none. Whoever claims it releases it, once."""
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


# ---- where a call comes from


def _in_trio() -> bool:
    return bool(sys.modules["trio"].lowlevel.in_trio_run())


def _in_notebook() -> bool:
    """IPython and Jupyter run a loop around every cell: blocking it is what the user asks for."""
    ipython = sys.modules.get("IPython")
    return ipython is not None and ipython.get_ipython() is not None


def _depth_of_caller() -> int:
    """`stacklevel` of the first frame outside of the package, for a warning that is given one call below."""
    frame, depth = sys._getframe(1), 1
    while frame.f_back is not None and frame.f_code.co_filename.startswith(_PACKAGE):
        frame, depth = frame.f_back, depth + 1
    return depth
