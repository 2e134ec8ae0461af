"""`client.moderations`: moderation endpoints, which classify harmful content."""

from __future__ import annotations

from typing import Any, Unpack, cast

from openai_async.resources._generic import CatalogResource
from openai_async.resources._operation import Operation
from openai_async.types.moderations import ModerationCreateParams, ModerationCreateResponse

_CREATE = Operation("POST", "/moderations", repeatable=True)


class AsyncModerations(CatalogResource):
    """Moderation endpoints (https://platform.openai.com/docs/api-reference/moderations)."""

    __slots__ = ()
    _catalog_name = "moderations"

    async def create(self, **params: Unpack[ModerationCreateParams]) -> ModerationCreateResponse:
        """Classify a text, each of several texts, or one input of texts and images.

        Args:
            params: API parameters and call options; see `ModerationCreateParams`.

        Raises:
            InvalidParameterError: a parameter is invalid; nothing was sent.
            APIError: see `openai_async.errors`.

        Cancelling drops the connection and releases the permit. The server may still finish the work.
        """
        return await self._fetch(_CREATE, ModerationCreateResponse, cast("dict[str, Any]", params))
