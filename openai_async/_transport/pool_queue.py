"""The request of one call for a connection: a released one, or leave to open another.

The time that a call waits here does not count against its attempt, because the server has no part in it.
"""

from __future__ import annotations

from typing import Generic, TypeVar

from openai_async import _concurrency
from openai_async._transport.attempt import Attempt
from openai_async._transport.exchange import DeadlineReached, WireRequest
from openai_async._transport.pool import Connection, ConnectionPool, Origin
from openai_async._transport.resource_exhaustion import ShortageError

K = TypeVar("K", bound=Connection)


class PoolRequest(Generic[K]):
    """The request of one call for a connection.

    Args:
        pool: the pool of the running loop.
        origin: scheme, host and port.
        request: the HTTP request.
        attempt: its time limits.
    """

    def __init__(self, pool: ConnectionPool[K], origin: Origin, request: WireRequest, attempt: Attempt) -> None:
        self._pool = pool
        self._origin = origin
        self._request = request
        self._attempt = attempt
        self._refusals = 0
        self._shortage: ShortageError | None = None

    async def acquire(self) -> K | None:
        """Wait for a connection, or for leave to open one (None; call `pool.connect_ended` afterwards).

        Raises:
            DeadlineReached: neither came before the deadline of the call. If none of our connections is in use, other
                programs hold all descriptors and may keep them: then the deadline of the attempt applies.
        """
        since = _concurrency.now()
        alone = self._refusals > 0 and not self._pool.busy
        with self._attempt.timer.move_on_at(self._attempt.deadline if alone else self._request.call_deadline):
            connection = await self._pool.wait_for_turn(self._origin, self._refusals)
            if not alone:
                self._attempt.exclude(since)
            return connection
        raise DeadlineReached("connect", self._reason())

    def refused(self, shortage: ShortageError) -> None:
        """Note that this machine could not open a connection."""
        self._refusals += 1
        self._shortage = shortage

    def _reason(self) -> str:
        why = f"this machine has none to give ({self._shortage.strerror})" if self._shortage else "all are in use"
        return f"the call waited for a free connection: {why}; raise `ulimit -n` or lower max_concurrency"
