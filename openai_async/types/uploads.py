"""Uploads: files that are sent in parts."""

from __future__ import annotations

import attrs

from openai_async.types._base import Polled, Reply
from openai_async.types.files import FileObject


@attrs.define(repr=False)
class Upload(Polled):
    """A file that is sent in parts; `file` is there once it is complete. Times are seconds since 1970."""

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
    """One part of an upload that has arrived."""

    id: str
    upload_id: str | None = None
    created_at: int | None = None
    object: str = "upload.part"


@attrs.frozen
class UploadState:
    """How far an upload in parts has come: all that is needed to go on with it.

    Plain values: `attrs.asdict(state)` is JSON, and `UploadState(**it)` the state again.

    Attributes:
        upload_id: of the API.
        size: bytes of the file.
        part_size: bytes of each part but the last.
        part_ids: one for each part, in order; None for a part that is still to be sent.
    """

    upload_id: str
    size: int
    part_size: int
    part_ids: list[str | None]

    @property
    def arrived(self) -> int:
        """Bytes that have arrived."""
        return sum(self.size_of(number) for number, part_id in enumerate(self.part_ids) if part_id is not None)

    @property
    def missing(self) -> list[int]:
        """Numbers of the parts that are still to be sent, from 0."""
        return [number for number, part_id in enumerate(self.part_ids) if part_id is None]

    def size_of(self, number: int) -> int:
        """Bytes of one part."""
        return min(self.part_size, self.size - number * self.part_size)
