"""Admission: an attempt is sent when it holds a permit, so that nothing ever waits inside a connection pool.

The permit is given back when the attempt is over, or its stream is.
"""

from __future__ import annotations

import anyio

from openai_async._layers.call import Answer, Call, Handler
from openai_async._limiter import ConcurrencyLimit
from openai_async.errors import DeadlineExceededError


class Limit:
    def __init__(self, limiter: ConcurrencyLimit, next_: Handler) -> None:
        self._limiter = limiter
        self._next = next_

    async def __call__(self, call: Call) -> Answer:
        if not self._limiter.acquire_nowait():
            await self._wait(call)
        try:
            answer = await self._next(call)
        except BaseException:
            self._limiter.release()
            raise
        if answer.exchange is None:
            self._limiter.release()
        else:
            answer.release = self._limiter.release
        return answer

    async def _wait(self, call: Call) -> None:
        if call.deadline is None:
            return await self._limiter.acquire()
        with anyio.CancelScope(deadline=call.deadline) as scope:
            await self._limiter.acquire()
        if scope.cancelled_caught:
            raise DeadlineExceededError("the deadline passed while the call waited for its turn", phase="connect")
        return None
