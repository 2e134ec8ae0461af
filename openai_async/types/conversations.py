"""Conversations: items that the server keeps from response to response. Their items are `ResponseItem`s."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import attrs

from openai_async.types._base import Reply
from openai_async.types.responses import ResponseItem


@attrs.define(repr=False)
class Conversation(Reply):
    """A conversation. `created_at` is in epoch seconds."""

    id: str
    created_at: float | None = None
    metadata: Any = None
    object: str = "conversation"


@attrs.define(repr=False)
class ConversationDeleted(Reply):
    """A conversation that was deleted."""

    id: str
    deleted: bool = True
    object: str = "conversation.deleted"


@attrs.define(repr=False)
class ConversationItemList(Reply):
    """Items that were added to a conversation. Iterate over it for the items."""

    data: list[ResponseItem]
    first_id: str | None = None
    last_id: str | None = None
    has_more: bool = False
    object: str = "list"

    def __iter__(self) -> Iterator[ResponseItem]:
        return iter(self.data)

    def __len__(self) -> int:
        return len(self.data)
