"""A file sent in parallel parts: which parts, where their bytes come from, and how much has arrived.

Parts are read from the disk while they are sent. Nothing here knows how an upload begins or ends.
"""

from __future__ import annotations

import hashlib
import os
from collections.abc import Awaitable, Callable, Iterator
from pathlib import Path
from typing import Any, Final, cast

import anyio
import anyio.to_thread
import attrs

from openai_async import _concurrency
from openai_async.errors import InvalidParameterError
from openai_async.resources._compound import KeptOptions
from openai_async.resources._multipart_form import FileSlice
from openai_async.types.files import FileInput
from openai_async.types.params.options import OnUpload
from openai_async.types.uploads import UploadPart, UploadState

#: Most bytes of a part, for the API.
PART_SIZE: Final = 64 << 20
_HASHED: Final = 1 << 20


@attrs.frozen
class Source:
    """The file to upload."""

    content: bytes | Path = attrs.field(repr=False)
    name: str
    size: int

    @classmethod
    def of(cls, file: bytes | os.PathLike[str], filename: str | None) -> Source:
        """Inspect a file.

        Raises:
            InvalidParameterError: it is not there, is empty, or has no name.
        """
        content: Any = file
        if isinstance(content, os.PathLike):
            path = Path(cast("os.PathLike[str]", content))
            if not path.is_file():
                raise InvalidParameterError("file", f"there is no file {path}")
            source = cls(path, filename or path.name, path.stat().st_size)
        elif not isinstance(content, bytes):
            raise InvalidParameterError("file", "must be a path, or bytes")
        elif not filename:
            raise InvalidParameterError("filename", "is needed, where the file is bytes")
        else:
            source = cls(content, filename, len(content))
        if not source.size:
            raise InvalidParameterError("file", "is empty: there is no part to send")
        return source

    def part(self, start: int, length: int) -> FileInput:
        """A range of bytes, as a file of a form."""
        content = self.content
        part = content[start : start + length] if isinstance(content, bytes) else FileSlice(content, start, length)
        return self.name, cast("bytes", part)  # a slice of a file is known to forms only

    async def md5(self) -> str:
        """Compute the checksum, in hexadecimal. Cancelling ends it after a chunk."""
        digest = hashlib.md5(usedforsecurity=False)
        if isinstance(self.content, bytes):
            await anyio.to_thread.run_sync(digest.update, self.content)
            return digest.hexdigest()
        async with await anyio.open_file(self.content, "rb") as file:
            while piece := await file.read(_HASHED):
                await anyio.to_thread.run_sync(digest.update, piece)
        return digest.hexdigest()


def planned(source: Source, part_size: int | None, resume: UploadState | None) -> UploadState:
    """Plan the parts of a file; the ID of a new upload is still "".

    Raises:
        InvalidParameterError: a part is too large, or `resume` is of another file.
    """
    size: Any = part_size
    if size is not None and (isinstance(size, bool) or not isinstance(size, int) or not 0 < size <= PART_SIZE):
        raise InvalidParameterError("part_size", f"must be an integer from 1 to {PART_SIZE}")
    if resume is None:
        part_size = part_size or PART_SIZE
        return UploadState("", source.size, part_size, [None] * -(-source.size // part_size))
    if resume.size != source.size:
        raise InvalidParameterError("resume", f"is of a file of {resume.size} bytes; this one has {source.size}")
    if part_size not in (None, resume.part_size):
        raise InvalidParameterError("part_size", f"the upload was begun in parts of {resume.part_size} bytes")
    if resume.part_size < 1 or len(resume.part_ids) != -(-source.size // resume.part_size):
        raise InvalidParameterError("resume", "its parts do not come to the file")
    return attrs.evolve(resume, part_ids=list(resume.part_ids))


class Sending:
    """Sends the missing parts of one upload; `send` is `client.uploads.parts.create`.

    `state.part_ids` is filled as they arrive.
    """

    def __init__(
        self,
        source: Source,
        state: UploadState,
        send: Callable[..., Awaitable[UploadPart]],
        on_upload: OnUpload | None,
        on_part: Callable[[UploadState], None] | None,
        options: KeptOptions,
    ) -> None:
        self.state = state
        self._source = source
        self._send = send
        self._on_upload = on_upload
        self._on_part = on_part
        self._options = options
        self._under_way: dict[int, int] = {}
        self._failure: BaseException | None = None
        self._md5: str | None = None

    async def run(self, most: int, *, md5: bool) -> str | None:
        """Send the parts, at most `most` at a time; returns the checksum of the file if `md5` is set.

        Raises what sending raises. Cancelling ends the parts that are being sent.
        """
        numbers = iter(self.state.missing)
        async with anyio.create_task_group() as group:

            async def guarded(job: Callable[[], Any]) -> None:
                try:
                    await job()
                except BaseException as error:
                    if _concurrency.cancels(error):
                        raise
                    self._failure = self._failure or error
                    group.cancel_scope.cancel()

            if md5:
                group.start_soon(guarded, self._reckon)
            for _ in range(min(most, len(self.state.missing))):
                group.start_soon(guarded, lambda: self._work(numbers))
        if self._failure is not None:
            raise self._failure
        return self._md5

    async def _reckon(self) -> None:
        self._md5 = await self._source.md5()

    async def _work(self, numbers: Iterator[int]) -> None:
        for number in numbers:
            state, length = self.state, self.state.size_of(number)
            hear = None if self._on_upload is None else self._hearing(number, length, self._on_upload)
            # No frame keeps the bytes of the part.
            part = await self._options.calling(
                self._send,
                state.upload_id,
                data=self._source.part(number * state.part_size, length),
                on_upload=hear,
            )()
            self._under_way.pop(number, None)
            state.part_ids[number] = part.id
            if self._on_part is not None:
                self._on_part(attrs.evolve(state, part_ids=list(state.part_ids)))

    def _hearing(self, number: int, length: int, tell: OnUpload) -> OnUpload:
        """The progress callback of a part. The header section of its form does not count."""

        def hear(sent: int, total: int | None) -> None:
            self._under_way[number] = min(sent, length)
            tell(self.state.arrived + sum(self._under_way.values()), self.state.size)

        return hear
