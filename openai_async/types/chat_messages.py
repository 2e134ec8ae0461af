"""Messages of a chat request, as TypedDicts.

One TypedDict per role, one per kind of content part and of tool call, named as in the official SDK. `role` and `type`
tell the members of a union apart and are closed; other strings with known values stay open (`Literal[...] | str`),
because servers add values. Nothing here checks or changes a message at run time.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal, NotRequired, TypeAlias, TypedDict


class PromptCacheBreakpointParam(TypedDict):
    """Ends a reusable prefix of the prompt after the part that has it."""

    mode: Literal["explicit"] | str
    #: Least time that the prefix is kept; the request's `prompt_cache_options["ttl"]` if absent.
    ttl: NotRequired[Literal["30m", "12h"] | str]


# ---- content parts


class ChatCompletionContentPartTextParam(TypedDict):
    """Text."""

    type: Literal["text"]
    text: str
    prompt_cache_breakpoint: NotRequired[PromptCacheBreakpointParam]


class ImageURL(TypedDict):
    """The URL of an image, and its detail level."""

    #: An address, or the image itself as `data:image/png;base64,...`.
    url: str
    #: "auto" if absent.
    detail: NotRequired[Literal["auto", "low", "high", "original"] | str]


class ChatCompletionContentPartImageParam(TypedDict):
    """An image, by URL or inline."""

    type: Literal["image_url"]
    image_url: ImageURL
    prompt_cache_breakpoint: NotRequired[PromptCacheBreakpointParam]


class InputAudio(TypedDict):
    """Audio data and its format."""

    #: Base64, without a `data:` prefix.
    data: str
    format: Literal["wav", "mp3"] | str


class ChatCompletionContentPartInputAudioParam(TypedDict):
    """Input audio."""

    type: Literal["input_audio"]
    input_audio: InputAudio
    prompt_cache_breakpoint: NotRequired[PromptCacheBreakpointParam]


class FileInput(TypedDict, total=False):
    """A file: uploaded (`file_id`), or inline (`file_data` with its `filename`)."""

    file_id: str
    #: Base64.
    file_data: str
    filename: str


class ChatCompletionContentPartFileParam(TypedDict):
    """An input file."""

    type: Literal["file"]
    file: FileInput
    prompt_cache_breakpoint: NotRequired[PromptCacheBreakpointParam]


class ChatCompletionContentPartRefusalParam(TypedDict):
    """An earlier refusal by the model. It is the only part of its message."""

    type: Literal["refusal"]
    refusal: str


#: What a user message is made of.
ChatCompletionContentPartParam: TypeAlias = (
    ChatCompletionContentPartTextParam
    | ChatCompletionContentPartImageParam
    | ChatCompletionContentPartInputAudioParam
    | ChatCompletionContentPartFileParam
)

#: Content of the roles that only speak text.
TextContent: TypeAlias = str | Sequence[ChatCompletionContentPartTextParam]


# ---- tool calls that the model made, repeated to it


class CalledFunction(TypedDict):
    """The name and arguments of a called function."""

    name: str
    #: A JSON text as the model wrote it; not always valid JSON.
    arguments: str


class ChatCompletionMessageFunctionToolCallParam(TypedDict):
    """A call to a function tool."""

    id: str
    type: Literal["function"]
    function: CalledFunction


class CalledCustomTool(TypedDict):
    """The name and free-form input of a called custom tool."""

    name: str
    input: str


class ChatCompletionMessageCustomToolCallParam(TypedDict):
    """A call to a custom tool."""

    id: str
    type: Literal["custom"]
    custom: CalledCustomTool


ChatCompletionMessageToolCallParam: TypeAlias = ChatCompletionMessageFunctionToolCallParam
ChatCompletionMessageToolCallUnionParam: TypeAlias = (
    ChatCompletionMessageFunctionToolCallParam | ChatCompletionMessageCustomToolCallParam
)


# ---- messages


class ChatCompletionDeveloperMessageParam(TypedDict):
    """Developer instructions, which rank above the user's. Reasoning models use this role instead of `system`."""

    role: Literal["developer"]
    content: TextContent
    name: NotRequired[str]


class ChatCompletionSystemMessageParam(TypedDict):
    """Instructions for models before o1, and for most compatible servers."""

    role: Literal["system"]
    content: TextContent
    name: NotRequired[str]


class ChatCompletionUserMessageParam(TypedDict):
    """A message of the user."""

    role: Literal["user"]
    content: str | Sequence[ChatCompletionContentPartParam]
    #: Tells participants of the same role apart.
    name: NotRequired[str]


class AssistantAudio(TypedDict):
    """An earlier spoken answer, by the `id` of its audio."""

    id: str


class ChatCompletionAssistantMessageParam(TypedDict):
    """An earlier message of the model. Needs `content`, unless it has tool calls.

    A `ChatCompletionMessage` of a reply can be used instead, unchanged.
    """

    role: Literal["assistant"]
    #: Parts are all text, or one refusal.
    content: NotRequired[
        str | Sequence[ChatCompletionContentPartTextParam | ChatCompletionContentPartRefusalParam] | None
    ]
    refusal: NotRequired[str | None]
    name: NotRequired[str]
    audio: NotRequired[AssistantAudio | None]
    tool_calls: NotRequired[Sequence[ChatCompletionMessageToolCallUnionParam]]
    #: Deprecated: `tool_calls`.
    function_call: NotRequired[CalledFunction | None]


class ChatCompletionToolMessageParam(TypedDict):
    """The result of one tool call; every call of the assistant message before it needs one."""

    role: Literal["tool"]
    tool_call_id: str
    content: TextContent


class ChatCompletionFunctionMessageParam(TypedDict):
    """Deprecated: `ChatCompletionToolMessageParam`. The result of a `function_call`."""

    role: Literal["function"]
    name: str
    content: str | None


ChatCompletionMessageParam: TypeAlias = (
    ChatCompletionDeveloperMessageParam
    | ChatCompletionSystemMessageParam
    | ChatCompletionUserMessageParam
    | ChatCompletionAssistantMessageParam
    | ChatCompletionToolMessageParam
    | ChatCompletionFunctionMessageParam
)
