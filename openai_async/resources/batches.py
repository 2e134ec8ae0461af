"""`client.batches`: the Batch API, call by call. (`client.batch` runs whole files through it, or without it.)"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Unpack, cast

from openai_async.resources._compound import KeptOptions
from openai_async.resources._generic import CatalogResource
from openai_async.resources._operation import Operation
from openai_async.resources._pagination import AsyncPaginator
from openai_async.resources._polling import until
from openai_async.types.batches import Batch
from openai_async.types.params.batches import BatchCreateParams, BatchListParams
from openai_async.types.params.options import RequestOptions

_CREATE = Operation("POST", "/batches")
_LIST = Operation("GET", "/batches")
_RETRIEVE = Operation("GET", "/batches/{batch_id}")
_CANCEL = Operation("POST", "/batches/{batch_id}/cancel", repeatable=True)


class AsyncBatches(CatalogResource):
    """Batches (https://platform.openai.com/docs/api-reference/batch)."""

    __slots__ = ()
    _catalog_name = "batches"

    async def create(self, **params: Unpack[BatchCreateParams]) -> Batch:
        """Start a batch of requests, which stand in a file that was uploaded with the purpose "batch".

        It is checked only once it runs; `openai_async.validation.validate_jsonl(path, "batch")` checks it before.

        Args:
            params: the API's parameters and the call's options, see `BatchCreateParams`.

        Raises:
            InvalidParameterError: a parameter was refused before anything was sent.
            APIError: see `openai_async.errors`. After an ambiguous one, which every 5xx is here, the batch may run:
                it is not created again, and `list` shows it.

        Cancelling drops the connection; the batch may run all the same.
        """
        params.setdefault("completion_window", "24h")
        return await self._fetch(_CREATE, Batch, cast("dict[str, Any]", params))

    async def retrieve(self, batch_id: str, **options: Unpack[RequestOptions]) -> Batch:
        """How a batch is getting on.

        Raises:
            InvalidParameterError: the id is empty or holds a path of its own; nothing was sent.
            NotFoundError: there is no such batch.
            APIError: see `openai_async.errors`.

        Cancelling drops the connection; nothing is left behind.
        """
        return await self._fetch(_RETRIEVE, Batch, options, batch_id=batch_id)

    def list(self, **params: Unpack[BatchListParams]) -> AsyncPaginator[Batch]:
        """The batches, the newest first.

        Args:
            params: see `BatchListParams`.

        Raises:
            InvalidParameterError: a parameter cannot be sent.
            APIError: see `openai_async.errors`.

        Cancelling drops the connection; nothing is left behind.
        """
        return self._list(_LIST, Batch, cast("dict[str, Any]", params))

    async def cancel(self, batch_id: str, **options: Unpack[RequestOptions]) -> Batch:
        """End a batch early: within ten minutes it is "cancelled", and keeps what it has answered.

        Raises:
            InvalidParameterError: the id is empty or holds a path of its own; nothing was sent.
            NotFoundError: there is no such batch.
            ConflictError: it has ended already.
            APIError: see `openai_async.errors`.

        Cancelling drops the connection; the batch may be cancelled all the same.
        """
        return await self._fetch(_CANCEL, Batch, options, batch_id=batch_id)

    async def wait(
        self,
        batch_id: str,
        *,
        max_wait: float | None = None,
        poll_interval: float | None = None,
        on_poll: Callable[[Batch], None] | None = None,
        **options: Unpack[RequestOptions],
    ) -> Batch:
        """Ask for a batch until it has ended; its `status` then says how.

        Args:
            batch_id: of the batch.
            max_wait: most seconds in all, or None for no bound; a batch may take a day.
            poll_interval: seconds between two questions; None asks often at first and ever more seldom.
            on_poll: called with each state, such as to show `request_counts`; what it raises ends the wait.

        Raises:
            WaitTimeoutError: it has not ended in time, and goes on.
            NotFoundError: there is no such batch.
            APIError: see `openai_async.errors`.

        Cancelling ends the wait, not the batch.
        """
        return await until(
            KeptOptions(options).calling(self.retrieve, batch_id),
            lambda batch: batch.ended,
            what=f"batch {batch_id}",
            max_wait=max_wait,
            poll_interval=poll_interval,
            on_poll=on_poll,
        )
