"""Parameters of POST /chat/completions.

Names are those of the API and of the official SDK. `stream` is absent because it decides the type of the result:
methods have it as an argument of their own. None leaves a parameter out; `NULL` is accepted where the API takes a null.
`messages`, `tools`, `tool_choice` and `response_format` also accept any mapping, because they often come from files and
generators, and servers extend them. Annotate a value with its `...Param` type to have its keys checked. Nothing is
checked or changed at run time.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Literal, NotRequired, TypeAlias, TypedDict

from openai_async.types.chat_messages import ChatCompletionMessageParam, TextContent
from openai_async.types.params.options import Nullable, RequestOptions

if TYPE_CHECKING:
    from openai_async.types.chat import ChatCompletionMessage

#: A message to send: typed, from a reply, or any mapping.
ChatMessageInput: TypeAlias = "ChatCompletionMessageParam | ChatCompletionMessage | Mapping[str, object]"

#: Not every reasoning model takes every value.
ReasoningEffort: TypeAlias = Literal["none", "minimal", "low", "medium", "high", "xhigh", "max"] | str
#: The reply says which tier served it; for "fast" it says "priority".
ServiceTier: TypeAlias = Literal["auto", "default", "flex", "scale", "priority", "fast"] | str
Verbosity: TypeAlias = Literal["low", "medium", "high"] | str
#: At most 16 pairs; keys up to 64 characters, values up to 512.
Metadata: TypeAlias = Mapping[str, str]
#: A JSON Schema object.
FunctionParameters: TypeAlias = Mapping[str, object]


# ---- tools


class FunctionDefinition(TypedDict):
    """A function that the model may call."""

    #: Up to 64 of a-z, A-Z, 0-9, underscore and dash.
    name: str
    description: NotRequired[str]
    #: Absent: the function takes no arguments.
    parameters: NotRequired[FunctionParameters]
    #: True makes arguments follow the schema exactly; only a subset of JSON Schema is then allowed.
    strict: NotRequired[bool | None]


class ChatCompletionFunctionToolParam(TypedDict):
    """A function as a tool."""

    type: Literal["function"]
    function: FunctionDefinition


class CustomFormatText(TypedDict):
    """Any text."""

    type: Literal["text"]


class Grammar(TypedDict):
    """A grammar that the input of a custom tool follows."""

    definition: str
    syntax: Literal["lark", "regex"] | str


class CustomFormatGrammar(TypedDict):
    """Text that follows a grammar."""

    type: Literal["grammar"]
    grammar: Grammar


class Custom(TypedDict):
    """A tool that is called with free-form text instead of JSON."""

    name: str
    description: NotRequired[str]
    #: Any text if absent.
    format: NotRequired[CustomFormatText | CustomFormatGrammar]


class ChatCompletionCustomToolParam(TypedDict):
    """A custom tool."""

    type: Literal["custom"]
    custom: Custom


ChatCompletionToolParam: TypeAlias = ChatCompletionFunctionToolParam
ChatCompletionToolUnionParam: TypeAlias = ChatCompletionFunctionToolParam | ChatCompletionCustomToolParam


# ---- tool choice


class ToolName(TypedDict):
    """A tool by its name."""

    name: str


class ChatCompletionNamedToolChoiceParam(TypedDict):
    """Makes the model call this function. One object, never a list of one."""

    type: Literal["function"]
    function: ToolName


class ChatCompletionNamedToolChoiceCustomParam(TypedDict):
    """Makes the model call this custom tool."""

    type: Literal["custom"]
    custom: ToolName


class ChatCompletionAllowedToolsParam(TypedDict):
    """Some of the tools, and whether one of them must be called ("required")."""

    mode: Literal["auto", "required"] | str
    #: Each like `{"type": "function", "function": {"name": "get_weather"}}`.
    tools: Sequence[Mapping[str, object]]


class ChatCompletionAllowedToolChoiceParam(TypedDict):
    """Restricts the model to some of the tools while `tools` stays unchanged."""

    type: Literal["allowed_tools"]
    allowed_tools: ChatCompletionAllowedToolsParam


ChatCompletionToolChoiceOptionParam: TypeAlias = (
    Literal["none", "auto", "required"]
    | str
    | ChatCompletionAllowedToolChoiceParam
    | ChatCompletionNamedToolChoiceParam
    | ChatCompletionNamedToolChoiceCustomParam
)


class ChatCompletionFunctionCallOptionParam(TypedDict):
    """Deprecated with `function_call`. Makes the model call this function."""

    name: str


class Function(TypedDict):
    """Deprecated with `functions`: `FunctionDefinition`."""

    name: str
    description: NotRequired[str]
    parameters: NotRequired[FunctionParameters]


# ---- the form of the answer


class ResponseFormatText(TypedDict):
    """Plain text, as without a response format."""

    type: Literal["text"]


class ResponseFormatJSONObject(TypedDict):
    """Valid JSON of any shape. A message must ask for JSON in words. The token limit may cut the text off."""

    type: Literal["json_object"]


class JSONSchema(TypedDict):
    """A named JSON Schema."""

    #: Up to 64 of a-z, A-Z, 0-9, underscore and dash.
    name: str
    description: NotRequired[str]
    schema: NotRequired[Mapping[str, object]]
    #: True makes the answer follow the schema exactly; only a subset of JSON Schema is then allowed.
    strict: NotRequired[bool | None]


class ResponseFormatJSONSchema(TypedDict):
    """JSON that follows a schema."""

    type: Literal["json_schema"]
    json_schema: JSONSchema


ResponseFormat: TypeAlias = ResponseFormatText | ResponseFormatJSONSchema | ResponseFormatJSONObject


class VoiceID(TypedDict):
    """The ID of a custom voice."""

    id: str


Voice: TypeAlias = (
    Literal["alloy", "ash", "ballad", "cedar", "coral", "echo", "fable", "marin", "nova", "onyx", "sage"]
    | Literal["shimmer", "verse"]
    | str
    | VoiceID
)


class ChatCompletionAudioParam(TypedDict):
    """How a spoken answer sounds. Needed when `modalities` has "audio"."""

    voice: Voice
    format: Literal["wav", "aac", "mp3", "flac", "opus", "pcm16"] | str


class ChatCompletionPredictionContentParam(TypedDict):
    """Text that most of the answer will repeat, such as a file to edit. It makes the answer faster."""

    type: Literal["content"]
    content: TextContent


class ChatCompletionStreamOptionsParam(TypedDict, total=False):
    """Options of a streamed reply."""

    #: Adds a last chunk with no choices and the usage of the whole request. A stream cut short lacks it.
    include_usage: bool
    #: Random padding that hides the length of each chunk; on unless False.
    include_obfuscation: bool


# ---- search, cache, moderation


class WebSearchLocation(TypedDict, total=False):
    """The approximate location of the user."""

    #: Two letters, ISO 3166-1.
    country: str
    region: str
    city: str
    #: IANA name, such as "Europe/Paris".
    timezone: str


class WebSearchUserLocation(TypedDict):
    """The approximate location of the user, with its type."""

    type: Literal["approximate"]
    approximate: WebSearchLocation


class WebSearchOptions(TypedDict, total=False):
    """Options of web search by a search model."""

    user_location: WebSearchUserLocation | None
    #: How much of the context window search results may fill; "medium" if absent.
    search_context_size: Literal["low", "medium", "high"] | str


class PromptCacheOptionsParam(TypedDict, total=False):
    """How the prompt is cached. For models from gpt-5.6 on."""

    #: "implicit" (the default) adds a breakpoint of the server's choice to the latest 3 of the messages.
    #: "explicit" goes by the latest 4 of the messages alone: without any, nothing is cached.
    mode: Literal["implicit", "explicit"] | str
    #: Least time that a prefix is kept.
    ttl: Literal["30m"] | str


class ModerationConfigParam(TypedDict):
    """Whether flagged text is only scored, or blocked."""

    mode: Literal["score", "block"] | str


class ModerationPolicyParam(TypedDict, total=False):
    """The moderation policy of the request's text and of the answer's."""

    input: ModerationConfigParam | None
    output: ModerationConfigParam | None


class ModerationParam(TypedDict):
    """Moderates the request and the answer in the same call."""

    #: A moderation model, not the chat model.
    model: str
    policy: NotRequired[ModerationPolicyParam | None]


# ---- the request


class _Conversation(TypedDict):
    # A class of its own: `__required_keys__` does not see `Required[...]` in a postponed annotation.
    messages: Sequence[ChatMessageInput]
    model: str


class ChatParams(_Conversation, total=False):
    """All parameters of a chat request except `stream`. `messages` and `model` are required."""

    # How long
    #: Most tokens to generate; reasoning tokens, which are not shown, count.
    max_completion_tokens: Nullable[int]
    #: Up to 4 texts that end the answer and are not part of it. Not for reasoning models.
    stop: Nullable[str | Sequence[str]]
    verbosity: Nullable[Verbosity]

    # How it is sampled
    #: 0 to 2, default 1. Change this or `top_p`, not both.
    temperature: Nullable[float]
    #: 0 to 1, default 1: the share of probability that tokens are drawn from.
    top_p: Nullable[float]
    #: -2 to 2, default 0; positive values hold back tokens the more often they occurred.
    frequency_penalty: Nullable[float]
    #: -2 to 2, default 0; positive values hold back tokens that occurred at all.
    presence_penalty: Nullable[float]
    #: Token id (as a string) to a bias of -100 (never) to 100 (always).
    logit_bias: Nullable[Mapping[str, int]]
    logprobs: Nullable[bool]
    #: 0 to 20 alternatives per token; needs `logprobs=True`.
    top_logprobs: Nullable[int]
    #: 1 to 128 answers, default 1; the tokens of each are paid for.
    n: Nullable[int]
    #: Deprecated. Same seed, same answer: best effort, and void when `system_fingerprint` changes.
    seed: Nullable[int]

    # What form it has
    response_format: ResponseFormat | Mapping[str, object] | None
    #: ["text"] by default; "audio" needs `audio`, too.
    modalities: Nullable[Sequence[Literal["text", "audio"] | str]]
    audio: Nullable[ChatCompletionAudioParam]
    prediction: Nullable[ChatCompletionPredictionContentParam]
    #: Only with `stream=True`.
    stream_options: Nullable[ChatCompletionStreamOptionsParam]

    # Thinking and tools
    reasoning_effort: Nullable[ReasoningEffort]
    tools: Sequence[ChatCompletionToolUnionParam | Mapping[str, object]] | None
    #: "auto" by default when there are tools, otherwise "none".
    tool_choice: ChatCompletionToolChoiceOptionParam | Mapping[str, object] | None
    #: True by default.
    parallel_tool_calls: bool | None
    web_search_options: WebSearchOptions | None

    # How it is served and kept
    service_tier: Nullable[ServiceTier]
    #: Keeps the completion on the server for later look-up. Images over 8 MB are dropped.
    store: Nullable[bool]
    metadata: Nullable[Metadata]
    moderation: Nullable[ModerationParam]
    #: Up to 128 characters that stand for the end user; send a hash, not a name or an address.
    safety_identifier: Nullable[str]
    #: Marks requests that share a beginning, for more cache hits.
    prompt_cache_key: Nullable[str]
    prompt_cache_options: PromptCacheOptionsParam | None

    # Deprecated
    #: Deprecated: `max_completion_tokens`. Bounds the output alone; o-series models refuse it.
    max_tokens: Nullable[int]
    #: Deprecated: `safety_identifier` and `prompt_cache_key`.
    user: str | None
    #: Deprecated: `prompt_cache_options`. A longest time, where `ttl` there is a least time.
    prompt_cache_retention: Nullable[Literal["in_memory", "24h"] | str]
    #: Deprecated: `tool_choice`.
    function_call: Literal["none", "auto"] | str | ChatCompletionFunctionCallOptionParam | None
    #: Deprecated: `tools`. 1 to 128 functions.
    functions: Sequence[Function] | None


class ChatCreateParams(ChatParams, RequestOptions):
    """The keyword arguments of `chat.completions.create`: the request's parameters and the call's options."""
