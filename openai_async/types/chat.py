"""Chat completions as the API returns them, whole and in chunks.

Strings that the API treats as enumerations (`finish_reason`, `role`, `service_tier`, ...) are plain strings:
a value of tomorrow is a value, not an error.
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
    """The name and the arguments (a JSON text that the model wrote, not always valid) of a call."""

    name: str | None = None
    arguments: str | None = None


@attrs.define(repr=False)
class CustomCall(Value):
    """The name and the free-form input of a call to a custom tool."""

    name: str | None = None
    input: str | None = None


@attrs.define(repr=False)
class ToolCall(Value):
    """A call that the model wants made. `type` tells which of `function` and `custom` is there.

    In a chunk, `index` says which call of the message the piece belongs to.
    """

    id: str | None = None
    type: str | None = None
    function: FunctionCall | None = None
    custom: CustomCall | None = None
    index: int | None = None


@attrs.define(repr=False)
class TopLogprob(Value):
    """One token that could have stood at a place, with its log probability."""

    token: str = ""
    logprob: float = 0.0
    bytes: list[int] | None = None


@attrs.define(repr=False)
class TokenLogprob(Value):
    """One token of the reply: its log probability, its UTF-8 bytes, and the likeliest tokens at its place."""

    token: str = ""
    logprob: float = 0.0
    bytes: list[int] | None = None
    top_logprobs: list[TopLogprob] | None = None


@attrs.define(repr=False)
class ChoiceLogprobs(Value):
    """Log probabilities of a choice, token by token."""

    content: list[TokenLogprob] | None = None
    refusal: list[TokenLogprob] | None = None


@attrs.define(repr=False)
class ChatCompletionAudio(Value):
    """A spoken reply: base64 `data`, its `transcript`, and the epoch second at which the server forgets its `id`."""

    id: str | None = None
    data: str | None = None
    expires_at: int | None = None
    transcript: str | None = None


@attrs.define(repr=False)
class ChatCompletionMessage(Value):
    """What the model said. It can be put into the `messages` of the next call as it is."""

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
    """A whole chat reply."""

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
    """A piece of a message."""

    content: str | None = None
    role: str | None = None
    refusal: str | None = None
    tool_calls: list[ToolCall] | None = None
    function_call: FunctionCall | None = None
    audio: ChatCompletionAudio | None = None
    annotations: list[dict[str, Any]] | None = None


@attrs.define(repr=False)
class ChunkChoice(Value):
    """A piece of one of the `n` replies; `finish_reason` is in the last piece."""

    index: int = 0
    delta: ChoiceDelta = attrs.field(factory=ChoiceDelta)
    finish_reason: str | None = None
    logprobs: ChoiceLogprobs | None = None


@attrs.define(repr=False)
class ChatCompletionChunk(Value):
    """One event of a streamed chat reply. `choices` may be empty (the usage event, and some servers' first one)."""

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
        """The piece of content of the choice with index 0; empty if this event has none, as those of other choices."""
        choices = self.choices
        if len(choices) == 1:  # nearly every event
            only = choices[0]
            return (only.delta.content or "") if not only.index else ""
        return "".join([choice.delta.content or "" for choice in choices if not choice.index])
