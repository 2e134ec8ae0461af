"""The parameters of POST /completions. None omits one; `NULL` sends a null. Nothing is checked or changed at run
time.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TypeAlias, TypedDict

from openai_async.types.params.chat import ChatCompletionStreamOptionsParam
from openai_async.types.params.options import Nullable, RequestOptions

#: A text, several, the tokens of one (their numbers in the model's vocabulary), or those of several.
Prompt: TypeAlias = str | Sequence[str] | Sequence[int] | Sequence[Sequence[int]]


class _Required(TypedDict):
    model: str
    prompt: Nullable[Prompt]


class CompletionCreateParams(_Required, RequestOptions, total=False):
    """The keyword arguments of `completions.create`. `model` and `prompt` are required."""

    #: Text that follows what is to be inserted.
    suffix: Nullable[str]
    #: Most tokens of each text, 16 by default.
    max_tokens: Nullable[int]
    #: Texts per prompt, 1 by default.
    n: Nullable[int]
    #: Texts that are made per prompt; the `n` likeliest are returned, all of them are paid for. Not for streams.
    best_of: Nullable[int]
    #: Put the prompt before the text.
    echo: Nullable[bool]
    #: 0 to 5 alternatives per token.
    logprobs: Nullable[int]
    #: Up to 4 texts that end the text and are not part of it.
    stop: Nullable[str | Sequence[str]]
    #: 0 to 2, 1 by default.
    temperature: Nullable[float]
    #: 0 to 1, 1 by default.
    top_p: Nullable[float]
    #: -2 to 2, 0 by default.
    frequency_penalty: Nullable[float]
    #: -2 to 2, 0 by default.
    presence_penalty: Nullable[float]
    #: Token number (as a string) to a bias of -100 (never) to 100 (always).
    logit_bias: Nullable[Mapping[str, int]]
    seed: Nullable[int]
    #: Only with `stream=True`.
    stream_options: Nullable[ChatCompletionStreamOptionsParam]
    user: str | None
