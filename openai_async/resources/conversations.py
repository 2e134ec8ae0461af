"""`client.conversations`: conversation endpoints. The server keeps a conversation's items from response to response."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cached_property
from typing import Any, Unpack, cast

from openai_async._wire import codec
from openai_async.resources._base import Resource, prepare
from openai_async.resources._operation import Operation
from openai_async.resources._pagination import AsyncPaginator
from openai_async.resources.responses import check_items
from openai_async.types.conversations import Conversation, ConversationDeleted, ConversationItemList
from openai_async.types.params.options import RequestOptions
from openai_async.types.params.responses import (
    ConversationCreateParams,
    ConversationItemsCreateParams,
    ConversationUpdateParams,
    Include,
    ItemListParams,
)
from openai_async.types.responses import ResponseItem
from openai_async.types.settings import Null

_CREATE = Operation("POST", "/conversations")
_RETRIEVE = Operation("GET", "/conversations/{conversation_id}")
_UPDATE = Operation("POST", "/conversations/{conversation_id}", repeatable=True)
_DELETE = Operation("DELETE", "/conversations/{conversation_id}")
_ADD_ITEMS = Operation("POST", "/conversations/{conversation_id}/items", frozenset({"include"}))
_LIST_ITEMS = Operation("GET", "/conversations/{conversation_id}/items")
_RETRIEVE_ITEM = Operation("GET", "/conversations/{conversation_id}/items/{item_id}")
_DELETE_ITEM = Operation("DELETE", "/conversations/{conversation_id}/items/{item_id}")


class AsyncConversations(Resource):
    """Conversation endpoints (https://platform.openai.com/docs/api-reference/conversations).

    `client.responses.create(conversation=...)` uses a conversation's items as context and appends its own.
    """

    @cached_property
    def items(self) -> AsyncConversationItems:
        """Endpoints for the items of a conversation."""
        return AsyncConversationItems(self._pipeline)

    async def create(self, **params: Unpack[ConversationCreateParams]) -> Conversation:
        """Create a conversation, empty or with items.

        Raises:
            InvalidParameterError: a parameter is invalid; nothing was sent.
            APIError: see `openai_async.errors`.

        Cancelling drops the connection; the conversation may still be created.
        """
        arguments = cast("dict[str, Any]", params)
        call = prepare(self._pipeline, _CREATE, codec.decoder(Conversation), arguments, check=_check)
        return await self._pipeline.fetch(call)  # type: ignore[no-any-return]

    async def retrieve(self, conversation_id: str, **options: Unpack[RequestOptions]) -> Conversation:
        """Retrieve a conversation, without its items.

        Raises:
            InvalidParameterError: the ID is empty or not a valid path segment; nothing was sent.
            NotFoundError: there is no such conversation.
            APIError: see `openai_async.errors`.

        Cancelling drops the connection; nothing is left behind.
        """
        return await self._fetch(_RETRIEVE, Conversation, options, conversation_id=conversation_id)

    async def update(self, conversation_id: str, **params: Unpack[ConversationUpdateParams]) -> Conversation:
        """Replace the metadata of a conversation.

        Raises:
            InvalidParameterError: the ID is empty or not a valid path segment; nothing was sent.
            NotFoundError: there is no such conversation.
            APIError: see `openai_async.errors`.

        Cancelling drops the connection; the metadata may still be replaced.
        """
        return await self._fetch(_UPDATE, Conversation, params, conversation_id=conversation_id)

    async def delete(self, conversation_id: str, **options: Unpack[RequestOptions]) -> ConversationDeleted:
        """Delete a conversation. Its items are not deleted.

        Raises:
            InvalidParameterError: the ID is empty or not a valid path segment; nothing was sent.
            NotFoundError: there is no such conversation.
            APIError: see `openai_async.errors`.

        Cancelling drops the connection; the conversation may still be deleted.
        """
        return await self._fetch(_DELETE, ConversationDeleted, options, conversation_id=conversation_id)


class AsyncConversationItems(Resource):
    """Endpoints for the items of a conversation."""

    __slots__ = ()

    async def create(
        self, conversation_id: str, **params: Unpack[ConversationItemsCreateParams]
    ) -> ConversationItemList:
        """Add items to a conversation, at most 20 at a time.

        Raises:
            InvalidParameterError: a parameter is invalid; nothing was sent.
            NotFoundError: there is no such conversation.
            APIError: see `openai_async.errors`.

        Cancelling drops the connection; the items may still be added.
        """
        decode, path_params = codec.decoder(ConversationItemList), {"conversation_id": conversation_id}
        arguments = cast("dict[str, Any]", params)
        call = prepare(self._pipeline, _ADD_ITEMS, decode, arguments, path_params=path_params, check=_check)
        return await self._pipeline.fetch(call)  # type: ignore[no-any-return]

    def list(self, conversation_id: str, **params: Unpack[ItemListParams]) -> AsyncPaginator[ResponseItem]:
        """List the items of a conversation, newest first unless `order="asc"`.

        Raises, when it is asked for:
            InvalidParameterError: the ID is empty or not a valid path segment; nothing was sent.
            NotFoundError: there is no such conversation.
            APIError: see `openai_async.errors`.
        """
        return self._list(_LIST_ITEMS, ResponseItem, {**params}, conversation_id=conversation_id)

    async def retrieve(
        self,
        item_id: str,
        *,
        conversation_id: str,
        include: Include | None = None,
        **options: Unpack[RequestOptions],
    ) -> ResponseItem:
        """Retrieve one item.

        Raises:
            InvalidParameterError: an ID is empty or not a valid path segment; nothing was sent.
            NotFoundError: there is no such conversation or item.
            APIError: see `openai_async.errors`.

        Cancelling drops the connection; nothing is left behind.
        """
        arguments = cast("dict[str, Any]", options)
        arguments["include"] = include
        path_params: dict[str, Any] = {"conversation_id": conversation_id, "item_id": item_id}
        return await self._fetch(_RETRIEVE_ITEM, ResponseItem, arguments, **path_params)

    async def delete(self, item_id: str, *, conversation_id: str, **options: Unpack[RequestOptions]) -> Conversation:
        """Delete an item; returns the conversation.

        Raises:
            InvalidParameterError: an ID is empty or not a valid path segment; nothing was sent.
            NotFoundError: there is no such conversation or item.
            APIError: see `openai_async.errors`.

        Cancelling drops the connection; the item may still be deleted.
        """
        path_params: dict[str, Any] = {
            "item_id": item_id,
            "conversation_id": conversation_id,
        }  # the reply is of the last one
        return await self._fetch(_DELETE_ITEM, Conversation, options, **path_params)


def _check(params: Mapping[str, Any]) -> None:
    items = params.get("items")
    if items is not None and not isinstance(items, Null):
        check_items("items", items)
