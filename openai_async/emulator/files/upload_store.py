"""The store of uploads in parts: their states, their parts, and the files that they become.

    pending -> completed, with a file
       |-> cancelled
       `-> expired, an hour after it was created, on the emulator's clock

Parts are spooled like files: small ones in memory, large ones on disk. Nothing here reads a request.
"""

from __future__ import annotations

import hashlib
import time
from collections.abc import Callable, Sequence
from typing import IO
from uuid import uuid4

from attrs import define, field

from openai_async.emulator.error_responses import ErrorResponse, invalid
from openai_async.emulator.fields import JSONObject
from openai_async.emulator.files.store import FileStore, StoredFile, spool

__all__ = ["Upload", "UploadStore"]

_LIFETIME = 3600  # seconds
_PIECE = 1024 * 1024


@define(eq=False)
class Upload:
    """One upload. `deadline` is seconds on the emulator's clock. `seconds` is how long its file is kept."""

    filename: str
    purpose: str
    size: int
    seconds: int | None
    deadline: float
    id: str = field(factory=lambda: f"upload_{uuid4().hex}")
    created_at: int = field(factory=lambda: int(time.time()))
    status: str = "pending"
    file: StoredFile | None = None
    _parts: dict[str, IO[bytes]] = field(factory=dict[str, IO[bytes]], repr=False)

    def check_pending(self) -> None:
        """Raise the API's 400 if no more parts can be added."""
        if self.status != "pending":
            raise invalid(f"Upload {self.id} is not pending: its status is '{self.status}'.")

    def add(self, content: IO[bytes]) -> JSONObject:
        """Take over the content of a part. Gives the API's part object."""
        part_id = f"part_{uuid4().hex}"
        self._parts[part_id] = content
        return {"id": part_id, "object": "upload.part", "created_at": int(time.time()), "upload_id": self.id}

    def complete(self, part_ids: Sequence[str], md5: str | None, files: FileStore) -> None:
        """Make a file of these parts, in this order. Raises the API's 400 if they differ from the announced file."""
        content, checksum = spool(), hashlib.md5(usedforsecurity=False)
        try:
            for part_id in part_ids:
                if part_id not in self._parts:
                    raise invalid(f"Upload {self.id} has no part '{part_id}'.", param="part_ids")
                part = self._parts[part_id]
                part.seek(0)
                while piece := part.read(_PIECE):
                    checksum.update(piece)
                    content.write(piece)
            if (size := content.tell()) != self.size:
                raise invalid(
                    f"The parts come to {size} bytes, but {self.size} bytes were announced.", param="part_ids"
                )
            if md5 is not None and md5.lower() != checksum.hexdigest():
                raise invalid("The MD5 checksum of the parts is not the one that was given.", param="md5")
        except BaseException:
            content.close()
            raise
        self.file = files.add(content, self.filename, self.purpose, self.seconds)
        self.end("completed")

    def end(self, status: str) -> None:
        """Enter a final state. The parts are deleted."""
        self.status = status
        for part in self._parts.values():
            part.close()
        self._parts.clear()

    def described(self) -> JSONObject:
        """Get the API's upload object."""
        return {
            "id": self.id,
            "object": "upload",
            "bytes": self.size,
            "created_at": self.created_at,
            "expires_at": self.created_at + _LIFETIME,
            "filename": self.filename,
            "purpose": self.purpose,
            "status": self.status,
            "file": None if self.file is None else self.file.described(),
        }


class UploadStore:
    """The uploads of one emulator. `clock` decides when they expire."""

    def __init__(self, clock: Callable[[], float]) -> None:
        self._clock = clock
        self._uploads: dict[str, Upload] = {}

    def begin(self, filename: str, purpose: str, size: int, seconds: int | None) -> Upload:
        """Begin an upload of so many bytes, whose file is kept for `seconds`."""
        upload = Upload(filename, purpose, size, seconds, self._clock() + _LIFETIME)
        self._uploads[upload.id] = upload
        return upload

    def find(self, id: str) -> Upload:
        """Get the upload of this id. Raises the API's 404 if there is none."""
        upload = self._uploads.get(id)
        if upload is None:
            raise ErrorResponse(404, f"No such Upload object: {id}", param="id")
        if upload.status == "pending" and upload.deadline <= self._clock():
            upload.end("expired")
        return upload

    def clear(self) -> None:
        """Delete every upload."""
        for upload in self._uploads.values():
            upload.end(upload.status)
        self._uploads.clear()
