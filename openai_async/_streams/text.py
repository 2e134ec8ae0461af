"""The text of a stream, piece by piece."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any, Self


def text_of(chunk: Any) -> str:
    """The text that a chunk adds: its `piece`, where the API uses the name `text` for something else."""
    # Looked up on the class, because a server may send a field of that name.
    return (chunk.piece if hasattr(chunk.__class__, "piece") else chunk.text) or ""


class TextIterator:
    """An iterator over the pieces of text of a stream, without the empty ones.

    Not a generator, because a generator that is left early would have to be closed apart from its stream.
    """

    __slots__ = ("_stream",)

    def __init__(self, stream: AsyncIterator[Any]) -> None:
        self._stream = stream

    def __aiter__(self) -> Self:
        return self

    async def __anext__(self) -> str:
        while True:
            if text := text_of(await anext(self._stream)):
                return text
