"""`client.files`: file endpoints. Uploads and downloads are streamed from and to the disk."""

from __future__ import annotations

import os
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, Final, Unpack, cast

from openai_async.resources._compound import KeptOptions
from openai_async.resources._download import AsyncDownloadManager
from openai_async.resources._generic import CatalogResource
from openai_async.resources._operation import Operation
from openai_async.resources._pagination import AsyncPaginator
from openai_async.resources._polling import until
from openai_async.types.files import Binary, FileDeleted, FileObject
from openai_async.types.params.files import FileCreateParams, FileListParams
from openai_async.types.params.options import RequestOptions

if TYPE_CHECKING:
    from openai_async.resources._generic import Method

# A second copy costs nothing but its storage, so that a failure midway is retried.
_CREATE = Operation("POST", "/files", form=True, repeatable=True)
_LIST = Operation("GET", "/files")
_RETRIEVE = Operation("GET", "/files/{file_id}")
_DELETE = Operation("DELETE", "/files/{file_id}")
_CONTENT = Operation("GET", "/files/{file_id}/content")
_PROCESSED: Final = frozenset({"processed", "error", "deleted"})


class AsyncFiles(CatalogResource):
    """File endpoints (https://platform.openai.com/docs/api-reference/files)."""

    __slots__ = ()
    _catalog_name = "files"

    if TYPE_CHECKING:
        retrieve_content: Method

    async def create(self, **params: Unpack[FileCreateParams]) -> FileObject:
        """Upload a file. A file on disk is read while it is sent, and is never completely in memory.

        A retry sends the complete file again. A source that can be read only once (an iterator, a pipe) is never
        retried.

        Args:
            params: API parameters and call options; see `FileCreateParams`. `file` is bytes, a path, a binary file,
                an iterator of bytes, or one of them in (name, content[, media type]). `on_upload` is called with the
                bytes sent so far.

        Raises:
            InvalidParameterError: the file does not exist, or a parameter is invalid; nothing was sent.
            APIError: see `openai_async.errors`.
            OSError: the file cannot be read, or became shorter while it was sent.

        Cancelling drops the connection; the file may still be there if it was sent to its end.
        """
        return await self._fetch(_CREATE, FileObject, cast("dict[str, Any]", params))

    async def retrieve(self, file_id: str, **options: Unpack[RequestOptions]) -> FileObject:
        """Retrieve the metadata of a file.

        Raises:
            InvalidParameterError: the ID is empty or not a valid path segment; nothing was sent.
            NotFoundError: there is no such file.
            APIError: see `openai_async.errors`.

        Cancelling drops the connection; nothing is left behind.
        """
        return await self._fetch(_RETRIEVE, FileObject, options, file_id=file_id)

    def list(self, **params: Unpack[FileListParams]) -> AsyncPaginator[FileObject]:
        """List files, newest first unless `order` says otherwise.

        Args:
            params: API parameters and call options; see `FileListParams`.

        Raises:
            InvalidParameterError: a parameter is invalid; nothing was sent.
            APIError: see `openai_async.errors`.

        Cancelling drops the connection; nothing is left behind.
        """
        return self._list(_LIST, FileObject, cast("dict[str, Any]", params))

    async def delete(self, file_id: str, **options: Unpack[RequestOptions]) -> FileDeleted:
        """Delete a file.

        Raises:
            InvalidParameterError: the ID is empty or not a valid path segment; nothing was sent.
            NotFoundError: there is no such file.
            APIError: see `openai_async.errors`.

        Cancelling drops the connection; the file may still be deleted.
        """
        return await self._fetch(_DELETE, FileDeleted, options, file_id=file_id)

    async def content(self, file_id: str, **options: Unpack[RequestOptions]) -> Binary:
        """Download the content of a file into memory. For large files see `download` and `stream_content`.

        Raises:
            InvalidParameterError: the ID is empty or not a valid path segment; nothing was sent.
            NotFoundError: there is no such file.
            ResponseTooLargeError: it is larger than the client's `max_response_bytes`.
            APIError: see `openai_async.errors`.

        Cancelling drops the connection; nothing is left behind.
        """
        return await self._fetch_binary(_CONTENT, options, file_id=file_id)

    def stream_content(self, file_id: str, **options: Unpack[RequestOptions]) -> AsyncDownloadManager:
        """Download the content of a file as it arrives: a context manager whose value is iterated.

        Raises the errors of `content`. The request is sent on entry. A connection that breaks before the end is an
        error.
        """
        return self._download(_CONTENT, options, file_id=file_id)

    async def download(self, file_id: str, path: str | os.PathLike[str], **options: Unpack[RequestOptions]) -> int:
        """Download the content of a file to a path; returns its size in bytes.

        The content is written to a temporary file next to the path, then moved. An existing file stays until then.

        Raises:
            InvalidParameterError: the ID is empty or not a valid path segment; nothing was sent.
            NotFoundError: there is no such file.
            APIConnectionError: the connection broke before the end; no file is left behind.
            APIError: see `openai_async.errors`.
            OSError: it cannot be written.

        Cancelling drops the connection and leaves no file.
        """
        async with self._download(_CONTENT, options, file_id=file_id) as content:
            return await content.write_to(path)

    async def wait_for_processing(
        self,
        file_id: str,
        *,
        max_wait: float | None = 1800.0,
        poll_interval: float | None = None,
        on_poll: Callable[[FileObject], None] | None = None,
        **options: Unpack[RequestOptions],
    ) -> FileObject:
        """Wait until the API has processed a file; its `status` says how that ended.

        Args:
            file_id: ID of the file.
            max_wait: most seconds to wait in total; None for no bound.
            poll_interval: seconds between two polls. None polls often at first, then at growing intervals.
            on_poll: called with each state. An exception from it ends the wait.

        Raises:
            WaitTimeoutError: it was not processed in time.
            NotFoundError: there is no such file.
            APIError: see `openai_async.errors`.

        Cancelling ends the wait, not the processing.
        """
        return await until(
            KeptOptions(options).calling(self.retrieve, file_id),
            lambda file: file.status in _PROCESSED,
            what=f"the processing of file {file_id}",
            max_wait=max_wait,
            poll_interval=poll_interval,
            on_poll=on_poll,
        )
