"""Files: what can be sent as one, what the API says of one, and what comes back as one."""

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
    """An object with a `read`, also one that is awaited: the upload of a web framework, the body of an object store."""

    def read(self, size: int = ..., /) -> Any:
        """The next bytes, or what gives them when it is awaited; none at the end."""
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
    """A file at the API. Times are seconds since 1970; `bytes` is its size."""

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
    """A file that was deleted."""

    id: str
    deleted: bool = True
    object: str = "file"


@attrs.define
class Binary(Record):
    """A reply that is no JSON: sound, a picture, the content of a file."""

    content: bytes = attrs.field(repr=False)
    meta: Meta = attrs.field(default=NO_META, kw_only=True, repr=False, eq=False)

    @property
    def text(self) -> str:
        """The content as UTF-8 text; what is none is replaced."""
        return self.content.decode("utf-8", "replace")

    @property
    def content_type(self) -> str | None:
        """The media type that the server states."""
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
        """Write the content to a file. It blocks; for large ones see the methods that download to a path."""
        Path(path).write_bytes(self.content)

    def __len__(self) -> int:
        return len(self.content)
