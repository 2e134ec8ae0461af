"""Responses as the API returns them, complete and in events.

Items, content parts and events are one lenient class each: `type` says which kind it is and which fields it has.
Unknown fields are in `extra`. Strings that the API treats as enumerations (`status`, `type`, `role`, ...) are plain
strings, so that new values are no errors.
"""

from __future__ import annotations

from typing import Any, ClassVar

import attrs

from openai_async.types._base import Reply, Value
from openai_async.types.chat import (
    CompletionTokensDetails,
    CompletionUsage,
    Counted,
    PromptTokensDetails,
    TokenLogprob,
)


@attrs.define(repr=False)
class InputTokensDetails(Value):
    """Input tokens by kind."""

    cached_tokens: int | None = None
    cache_write_tokens: int | None = None


@attrs.define(repr=False)
class OutputTokensDetails(Value):
    """Output tokens by kind. Reasoning tokens are billed but not shown."""

    reasoning_tokens: int | None = None


@attrs.define(repr=False)
class ResponseUsage(Counted):
    """Tokens as the server counted them. Details are included in the totals."""

    input_tokens: int = 0
    output_tokens: int = 0
    total_tokens: int = 0
    input_tokens_details: InputTokensDetails | None = None
    output_tokens_details: OutputTokensDetails | None = None

    def as_completion_usage(self) -> CompletionUsage:
        """The usage in the terms of chat completions."""
        read, written = self.input_tokens_details, self.output_tokens_details
        return CompletionUsage(
            prompt_tokens=self.input_tokens,
            completion_tokens=self.output_tokens,
            total_tokens=self.total_tokens,
            prompt_tokens_details=None
            if read is None
            else PromptTokensDetails(read.cached_tokens, cache_write_tokens=read.cache_write_tokens, extra=read.extra),
            completion_tokens_details=None
            if written is None
            else CompletionTokensDetails(reasoning_tokens=written.reasoning_tokens, extra=written.extra),
            extra=self.extra,
        ).as_completion_usage()


@attrs.define(repr=False)
class ResponseContent(Value):
    """A content or summary part of an item: "output_text", "refusal", "input_text", "input_file", ..."""

    type: str | None = None
    text: str | None = None
    refusal: str | None = None
    annotations: list[dict[str, Any]] | None = None
    logprobs: list[TokenLogprob] | None = None
    #: An address, or the picture itself in a "data:" one.
    image_url: str | None = attrs.field(default=None, repr=False)
    #: How closely a picture is looked at.
    detail: str | None = None
    file_id: str | None = None
    file_url: str | None = None
    #: Base64.
    file_data: str | None = attrs.field(default=None, repr=False)
    filename: str | None = None
    prompt_cache_breakpoint: dict[str, Any] | None = None


@attrs.define(repr=False)
class ResponseItem(Reply):
    """An item of an input, an output or a conversation: a message, a tool call, its output, reasoning, ...

    It can be used unchanged in `input` of the next call. `arguments` is JSON text by the model and not always valid;
    some hosted tools have an object. `output` is text or a list of parts. `meta` is set only by a call for this single
    item.
    """

    type: str | None = None
    id: str | None = None
    status: str | None = None
    role: str | None = None
    content: list[ResponseContent] | None = None
    summary: list[ResponseContent] | None = None
    call_id: str | None = None
    name: str | None = None
    arguments: Any = None
    input: str | None = None
    output: Any = None
    code: str | None = None
    encrypted_content: str | None = None

    #: Of a message of the assistant: "commentary" or "final_answer".
    phase: str | None = None
    #: What made the call, if it was not the model itself.
    caller: dict[str, Any] | None = None
    namespace: str | None = None
    created_by: str | None = None
    fingerprint: str | None = None
    #: Of a tool search: "server" or "client".
    execution: str | None = None
    #: What a hosted tool does: a search, a click, commands, a change of a file, ...
    action: dict[str, Any] | None = None
    actions: list[dict[str, Any]] | None = None
    operation: dict[str, Any] | None = None
    queries: list[str] | None = None
    tools: list[dict[str, Any]] | None = None
    environment: dict[str, Any] | None = None
    container_id: str | None = None
    max_output_length: int | None = None
    #: What came of it: files that were found, what code printed and drew, a picture in base64.
    results: list[dict[str, Any]] | None = None
    outputs: list[dict[str, Any]] | None = None
    result: str | None = attrs.field(default=None, repr=False)
    #: A text or an object.
    error: Any = None
    #: Of calls to a remote server, and the leave to make them.
    server_label: str | None = None
    approval_request_id: str | None = None
    approve: bool | None = None
    reason: str | None = None
    pending_safety_checks: list[dict[str, Any]] | None = None
    acknowledged_safety_checks: list[dict[str, Any]] | None = None

    @property
    def text(self) -> str:
        """The joined texts of the content; empty if there are none."""
        return "".join(part.text or "" for part in self.content or ())


@attrs.define(repr=False)
class ResponseError(Value):
    """Why a response failed."""

    code: str | None = None
    message: str | None = None


@attrs.define(repr=False)
class IncompleteDetails(Value):
    """Why a response is incomplete: "max_output_tokens", "content_filter", ..."""

    reason: str | None = None


@attrs.define(repr=False)
class ResponseConversation(Value):
    """The conversation that a response belongs to."""

    id: str


@attrs.define(repr=False)
class Response(Reply):
    """A response. `status` is "completed", "incomplete", "failed", "cancelled", "queued" or "in_progress"."""

    _may_be_background: ClassVar[bool] = True

    id: str
    output: list[ResponseItem] = attrs.field(factory=list[ResponseItem])
    status: str | None = None
    model: str | None = None
    created_at: float | None = None
    completed_at: float | None = None
    object: str = "response"
    usage: ResponseUsage | None = None
    error: ResponseError | None = None
    incomplete_details: IncompleteDetails | None = None
    #: A text, or the items that the server made of it.
    instructions: Any = None
    metadata: dict[str, Any] | None = None
    previous_response_id: str | None = None
    conversation: ResponseConversation | None = None
    background: bool | None = None
    service_tier: str | None = None
    tools: list[dict[str, Any]] | None = None
    tool_choice: Any = None
    #: How the text was asked for: `format`, `verbosity`. The text itself is `output_text`.
    text: dict[str, Any] | None = None
    reasoning: dict[str, Any] | None = None

    #: What follows is as it was asked for, or what the server took instead.
    temperature: float | None = None
    top_p: float | None = None
    top_logprobs: int | None = None
    max_output_tokens: int | None = None
    max_tool_calls: int | None = None
    parallel_tool_calls: bool | None = None
    truncation: str | None = None
    prompt: dict[str, Any] | None = None
    prompt_cache_key: str | None = None
    prompt_cache_options: dict[str, Any] | None = None
    prompt_cache_retention: str | None = None
    safety_identifier: str | None = None
    user: str | None = None
    #: What was found in the `input` and in the `output`, if that was asked for.
    moderation: dict[str, Any] | None = None

    @property
    def output_text(self) -> str:
        """The text of all output messages; empty if there is none."""
        return "".join(
            part.text or ""
            for item in self.output
            if item.type == "message"
            for part in item.content or ()
            if part.type == "output_text"
        )

    @property
    def ended(self) -> bool:
        """Whether the response is final; False while it is queued or running in the background."""
        return self.status not in ("queued", "in_progress")


@attrs.define(repr=False)
class ResponseStreamEvent(Value):
    """One event of a streamed response. `type` says which fields it has; `sequence_number` counts from 0.

    Text grows by `delta`. The event that ends a part has the complete `text`, `refusal` or `arguments`.
    """

    type: str
    sequence_number: int | None = None
    #: Text; an object in the events of some hosted tools.
    delta: Any = None
    item_id: str | None = None
    output_index: int | None = None
    content_index: int | None = None
    summary_index: int | None = None
    logprobs: list[TokenLogprob] | None = None
    obfuscation: str | None = None
    item: ResponseItem | None = None
    part: ResponseContent | None = None
    response: Response | None = None

    #: The whole of what grew by deltas, in the event that ends it.
    text: str | None = None
    refusal: str | None = None
    arguments: Any = None
    input: str | None = None
    code: str | None = None
    output: Any = None
    name: str | None = None
    status: str | None = None
    #: An object, as those of a part's `annotations`.
    annotation: Any = None
    annotation_index: int | None = None
    command: str | None = None
    command_index: int | None = None
    #: A picture that is not finished: base64, and how it is drawn.
    partial_image_b64: str | None = attrs.field(default=None, repr=False)
    partial_image_index: int | None = None
    background: str | None = None
    output_format: str | None = None
    quality: str | None = None
    size: str | None = None

    @property
    def piece(self) -> str:
        """The text that the event adds; `text` of the stream yields these."""
        return self.delta if self.type == "response.output_text.delta" and isinstance(self.delta, str) else ""


@attrs.define(repr=False)
class ResponseDeleted(Reply):
    """A deleted response."""

    id: str | None = None
    deleted: bool = True
    object: str = "response"


@attrs.define(repr=False)
class CompactedResponse(Reply):
    """A compacted context: `output` is the `input` of the next request."""

    id: str
    output: list[ResponseItem] = attrs.field(factory=list[ResponseItem])
    created_at: float | None = None
    object: str = "response.compaction"
    usage: ResponseUsage | None = None


@attrs.define(repr=False)
class InputTokenCount(Reply):
    """The number of tokens of an input."""

    input_tokens: int = 0
    object: str = "response.input_tokens"
