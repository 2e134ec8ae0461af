"""The bounds of one request until its answer comes: the connect has one of its own."""

from __future__ import annotations

from collections.abc import Callable

from openai_async import _concurrency
from openai_async._transport.exchange import DeadlineReached, WireRequest
from openai_async._transport.timeouts import Waits
from openai_async.errors import APIError, ConnectTimeoutError, Phase


class Attempt:
    """See the module.

    Args:
        request: what is sent; learns how long it waited for something that is no part of the attempt.
        connect_timeout: seconds for a new connection, or None.
        deadline: loop time at which the attempt has to end.
    """

    def __init__(self, request: WireRequest, connect_timeout: float | None, deadline: float) -> None:
        self.waits = Waits()
        self.due = deadline
        #: Called once when the connect has ended, however it did.
        self.on_end: Callable[[], object] | None = None
        self._request = request
        self._connect_timeout = connect_timeout
        self._deadline = deadline
        self._began: float | None = None  # the connect under way

    @property
    def deadline(self) -> float:
        """Loop time at which the attempt has to end, with what was waited for."""
        return self._request.deadline_of_attempt(self._deadline)

    def waited(self, since: float) -> None:
        """What has passed since then is no part of the attempt."""
        self._request.local_wait += _concurrency.now() - since

    def connects(self) -> None:
        """A connect begins: the wait under way, and the next one, end with its bound."""
        self._began = _concurrency.now()
        self._end(
            self.deadline if self._connect_timeout is None else min(self.deadline, self._began + self._connect_timeout)
        )

    def connected(self) -> None:
        """The request is about to be sent, perhaps on a new connection.

        Raises:
            DeadlineReached: the deadline has passed, and nothing was sent yet.
        """
        self.ended()
        if self._began is None:
            return
        if _concurrency.now() >= self.deadline:  # the loop was held, or the process stopped: the attempt begins now
            self.waited(self._began)
        self._began = None
        if _concurrency.now() >= self.deadline:
            raise DeadlineReached("connect")
        self._end(self.deadline)

    def ended(self) -> None:
        """There is no connect under way any more."""
        if self.on_end is not None:
            self.on_end()
            self.on_end = None

    def late(self, phase: Phase) -> APIError | DeadlineReached:
        """What to raise when the wait under way was given up."""
        if self._began is not None and self.due < self.deadline:
            message = f"no connection within {self._connect_timeout} s (timeout.connect)"
            return ConnectTimeoutError(message, phase="connect")
        return DeadlineReached(phase)

    def _end(self, moment: float) -> None:
        self.due = moment
        self.waits.move(moment)
