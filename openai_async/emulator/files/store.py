"""The store of uploaded files and of files written by batches: small ones in memory, large ones on disk.

A file on disk has no name there (where the system allows that), so nothing remains even if the process is killed. A
reader of a deleted file can read it to its end. Files expire on the emulator's clock. May be used from any thread.
Nothing here depends on the content of a file.
"""

from __future__ import annotations

import math
import threading
import time
import weakref
from collections.abc import Callable, Iterator
from tempfile import SpooledTemporaryFile
from typing import IO
from uuid import uuid4

from attrs import define, field

from openai_async.emulator.error_responses import ErrorResponse
from openai_async.emulator.fields import Fields, JSONObject

__all__ = ["FileStore", "StoredFile", "read_expiry", "spool"]

_IN_MEMORY = 1024 * 1024  # bytes; a larger file goes to disk
_PIECE = 64 * 1024
_MONTH = 30 * 24 * 3600  # seconds that files of batches are kept unless told otherwise


def spool() -> IO[bytes]:
    """Open a new file to write to. A `FileStore` that takes it over also closes it."""
    return SpooledTemporaryFile(max_size=_IN_MEMORY)


@define(eq=False)
class StoredFile:
    """One file: the API's fields, and its content, which is closed when nothing refers to the file any more.

    `created_at` and `expires_at` are epoch seconds, `deadline` is seconds on the emulator's clock.
    """

    filename: str
    purpose: str
    size: int
    created_at: int
    expires_at: int | None
    deadline: float
    _content: IO[bytes] = field(alias="content", repr=False)
    # By chance, not by number: the id of a file that is gone must never name another one.
    id: str = field(factory=lambda: f"file-{uuid4().hex}")
    _lock: threading.Lock = field(factory=threading.Lock)

    def __attrs_post_init__(self) -> None:
        weakref.finalize(self, self._content.close)

    def pieces(self) -> Iterator[bytes]:
        """Read the content in pieces. Several readers do not disturb each other."""
        for start in range(0, self.size, _PIECE):
            with self._lock:
                self._content.seek(start)
                piece = self._content.read(_PIECE)
            yield piece

    def line_at(self, offset: int) -> bytes:
        """Read from `offset` to the end of the line, with its line break. Empty at the end of the file."""
        with self._lock:
            self._content.seek(offset)
            return self._content.readline()

    def described(self) -> JSONObject:
        """Get the API's file object."""
        return {
            "id": self.id,
            "object": "file",
            "bytes": self.size,
            "created_at": self.created_at,
            "expires_at": self.expires_at,
            "filename": self.filename,
            "purpose": self.purpose,
            "status": "processed",
            "status_details": None,
        }


class FileStore:
    """The files of one emulator, in order of creation. `clock` decides when they expire."""

    def __init__(self, clock: Callable[[], float]) -> None:
        self._clock = clock
        self._files: dict[str, StoredFile] = {}

    def add(self, content: IO[bytes], filename: str, purpose: str, seconds: int | None = None) -> StoredFile:
        """Take over a file and keep it for `seconds`: by default a month if it is for a batch, else forever."""
        if seconds is None and purpose in ("batch", "batch_output"):
            seconds = _MONTH
        created = int(time.time())
        stored = StoredFile(
            filename=filename,
            purpose=purpose,
            size=content.seek(0, 2),
            created_at=created,
            expires_at=None if seconds is None else created + seconds,
            deadline=math.inf if seconds is None else self._clock() + seconds,
            content=content,
        )
        self._files[stored.id] = stored
        return stored

    def get(self, id: str) -> StoredFile | None:
        """Get the file of this id, if it exists and has not expired."""
        stored = self._files.get(id)
        return None if stored is None or stored.deadline <= self._clock() else stored

    def find(self, id: str) -> StoredFile:
        """Get the file of this id. Raises the API's 404 if there is none."""
        stored = self.get(id)
        if stored is None:
            raise ErrorResponse(404, f"No such File object: {id}", param="id")
        return stored

    def listed(self) -> list[StoredFile]:
        """Get all files, oldest first."""
        now = self._clock()
        return [stored for stored in list(self._files.values()) if stored.deadline > now]

    def delete(self, id: str) -> None:
        """Delete a file. Raises the API's 404 if there is none."""
        self._files.pop(self.find(id).id, None)

    def clear(self) -> None:
        """Delete every file."""
        self._files.clear()


def read_expiry(fields: Fields, name: str) -> int | None:
    """Read a parameter like `expires_after`: the seconds for which a file is kept."""
    wanted = fields.fields(name)
    if wanted is None:
        return None
    wanted.required("anchor")
    wanted.choice("anchor", ("created_at",))
    wanted.required("seconds")
    return wanted.integer("seconds", 3600, _MONTH)
