"""`client.models`: what the key may use."""

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
    """Models (https://platform.openai.com/docs/api-reference/models)."""

    __slots__ = ()

    @listed
    async def list(self, **options: Unpack[RequestOptions]) -> ModelList:
        """Every model that the key may use. Iterating it gives the models.

        Raises:
            APIError: see `openai_async.errors`.

        Cancelling drops the connection; nothing is left behind.
        """
        return await self._fetch(_LIST, ModelList, options)

    async def retrieve(self, model: str, **options: Unpack[RequestOptions]) -> Model:
        """One model by its id.

        Raises:
            InvalidParameterError: the id is empty or holds a path of its own; nothing was sent.
            NotFoundError: there is no such model, or the key may not use it.
            APIError: see `openai_async.errors`.

        Cancelling drops the connection; nothing is left behind.
        """
        return await self._fetch(_RETRIEVE, Model, options, model=model)

    async def ending_within(
        self, days: int, today: datetime.date | None = None, **options: Unpack[RequestOptions]
    ) -> ModelList:
        """The models that are switched off within so many days, the soonest first.

        Those whose day has passed and that are still listed are among them: they are the most pressing. Those without a
        known day are not.

        Args:
            days: how far to look ahead; 0 is until the end of today.
            today: the day to count from; by default the one that it is now, in UTC.
            options: of the call.

        Raises:
            InvalidParameterError: `days` is no number of days; nothing was sent.
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
        """Delete a fine-tuned model, for which the key must belong to an owner of its organisation.

        Raises:
            InvalidParameterError: the id is empty or holds a path of its own; nothing was sent.
            NotFoundError: there is no such model.
            APIError: see `openai_async.errors`.

        Cancelling drops the connection; the model may be deleted all the same.
        """
        return await self._fetch(_DELETE, ModelDeleted, options, model=model)
