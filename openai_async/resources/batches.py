"""`client.batches`: the endpoints of the Batch API. `client.batch` runs complete files, through this API or without
it.
"""

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
    """Batch endpoints (https://platform.openai.com/docs/api-reference/batch)."""

    __slots__ = ()
    _catalog_name = "batches"

    async def create(self, **params: Unpack[BatchCreateParams]) -> Batch:
        """Create a batch from a file of requests that was uploaded with the purpose "batch".

        The API checks the file only when the batch runs; `openai_async.validation.validate_jsonl(path, "batch")` checks
        it before.

        Args:
            params: API parameters and call options; see `BatchCreateParams`.

        Raises:
            InvalidParameterError: a parameter is invalid; nothing was sent.
            APIError: see `openai_async.errors`. After a 5xx the batch may exist: it is not created again, and `list`
                shows it.

        Cancelling drops the connection; the batch may still run.
        """
        params.setdefault("completion_window", "24h")
        return await self._fetch(_CREATE, Batch, cast("dict[str, Any]", params))

    async def retrieve(self, batch_id: str, **options: Unpack[RequestOptions]) -> Batch:
        """Retrieve a batch: its status and request counts.

        Raises:
            InvalidParameterError: the ID is empty or not a valid path segment; nothing was sent.
            NotFoundError: there is no such batch.
            APIError: see `openai_async.errors`.

        Cancelling drops the connection; nothing is left behind.
        """
        return await self._fetch(_RETRIEVE, Batch, options, batch_id=batch_id)

    def list(self, **params: Unpack[BatchListParams]) -> AsyncPaginator[Batch]:
        """List batches, newest first.

        Args:
            params: API parameters and call options; see `BatchListParams`.

        Raises:
            InvalidParameterError: a parameter is invalid; nothing was sent.
            APIError: see `openai_async.errors`.

        Cancelling drops the connection; nothing is left behind.
        """
        return self._list(_LIST, Batch, cast("dict[str, Any]", params))

    async def cancel(self, batch_id: str, **options: Unpack[RequestOptions]) -> Batch:
        """Cancel a batch. Within ten minutes it is "cancelled", and keeps the answers it has.

        Raises:
            InvalidParameterError: the ID is empty or not a valid path segment; nothing was sent.
            NotFoundError: there is no such batch.
            ConflictError: it has already ended.
            APIError: see `openai_async.errors`.

        Cancelling drops the connection; the batch may still be cancelled.
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
        """Wait until a batch has ended; its `status` says how.

        Args:
            batch_id: ID of the batch.
            max_wait: most seconds to wait in total; None for no bound; a batch may take a day.
            poll_interval: seconds between two polls. None polls often at first, then at growing intervals.
            on_poll: called with each state, for example to show `request_counts`. An exception from it ends the wait.

        Raises:
            WaitTimeoutError: it did not end in time. It continues on the server.
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
