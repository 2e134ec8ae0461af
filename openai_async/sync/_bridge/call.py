"""One call of a thread to the event loop of the portal."""

from __future__ import annotations

import asyncio
import sys
from collections.abc import Awaitable, Callable
from typing import Any, Generic, Protocol, TypeVar, cast

from openai_async import _concurrency
from openai_async.errors import APIConnectionError, OpenAIError, frameless
from openai_async.sync._bridge import wakeup

T = TypeVar("T")


class CallRunner(Protocol):
    """What a call needs of its portal."""

    exiting: bool
    tasks: dict[asyncio.Task[None], PortalCall[Any] | None]

    def begin(self, coroutine: Any, call: PortalCall[Any] | None = None) -> asyncio.Task[None]: ...


class PortalCall(Generic[T]):
    """A call: started and ended on the loop, awaited by the thread that makes it."""

    __slots__ = ("_cancelled", "_done", "_error", "_function", "_portal", "_running", "_task", "_value", "wakeup")

    def __init__(self, portal: CallRunner, function: Callable[[], Awaitable[T]]) -> None:
        self._portal = portal
        self._function: Callable[[], Awaitable[T]] | None = function
        self.wakeup: wakeup.Wakeup = wakeup.acquire()
        self._task: asyncio.Task[None] | None = None
        self._running = self._cancelled = self._done = False
        self._value: T | None = None
        self._error: BaseException | None = None

    def start(self) -> None:
        if (sniffio := sys.modules.get("sniffio")) is not None:
            sniffio.current_async_library_cvar.set("asyncio")  # the copied context may name the caller's library
        self._task = self._portal.begin(self._run(), self)

    def cancel(self) -> None:
        self._cancelled = True
        if self._task is None:  # and never will be, because Ctrl-C came before the call was submitted
            self._end()
        elif self._running:  # else `_run` checks the flag: a task that is cancelled before it runs would wake nobody
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
        """Fail the call, because its loop has ended."""
        if not self._done:
            self._error = _lost()
            self._end()

    def _end(self) -> None:
        self._done = True
        if not self._portal.exiting:  # a thread that wakes while the interpreter exits would find its modules gone
            self.wakeup.wake()

    def wait(self) -> None:
        """Wait for its end; at once if it has come."""
        while not self._done:
            self.wakeup.wait()

    def discard(self) -> None:
        """Close what the call opened, because its caller was interrupted."""
        close = getattr(self._value, "close", None)
        if close is not None:
            close()

    def outcome(self) -> T:
        """The result, or the error. Errors of this package lose the frames of the loop, which others may show."""
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
