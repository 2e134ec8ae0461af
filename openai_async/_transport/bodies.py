"""Bodies for httpx, without generators that are left half-way: those warn when they are collected."""

from __future__ import annotations

import contextlib
from collections.abc import AsyncIterator
from typing import Self


class BytesBody:
    """The bytes of a request, in one piece. Mixed into httpx's (or httpx2's) `AsyncByteStream`."""

    def __init__(self, body: bytes) -> None:
        self._body = body

    def __aiter__(self) -> AsyncIterator[bytes]:
        return _Once(self._body)


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
