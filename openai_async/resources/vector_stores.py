"""`client.vector_stores`: stores of files that can be searched."""

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
    """Vector stores (https://platform.openai.com/docs/api-reference/vector-stores)."""

    _catalog_name = "vector_stores"

    @cached_property
    def files(self) -> AsyncVectorStoreFiles:
        """The files of a store."""
        return AsyncVectorStoreFiles(self._pipeline)

    @cached_property
    def file_batches(self) -> AsyncVectorStoreFileBatches:
        """Files that are attached to a store together."""
        return AsyncVectorStoreFileBatches(self._pipeline)

    async def create(self, **params: Unpack[VectorStoreCreateParams]) -> VectorStore:
        """Make a store, empty or of files that were uploaded before.

        Args:
            params: the API's parameters and the call's options, see `VectorStoreCreateParams`.

        Raises:
            InvalidParameterError: a parameter was refused before anything was sent.
            APIError: see `openai_async.errors`.

        Cancelling drops the connection; the store may be made all the same.
        """
        return await self._fetch(_CREATE, VectorStore, params, check=check_ids)

    async def retrieve(self, vector_store_id: str, **options: Unpack[RequestOptions]) -> VectorStore:
        """One store by its id.

        Raises:
            InvalidParameterError: the id cannot be one; nothing was sent.
            NotFoundError: there is no such store.
            APIError: see `openai_async.errors`.

        Cancelling drops the connection; nothing is left behind.
        """
        return await self._fetch(_RETRIEVE, VectorStore, options, vector_store_id=vector_store_id)

    async def update(self, vector_store_id: str, **params: Unpack[VectorStoreUpdateParams]) -> VectorStore:
        """Change a store's name, metadata or expiry.

        Raises:
            InvalidParameterError: a parameter was refused before anything was sent.
            NotFoundError: there is no such store.
            APIError: see `openai_async.errors`.

        Cancelling drops the connection; the store may be changed all the same.
        """
        return await self._fetch(_UPDATE, VectorStore, cast("dict[str, Any]", params), vector_store_id=vector_store_id)

    def list(self, **params: Unpack[ListParams]) -> AsyncPaginator[VectorStore]:
        """All stores, page by page or one by one.

        Raises what a call raises, see `openai_async.errors`. Cancelling drops the connection.
        """
        return self._list(_LIST, VectorStore, dict(params))

    async def delete(self, vector_store_id: str, **options: Unpack[RequestOptions]) -> VectorStoreDeleted:
        """Delete a store. Its files stay uploaded.

        Raises:
            InvalidParameterError: the id cannot be one; nothing was sent.
            NotFoundError: there is no such store.
            APIError: see `openai_async.errors`.

        Cancelling drops the connection; the store may be deleted all the same.
        """
        return await self._fetch(_DELETE, VectorStoreDeleted, options, vector_store_id=vector_store_id)

    def search(
        self, vector_store_id: str, **params: Unpack[VectorStoreSearchParams]
    ) -> AsyncPaginator[VectorStoreSearchResult]:
        """The parts of files that answer a query best, the best one first.

        Args:
            vector_store_id: the store.
            params: the API's parameters and the call's options, see `VectorStoreSearchParams`.

        Raises what a call raises, see `openai_async.errors`. Cancelling drops the connection.
        """
        if not params.get("query"):
            cast("dict[str, Any]", params).clear()
            raise InvalidParameterError("query", "must be a text, or a list of texts")
        return self._list(
            _SEARCH, VectorStoreSearchResult, cast("dict[str, Any]", params), no_more, vector_store_id=vector_store_id
        )
