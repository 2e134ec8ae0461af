"""File values: what can be uploaded, file metadata and binary replies."""

from __future__ import annotations

import base64
import os
from collections.abc import AsyncIterable, Iterator
from pathlib import Path
from typing import IO, Any, Protocol, TypeAlias

import attrs

from openai_async.types._base import Polled, Reply
from openai_async.types._plain import Record
from openai_async.types.meta import NO_META, Meta


class Readable(Protocol):
    """An object with a `read` method, also an async one: a web framework's upload, an object store's body."""

    def read(self, size: int = ..., /) -> Any:
        """Read the next bytes, or return an awaitable of them; empty at the end."""
        ...


#: The content of a file: bytes, a path (read while it is sent), an open binary file (from where it stands; one in
#: memory as it is now), an object with `read`, or an iterator of pieces that are made while they are sent. What cannot
#: be set back to where it stood is read once, and its call is not retried.
FileContent: TypeAlias = (
    "bytes | bytearray | memoryview | os.PathLike[str] | IO[bytes] | Readable | AsyncIterable[bytes] | Iterator[bytes]"
)
#: A file: its content, or (name, content), or (name, content, media type).
FileInput: TypeAlias = "FileContent | tuple[str, FileContent] | tuple[str, FileContent, str | None]"


@attrs.define(repr=False)
class FileObject(Polled):
    """The metadata of a file. Times are seconds since 1970; `bytes` is its size."""

    id: str
    filename: str | None = None
    bytes: int | None = None
    purpose: str | None = None
    #: "uploaded", "processed" or "error"; of the last one, `status_details` may say more.
    status: str | None = None
    status_details: str | None = None
    created_at: int | None = None
    expires_at: int | None = None
    object: str = "file"


@attrs.define(repr=False)
class FileDeleted(Reply):
    """A deleted file."""

    id: str
    deleted: bool = True
    object: str = "file"


@attrs.define
class Binary(Record):
    """A binary reply: audio, an image, the content of a file."""

    content: bytes = attrs.field(repr=False)
    meta: Meta = attrs.field(default=NO_META, kw_only=True, repr=False, eq=False)

    @property
    def text(self) -> str:
        """The content as UTF-8 text; invalid bytes are replaced."""
        return self.content.decode("utf-8", "replace")

    @property
    def content_type(self) -> str | None:
        """The media type of the content, as the server reports it."""
        return self.meta.headers.get("content-type")

    def _items(self) -> Iterator[tuple[str, Any]]:
        """The content in base64, and its media type."""
        yield "content", base64.b64encode(self.content).decode("ascii")
        yield "content_type", self.content_type

    def _shown(self) -> Iterator[tuple[str, object]]:
        yield "bytes", len(self.content)
        if self.content_type is not None:
            yield "content_type", self.content_type

    def write_to_file(self, path: str | os.PathLike[str]) -> None:
        """Write the content to a file. It blocks; for large content use the methods that download to a path."""
        Path(path).write_bytes(self.content)

    def __len__(self) -> int:
        return len(self.content)
