"""Token usage as servers report it, converted to one form for limits, bounds and prices.

Servers disagree on what their numbers include. The common form is that of chat completions, where details are included
in the totals: reasoning in the completion, cached tokens in the prompt.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import ClassVar, Final, NamedTuple

import attrs

from openai_async.types._base import EMPTY, Value

#: Names of the same count beside the API's own, on the usage or on its details. A server uses one of them.
_CACHED: Final = ("cached_tokens", "cache_read_input_tokens", "prompt_cache_hit_tokens", "cache_read_tokens")
_WRITTEN: Final = ("cache_write_tokens", "cache_creation_input_tokens", "cache_creation_tokens")
_REASONING: Final = ("reasoning_tokens", "thinking_tokens", "thoughts_tokens")


@attrs.define(repr=False)
class PromptTokensDetails(Value):
    """Prompt tokens by kind."""

    cached_tokens: int | None = None
    audio_tokens: int | None = None
    text_tokens: int | None = None
    image_tokens: int | None = None
    cache_write_tokens: int | None = None


@attrs.define(repr=False)
class CompletionTokensDetails(Value):
    """Completion tokens by kind. Reasoning tokens are billed but not shown."""

    reasoning_tokens: int | None = None
    audio_tokens: int | None = None
    text_tokens: int | None = None
    accepted_prediction_tokens: int | None = None
    rejected_prediction_tokens: int | None = None


@attrs.define(repr=False)
class Counted(Value):
    """Tokens as the server counted them, in the terms of one endpoint."""

    #: Whether prices, which are those of texts, hold for them.
    _is_text: ClassVar[bool] = True

    def as_completion_usage(self) -> CompletionUsage:
        """The usage in the terms of chat completions, which limits and prices use."""
        raise NotImplementedError


@attrs.define(repr=False)
class CompletionUsage(Counted):
    """Tokens as the server counted them. Details are included in the totals."""

    prompt_tokens: int = 0
    completion_tokens: int = 0
    total_tokens: int = 0
    prompt_tokens_details: PromptTokensDetails | None = None
    completion_tokens_details: CompletionTokensDetails | None = None

    def as_completion_usage(self) -> CompletionUsage:
        """The usage in the form of OpenAI's API; this object if it already is."""
        read, written = self.prompt_tokens_details, self.completion_tokens_details
        if (
            self.extra is EMPTY
            and self.prompt_tokens + self.completion_tokens == self.total_tokens
            and (read is None or (read.extra is EMPTY and (read.cached_tokens or 0) <= self.prompt_tokens))
            and (
                written is None
                or (written.extra is EMPTY and (written.reasoning_tokens or 0) <= self.completion_tokens)
            )
        ):
            return self
        return _read(self)

    @property
    def is_stated(self) -> bool:
        """Whether anything was counted. A server that does not count may send zeros."""
        return self.prompt_tokens > 0 or self.completion_tokens > 0 or self.total_tokens > 0


class ReplyUsage(NamedTuple):
    """What a bill is made from, as far as a reply states it."""

    model: str | None = None
    created: float | None = None
    service_tier: str | None = None
    usage: CompletionUsage | None = None
    #: Id of a response that is made in the background: it is billed once, whenever its usage is known.
    background: str | None = None
    #: Whether prices, which are those of texts, hold for the usage.
    is_text: bool = True


def _read(usage: CompletionUsage) -> CompletionUsage:
    """The usage in the form of OpenAI's API.

    The total tells what the other two include. A difference is cached tokens if it equals them, else output, such as
    hidden reasoning. Without a total, details that are larger than their sum are not included in it.
    """
    read = usage.prompt_tokens_details or PromptTokensDetails()
    written = usage.completion_tokens_details or CompletionTokensDetails()
    prompt = max(0, usage.prompt_tokens) or _largest(("input_tokens",), usage.extra)
    completion = max(0, usage.completion_tokens) or _largest(("output_tokens",), usage.extra)
    cached = max(read.cached_tokens or 0, _largest(_CACHED, read.extra, usage.extra))
    cache_write = max(read.cache_write_tokens or 0, _largest(_WRITTEN, read.extra, usage.extra))
    reasoning = max(written.reasoning_tokens or 0, _largest(_REASONING, written.extra, usage.extra))
    beyond, in_cache = usage.total_tokens - prompt - completion, cached + cache_write
    if beyond > 0:
        of_prompt = in_cache if in_cache and beyond in (in_cache, in_cache + reasoning) and beyond != reasoning else 0
        prompt, completion = prompt + of_prompt, completion + beyond - of_prompt
    else:
        prompt += in_cache if in_cache > prompt else 0
        completion += reasoning if reasoning > completion else 0
    return CompletionUsage(
        prompt,
        completion,
        max(usage.total_tokens, prompt + completion),
        attrs.evolve(read, cached_tokens=cached, cache_write_tokens=cache_write),
        attrs.evolve(written, reasoning_tokens=reasoning),
    )


def _largest(names: tuple[str, ...], *mappings: Mapping[str, object]) -> int:
    """The largest integer among these names; 0 if there is none."""
    values = [mapping.get(name) for mapping in mappings for name in names]
    numbers = [value for value in values if isinstance(value, (int, float)) and not isinstance(value, bool)]
    return int(max((value for value in numbers if 0 < value < math.inf), default=0))
