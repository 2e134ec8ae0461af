"""What assistants, threads, messages and runs share. OpenAI has removed them; other servers may have them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, TypeVar, cast

from openai_async.errors import RemovedEndpointError, frameless
from openai_async.resources._generic import CatalogResource
from openai_async.resources._operation import Operation
from openai_async.resources._operations import endpoints
from openai_async.resources._pagination import AsyncPaginator
from openai_async.resources._removed import refuse_on_openai
from openai_async.types._base import Reply

#: What OpenAI itself has in their place.
REPLACEMENT = "responses and conversations"

R = TypeVar("R", bound=Reply)


class AssistantsResource(CatalogResource):
    """A resource of the Assistants API. Its operations are those of the catalog with the names of its methods."""

    def _operation(self, method: str, params: dict[str, Any]) -> Operation:
        """The operation of a method.

        Raises:
            RemovedEndpointError: the base URL is OpenAI's own. Nothing was sent, and `params` are emptied, so that no
                frame of the traceback still shows a message.
        """
        name = f"{self._catalog_name}.{method}"
        try:
            refuse_on_openai(self._pipeline, name, REPLACEMENT)
        except RemovedEndpointError as error:
            params.clear()
            raise frameless(error) from None
        return endpoints()[name].operation

    async def _call(self, method: str, cls: type[R], params: Mapping[str, object], **path_params: str) -> R:
        """Call a method whose reply is of a class. `params` are consumed."""
        arguments = cast("dict[str, Any]", params)
        return await self._fetch(
            self._operation(method, arguments), cls, arguments, **cast("dict[str, Any]", path_params)
        )

    def _pages(self, method: str, cls: type[R], params: Mapping[str, object], **path_params: str) -> AsyncPaginator[R]:
        """The paginator of a list method."""
        arguments = cast("dict[str, Any]", params)
        return self._list(self._operation(method, arguments), cls, arguments, **cast("dict[str, Any]", path_params))
