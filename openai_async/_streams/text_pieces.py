"""What the chunks of a stream add to its text."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any, Self


def text_of(chunk: Any) -> str:
    """What a chunk adds to the text: its `piece`, where the API calls something else its `text`."""
    # Asked of its class: a server may send a field of that name.
    return (chunk.piece if hasattr(chunk.__class__, "piece") else chunk.text) or ""


class TextPieces:
    """The pieces of text of a stream, without the empty ones.

    Not a generator: one that is left early would have to be closed apart from its stream.
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
