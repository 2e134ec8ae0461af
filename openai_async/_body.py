"""The body of a reply that is read while it arrives: its connection, its permit and its time bounds.

Streams and downloads are bodies. A body is closed exactly once: at its end, by an error, or by its owner. Closing gives
the connection and the permit back.
"""

from __future__ import annotations

from openai_async._layers.call import Answer, Call
from openai_async.errors import APITimeoutError, DeadlineExceededError
from openai_async.types._uncopied import Uncopied


class OpenBody(Uncopied):
    """A body, from the head of its reply on."""

    def __init__(self, call: Call, answer: Answer) -> None:
        assert answer.exchange is not None
        self._exchange = answer.exchange
        self._release = answer.release
        self._timeout = call.timeout
        self._deadline = call.deadline
        self._closed = False

    def _due(
        self, start: float, wait: float | None, late: type[APITimeoutError]
    ) -> tuple[float, type[APITimeoutError]]:
        """When to give up: so many seconds after `start`, or at the deadline. And the error to raise then."""
        due = float("inf") if wait is None else start + wait
        if self._deadline is not None and self._deadline <= due:
            return self._deadline, DeadlineExceededError
        return due, late

    def _close(self) -> None:
        if not self._closed:
            self._closed = True
            self._exchange.abandon()  # does nothing if the body was read to its end
            if self._release is not None:
                self._release()
