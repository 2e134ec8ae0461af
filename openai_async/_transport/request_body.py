"""Request bodies: bytes, or chunks that are read while they are sent.

The iterators for httpx are no generators, because a generator that is left half-way warns when it is collected.
"""

from __future__ import annotations

import contextlib
from collections.abc import AsyncIterator
from typing import Protocol, Self

import attrs


class Body(Protocol):
    """A body that is read while it is sent. Each attempt reads it again, from the beginning."""

    @property
    def length(self) -> int | None:
        """Bytes in all; None if unknown, and the chunked transfer coding is used."""
        ...

    def open(self) -> AsyncIterator[bytes]:
        """The chunks, from the first. Empty ones are skipped.

        An iterator with an `aclose` is closed when the sending ends early.
        """
        ...


async def close_chunks(chunks: AsyncIterator[bytes]) -> None:
    """Close the iterator of a body, if it can be closed."""
    close = getattr(chunks, "aclose", None)
    if close is not None:
        await close()


@attrs.define(eq=False)
class OutgoingBody:
    """A request body for httpx (or httpx2). Mix it into its `AsyncByteStream`."""

    body: bytes | Body = attrs.field(repr=False)
    _chunks: AsyncIterator[bytes] | None = attrs.field(default=None, init=False, repr=False)

    def __aiter__(self) -> AsyncIterator[bytes]:
        self._chunks = _OneChunk(self.body) if isinstance(self.body, bytes) else self.body.open()
        return self._chunks

    async def aclose(self) -> None:
        if self._chunks is not None:
            await close_chunks(self._chunks)


class _OneChunk:
    __slots__ = ("_body",)

    def __init__(self, body: bytes) -> None:
        self._body = body

    def __aiter__(self) -> Self:
        return self

    async def __anext__(self) -> bytes:
        if not self._body:
            raise StopAsyncIteration
        body, self._body = self._body, b""
        return body


async def drain(chunks: AsyncIterator[bytes]) -> None:
    """Run the generators of a closed response body to their end."""
    with contextlib.suppress(Exception):
        async for _ in chunks:
            pass
