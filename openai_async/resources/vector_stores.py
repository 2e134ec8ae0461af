"""`client.vector_stores`: vector store endpoints: searchable stores of files."""

from __future__ import annotations

from functools import cached_property
from typing import Any, Final, Unpack, cast

from openai_async.errors import InvalidParameterError
from openai_async.resources._generic import CatalogResource
from openai_async.resources._operation import Operation
from openai_async.resources._pagination import AsyncPaginator, no_more
from openai_async.resources._store_checks import check_ids
from openai_async.resources.vector_store_files import AsyncVectorStoreFileBatches, AsyncVectorStoreFiles
from openai_async.types.params.options import RequestOptions
from openai_async.types.params.vector_stores import (
    ListParams,
    VectorStoreCreateParams,
    VectorStoreSearchParams,
    VectorStoreUpdateParams,
)
from openai_async.types.vector_stores import VectorStore, VectorStoreDeleted, VectorStoreSearchResult

_BETA: Final = "assistants=v2"
_STORES: Final = "/vector_stores"
_STORE: Final = f"{_STORES}/{{vector_store_id}}"

_CREATE = Operation("POST", _STORES, beta=_BETA)
_RETRIEVE = Operation("GET", _STORE, beta=_BETA)
_UPDATE = Operation("POST", _STORE, beta=_BETA)
_LIST = Operation("GET", _STORES, beta=_BETA)
_DELETE = Operation("DELETE", _STORE, beta=_BETA)
_SEARCH = Operation("POST", f"{_STORE}/search", beta=_BETA, repeatable=True)


class AsyncVectorStores(CatalogResource):
    """Vector store endpoints (https://platform.openai.com/docs/api-reference/vector-stores)."""

    _catalog_name = "vector_stores"

    @cached_property
    def files(self) -> AsyncVectorStoreFiles:
        """Endpoints for the files of a vector store."""
        return AsyncVectorStoreFiles(self._pipeline)

    @cached_property
    def file_batches(self) -> AsyncVectorStoreFileBatches:
        """File batch endpoints of a vector store."""
        return AsyncVectorStoreFileBatches(self._pipeline)

    async def create(self, **params: Unpack[VectorStoreCreateParams]) -> VectorStore:
        """Create a vector store, empty or from uploaded files.

        Args:
            params: API parameters and call options; see `VectorStoreCreateParams`.

        Raises:
            InvalidParameterError: a parameter is invalid; nothing was sent.
            APIError: see `openai_async.errors`.

        Cancelling drops the connection; the vector store may still be created.
        """
        return await self._fetch(_CREATE, VectorStore, params, check=check_ids)

    async def retrieve(self, vector_store_id: str, **options: Unpack[RequestOptions]) -> VectorStore:
        """Retrieve a vector store.

        Raises:
            InvalidParameterError: the ID is not a valid path segment; nothing was sent.
            NotFoundError: there is no such vector store.
            APIError: see `openai_async.errors`.

        Cancelling drops the connection; nothing is left behind.
        """
        return await self._fetch(_RETRIEVE, VectorStore, options, vector_store_id=vector_store_id)

    async def update(self, vector_store_id: str, **params: Unpack[VectorStoreUpdateParams]) -> VectorStore:
        """Update the name, metadata or expiry of a vector store.

        Raises:
            InvalidParameterError: a parameter is invalid; nothing was sent.
            NotFoundError: there is no such vector store.
            APIError: see `openai_async.errors`.

        Cancelling drops the connection; the vector store may still be changed.
        """
        return await self._fetch(_UPDATE, VectorStore, cast("dict[str, Any]", params), vector_store_id=vector_store_id)

    def list(self, **params: Unpack[ListParams]) -> AsyncPaginator[VectorStore]:
        """List vector stores, by page or by item.

        Raises the errors of a call; see `openai_async.errors`. Cancelling drops the connection.
        """
        return self._list(_LIST, VectorStore, dict(params))

    async def delete(self, vector_store_id: str, **options: Unpack[RequestOptions]) -> VectorStoreDeleted:
        """Delete a vector store. Its uploaded files are kept.

        Raises:
            InvalidParameterError: the ID is not a valid path segment; nothing was sent.
            NotFoundError: there is no such vector store.
            APIError: see `openai_async.errors`.

        Cancelling drops the connection; the vector store may still be deleted.
        """
        return await self._fetch(_DELETE, VectorStoreDeleted, options, vector_store_id=vector_store_id)

    def search(
        self, vector_store_id: str, **params: Unpack[VectorStoreSearchParams]
    ) -> AsyncPaginator[VectorStoreSearchResult]:
        """Search a vector store for the parts of files that match a query, best match first.

        Args:
            vector_store_id: ID of the vector store.
            params: API parameters and call options; see `VectorStoreSearchParams`.

        Raises the errors of a call; see `openai_async.errors`. Cancelling drops the connection.
        """
        if not params.get("query"):
            cast("dict[str, Any]", params).clear()
            raise InvalidParameterError("query", "must be a text, or a list of texts")
        return self._list(
            _SEARCH, VectorStoreSearchResult, cast("dict[str, Any]", params), no_more, vector_store_id=vector_store_id
        )
