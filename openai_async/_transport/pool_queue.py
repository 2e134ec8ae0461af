"""One call's way to a connection: an idle one that came back, or leave to open another.

What is waited for on this side is no part of the attempt, and no failure of the server.
"""

from __future__ import annotations

from typing import Generic, TypeVar

from openai_async import _concurrency
from openai_async._transport.attempt import Attempt
from openai_async._transport.exchange import DeadlineReached, WireRequest
from openai_async._transport.pool import Connection, ConnectionPool, Origin
from openai_async._transport.resource_exhaustion import ShortageError

K = TypeVar("K", bound=Connection)


class Opening(Generic[K]):
    """See the module.

    Args:
        owned: the connections of the running loop.
        origin: where to.
        request: for what.
        attempt: its bounds.
    """

    def __init__(self, owned: ConnectionPool[K], origin: Origin, request: WireRequest, attempt: Attempt) -> None:
        self._owned = owned
        self._origin = origin
        self._request = request
        self._attempt = attempt
        self._refusals = 0
        self._shortage: ShortageError | None = None

    async def place(self) -> K | None:
        """Wait for a connection, or for leave to open one (None; say `opened` to the connections afterwards).

        Raises:
            DeadlineReached: neither came before the deadline of the call. If none of our connections is in use, other
                programs hold all descriptors and may keep them: then the deadline of the attempt applies.
        """
        since = _concurrency.now()
        alone = self._refusals > 0 and not self._owned.busy
        with self._attempt.waits.move_on_at(self._attempt.deadline if alone else self._request.call_deadline):
            connection = await self._owned.place(self._origin, self._refusals)
            if not alone:
                self._attempt.waited(since)
            return connection
        raise DeadlineReached("connect", self._reason())

    def refused(self, shortage: ShortageError) -> None:
        """This machine had nothing to open a connection with."""
        self._refusals += 1
        self._shortage = shortage

    def _reason(self) -> str:
        why = f"this machine has none to give ({self._shortage.strerror})" if self._shortage else "all are in use"
        return f"the call waited for a free connection: {why}; raise `ulimit -n` or lower max_concurrency"
