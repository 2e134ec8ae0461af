"""`client.beta.assistants`: removed at OpenAI on 2026-08-26, where calls are refused before anything is sent."""

from __future__ import annotations

from typing import Unpack

from openai_async.resources._assistants import AssistantsResource
from openai_async.resources._pagination import AsyncPaginator
from openai_async.types.assistants import Assistant, AssistantDeleted
from openai_async.types.params.assistants import AssistantCreateParams, AssistantUpdateParams, ListParams
from openai_async.types.params.options import RequestOptions


class AsyncAssistants(AssistantsResource):
    """Assistants of servers that have them (https://platform.openai.com/docs/api-reference/assistants).

    Every method raises RemovedEndpointError on OpenAI's own API, InvalidParameterError for what cannot be sent (both
    before anything is sent), and APIError (see `openai_async.errors`).
    """

    __slots__ = ()
    _catalog_name = "beta.assistants"

    async def create(self, **params: Unpack[AssistantCreateParams]) -> Assistant:
        """Make an assistant.

        Cancelling drops the connection; it may be made all the same.
        """
        return await self._call("create", Assistant, params)

    async def retrieve(self, assistant_id: str, **options: Unpack[RequestOptions]) -> Assistant:
        """One assistant by its id; NotFoundError if there is none.

        Cancelling drops the connection; nothing is left behind.
        """
        return await self._call("retrieve", Assistant, options, assistant_id=assistant_id)

    async def update(self, assistant_id: str, **params: Unpack[AssistantUpdateParams]) -> Assistant:
        """Change an assistant; what is not given stays as it is.

        Cancelling drops the connection; it may be changed all the same.
        """
        place = {"assistant_id": assistant_id}
        return await self._call("update", Assistant, params, **place)

    def list(self, **params: Unpack[ListParams]) -> AsyncPaginator[Assistant]:
        """All assistants, page by page or one by one. Cancelling drops the connection."""
        return self._pages("list", Assistant, params)

    async def delete(self, assistant_id: str, **options: Unpack[RequestOptions]) -> AssistantDeleted:
        """Delete an assistant.

        Cancelling drops the connection; it may be deleted all the same.
        """
        return await self._call("delete", AssistantDeleted, options, assistant_id=assistant_id)
