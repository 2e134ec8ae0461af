"""The parameters of POST /embeddings."""

from __future__ import annotations

from typing import Literal, TypedDict

from openai_async.types.params.completions import Prompt
from openai_async.types.params.options import RequestOptions


class _Required(TypedDict):
    input: Prompt
    model: str


class EmbeddingCreateParams(_Required, RequestOptions, total=False):
    """The keyword arguments of `embeddings.create`. `input` and `model` are required."""

    #: Numbers per vector; not every model has a choice.
    dimensions: int | None
    #: How vectors travel. Unless given, base64 is asked for, as the shorter one, and read; an explicit "base64" leaves
    #: the text as it is.
    encoding_format: Literal["float", "base64"] | str | None
    user: str | None
