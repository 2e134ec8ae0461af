"""`client.models`: model endpoints."""

from __future__ import annotations

import datetime
from typing import Unpack

from openai_async.errors import InvalidParameterError
from openai_async.resources._base import Resource
from openai_async.resources._operation import Operation
from openai_async.resources._whole_list import listed
from openai_async.types.models import Model, ModelDeleted, ModelList
from openai_async.types.params.options import RequestOptions

#: Days that a helper looks ahead at most: a century.
_MOST_DAYS = 36_525

_LIST = Operation("GET", "/models")
_RETRIEVE = Operation("GET", "/models/{model}")
_DELETE = Operation("DELETE", "/models/{model}")


class AsyncModels(Resource):
    """Model endpoints (https://platform.openai.com/docs/api-reference/models)."""

    __slots__ = ()

    @listed
    async def list(self, **options: Unpack[RequestOptions]) -> ModelList:
        """List the models that the key may use. Iterate over the result for single models.

        Raises:
            APIError: see `openai_async.errors`.

        Cancelling drops the connection; nothing is left behind.
        """
        return await self._fetch(_LIST, ModelList, options)

    async def retrieve(self, model: str, **options: Unpack[RequestOptions]) -> Model:
        """Retrieve a model.

        Raises:
            InvalidParameterError: the ID is empty or not a valid path segment; nothing was sent.
            NotFoundError: there is no such model, or the key may not use it.
            APIError: see `openai_async.errors`.

        Cancelling drops the connection; nothing is left behind.
        """
        return await self._fetch(_RETRIEVE, Model, options, model=model)

    async def ending_within(
        self, days: int, today: datetime.date | None = None, **options: Unpack[RequestOptions]
    ) -> ModelList:
        """List the models that are shut down within a number of days, soonest first.

        Models whose shutdown date has passed are included while they are listed. Models without a known date are not.

        Args:
            days: number of days to look ahead; 0 is until the end of today.
            today: the day to count from; by default the current day in UTC.
            options: call options.

        Raises:
            InvalidParameterError: `days` is not a number of days; nothing was sent.
            APIError: see `openai_async.errors`.

        Cancelling drops the connection; nothing is left behind.
        """
        if isinstance(days, bool) or not isinstance(days, int) or not 0 <= days <= _MOST_DAYS:  # pyright: ignore[reportUnnecessaryIsInstance]
            raise InvalidParameterError("days", f"must be a whole number from 0 to {_MOST_DAYS:,}")
        models = await self.list(**options)
        last = (today or datetime.datetime.now(datetime.UTC).date()) + datetime.timedelta(days)
        ending = [(day, model) for model in models if (day := model.shuts_down_on()) is not None and day <= last]
        return ModelList([model for _, model in sorted(ending, key=lambda pair: pair[0])], meta=models.meta)

    async def delete(self, model: str, **options: Unpack[RequestOptions]) -> ModelDeleted:
        """Delete a fine-tuned model. The key must belong to an owner of the organization.

        Raises:
            InvalidParameterError: the ID is empty or not a valid path segment; nothing was sent.
            NotFoundError: there is no such model.
            APIError: see `openai_async.errors`.

        Cancelling drops the connection; the model may still be deleted.
        """
        return await self._fetch(_DELETE, ModelDeleted, options, model=model)
