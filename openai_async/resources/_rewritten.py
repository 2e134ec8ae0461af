"""Bodies that are converted while they are read; see `_wire.media_bodies`."""

from __future__ import annotations

from typing import Protocol

import attrs

from openai_async._pipeline.answer import Answer
from openai_async._transport.exchange import Exchange
from openai_async.types.meta import Header


class Rewriter(Protocol):
    """Converts a body while it arrives."""

    #: Nothing more is to come, whatever the rest of the body is.
    over: bool

    def feed(self, data: bytes) -> bytes:
        """Convert the next chunk; b"" if more input is needed."""
        ...

    def end(self) -> bytes:
        """Return the rest at the end of the body."""
        ...


def rewritten(answer: Answer, rewriter: Rewriter) -> Answer:
    """Return the same answer with a body that is converted while it is read."""
    assert answer.exchange is not None
    return attrs.evolve(answer, exchange=_Rewritten(answer.exchange, rewriter))


class _Rewritten:
    """An `Exchange` with a converted body."""

    def __init__(self, exchange: Exchange, rewriter: Rewriter) -> None:
        self.status: int = exchange.status
        self.header: Header = exchange.header
        self._exchange = exchange
        self._rewriter = rewriter
        self._ended = False

    def read_arrived(self) -> bytes | None:
        return None

    async def read(self, deadline: float) -> bytes:
        """See `Exchange.read`; raises what the rewriter raises, too. Cancelling drops the connection."""
        while not self._ended:
            data = await self._exchange.read(deadline)
            if data:
                output = self._rewriter.feed(data)
            else:
                self._ended = True
                output = self._rewriter.end()
            if self._rewriter.over and not self._ended:
                self._ended = True
                self._exchange.abandon()
            if output:
                return output
        return b""

    def abandon(self) -> None:
        """See `Exchange.abandon`."""
        self._exchange.abandon()
