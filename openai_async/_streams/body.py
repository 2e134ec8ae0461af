"""The body of a reply that is read while it arrives: its connection, its permit and its deadlines.

Streams and downloads each hold one. One task reads at a time, and a second one is refused. A body is closed exactly
once: at its end, by an error, by its owner, or by its owner's finalizer. Closing releases the connection and the
permit, and wakes a task that reads.
"""

from __future__ import annotations

import contextlib
import os
import warnings

from openai_async import _concurrency
from openai_async._pipeline.answer import Answer
from openai_async._pipeline.request import Request
from openai_async._transport.exchange import Exchange
from openai_async.errors import (
    APIConnectionError,
    APITimeoutError,
    ConcurrentReadError,
    DeadlineExceededError,
    FirstTokenTimeoutError,
    ForeignLoopError,
)
from openai_async.types._uncopied import Uncopied
from openai_async.types.settings import Timeout


class ResponseBody(Uncopied):
    """A response body, from the end of the header section on.

    Attributes:
        exchange: the response to read from, between `begin_reading` and `end_reading`.
        timeout: the timeouts of the call.
        closed: whether the connection and the permit were released.
        reading: whether a task waits for data.
    """

    __slots__ = ("_deadline", "_loop", "_process", "_release", "closed", "exchange", "reading", "timeout")

    def __init__(self, request: Request, answer: Answer) -> None:
        assert answer.exchange is not None
        self.exchange: Exchange = answer.exchange
        self.timeout: Timeout = request.timeout
        self.closed: bool = False
        self.reading: bool = False
        self._release = answer.release
        self._deadline = request.deadline
        self._loop = _concurrency.loop_token()
        self._process = os.getpid()

    def now(self) -> float:
        """The time of the event loop.

        Raises:
            ForeignLoopError: the caller is on another loop than the one that opened the body, or in a forked process.
            APIConnectionError: that loop has ended, and the connection with it.
        """
        now = _concurrency.now_on(self._loop)
        if now is None:
            if self._process == os.getpid() and _concurrency.has_ended(self._loop):
                self.close()
                raise APIConnectionError("the event loop that it was opened on has ended", phase="body")
            raise ForeignLoopError(
                "what is read here belongs to another event loop or to the parent process: open another one here"
            )
        return now

    def deadline_of(
        self, start: float, seconds: float | None, timeout_error: type[APITimeoutError]
    ) -> tuple[float, type[APITimeoutError]]:
        """The loop time at which a read ends, and the error to raise then.

        Args:
            start: loop time from which the timeout runs.
            seconds: the timeout; None for none.
            timeout_error: what passing the timeout raises. The deadline of the call may come before it.
        """
        deadline = float("inf") if seconds is None else start + seconds
        if self._deadline is not None and self._deadline <= deadline:
            return self._deadline, DeadlineExceededError
        return deadline, timeout_error

    def timeout_message(self, error: type[APITimeoutError], awaited: str) -> str:
        """The message of the error that `deadline_of` chose; `awaited` is what did not come in time."""
        if error is DeadlineExceededError:
            return "the deadline of the call passed before the reply was over"
        if error is FirstTokenTimeoutError:
            return f"no {awaited} within {self.timeout.first_token} s (timeout.first_token)"
        return f"the reply fell silent: no {awaited} within {self.timeout.idle} s (timeout.idle)"

    def begin_reading(self) -> None:
        """Reserve the body for this task, until `end_reading`.

        Raises:
            ConcurrentReadError: another task is reading.
        """
        if self.reading:
            raise ConcurrentReadError("another task is already waiting for data from this reply: one task reads it")
        self.reading = True

    def end_reading(self) -> None:
        """Let other tasks read."""
        self.reading = False

    def close(self) -> None:
        """Release the connection and the permit. Never waits. A second call does nothing."""
        if not self.closed:
            self.closed = True
            if self._process != os.getpid():
                return  # the connection, and what the loop waits with, are the parent's, too
            here = _concurrency.running_loop() is self._loop or _concurrency.is_stopped(self._loop)
            if here or not _concurrency.post(self._loop, self._release_both):
                self._release_both()

    def _release_both(self) -> None:
        with contextlib.suppress(RuntimeError):  # its loop is closed, and closes nothing any more
            self.exchange.abandon()  # does nothing if the body was read to its end
        if self._release is not None:
            self._release()

    def disown(self) -> None:
        """Mark it closed and release nothing, because the connection is the parent process's."""
        self.closed = True

    def finalize(self, owner: object) -> None:
        """Close what was left open, with a warning that shows the owner. For the owner's finalizer."""
        if not self.closed:
            text = f"{owner!r} was never closed"
            self.close()  # first: a warning may be an error
            if self._process == os.getpid():
                warnings.warn(text, ResourceWarning, source=owner, stacklevel=1)
