"""Assistants, threads, messages, runs and their steps, as servers that still have them return them.

States are plain strings. Parts that are only passed through (tools, resources, formats) are `APIObject`s. Times are
epoch seconds.
"""

from __future__ import annotations

from typing import Any, Final

import attrs

from openai_async.types._base import Polled, Reply, Value
from openai_async.types.api_object import APIObject
from openai_async.types.chat import ToolCall

#: States in which a run goes on by itself. In every other one it has ended, or needs its caller.
RUN_GOES_ON: Final = frozenset({"queued", "in_progress", "cancelling"})


@attrs.define(repr=False)
class Assistant(Reply):
    """An assistant: a model with instructions and tools."""

    id: str
    created_at: int | None = None
    name: str | None = None
    description: str | None = None
    model: str | None = None
    instructions: str | None = None
    tools: list[APIObject] = attrs.Factory(list[APIObject])
    tool_resources: APIObject | None = None
    metadata: dict[str, Any] | None = None
    temperature: float | None = None
    top_p: float | None = None
    reasoning_effort: str | None = None
    #: "auto", or an object.
    response_format: Any = None
    object: str = "assistant"


@attrs.define(repr=False)
class Thread(Reply):
    """A thread: a conversation. It belongs to no assistant."""

    id: str
    created_at: int | None = None
    tool_resources: APIObject | None = None
    metadata: dict[str, Any] | None = None
    object: str = "thread"


@attrs.define(repr=False)
class AssistantDeleted(Reply):
    """A deleted assistant, thread or message; `object` says which."""

    id: str
    deleted: bool = True
    object: str = "assistant.deleted"


@attrs.define(repr=False)
class MessageText(Value):
    """Text with its annotations, which cite files."""

    value: str | None = None
    annotations: list[APIObject] = attrs.Factory(list[APIObject])


@attrs.define(repr=False)
class MessageContent(Value):
    """A content part of a message, by its `type`. In a delta, `index` is its part number."""

    type: str | None = None
    text: MessageText | None = None
    refusal: str | None = None
    image_file: APIObject | None = None
    image_url: APIObject | None = None
    index: int | None = None


@attrs.define(repr=False)
class Message(Reply):
    """A message of a thread. Only its metadata can change."""

    id: str
    created_at: int | None = None
    thread_id: str | None = None
    status: str | None = None
    incomplete_details: APIObject | None = None
    completed_at: int | None = None
    incomplete_at: int | None = None
    role: str | None = None
    content: list[MessageContent] = attrs.Factory(list[MessageContent])
    assistant_id: str | None = None
    run_id: str | None = None
    attachments: list[APIObject] | None = None
    metadata: dict[str, Any] | None = None
    object: str = "thread.message"

    @property
    def text(self) -> str:
        """The text of all content parts."""
        return text_of(self.content)


@attrs.define(repr=False)
class MessageChange(Value):
    """The change of a message delta."""

    role: str | None = None
    content: list[MessageContent] = attrs.Factory(list[MessageContent])


@attrs.define(repr=False)
class MessageDelta(Value):
    """A delta of a message."""

    id: str
    delta: MessageChange = attrs.Factory(MessageChange)
    object: str = "thread.message.delta"


@attrs.define(repr=False)
class SubmitToolOutputs(Value):
    """The tool calls whose outputs a run waits for."""

    tool_calls: list[ToolCall] = attrs.Factory(list[ToolCall])


@attrs.define(repr=False)
class RequiredAction(Value):
    """The action that a run waits for."""

    type: str | None = None
    submit_tool_outputs: SubmitToolOutputs | None = None


@attrs.define(repr=False)
class RunError(Value):
    """Why a run, or a step of one, failed."""

    code: str | None = None
    message: str | None = None


@attrs.define(repr=False)
class RunUsage(Value):
    """Tokens of a run or a step. Polling reads them again, so they do not count as cost."""

    prompt_tokens: int = 0
    completion_tokens: int = 0
    total_tokens: int = 0


@attrs.define(repr=False)
class Run(Polled):
    """A run of an assistant on a thread."""

    id: str
    created_at: int | None = None
    thread_id: str | None = None
    assistant_id: str | None = None
    status: str | None = None
    required_action: RequiredAction | None = None
    last_error: RunError | None = None
    expires_at: int | None = None
    started_at: int | None = None
    cancelled_at: int | None = None
    failed_at: int | None = None
    completed_at: int | None = None
    incomplete_details: APIObject | None = None
    model: str | None = None
    instructions: str | None = None
    tools: list[APIObject] = attrs.Factory(list[APIObject])
    metadata: dict[str, Any] | None = None
    usage: RunUsage | None = None
    temperature: float | None = None
    top_p: float | None = None
    max_prompt_tokens: int | None = None
    max_completion_tokens: int | None = None
    truncation_strategy: APIObject | None = None
    #: "none", "auto", "required", or an object.
    tool_choice: Any = None
    parallel_tool_calls: bool | None = None
    #: "auto", or an object.
    response_format: Any = None
    object: str = "thread.run"

    @property
    def tool_calls(self) -> list[ToolCall]:
        """The tool calls whose outputs the run waits for; empty if there are none."""
        waiting = self.required_action and self.required_action.submit_tool_outputs
        return waiting.tool_calls if waiting else []


@attrs.define(repr=False)
class RunStep(Polled):
    """A step of a run: `step_details` is the created message or the tool calls."""

    id: str
    created_at: int | None = None
    assistant_id: str | None = None
    thread_id: str | None = None
    run_id: str | None = None
    type: str | None = None
    status: str | None = None
    step_details: APIObject | None = None
    last_error: RunError | None = None
    expired_at: int | None = None
    cancelled_at: int | None = None
    failed_at: int | None = None
    completed_at: int | None = None
    metadata: dict[str, Any] | None = None
    usage: RunUsage | None = None
    object: str = "thread.run.step"


@attrs.define(repr=False)
class RunStepChange(Value):
    """The change of a step delta."""

    step_details: APIObject | None = None


@attrs.define(repr=False)
class RunStepDelta(Value):
    """A delta of a step, such as of its tool calls' arguments."""

    id: str
    delta: RunStepChange = attrs.Factory(RunStepChange)
    object: str = "thread.run.step.delta"


@attrs.define(repr=False)
class RunEvent(Value):
    """One event of a run's stream: its name, such as "thread.run.created", and its data."""

    event: str = ""
    data: Thread | Message | MessageDelta | Run | RunStep | RunStepDelta | APIObject = attrs.Factory(APIObject)

    @property
    def text(self) -> str:
        """The text that the event adds to a message; empty for most events."""
        return text_of(self.data.delta.content) if isinstance(self.data, MessageDelta) else ""


def text_of(content: list[MessageContent]) -> str:
    """The text of the content parts of a message."""
    return "".join(part.text.value for part in content if part.text and part.text.value)
