"""Parameters of `client.responses` and `client.conversations`.

Names are those of the API and of the official SDK. `stream` is absent because it decides the type of the result. None
leaves a parameter out; `NULL` is accepted where the API takes a null. Items, tools and formats are any mappings,
because they often come from files, generators and earlier replies, and new kinds are frequent. Nothing is checked or
changed at run time.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Literal, TypeAlias, TypedDict

from openai_async.types.params.chat import (
    Metadata,
    ModerationParam,
    PromptCacheOptionsParam,
    ReasoningEffort,
    ServiceTier,
    Verbosity,
)
from openai_async.types.params.options import Nullable, RequestOptions
from openai_async.types.responses import ResponseItem
from openai_async.types.settings import Null

#: An item to send: any mapping, or one from a reply.
ResponseItemInput: TypeAlias = Mapping[str, object] | ResponseItem
#: A text counts as a message of the user.
ResponseInput: TypeAlias = str | Sequence[ResponseItemInput]
#: What to include that is left out otherwise, such as "message.output_text.logprobs".
Include: TypeAlias = Sequence[str]


class ResponseTextParam(TypedDict, total=False):
    """The format of the text."""

    #: `{"type": "text"}`, `{"type": "json_object"}` or `{"type": "json_schema", "name": ..., "schema": ...}`.
    format: Mapping[str, object]
    verbosity: Nullable[Verbosity]


class ReasoningParam(TypedDict, total=False):
    """Options of reasoning models."""

    effort: Nullable[ReasoningEffort]
    summary: Nullable[Literal["auto", "concise", "detailed"] | str]
    mode: str
    context: Nullable[Literal["auto", "current_turn", "all_turns"] | str]


class ResponseStreamOptions(TypedDict, total=False):
    """Options of a streamed response."""

    #: Random padding that hides the length of each delta; on unless False.
    include_obfuscation: bool


class _Context(RequestOptions, total=False):
    """The context of a response besides its input."""

    instructions: Nullable[str]
    #: Goes on from a stored response. Not together with `conversation`.
    previous_response_id: Nullable[str]


class ResponseCreateParams(_Context, total=False):
    """All parameters of a request for a response except `stream`."""

    #: Required, unless `prompt` brings one.
    model: str
    input: ResponseInput | None
    #: An id, or `{"id": ...}`: its items come first, and this turn is added to it.
    conversation: Nullable[str | Mapping[str, str]]
    #: A stored prompt: `{"id": ..., "version": ..., "variables": ...}`.
    prompt: Nullable[Mapping[str, object]]
    #: Work on while nobody is connected: see `wait`.
    background: Nullable[bool]
    #: Keep it, so that it can be retrieved and gone on from; True unless said otherwise.
    store: Nullable[bool]

    #: Most tokens to generate; reasoning tokens, which are not shown, count.
    max_output_tokens: Nullable[int]
    reasoning: Nullable[ReasoningParam | Mapping[str, object]]
    text: ResponseTextParam | Mapping[str, object] | None
    #: 0 to 2, default 1. Change this or `top_p`, not both.
    temperature: Nullable[float]
    #: 0 to 1, default 1: the share of probability that tokens are drawn from.
    top_p: Nullable[float]
    #: 0 to 20 alternatives per token.
    top_logprobs: Nullable[int]
    truncation: Nullable[Literal["auto", "disabled"] | str]
    context_management: Nullable[Sequence[Mapping[str, object]]]

    #: Functions are flat here: `{"type": "function", "name": ..., "parameters": ...}`.
    tools: Sequence[Mapping[str, object]] | None
    tool_choice: Literal["none", "auto", "required"] | str | Mapping[str, object] | None
    parallel_tool_calls: Nullable[bool]
    #: Most calls to hosted tools in this response.
    max_tool_calls: Nullable[int]

    include: Nullable[Include]
    stream_options: Nullable[ResponseStreamOptions]
    service_tier: Nullable[ServiceTier]
    metadata: Nullable[Metadata]
    moderation: Nullable[ModerationParam | Mapping[str, object]]
    prompt_cache_key: Nullable[str]
    prompt_cache_options: PromptCacheOptionsParam | Mapping[str, object] | None
    #: Deprecated by `prompt_cache_options`.
    prompt_cache_retention: Nullable[str]
    safety_identifier: Nullable[str]
    #: Deprecated by `safety_identifier` and `prompt_cache_key`.
    user: str | None


class _OfModel(TypedDict):
    # A class of its own: `__required_keys__` does not see `Required[...]` in a postponed annotation.
    model: str | Null


class ResponseCompactParams(_OfModel, _Context, total=False):
    """All parameters of a request to compact a context."""

    input: Nullable[ResponseInput]
    prompt_cache_key: Nullable[str]
    prompt_cache_options: Nullable[PromptCacheOptionsParam | Mapping[str, object]]
    prompt_cache_retention: Nullable[str]
    service_tier: Nullable[ServiceTier]


class InputTokenCountParams(_Context, total=False):
    """All parameters of a request to count input tokens."""

    model: Nullable[str]
    input: Nullable[ResponseInput]
    conversation: Nullable[str | Mapping[str, str]]
    tools: Nullable[Sequence[Mapping[str, object]]]
    tool_choice: Nullable[str | Mapping[str, object]]
    parallel_tool_calls: Nullable[bool]
    reasoning: Nullable[ReasoningParam | Mapping[str, object]]
    text: Nullable[ResponseTextParam | Mapping[str, object]]
    truncation: str | None
    personality: str | None


class ResponseRetrieveParams(RequestOptions, total=False):
    """Parameters of a request for a stored response."""

    include: Include | None
    #: With `stream`: padding that hides the length of each delta; on unless False.
    include_obfuscation: bool | None


class ItemListParams(RequestOptions, total=False):
    """Parameters of a list of items."""

    #: Id of the item after which the list begins.
    after: str | None
    include: Include | None
    #: Items per page, 1 to 100, default 20.
    limit: int | None
    #: "desc", the newest first, unless said otherwise.
    order: Literal["asc", "desc"] | None


class ConversationCreateParams(RequestOptions, total=False):
    """Parameters of a new conversation."""

    #: At most 20.
    items: Nullable[Sequence[ResponseItemInput]]
    metadata: Nullable[Metadata]


class _Metadata(TypedDict):
    metadata: Metadata | Null


class ConversationUpdateParams(_Metadata, RequestOptions, total=False):
    """Parameters that update a conversation."""


class _Items(TypedDict):
    items: Sequence[ResponseItemInput]


class ConversationItemsCreateParams(_Items, RequestOptions, total=False):
    """Items to add, at most 20 at a time."""

    include: Include | None
