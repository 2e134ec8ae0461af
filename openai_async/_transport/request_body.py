"""Bodies of requests: bytes, or pieces that are made while they are sent.

Those for httpx are no generators: one that is left half-way warns when it is collected.
"""

from __future__ import annotations

import contextlib
from collections.abc import AsyncIterator
from typing import Protocol, Self

import attrs


class Body(Protocol):
    """A body that is never whole in memory. Each attempt reads it anew, from its beginning."""

    @property
    def length(self) -> int | None:
        """Bytes in all; None if that is not known, and the body is sent in chunks."""
        ...

    def open(self) -> AsyncIterator[bytes]:
        """The pieces, from the first. Their number and size are the body's; an empty one is left out.

        An iterator with an `aclose` is closed when the sending ends early.
        """
        ...


async def closed(pieces: AsyncIterator[bytes]) -> None:
    """Close what a body gave, if it can be closed."""
    close = getattr(pieces, "aclose", None)
    if close is not None:
        await close()


@attrs.define(eq=False)
class OutgoingBody:
    """The body of a request for httpx (or httpx2): mixed into its `AsyncByteStream`."""

    body: bytes | Body = attrs.field(repr=False)
    _pieces: AsyncIterator[bytes] | None = attrs.field(default=None, init=False, repr=False)

    def __aiter__(self) -> AsyncIterator[bytes]:
        self._pieces = _Once(self.body) if isinstance(self.body, bytes) else self.body.open()
        return self._pieces

    async def aclose(self) -> None:
        if self._pieces is not None:
            await closed(self._pieces)


class _Once:
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


async def run_out(pieces: AsyncIterator[bytes]) -> None:
    """Let the generators of a closed response body end."""
    with contextlib.suppress(Exception):
        async for _ in pieces:
            pass
