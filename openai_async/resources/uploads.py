"""`client.uploads`: files that are sent in parts, several at a time, and gone on with after an interruption."""

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
    """Uploads (https://platform.openai.com/docs/api-reference/uploads): files of up to 8 GB, in parts."""

    _catalog_name = "uploads"

    @cached_property
    def parts(self) -> AsyncParts:
        """Parts of an upload."""
        return AsyncParts(self._pipeline)

    async def create(self, **params: Unpack[UploadCreateParams]) -> Upload:
        """Begin an upload. It takes parts for an hour.

        Args:
            params: the API's parameters and the call's options, see `UploadCreateParams`.

        Raises:
            InvalidParameterError: a parameter cannot be sent; nothing was.
            APIError: see `openai_async.errors`.

        Cancelling drops the connection; an upload without parts may be left, for an hour.
        """
        return await self._fetch(_CREATE, Upload, cast("dict[str, Any]", params))

    async def complete(self, upload_id: str, **params: Unpack[UploadCompleteParams]) -> Upload:
        """Make a file of the parts: `file` of the result.

        Args:
            upload_id: of the upload.
            params: the API's parameters and the call's options, see `UploadCompleteParams`.

        Raises:
            InvalidParameterError: the id is empty or holds a path of its own; nothing was sent.
            BadRequestError: the parts do not come to the size, or the checksum, that was stated.
            APIError: see `openai_async.errors`.

        Cancelling drops the connection; the file may be made all the same.
        """
        return await self._fetch(_COMPLETE, Upload, cast("dict[str, Any]", params), upload_id=upload_id)

    async def cancel(self, upload_id: str, **options: Unpack[RequestOptions]) -> Upload:
        """Give an upload up: its parts are forgotten.

        Raises:
            InvalidParameterError: the id is empty or holds a path of its own; nothing was sent.
            APIError: see `openai_async.errors`.

        Cancelling drops the connection; the upload may be given up all the same.
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
        """Upload a file in parts: `create`, `parts.create` for each, `complete`.

        Parts are read from the disk while they are sent. After a failure, the error's `partial` is the state of the
        upload; given as `resume`, within an hour of its beginning, only the missing parts are sent.

        Args:
            file: a path, or bytes.
            mime_type: media type, such as "text/jsonl"; it must suit the purpose.
            purpose: as of `client.files.create`.
            filename: needed of bytes only.
            md5: of the whole file, in hexadecimal; reckoned from it unless given. The API compares.
            expires_after: when the file is deleted by itself.
            part_size: bytes of a part, up to 64 MB (67,108,864), which is the default.
            max_in_flight: most parts that are sent at a time.
            resume: the state of an earlier upload of this file: it is gone on with.
            on_upload: called with the bytes sent and the size of the file; a part that is sent anew counts anew.
            on_part: called with the state after each part; keep it to survive a crash. What it raises ends the call.
            options: of each request; `deadline` is that of each, too.

        Raises:
            InvalidParameterError: there is no such file, it is empty, or it is not the one of `resume`.
            BadRequestError: the parts are not the file that was announced, or the upload has expired.
            APIError: see `openai_async.errors`.
            OSError: the file cannot be read.

        Cancelling ends the parts that are being sent; the state that `on_part` was given resumes the upload.
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
    """Parts of an upload."""

    __slots__ = ()
    _catalog_name = "uploads.parts"

    async def create(self, upload_id: str, **params: Unpack[PartCreateParams]) -> UploadPart:
        """Send one part. Parts may be sent in any order, and at the same time.

        Args:
            upload_id: of the upload.
            params: the API's parameters and the call's options, see `PartCreateParams`. `data` is what `file` is of
                `client.files.create`.

        Raises:
            InvalidParameterError: the id is empty or holds a path of its own, or there is no such file.
            APIError: see `openai_async.errors`.
            OSError: the file cannot be read, or became shorter meanwhile.

        Cancelling drops the connection; a part that has arrived and is not named by `complete` does no harm.
        """
        return await self._fetch(_PART, UploadPart, cast("dict[str, Any]", params), upload_id=upload_id)
