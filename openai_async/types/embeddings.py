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
    """The embedding of one input; `index` is the index of the input.

    `embedding` is a list of floats, whatever the server sent. Only with `encoding_format="base64"` it is the unchanged
    base64 text.
    """

    embedding: Vector = attrs.field(factory=list[float], repr=False)
    index: int = 0
    object: str = "embedding"


@attrs.define(repr=False)
class CreateEmbeddingResponse(Reply):
    """One embedding per input, in order. Iterate over it for the embeddings."""

    data: list[Embedding]
    model: str | None = None
    object: str = "list"
    usage: CompletionUsage | None = None

    def __iter__(self) -> Iterator[Embedding]:
        return iter(self.data)

    def __len__(self) -> int:
        return len(self.data)
