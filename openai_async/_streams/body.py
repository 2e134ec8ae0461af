"""The body of a reply that is read while it arrives: its connection, its permit and its time bounds.

Streams and downloads are bodies. One task reads at a time, and a second one is refused. A body is closed exactly once:
at its end, by an error, by its owner, or by its finalizer. Closing gives the connection and the permit back, and wakes
a task that reads.
"""

from __future__ import annotations

import contextlib
import os
import warnings

from openai_async import _concurrency
from openai_async._pipeline.request import Answer, Request
from openai_async.errors import (
    APIConnectionError,
    APITimeoutError,
    ConcurrentReadError,
    DeadlineExceededError,
    FirstTokenTimeoutError,
    ForeignLoopError,
)
from openai_async.types._uncopied import Uncopied


class OpenBody(Uncopied):
    """A body, from the head of its reply on."""

    def __init__(self, call: Request, answer: Answer) -> None:
        assert answer.exchange is not None
        self._exchange = answer.exchange
        self._release = answer.release
        self._timeout = call.timeout
        self._deadline = call.deadline
        self._closed = False
        self._reading = False  # a task waits for data
        self._loop = _concurrency.loop_token()
        self._process = os.getpid()

    def _now(self) -> float:
        """Loop time.

        Raises:
            ForeignLoopError: another loop, or a forked process, wants to read what belongs to the one that opened it.
            APIConnectionError: that loop has ended, and the connection with it.
        """
        now = _concurrency.now_on(self._loop)
        if now is None:
            if self._process == os.getpid() and _concurrency.has_ended(self._loop):
                self._close()
                raise APIConnectionError("the event loop that it was opened on has ended", phase="body")
            raise ForeignLoopError(
                "what is read here belongs to another event loop or to the parent process: open another one here"
            )
        return now

    def _due(
        self, start: float, wait: float | None, late: type[APITimeoutError]
    ) -> tuple[float, type[APITimeoutError]]:
        """When to give up: so many seconds after `start`, or at the deadline. And the error to raise then."""
        due = float("inf") if wait is None else start + wait
        if self._deadline is not None and self._deadline <= due:
            return self._deadline, DeadlineExceededError
        return due, late

    def _begin_reading(self) -> None:
        """Whoever calls it sets `_reading` back.

        Raises:
            ConcurrentReadError: another task is reading.
        """
        if self._reading:
            raise ConcurrentReadError("another task is already waiting for data from this reply: one task reads it")
        self._reading = True

    def _why(self, late: type[APITimeoutError], what: str) -> str:
        """The message of the error that `_due` gave: which bound was over, and `what` did not come in time."""
        if late is DeadlineExceededError:
            return "the deadline of the call passed before the reply was over"
        if late is FirstTokenTimeoutError:
            return f"no {what} within {self._timeout.first_token} s (timeout.first_token)"
        return f"the reply fell silent: no {what} within {self._timeout.idle} s (timeout.idle)"

    def _close(self) -> None:
        if not self._closed:
            self._closed = True
            if self._process != os.getpid():
                return  # the connection, and what the loop waits with, are the parent's, too
            here = _concurrency.running_loop() is self._loop or _concurrency.is_stopped(self._loop)
            if here or not _concurrency.post(self._loop, self._let_go):
                self._let_go()

    def _let_go(self) -> None:
        with contextlib.suppress(RuntimeError):  # its loop is closed, and closes nothing any more
            self._exchange.abandon()  # does nothing if the body was read to its end
        if self._release is not None:
            self._release()

    def __del__(self) -> None:
        if not getattr(self, "_closed", True):
            text = f"{self!r} was never closed"
            self._close()  # first: a warning may be an error
            if self._process == os.getpid():
                warnings.warn(text, ResourceWarning, source=self, stacklevel=1)
