"""Parameters of assistants, threads, messages and runs.

Names are those of the API. None omits a parameter; `NULL` sends a null. Messages, tools and formats are any mappings.
Nothing here is checked at run time.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Literal, Required, TypeAlias

from openai_async.types.params.options import Nullable, RequestOptions

#: At most 16 pairs; keys up to 64 characters, values up to 512.
Metadata: TypeAlias = Mapping[str, str]
#: A JSON object of the API.
JSON: TypeAlias = Mapping[str, Any]


class MetadataParams(RequestOptions, total=False):
    """Parameters that update a message or a run."""

    metadata: Nullable[Metadata]


class ThreadUpdateParams(MetadataParams, total=False):
    """Parameters that update a thread."""

    tool_resources: Nullable[JSON]


class ThreadCreateParams(ThreadUpdateParams, total=False):
    """Parameters of a new thread."""

    messages: Sequence[JSON] | None


class _SamplingParams(MetadataParams, total=False):
    instructions: Nullable[str]
    #: 0 to 2.
    temperature: Nullable[float]
    #: 0 to 1.
    top_p: Nullable[float]
    response_format: Nullable[JSON | Literal["auto"]]


class _AssistantParams(_SamplingParams, total=False):
    tools: Sequence[JSON] | None
    #: Up to 256 characters.
    name: Nullable[str]
    #: Up to 512 characters.
    description: Nullable[str]
    tool_resources: Nullable[JSON]
    reasoning_effort: Nullable[str]


class AssistantCreateParams(_AssistantParams, total=False):
    """Parameters of a new assistant."""

    model: Required[str]


class AssistantUpdateParams(_AssistantParams, total=False):
    """Parameters that update an assistant."""

    model: str | None


class MessageCreateParams(MetadataParams, total=False):
    """Parameters of a new message."""

    role: Required[Literal["user", "assistant"] | str]
    content: Required[str | Sequence[JSON]]
    attachments: Nullable[Sequence[JSON]]


class _RunParams(_SamplingParams, total=False):
    #: Of the assistant, unless given.
    model: Nullable[str]
    #: At least 256.
    max_prompt_tokens: Nullable[int]
    max_completion_tokens: Nullable[int]
    truncation_strategy: Nullable[JSON]
    tool_choice: Nullable[JSON | Literal["none", "auto", "required"]]
    parallel_tool_calls: bool | None
    #: Those of the assistant, unless given.
    tools: Nullable[Sequence[JSON]]


class RunCreateParams(_RunParams, total=False):
    """Parameters of a run. By default, the assistant's own settings apply."""

    assistant_id: Required[str]
    #: Added to the assistant's own.
    additional_instructions: Nullable[str]
    #: Added to the thread before the run.
    additional_messages: Nullable[Sequence[JSON]]
    reasoning_effort: Nullable[str]
    #: Further fields of the steps.
    include: Sequence[str] | None


class ThreadRunParams(_RunParams, total=False):
    """Parameters of a run on a new thread."""

    assistant_id: Required[str]
    #: What the thread begins with.
    thread: JSON | None
    tool_resources: Nullable[JSON]


class ToolOutputsParams(RequestOptions, total=False):
    """The tool outputs: {"tool_call_id": ..., "output": ...} for each call."""

    tool_outputs: Required[Sequence[JSON]]


class ListParams(RequestOptions, total=False):
    """Parameters of a list."""

    #: Items a page: 1 to 100, 20 by default.
    limit: int | None
    #: By time of creation; the newest first by default.
    order: Literal["asc", "desc"] | None
    #: Id of the item after which, or before which, the page stands.
    after: str | None
    before: str | None


class MessageListParams(ListParams, total=False):
    """Parameters of a list of messages."""

    #: Only messages of this run.
    run_id: str | None


class StepListParams(ListParams, total=False):
    """Parameters of a list of steps."""

    include: Sequence[str] | None


class StepParams(RequestOptions, total=False):
    """Parameters of one step."""

    include: Sequence[str] | None
