"""Upload values: files that are sent in parts."""

from __future__ import annotations

import attrs

from openai_async.types._base import Polled, Reply
from openai_async.types.files import FileObject


@attrs.define(repr=False)
class Upload(Polled):
    """An upload. `file` is present once it is complete. Times are seconds since 1970."""

    id: str
    #: "pending", "completed", "cancelled" or "expired".
    status: str | None = None
    #: Size that was announced.
    bytes: int | None = None
    filename: str | None = None
    purpose: str | None = None
    created_at: int | None = None
    expires_at: int | None = None
    file: FileObject | None = None
    object: str = "upload"


@attrs.define(repr=False)
class UploadPart(Reply):
    """An uploaded part."""

    id: str
    upload_id: str | None = None
    created_at: int | None = None
    object: str = "upload.part"


@attrs.frozen
class UploadState:
    """The state of an upload in parts: everything that is needed to resume it.

    It has plain values: `attrs.asdict(state)` is JSON, and `UploadState(**saved)` restores it.

    Attributes:
        upload_id: ID of the API.
        size: size of the file in bytes.
        part_size: size in bytes of each part except the last.
        part_ids: IDs of the parts, in order; None for a missing part.
    """

    upload_id: str
    size: int
    part_size: int
    part_ids: list[str | None]

    @property
    def arrived(self) -> int:
        """The number of bytes that have arrived."""
        return sum(self.size_of(number) for number, part_id in enumerate(self.part_ids) if part_id is not None)

    @property
    def missing(self) -> list[int]:
        """The numbers of the missing parts, from 0."""
        return [number for number, part_id in enumerate(self.part_ids) if part_id is None]

    def size_of(self, number: int) -> int:
        """The size of one part in bytes."""
        return min(self.part_size, self.size - number * self.part_size)
