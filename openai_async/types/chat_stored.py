"""Stored chat completions (`store=True`)."""

from __future__ import annotations

from typing import Any, Literal, TypedDict

import attrs

from openai_async.types._base import Reply
from openai_async.types.chat import ChatCompletion, ChatCompletionMessage
from openai_async.types.params.chat import Metadata
from openai_async.types.params.options import Nullable, RequestOptions


@attrs.define(repr=False)
class StoredChatCompletion(ChatCompletion):
    """A stored completion with its `metadata`. Parameters of its request are in `extra`."""


@attrs.define(repr=False)
class ChatCompletionStoreMessage(ChatCompletionMessage):
    """A request message of a stored completion. Content that came in parts is in `content_parts`."""

    id: str = ""
    name: str | None = None
    content_parts: list[dict[str, Any]] | None = None


@attrs.define(repr=False)
class ChatCompletionDeleted(Reply):
    """A stored completion that was deleted."""

    id: str
    deleted: bool = True
    object: str = "chat.completion.deleted"


class StoredMessagesParams(RequestOptions, total=False):
    """The keyword arguments of `chat.completions.messages.list`."""

    #: Id of the item that the page begins after.
    after: str | None
    #: Items per page.
    limit: int | None
    order: Literal["asc", "desc"] | str | None


class StoredListParams(StoredMessagesParams, total=False):
    """The keyword arguments of `chat.completions.list`."""

    model: str | None
    #: Only completions that have all of these pairs.
    metadata: Metadata | None


class _Update(TypedDict):
    metadata: Nullable[Metadata]


class StoredUpdateParams(_Update, RequestOptions):
    """The keyword arguments of `chat.completions.update`. `NULL` removes all metadata."""
