"""Whether a server takes the question for the usage of its streams, which the caller did not write."""

from __future__ import annotations

from collections.abc import Generator
from contextlib import contextmanager

import anyio

from openai_async import _concurrency


class StreamOptions:
    """What is known of a server; one per client.

    `takes`: None until an answer to a stream tells.
    """

    __slots__ = ("_loop", "_trial", "takes")

    def __init__(self) -> None:
        self.takes: bool | None = None
        self._trial: anyio.Event | None = None  # set when the request that is to tell has ended
        self._loop: object = None  # of that one

    async def known(self) -> bool | None:
        """As `takes`, when no request is under way on this loop that is to tell. Cancelling only ends the wait."""
        while self.takes is None and self._trial is not None and self._loop is _concurrency.loop_token():
            await self._trial.wait()
        return self.takes

    @contextmanager
    def trial(self) -> Generator[None]:
        """The request that is to tell is under way."""
        self._loop, self._trial = _concurrency.loop_token(), anyio.Event()
        ended = self._trial
        try:
            yield
        finally:
            self._trial = None
            ended.set()
