"""The time limits of one attempt until the response's header section: one for the connect, one for the whole."""

from __future__ import annotations

from collections.abc import Callable

from openai_async import _concurrency
from openai_async._transport.exchange import DeadlineReached, WireRequest
from openai_async._transport.timeouts import ExchangeTimer
from openai_async.errors import APIError, ConnectTimeoutError, Phase


class Attempt:
    """The time limits of one attempt.

    Args:
        request: what is sent. Its `local_wait` grows by the time that does not count against the attempt.
        connect_timeout: seconds for a new connection, or None.
        deadline: loop time at which the attempt has to end.
    """

    def __init__(self, request: WireRequest, connect_timeout: float | None, deadline: float) -> None:
        self.timer = ExchangeTimer()
        self.wait_deadline = deadline
        #: Called once when the connect has ended, however it did.
        self.on_connect_ended: Callable[[], object] | None = None
        self._request = request
        self._connect_timeout = connect_timeout
        self._deadline = deadline
        self._began: float | None = None  # when the connect in progress began

    @property
    def deadline(self) -> float:
        """Loop time at which the attempt has to end, later by the time that does not count."""
        return self._request.deadline_of_attempt(self._deadline)

    def exclude(self, since: float) -> None:
        """Do not count the time since then against the attempt."""
        self._request.local_wait += _concurrency.now() - since

    def connect_started(self) -> None:
        """Apply the connect timeout to the current wait and to the next one."""
        self._began = _concurrency.now()
        self._end(
            self.deadline if self._connect_timeout is None else min(self.deadline, self._began + self._connect_timeout)
        )

    def request_started(self) -> None:
        """End the connect, if there was one, and apply the deadline of the attempt again.

        Raises:
            DeadlineReached: the deadline has passed, and nothing was sent yet.
        """
        self.connect_ended()
        if self._began is None:
            return
        if _concurrency.now() >= self.deadline:  # the loop was held, or the process stopped: the attempt begins now
            self.exclude(self._began)
        self._began = None
        if _concurrency.now() >= self.deadline:
            raise DeadlineReached("connect")
        self._end(self.deadline)

    def connect_ended(self) -> None:
        """Call `on_connect_ended`, once."""
        if self.on_connect_ended is not None:
            self.on_connect_ended()
            self.on_connect_ended = None

    def timeout_error(self, phase: Phase) -> APIError | DeadlineReached:
        """The error to raise after a wait has timed out."""
        if self._began is not None and self.wait_deadline < self.deadline:
            message = f"no connection within {self._connect_timeout} s (timeout.connect)"
            return ConnectTimeoutError(message, phase="connect")
        return DeadlineReached(phase)

    def _end(self, moment: float) -> None:
        self.wait_deadline = moment
        self.timer.move(moment)
