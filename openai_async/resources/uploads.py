"""`client.uploads`: multipart upload endpoints. Parts are sent in parallel; an interrupted upload can be resumed."""

from __future__ import annotations

import os
from collections.abc import Callable
from functools import cached_property
from typing import Any, Unpack, cast

import attrs

from openai_async.errors import APIError, InvalidParameterError
from openai_async.resources._compound import KeptOptions
from openai_async.resources._generic import CatalogResource
from openai_async.resources._operation import Operation
from openai_async.resources._upload import Sending, Source, planned
from openai_async.types.params.files import ExpiresAfter, FilePurpose
from openai_async.types.params.options import OnUpload, RequestOptions
from openai_async.types.params.uploads import PartCreateParams, UploadCompleteParams, UploadCreateParams
from openai_async.types.uploads import Upload, UploadPart, UploadState

# What is begun twice, or arrives twice, and is not named by `complete`, is forgotten within an hour.
_CREATE = Operation("POST", "/uploads", repeatable=True)
_PART = Operation("POST", "/uploads/{upload_id}/parts", form=True, repeatable=True)
_COMPLETE = Operation("POST", "/uploads/{upload_id}/complete")
_CANCEL = Operation("POST", "/uploads/{upload_id}/cancel")


class AsyncUploads(CatalogResource):
    """Upload endpoints (https://platform.openai.com/docs/api-reference/uploads): files of up to 8 GB, in parts."""

    _catalog_name = "uploads"

    @cached_property
    def parts(self) -> AsyncParts:
        """Endpoints for the parts of an upload."""
        return AsyncParts(self._pipeline)

    async def create(self, **params: Unpack[UploadCreateParams]) -> Upload:
        """Create an upload. It accepts parts for an hour.

        Args:
            params: API parameters and call options; see `UploadCreateParams`.

        Raises:
            InvalidParameterError: a parameter is invalid; nothing was sent.
            APIError: see `openai_async.errors`.

        Cancelling drops the connection; an upload without parts may remain for an hour.
        """
        return await self._fetch(_CREATE, Upload, cast("dict[str, Any]", params))

    async def complete(self, upload_id: str, **params: Unpack[UploadCompleteParams]) -> Upload:
        """Complete an upload: `file` of the result is made from its parts.

        Args:
            upload_id: ID of the upload.
            params: API parameters and call options; see `UploadCompleteParams`.

        Raises:
            InvalidParameterError: the ID is empty or not a valid path segment; nothing was sent.
            BadRequestError: the parts do not match the declared size or checksum.
            APIError: see `openai_async.errors`.

        Cancelling drops the connection; the file may still be created.
        """
        return await self._fetch(_COMPLETE, Upload, cast("dict[str, Any]", params), upload_id=upload_id)

    async def cancel(self, upload_id: str, **options: Unpack[RequestOptions]) -> Upload:
        """Cancel an upload. Its parts are deleted.

        Raises:
            InvalidParameterError: the ID is empty or not a valid path segment; nothing was sent.
            APIError: see `openai_async.errors`.

        Cancelling drops the connection; the upload may still be canceled.
        """
        return await self._fetch(_CANCEL, Upload, options, upload_id=upload_id)

    async def upload_file_chunked(
        self,
        *,
        file: bytes | os.PathLike[str],
        mime_type: str,
        purpose: FilePurpose,
        filename: str | None = None,
        md5: str | None = None,
        expires_after: ExpiresAfter | None = None,
        part_size: int | None = None,
        max_in_flight: int = 4,
        resume: UploadState | None = None,
        on_upload: OnUpload | None = None,
        on_part: Callable[[UploadState], None] | None = None,
        **options: Unpack[RequestOptions],
    ) -> Upload:
        """Upload a file in parts: `create`, `parts.create` for each part, `complete`.

        Parts are read from the disk while they are sent. After a failure, the error's `partial` is the state of the
        upload. Passed as `resume` within an hour of the start, it makes the call send only the missing parts.

        Args:
            file: a path, or bytes.
            mime_type: media type, such as "text/jsonl". The API accepts certain types for each purpose.
            purpose: as for `client.files.create`.
            filename: required if `file` is bytes.
            md5: checksum of the complete file, in hexadecimal; computed by default. The API compares it.
            expires_after: when the API deletes the file.
            part_size: bytes of a part; at most 64 MB (67,108,864), the default.
            max_in_flight: most parts in flight at a time.
            resume: the state of an earlier upload of this file, which is continued.
            on_upload: called with the bytes sent and the size of the file. A part that is sent again is counted again.
            on_part: called with the state after each part; store it to survive a crash. An exception from it ends the
                call.
            options: call options of each request; `deadline` also bounds each request on its own.

        Raises:
            InvalidParameterError: the file does not exist, is empty, or is not the file of `resume`.
            BadRequestError: the parts do not match the declared file, or the upload has expired.
            APIError: see `openai_async.errors`.
            OSError: the file cannot be read.

        Cancelling ends the parts that are being sent. The last state passed to `on_part` resumes the upload.
        """
        source = Source.of(file, filename)
        del file  # no frame of a traceback shows it
        state = planned(source, part_size, resume)
        most: Any = max_in_flight
        if isinstance(most, bool) or not isinstance(most, int) or most < 1:
            raise InvalidParameterError("max_in_flight", "must be a positive integer")
        kept = KeptOptions(options)
        if resume is None:
            begin = kept.calling(
                self.create,
                bytes=source.size,
                filename=source.name,
                mime_type=mime_type,
                purpose=purpose,
                expires_after=expires_after,
            )
            state = attrs.evolve(state, upload_id=(await begin()).id)
        sending = Sending(source, state, self.parts.create, on_upload, on_part, kept)
        try:
            reckoned = await sending.run(max_in_flight, md5=md5 is None)
            part_ids = [part_id for part_id in state.part_ids if part_id is not None]
            finish = kept.calling(self.complete, state.upload_id, part_ids=part_ids, md5=md5 or reckoned)
            return await finish()
        except APIError as error:
            error.partial = state
            raise


class AsyncParts(CatalogResource):
    """Endpoints for the parts of an upload."""

    __slots__ = ()
    _catalog_name = "uploads.parts"

    async def create(self, upload_id: str, **params: Unpack[PartCreateParams]) -> UploadPart:
        """Upload one part. Parts may be sent in any order, and at the same time.

        Args:
            upload_id: ID of the upload.
            params: API parameters and call options; see `PartCreateParams`. `data` accepts what `file` of
                `client.files.create` accepts.

        Raises:
            InvalidParameterError: the ID is empty or not a valid path segment, or the file does not exist.
            APIError: see `openai_async.errors`.
            OSError: the file cannot be read, or became shorter while it was sent.

        Cancelling drops the connection; an arrived part that `complete` does not name has no effect.
        """
        return await self._fetch(_PART, UploadPart, cast("dict[str, Any]", params), upload_id=upload_id)
