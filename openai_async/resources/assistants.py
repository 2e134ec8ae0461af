"""`client.beta.assistants`: assistants. OpenAI removed them on 2026-08-26; there, calls are refused before anything is
sent.
"""

from __future__ import annotations

from typing import Unpack

from openai_async.resources._assistants import AssistantsResource
from openai_async.resources._pagination import AsyncPaginator
from openai_async.types.assistants import Assistant, AssistantDeleted
from openai_async.types.params.assistants import AssistantCreateParams, AssistantUpdateParams, ListParams
from openai_async.types.params.options import RequestOptions


class AsyncAssistants(AssistantsResource):
    """Assistant endpoints of servers that have them (https://platform.openai.com/docs/api-reference/assistants).

    Every method raises RemovedEndpointError on OpenAI's own API, InvalidParameterError for invalid parameters (both
    before anything is sent), and APIError (see `openai_async.errors`).
    """

    __slots__ = ()
    _catalog_name = "beta.assistants"

    async def create(self, **params: Unpack[AssistantCreateParams]) -> Assistant:
        """Create an assistant.

        Cancelling drops the connection; it may still be created.
        """
        return await self._call("create", Assistant, params)

    async def retrieve(self, assistant_id: str, **options: Unpack[RequestOptions]) -> Assistant:
        """Retrieve an assistant. Raises NotFoundError if it does not exist.

        Cancelling drops the connection; nothing is left behind.
        """
        return await self._call("retrieve", Assistant, options, assistant_id=assistant_id)

    async def update(self, assistant_id: str, **params: Unpack[AssistantUpdateParams]) -> Assistant:
        """Update an assistant. Omitted parameters keep their values.

        Cancelling drops the connection; it may still be changed.
        """
        path_params = {"assistant_id": assistant_id}
        return await self._call("update", Assistant, params, **path_params)

    def list(self, **params: Unpack[ListParams]) -> AsyncPaginator[Assistant]:
        """List all assistants, by page or by item. Cancelling drops the connection."""
        return self._pages("list", Assistant, params)

    async def delete(self, assistant_id: str, **options: Unpack[RequestOptions]) -> AssistantDeleted:
        """Delete an assistant.

        Cancelling drops the connection; it may still be deleted.
        """
        return await self._call("delete", AssistantDeleted, options, assistant_id=assistant_id)
