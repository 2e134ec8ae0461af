"""`client.models`: what the key may use."""

from __future__ import annotations

from typing import Unpack

from openai_async.resources._base import Resource
from openai_async.resources._operation import Operation
from openai_async.types.models import Model, ModelDeleted, ModelList
from openai_async.types.options import RequestOptions

_LIST = Operation("GET", "/models")
_RETRIEVE = Operation("GET", "/models/{model}")
_DELETE = Operation("DELETE", "/models/{model}")


class AsyncModels(Resource):
    """Models (https://platform.openai.com/docs/api-reference/models)."""

    __slots__ = ()

    async def list(self, **options: Unpack[RequestOptions]) -> ModelList:
        """Every model that the key may use. Iterating the result gives the models.

        Raises:
            APIError: see `openai_async.errors`.

        Cancelling drops the connection; nothing is left behind.
        """
        return await self._fetch(_LIST, ModelList, dict(options))

    async def retrieve(self, model: str, **options: Unpack[RequestOptions]) -> Model:
        """One model by its id.

        Raises:
            InvalidParameterError: the id is empty or holds a path of its own; nothing was sent.
            NotFoundError: there is no such model, or the key may not use it.
            APIError: see `openai_async.errors`.

        Cancelling drops the connection; nothing is left behind.
        """
        return await self._fetch(_RETRIEVE, Model, dict(options), model=model)

    async def delete(self, model: str, **options: Unpack[RequestOptions]) -> ModelDeleted:
        """Delete a fine-tuned model, for which the key must belong to an owner of its organisation.

        Raises:
            InvalidParameterError: the id is empty or holds a path of its own; nothing was sent.
            NotFoundError: there is no such model.
            APIError: see `openai_async.errors`.

        Cancelling drops the connection; the model may be deleted all the same.
        """
        return await self._fetch(_DELETE, ModelDeleted, dict(options), model=model)
