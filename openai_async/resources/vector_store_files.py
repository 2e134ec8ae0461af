"""`client.vector_stores.files` and `.file_batches`: endpoints for the files of a vector store.

The server processes files after they are attached; methods named `wait` poll until that is done. A file that cannot be
processed raises nothing: its `status` is "failed", and `last_error` says why.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, Final, Unpack, cast

from openai_async._map.calls import map_calls
from openai_async.resources._compound import KeptOptions, moved_out, shared_options as shared_options
from openai_async.resources._generic import CatalogResource, Method
from openai_async.resources._operation import Operation
from openai_async.resources._operations import endpoints
from openai_async.resources._pagination import AsyncPaginator, PageArguments
from openai_async.resources._polling import check_waiting, until
from openai_async.resources._store_checks import check_file, check_files, check_ids
from openai_async.types.files import FileInput
from openai_async.types.params.options import RequestOptions
from openai_async.types.params.vector_stores import (
    FileBatchCreateParams,
    FileCreateParams,
    FileListParams,
    FileParams,
    FileUpdateParams,
)
from openai_async.types.vector_stores import VectorStoreDeleted, VectorStoreFile, VectorStoreFileBatch, VectorStoreText

_BETA: Final = "assistants=v2"
_STORE: Final = "/vector_stores/{vector_store_id}"
_FILE: Final = f"{_STORE}/files/{{file_id}}"
_BATCH: Final = f"{_STORE}/file_batches/{{batch_id}}"

_FILE_CREATE = Operation("POST", f"{_STORE}/files", beta=_BETA)
_FILE_RETRIEVE = Operation("GET", _FILE, beta=_BETA)
_FILE_UPDATE = Operation("POST", _FILE, beta=_BETA)
_FILE_LIST = Operation("GET", f"{_STORE}/files", beta=_BETA)
_FILE_DELETE = Operation("DELETE", _FILE, beta=_BETA)
_FILE_CONTENT = Operation("GET", f"{_FILE}/content", beta=_BETA)

_BATCH_CREATE = Operation("POST", f"{_STORE}/file_batches", beta=_BETA)
_BATCH_RETRIEVE = Operation("GET", _BATCH, beta=_BETA)
_BATCH_CANCEL = Operation("POST", f"{_BATCH}/cancel", beta=_BETA)
_BATCH_FILES = Operation("GET", f"{_BATCH}/files", beta=_BETA)


class AsyncVectorStoreFiles(CatalogResource):
    """Endpoints for the files of a vector store
    (https://platform.openai.com/docs/api-reference/vector-stores-files).
    """

    __slots__ = ()
    _catalog_name = "vector_stores.files"

    async def create(self, vector_store_id: str, **params: Unpack[FileCreateParams]) -> VectorStoreFile:
        """Attach an uploaded file to a vector store. It is processed later; see `wait`.

        Raises:
            InvalidParameterError: a parameter is invalid; nothing was sent.
            NotFoundError: there is no such vector store, or no such file.
            APIError: see `openai_async.errors`.

        Cancelling drops the connection; the file may still be attached.
        """
        return await self._fetch(
            _FILE_CREATE, VectorStoreFile, params, check=check_file, vector_store_id=vector_store_id
        )

    async def retrieve(
        self, file_id: str, *, vector_store_id: str, **options: Unpack[RequestOptions]
    ) -> VectorStoreFile:
        """Retrieve a file of a vector store.

        Raises:
            InvalidParameterError: an ID is not a valid path segment; nothing was sent.
            NotFoundError: there is no such vector store, or no such file in it.
            APIError: see `openai_async.errors`.

        Cancelling drops the connection; nothing is left behind.
        """
        path_params: dict[str, Any] = {"vector_store_id": vector_store_id, "file_id": file_id}
        return await self._fetch(_FILE_RETRIEVE, VectorStoreFile, options, **path_params)

    async def update(
        self, file_id: str, *, vector_store_id: str, **params: Unpack[FileUpdateParams]
    ) -> VectorStoreFile:
        """Replace the attributes of a file.

        Raises:
            InvalidParameterError: a parameter is invalid; nothing was sent.
            NotFoundError: there is no such vector store, or no such file in it.
            APIError: see `openai_async.errors`.

        Cancelling drops the connection; the attributes may still be replaced.
        """
        path_params: dict[str, Any] = {"vector_store_id": vector_store_id, "file_id": file_id}
        return await self._fetch(_FILE_UPDATE, VectorStoreFile, cast("dict[str, Any]", params), **path_params)

    def list(self, vector_store_id: str, **params: Unpack[FileListParams]) -> AsyncPaginator[VectorStoreFile]:
        """List the files of a vector store, by page or by item.

        Raises the errors of a call; see `openai_async.errors`. Cancelling drops the connection.
        """
        return self._list(_FILE_LIST, VectorStoreFile, dict(params), vector_store_id=vector_store_id)

    async def delete(
        self, file_id: str, *, vector_store_id: str, **options: Unpack[RequestOptions]
    ) -> VectorStoreDeleted:
        """Remove a file from a vector store. The uploaded file is kept.

        Raises:
            InvalidParameterError: an ID is not a valid path segment; nothing was sent.
            NotFoundError: there is no such vector store, or no such file in it.
            APIError: see `openai_async.errors`.

        Cancelling drops the connection; the file may still be removed.
        """
        path_params: dict[str, Any] = {"vector_store_id": vector_store_id, "file_id": file_id}
        return await self._fetch(_FILE_DELETE, VectorStoreDeleted, options, **path_params)

    def content(
        self, file_id: str, *, vector_store_id: str, **options: Unpack[RequestOptions]
    ) -> AsyncPaginator[VectorStoreText]:
        """Get the text of a file as the vector store has parsed it.

        Raises the errors of a call; see `openai_async.errors`. Cancelling drops the connection.
        """
        return self._list(
            _FILE_CONTENT, VectorStoreText, dict(options), vector_store_id=vector_store_id, file_id=file_id
        )

    async def wait(
        self,
        file_id: str,
        *,
        vector_store_id: str,
        max_wait: float | None = None,
        poll_interval: float | None = None,
        on_poll: Callable[[VectorStoreFile], None] | None = None,
        **options: Unpack[RequestOptions],
    ) -> VectorStoreFile:
        """Wait until a file is processed: completed, failed or cancelled.

        Args:
            file_id: ID of the file.
            vector_store_id: ID of the vector store.
            max_wait: most seconds to wait in total; None for no bound.
            poll_interval: seconds between two polls. None follows the server's advice, or polls at growing intervals.
            on_poll: called with each state. An exception from it ends the wait.
            options: call options of each poll.

        Raises:
            WaitTimeoutError: it was not processed in time; `last` is its last known state.
            InvalidParameterError, NotFoundError, APIError: as `retrieve`.

        Cancelling ends the wait, not the processing.
        """
        return await until(
            KeptOptions(options).calling(self.retrieve, file_id, vector_store_id=vector_store_id),
            _processed,
            what=f"file {file_id}",
            max_wait=max_wait,
            poll_interval=poll_interval,
            on_poll=on_poll,
        )

    async def create_and_wait(
        self,
        vector_store_id: str,
        *,
        max_wait: float | None = None,
        poll_interval: float | None = None,
        on_poll: Callable[[VectorStoreFile], None] | None = None,
        **params: Unpack[FileCreateParams],
    ) -> VectorStoreFile:
        """`create`, then `wait`: arguments and errors of both. `max_wait` counts from when the file is attached.

        Cancelling ends the wait, not the processing.
        """
        check_waiting(max_wait, poll_interval)
        kept = KeptOptions(shared_options(params))
        file = await self.create(vector_store_id, **moved_out(params))
        return await until(
            kept.calling(self.retrieve, file.id, vector_store_id=vector_store_id),
            _processed,
            what=f"file {file.id}",
            max_wait=max_wait,
            poll_interval=poll_interval,
            on_poll=on_poll,
        )

    async def upload_and_wait(
        self,
        vector_store_id: str,
        *,
        file: FileInput,
        max_wait: float | None = None,
        poll_interval: float | None = None,
        on_poll: Callable[[VectorStoreFile], None] | None = None,
        **params: Unpack[FileParams],
    ) -> VectorStoreFile:
        """Upload a file (with the purpose "assistants"), then `create_and_wait`: arguments and errors of both.

        Cancelling ends the upload or the wait; an uploaded file is kept.
        """
        check_waiting(max_wait, poll_interval)
        upload = Method(self._pipeline, endpoints()["files.create"])
        uploading = upload(file=file, purpose="assistants", **shared_options(params))
        del file  # no frame of a traceback shows it
        attached = PageArguments(moved_out(params))
        return await self.create_and_wait(
            vector_store_id,
            max_wait=max_wait,
            poll_interval=poll_interval,
            on_poll=on_poll,
            **cast("FileCreateParams", {**attached.params, "file_id": (await uploading).id}),
        )


class AsyncVectorStoreFileBatches(CatalogResource):
    """File batch endpoints of a vector store
    (https://platform.openai.com/docs/api-reference/vector-stores-file-batches).
    """

    __slots__ = ()
    _catalog_name = "vector_stores.file_batches"

    async def create(self, vector_store_id: str, **params: Unpack[FileBatchCreateParams]) -> VectorStoreFileBatch:
        """Attach uploaded files to a vector store. They are processed later; see `wait`.

        Args:
            vector_store_id: ID of the vector store.
            params: `file_ids`, or `files` if each has its own settings; see `FileBatchCreateParams`.

        Raises:
            InvalidParameterError: a parameter is invalid; nothing was sent.
            NotFoundError: there is no such vector store, or no such file.
            APIError: see `openai_async.errors`.

        Cancelling drops the connection; the files may still be attached.
        """
        return await self._fetch(
            _BATCH_CREATE, VectorStoreFileBatch, params, check=check_files, vector_store_id=vector_store_id
        )

    async def retrieve(
        self, batch_id: str, *, vector_store_id: str, **options: Unpack[RequestOptions]
    ) -> VectorStoreFileBatch:
        """Retrieve a file batch.

        Raises:
            InvalidParameterError: an ID is not a valid path segment; nothing was sent.
            NotFoundError: there is no such vector store, or no such batch.
            APIError: see `openai_async.errors`.

        Cancelling drops the connection; nothing is left behind.
        """
        path_params: dict[str, Any] = {"vector_store_id": vector_store_id, "batch_id": batch_id}
        return await self._fetch(_BATCH_RETRIEVE, VectorStoreFileBatch, options, **path_params)

    async def cancel(
        self, batch_id: str, *, vector_store_id: str, **options: Unpack[RequestOptions]
    ) -> VectorStoreFileBatch:
        """Cancel a file batch: no further files are processed.

        Raises:
            InvalidParameterError: an ID is not a valid path segment; nothing was sent.
            NotFoundError: there is no such vector store, or no such batch.
            APIError: see `openai_async.errors`.

        Cancelling drops the connection; the batch may still be cancelled.
        """
        path_params: dict[str, Any] = {"vector_store_id": vector_store_id, "batch_id": batch_id}
        return await self._fetch(_BATCH_CANCEL, VectorStoreFileBatch, options, **path_params)

    def list_files(
        self, batch_id: str, *, vector_store_id: str, **params: Unpack[FileListParams]
    ) -> AsyncPaginator[VectorStoreFile]:
        """List the files of a batch, by page or by item.

        Raises the errors of a call; see `openai_async.errors`. Cancelling drops the connection.
        """
        return self._list(
            _BATCH_FILES, VectorStoreFile, dict(params), vector_store_id=vector_store_id, batch_id=batch_id
        )

    async def wait(
        self,
        batch_id: str,
        *,
        vector_store_id: str,
        max_wait: float | None = None,
        poll_interval: float | None = None,
        on_poll: Callable[[VectorStoreFileBatch], None] | None = None,
        **options: Unpack[RequestOptions],
    ) -> VectorStoreFileBatch:
        """Wait until all files of a batch are processed, or it is cancelled. `file_counts` says how they ended.

        Arguments and errors as for `files.wait`. Cancelling ends the wait, not the processing.
        """
        return await until(
            KeptOptions(options).calling(self.retrieve, batch_id, vector_store_id=vector_store_id),
            _processed,
            what=f"file batch {batch_id}",
            max_wait=max_wait,
            poll_interval=poll_interval,
            on_poll=on_poll,
        )

    async def create_and_wait(
        self,
        vector_store_id: str,
        *,
        max_wait: float | None = None,
        poll_interval: float | None = None,
        on_poll: Callable[[VectorStoreFileBatch], None] | None = None,
        **params: Unpack[FileBatchCreateParams],
    ) -> VectorStoreFileBatch:
        """`create`, then `wait`: arguments and errors of both. `max_wait` counts from when the files are attached.

        Cancelling ends the wait, not the processing.
        """
        check_waiting(max_wait, poll_interval)
        kept = KeptOptions(shared_options(params))
        batch = await self.create(vector_store_id, **moved_out(params))
        return await until(
            kept.calling(self.retrieve, batch.id, vector_store_id=vector_store_id),
            _processed,
            what=f"file batch {batch.id}",
            max_wait=max_wait,
            poll_interval=poll_interval,
            on_poll=on_poll,
        )

    async def upload_and_wait(
        self,
        vector_store_id: str,
        *,
        files: Sequence[FileInput],
        file_ids: Sequence[str] = (),
        max_in_flight: int = 5,
        max_wait: float | None = None,
        poll_interval: float | None = None,
        on_poll: Callable[[VectorStoreFileBatch], None] | None = None,
        **params: Unpack[FileParams],
    ) -> VectorStoreFileBatch:
        """Upload files in parallel (with the purpose "assistants"), then `create_and_wait`.

        Args:
            vector_store_id: ID of the vector store.
            files: files to upload.
            file_ids: IDs of uploaded files to attach as well.
            max_in_flight: most uploads in flight at a time.
            max_wait, poll_interval, on_poll: as for `wait`.
            params: attributes and chunking strategy of all files, and call options of each step.

        Raises the errors of its steps. The first failed upload ends the others; uploaded files are kept. Cancelling
        ends the uploads or the wait.
        """
        check_waiting(max_wait, poll_interval)
        check_ids({"files": files, "file_ids": file_ids})
        uploading = map_calls(
            self._pipeline.limiter,
            Method(self._pipeline, endpoints()["files.create"]),
            ({"file": file} for file in files),
            {"purpose": "assistants", **shared_options(params)},
            max_in_flight=max_in_flight,
            priority=params.get("priority") or "default",
        )
        del files  # no frame of a traceback shows them
        batch = PageArguments(moved_out(params))
        async with uploading as uploads:
            uploaded = [result.unwrap().id async for result in uploads]
        return await self.create_and_wait(
            vector_store_id,
            max_wait=max_wait,
            poll_interval=poll_interval,
            on_poll=on_poll,
            **cast("FileBatchCreateParams", {**batch.params, "file_ids": [*file_ids, *uploaded]}),
        )


def _processed(state: VectorStoreFile | VectorStoreFileBatch) -> bool:
    # A state of tomorrow ends the wait: it is the caller's to judge, and may be a final one.
    return state.status != "in_progress"
