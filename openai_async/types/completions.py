"""Text completions (legacy) as the API returns them: complete and, in the same form, in chunks."""

from __future__ import annotations

from typing import Any

import attrs

from openai_async.types._base import Reply, Value
from openai_async.types.chat import CompletionUsage


@attrs.define(repr=False)
class CompletionLogprobs(Value):
    """Log probabilities by token, in lists of equal length.

    With `echo`, the first token of the prompt has none. `text_offset` is the start of a token, in characters of the
    returned text.
    """

    tokens: list[str] | None = None
    token_logprobs: list[float | None] | None = None
    #: At each place the likeliest tokens and their log probabilities.
    top_logprobs: list[dict[str, Any] | None] | None = None
    text_offset: list[int] | None = None


@attrs.define(repr=False)
class CompletionChoice(Value):
    """One text. With several prompts, choices `n * i` to `n * i + n - 1` are those of prompt `i`."""

    text: str = ""
    index: int = 0
    #: "stop", "length", "content_filter"; None in all pieces but the last.
    finish_reason: str | None = None
    logprobs: CompletionLogprobs | None = None


@attrs.define(repr=False)
class Completion(Reply):
    """The texts of a request, or a chunk of a stream."""

    choices: list[CompletionChoice]
    id: str = ""
    created: int | None = None
    model: str | None = None
    object: str = "text_completion"
    usage: CompletionUsage | None = None
    system_fingerprint: str | None = None

    @property
    def text(self) -> str:
        """The text of the choice with index 0; empty if there is none."""
        return next((choice.text for choice in self.choices if not choice.index), "")
