"""`client.files`: what is stored at the API, in both directions streamed from and to the disk."""

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
    """Files (https://platform.openai.com/docs/api-reference/files)."""

    __slots__ = ()
    _catalog_name = "files"

    if TYPE_CHECKING:
        retrieve_content: Method

    async def create(self, **params: Unpack[FileCreateParams]) -> FileObject:
        """Upload a file. What is on disk is read while it is sent, and never whole in memory.

        A retry sends the whole file again. What can be read only once (an iterator, a pipe) is sent once, whatever
        `max_retries` says.

        Args:
            params: the API's parameters and the call's options, see `FileCreateParams`. `file` is bytes, a path, a file
                opened in binary mode, an iterator of bytes, or one of them in (name, content[, media type]);
                `on_upload` hears of the bytes sent.

        Raises:
            InvalidParameterError: there is no such file, or a parameter cannot be sent; nothing was.
            APIError: see `openai_async.errors`.
            OSError: the file cannot be read, or became shorter meanwhile.

        Cancelling drops the connection; the file may be there all the same if it was sent to its end.
        """
        return await self._fetch(_CREATE, FileObject, cast("dict[str, Any]", params))

    async def retrieve(self, file_id: str, **options: Unpack[RequestOptions]) -> FileObject:
        """What the API says of a file.

        Raises:
            InvalidParameterError: the id is empty or holds a path of its own; nothing was sent.
            NotFoundError: there is no such file.
            APIError: see `openai_async.errors`.

        Cancelling drops the connection; nothing is left behind.
        """
        return await self._fetch(_RETRIEVE, FileObject, options, file_id=file_id)

    def list(self, **params: Unpack[FileListParams]) -> AsyncPaginator[FileObject]:
        """The files, the newest first unless `order` says otherwise.

        Args:
            params: see `FileListParams`.

        Raises:
            InvalidParameterError: a parameter cannot be sent.
            APIError: see `openai_async.errors`.

        Cancelling drops the connection; nothing is left behind.
        """
        return self._list(_LIST, FileObject, cast("dict[str, Any]", params))

    async def delete(self, file_id: str, **options: Unpack[RequestOptions]) -> FileDeleted:
        """Delete a file.

        Raises:
            InvalidParameterError: the id is empty or holds a path of its own; nothing was sent.
            NotFoundError: there is no such file.
            APIError: see `openai_async.errors`.

        Cancelling drops the connection; the file may be deleted all the same.
        """
        return await self._fetch(_DELETE, FileDeleted, options, file_id=file_id)

    async def content(self, file_id: str, **options: Unpack[RequestOptions]) -> Binary:
        """The content of a file, whole in memory; for large ones see `download` and `stream_content`.

        Raises:
            InvalidParameterError: the id is empty or holds a path of its own; nothing was sent.
            NotFoundError: there is no such file.
            ResponseTooLargeError: it is over the client's `max_response_bytes`.
            APIError: see `openai_async.errors`.

        Cancelling drops the connection; nothing is left behind.
        """
        return await self._fetch_binary(_CONTENT, options, file_id=file_id)

    def stream_content(self, file_id: str, **options: Unpack[RequestOptions]) -> AsyncDownloadManager:
        """The content of a file as it arrives: a context manager that gives its pieces.

        Raises as `content`; the request is sent on entering. A connection that breaks before the end is an error.
        """
        return self._download(_CONTENT, options, file_id=file_id)

    async def download(self, file_id: str, path: str | os.PathLike[str], **options: Unpack[RequestOptions]) -> int:
        """Write the content of a file to a path as it arrives; gives its size in bytes.

        It is written beside the path and moved there when it is whole: what was there stays until then.

        Raises:
            InvalidParameterError: the id is empty or holds a path of its own; nothing was sent.
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
        """Ask for a file until the API has processed it; its `status` then says how that ended.

        Args:
            file_id: of the file.
            max_wait: most seconds in all, or None for no bound.
            poll_interval: seconds between two questions; None asks often at first and ever more seldom.
            on_poll: called with each state; what it raises ends the wait.

        Raises:
            WaitTimeoutError: it was not processed in time.
            NotFoundError: there is no such file.
            APIError: see `openai_async.errors`.

        Cancelling ends the wait; the file is processed all the same.
        """
        return await until(
            KeptOptions(options).calling(self.retrieve, file_id),
            lambda file: file.status in _PROCESSED,
            what=f"the processing of file {file_id}",
            max_wait=max_wait,
            poll_interval=poll_interval,
            on_poll=on_poll,
        )
