"""A response on a direct connection, read chunk by chunk."""

from __future__ import annotations

from openai_async._transport.content_encoding import IDENTITY, decoder
from openai_async._transport.direct_connection import DirectConnection
from openai_async._transport.pool import ConnectionPool, Origin
from openai_async.errors import APIConnectionError
from openai_async.types.meta import Header, fields_of


class DirectExchange:
    """A response on a direct connection. Implements `exchange.Exchange`."""

    __slots__ = ("_connection", "_decoder", "_done", "_origin", "_pool", "header", "status")

    def __init__(self, pool: ConnectionPool[DirectConnection], origin: Origin, connection: DirectConnection) -> None:
        self.status = connection.status
        self.header: Header = connection.header_section
        self._pool = pool
        self._origin = origin
        self._connection = connection
        self._done = False
        self._decoder = decoder(fields_of(self.header)) if connection.encoded else IDENTITY

    def read_arrived(self) -> bytes | None:
        connection = self._connection
        if self._done or not connection.complete or self._decoder is not IDENTITY:
            return None
        body = connection.read() if connection.chunks else b""
        self._finish()
        return body

    async def read(self, deadline: float) -> bytes:
        connection = self._connection
        try:
            while not self._done:
                if self._decoder.pending:
                    chunk = self._decoder.step(b"")
                elif connection.chunks:
                    chunk = self._decoder.step(connection.read())
                elif connection.complete:
                    self._decoder.end()
                    self._finish()
                    break
                elif connection.failure is not None:
                    raise APIConnectionError(
                        f"the connection broke before the answer was complete: {connection.failure}", phase="body"
                    )
                else:
                    await connection.wait(deadline)
                    if self._done:  # by `abandon`, which is no end
                        raise APIConnectionError("the response was abandoned before it was complete", phase="body")
                    continue
                if chunk:
                    return chunk
        except BaseException:
            self.abandon()
            raise
        return b""

    def _finish(self) -> None:
        self._done = True
        if self._connection.finish():
            self._pool.release(self._origin, self._connection, self._connection.lifetime)
        else:
            self._pool.discard(self._connection)

    def abandon(self) -> None:
        if not self._done:
            self._done = True
            self._pool.discard(self._connection)
