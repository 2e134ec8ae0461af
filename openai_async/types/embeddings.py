"""Embeddings as the API returns them."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any, TypeAlias

import attrs

from openai_async.types._base import Reply, Value
from openai_async.types.chat import CompletionUsage

if TYPE_CHECKING:
    Vector: TypeAlias = list[float]
else:
    Vector = Any  # read before the rest is: checking millions of numbers one by one takes longer than all else


@attrs.define(repr=False)
class Embedding(Value):
    """The vector of one input: `index` says of which.

    `embedding` is a list of floats whatever the server sent, except where `encoding_format="base64"` was given: then it
    is that text, as it came.
    """

    embedding: Vector = attrs.field(factory=list[float], repr=False)
    index: int = 0
    object: str = "embedding"


@attrs.define(repr=False)
class CreateEmbeddingResponse(Reply):
    """One vector per input, in their order. Iterating it gives them."""

    data: list[Embedding]
    model: str | None = None
    object: str = "list"
    usage: CompletionUsage | None = None

    def __iter__(self) -> Iterator[Embedding]:
        return iter(self.data)

    def __len__(self) -> int:
        return len(self.data)
