"""Chat completions as the API returns them, complete and in chunks.

Strings that the API treats as enumerations (`finish_reason`, `role`, `service_tier`, ...) are plain strings, so that
new values are no errors.
"""

from __future__ import annotations

from typing import Any

import attrs

from openai_async.types._base import Reply, Value
from openai_async.types.usage import (
    CompletionTokensDetails as CompletionTokensDetails,
    CompletionUsage as CompletionUsage,
    Counted as Counted,
    PromptTokensDetails as PromptTokensDetails,
)


@attrs.define(repr=False)
class FunctionCall(Value):
    """The name and arguments of a function call. The arguments are JSON text by the model, and not always valid."""

    name: str | None = None
    arguments: str | None = None


@attrs.define(repr=False)
class CustomCall(Value):
    """The name and the free-form input of a custom tool call."""

    name: str | None = None
    input: str | None = None


@attrs.define(repr=False)
class ToolCall(Value):
    """A tool call by the model. `type` says whether `function` or `custom` is present.

    In a chunk, `index` is the number of the tool call that the delta belongs to.
    """

    id: str | None = None
    type: str | None = None
    function: FunctionCall | None = None
    custom: CustomCall | None = None
    index: int | None = None


@attrs.define(repr=False)
class TopLogprob(Value):
    """One candidate token at a position, with its log probability."""

    token: str = ""
    logprob: float = 0.0
    bytes: list[int] | None = None


@attrs.define(repr=False)
class TokenLogprob(Value):
    """One token of the reply: its log probability, UTF-8 bytes and the most likely candidates at its position."""

    token: str = ""
    logprob: float = 0.0
    bytes: list[int] | None = None
    top_logprobs: list[TopLogprob] | None = None


@attrs.define(repr=False)
class ChoiceLogprobs(Value):
    """Log probabilities of a choice, by token."""

    content: list[TokenLogprob] | None = None
    refusal: list[TokenLogprob] | None = None


@attrs.define(repr=False)
class ChatCompletionAudio(Value):
    """A spoken reply: base64 `data`, its `transcript`, and the epoch seconds until which its `id` is valid."""

    id: str | None = None
    data: str | None = None
    expires_at: int | None = None
    transcript: str | None = None


@attrs.define(repr=False)
class ChatCompletionMessage(Value):
    """A message of the model. It can be used unchanged in `messages` of the next call."""

    role: str = "assistant"
    content: str | None = None
    refusal: str | None = None
    tool_calls: list[ToolCall] | None = None
    function_call: FunctionCall | None = None
    audio: ChatCompletionAudio | None = None
    annotations: list[dict[str, Any]] | None = None


@attrs.define(repr=False)
class Choice(Value):
    """One of the `n` replies. `finish_reason` says why it ended: "stop", "length", "tool_calls", ..."""

    message: ChatCompletionMessage
    index: int = 0
    finish_reason: str | None = None
    logprobs: ChoiceLogprobs | None = None


@attrs.define(repr=False)
class ChatCompletion(Reply):
    """A complete chat completion."""

    id: str
    choices: list[Choice]
    created: int | None = None
    model: str | None = None
    object: str = "chat.completion"
    usage: CompletionUsage | None = None
    service_tier: str | None = None
    system_fingerprint: str | None = None
    moderation: dict[str, Any] | None = None
    metadata: dict[str, Any] | None = None

    def _may_be_error(self) -> bool:
        return not self.choices

    @property
    def text(self) -> str:
        """The content of the choice with index 0, or of the first one if none has; empty if there is none."""
        choices = self.choices
        if not choices:
            return ""
        first = choices[0]
        if first.index and len(choices) > 1:
            first = next((choice for choice in choices if not choice.index), first)
        return first.message.content or ""


@attrs.define(repr=False)
class ChoiceDelta(Value):
    """A delta of a message."""

    content: str | None = None
    role: str | None = None
    refusal: str | None = None
    tool_calls: list[ToolCall] | None = None
    function_call: FunctionCall | None = None
    audio: ChatCompletionAudio | None = None
    annotations: list[dict[str, Any]] | None = None


@attrs.define(repr=False)
class ChunkChoice(Value):
    """A delta of one of the `n` choices; the last one has `finish_reason`."""

    index: int = 0
    delta: ChoiceDelta = attrs.field(factory=ChoiceDelta)
    finish_reason: str | None = None
    logprobs: ChoiceLogprobs | None = None


@attrs.define(repr=False)
class ChatCompletionChunk(Value):
    """One event of a streamed chat completion. `choices` may be empty (in usage events, and first events of some
    servers).
    """

    choices: list[ChunkChoice]
    id: str = ""
    created: int | None = None
    model: str | None = None
    object: str = "chat.completion.chunk"
    usage: CompletionUsage | None = None
    service_tier: str | None = None
    system_fingerprint: str | None = None
    obfuscation: str | None = None
    moderation: dict[str, Any] | None = None

    @property
    def text(self) -> str:
        """The content delta of the first choice; empty if there is none."""
        choices = self.choices
        if len(choices) == 1:  # nearly every event
            only = choices[0]
            return (only.delta.content or "") if not only.index else ""
        return "".join([choice.delta.content or "" for choice in choices if not choice.index])
