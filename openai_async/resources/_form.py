"""Forms with files: bodies that are read while they are sent, and read anew by each attempt.

A file on disk is read in slices in a worker thread, and never whole in memory; exactly as many bytes are sent of it as
it had when the call was made. What can be read only once (pieces that are made, a pipe) makes the call one that is sent
once.
"""

from __future__ import annotations

import io
import os
import secrets
from collections.abc import AsyncIterable, AsyncIterator, Iterator, Mapping
from pathlib import Path
from typing import IO, Any, Final, Self, TypeAlias, TypeGuard, cast

import anyio
import anyio.to_thread
import attrs

from openai_async._wire import json
from openai_async._wire.media import suffix_of, type_of
from openai_async._wire.multipart import Part, head_of
from openai_async.errors import InvalidParameterError
from openai_async.types._base import EMPTY
from openai_async.types.files import FileContent
from openai_async.types.options import OnUpload

_SLICE: Final = 256 * 1024


@attrs.frozen
class FileSlice:
    """A part of a file on disk, from `start`, `length` bytes long; a file of its own in a form."""

    path: os.PathLike[str]
    start: int
    length: int


_Content: TypeAlias = "FileContent | FileSlice"


@attrs.frozen
class _Piece:
    """One part of the body: its head, and where its content comes from."""

    head: bytes = attrs.field(repr=False)
    content: _Content = attrs.field(repr=False)
    length: int | None
    #: Where an open file stood, or a slice begins.
    start: int = 0


class FormBody:
    """A multipart/form-data body. `Body` of the transport.

    Args:
        fields: parameters as the API names them; mappings and lists are flattened as `name[key]` and `name[]`.
        files: parameters that are files, or lists of them.
        on_progress: called as the body is sent; what it raises ends the call.
        kinds: media types of parameters that are no plain text; those that are JSON are not flattened.

    Raises:
        InvalidParameterError: a value that cannot stand in a form, a file that is not there; names the field.
    """

    def __init__(
        self,
        fields: Mapping[str, Any],
        files: Mapping[str, Any],
        on_progress: OnUpload | None = None,
        kinds: Mapping[str, str] = EMPTY,
    ) -> None:
        self._boundary = secrets.token_hex(16)
        self._on_progress = on_progress
        self._pieces = [*_fields(fields, kinds), *_files(files)]
        self._opened = 0

    @property
    def content_type(self) -> str:
        """Value of the header."""
        return f"multipart/form-data; boundary={self._boundary}"

    @property
    def once(self) -> bool:
        """It cannot be sent a second time."""
        return any(_is_once(piece.content) for piece in self._pieces)

    @property
    def length(self) -> int | None:
        """Bytes in all, as far as every part's length is known."""
        total = 0
        for number, piece in enumerate(self._pieces):
            if piece.length is None:
                return None
            total += len(self._before(number)) + len(piece.head) + piece.length
        return total + len(self._end())

    def open(self) -> AsyncIterator[bytes]:
        """The bytes from the beginning."""
        self._opened += 1
        if self._opened > 1 and self.once:
            raise InvalidParameterError("file", "was read by an earlier attempt and cannot be read again")
        return _Reading(self._sources(), self.length, self._on_progress)

    def _sources(self) -> Iterator[_Source]:
        for number, piece in enumerate(self._pieces):
            yield _Bytes(self._before(number) + piece.head)
            yield _source(piece)
        yield _Bytes(self._end())

    def _before(self, number: int) -> bytes:
        return b"%s--%s\r\n" % (b"\r\n" if number else b"", self._boundary.encode())

    def _end(self) -> bytes:
        return b"%s--%s--\r\n" % (b"\r\n" if self._pieces else b"", self._boundary.encode())


class _Source:
    """What gives the content of one part, slice by slice; b"" at its end."""

    async def next(self) -> bytes:
        raise NotImplementedError

    async def close(self) -> None:
        return


class _Bytes(_Source):
    def __init__(self, content: bytes) -> None:
        self._content = content

    async def next(self) -> bytes:
        content, self._content = self._content, b""
        return content


class _File(_Source):
    """A file, read in a thread. One that was opened here is closed here."""

    def __init__(self, piece: _Piece) -> None:
        self._piece = piece
        self._file: IO[bytes] | None = None
        self._left = piece.length

    async def next(self) -> bytes:
        return await anyio.to_thread.run_sync(self._read)

    def _read(self) -> bytes:
        if self._file is None:
            self._file = self._opened()
        if self._left is None:
            return self._file.read(_SLICE)
        content = self._file.read(min(_SLICE, self._left))
        self._left -= len(content)
        if not content and self._left:  # the server waits for what was announced
            raise OSError("a file became shorter while it was sent")
        return content

    def _opened(self) -> IO[bytes]:
        content = self._piece.content
        path = content.path if isinstance(content, FileSlice) else content
        file = open(path, "rb") if isinstance(path, os.PathLike) else cast("IO[bytes]", path)  # noqa: SIM115
        if file.seekable():
            file.seek(self._piece.start)
        return file

    async def close(self) -> None:
        if self._file is not None and isinstance(self._piece.content, (os.PathLike, FileSlice)):
            self._file.close()


class _Drawn(_Source):
    """Pieces of an iterator that may block: taken in a thread."""

    def __init__(self, pieces: Iterator[bytes]) -> None:
        self._pieces = pieces

    async def next(self) -> bytes:
        while (piece := await anyio.to_thread.run_sync(next, self._pieces, None)) is not None:
            if _checked(piece):
                return piece
        return b""


class _Made(_Source):
    def __init__(self, content: AsyncIterable[bytes]) -> None:
        self._pieces = aiter(content)

    async def next(self) -> bytes:
        while (piece := await anext(self._pieces, None)) is not None:
            if _checked(piece):
                return piece
        return b""

    async def close(self) -> None:
        close = getattr(self._pieces, "aclose", None)
        if close is not None:
            await close()


def _checked(piece: object) -> bool:
    """Whether there is something in a piece."""
    if not isinstance(piece, (bytes, bytearray)):
        raise InvalidParameterError("file", f"must be read in pieces of bytes, not of {type(piece).__name__}")
    return bool(piece)


def _source(piece: _Piece) -> _Source:
    if isinstance(piece.content, bytes):
        return _Bytes(piece.content)
    if isinstance(piece.content, AsyncIterable):
        return _Made(piece.content)
    return _Drawn(piece.content) if _is_iterator(piece.content) else _File(piece)


class _Reading:
    """No generator: one that is left half-way would have to be closed by the event loop."""

    def __init__(self, sources: Iterator[_Source], length: int | None, on_progress: OnUpload | None) -> None:
        self._sources = sources
        self._length = length
        self._on_progress = on_progress
        self._source: _Source = _Bytes(b"")
        self._sent = 0

    def __aiter__(self) -> Self:
        return self

    async def __anext__(self) -> bytes:
        if self._on_progress is not None and self._sent:
            self._on_progress(self._sent, self._length)
        while not (piece := await self._source.next()):
            await self._source.close()
            try:
                self._source = next(self._sources)
            except StopIteration:
                raise StopAsyncIteration from None
        self._sent += len(piece)
        return piece

    async def aclose(self) -> None:
        await self._source.close()


# ---- from parameters to parts


def _fields(fields: Mapping[str, Any], kinds: Mapping[str, str]) -> Iterator[_Piece]:
    for name, value in fields.items():
        kind = kinds.get(name)
        if kind == "application/json" and not isinstance(value, str):
            value = json.dumps(value, name).decode()
        for flat, text in _flattened(name, json.plain(value, name)):
            head = head_of(Part(flat, b"", content_type=kind))
            content = text.encode()
            yield _Piece(head, content, len(content))


def _flattened(name: str, value: Any) -> Iterator[tuple[str, str]]:
    if value is None:
        return
    if isinstance(value, Mapping):
        for key, part in cast("Mapping[str, Any]", value).items():
            yield from _flattened(f"{name}[{key}]", part)
    elif isinstance(value, list):
        for part in value:  # pyright: ignore[reportUnknownVariableType]
            yield from _flattened(f"{name}[]", part)
    elif isinstance(value, bool):
        yield name, "true" if value else "false"
    else:
        yield name, str(value)


def _files(files: Mapping[str, Any]) -> Iterator[_Piece]:
    for name, value in files.items():
        if isinstance(value, list):
            for index, item in enumerate(value):  # pyright: ignore[reportUnknownVariableType, reportUnknownArgumentType]
                yield _file(f"{name}[]", f"{name}[{index}]", item)  # pyright: ignore[reportUnknownArgumentType]
        elif value is not None:
            yield _file(name, name, value)


def _file(name: str, field: str, value: object) -> _Piece:
    """One file. `field` is what an error calls it."""
    filename, content, content_type = _stated(field, value)
    if isinstance(content, (bytearray, memoryview)):
        content = bytes(cast("bytearray", content))
    length, start = _measured(field, content)
    filename = filename or _name_of(content)
    # The API refuses pictures without their type, and sound whose name does not say what it is.
    kind = content_type or type_of(filename) or "application/octet-stream"
    part = Part(name, b"", filename=filename, content_type=kind)
    return _Piece(head_of(part), cast("FileContent", content), length, start)


def _stated(field: str, value: object) -> tuple[str | None, object, str | None]:
    """Name, content and media type, as far as they are given."""
    if not isinstance(value, tuple):
        return None, value, None
    parts: tuple[Any, ...] = value  # pyright: ignore[reportUnknownVariableType]
    if len(parts) not in (2, 3):
        raise InvalidParameterError(field, "in several parts is (name, content) or (name, content, media type)")
    name, content, kind = (*parts, None)[:3]
    if not all(text is None or isinstance(text, str) for text in (name, kind)):
        raise InvalidParameterError(field, "must have a name, and a media type if one is given, that are texts")
    return name, content, kind


def _measured(field: str, content: Any) -> tuple[int | None, int]:
    """Length, and where it begins."""
    if isinstance(content, bytes):
        return len(content), 0
    if isinstance(content, os.PathLike):
        path = Path(cast("os.PathLike[str]", content))
        if not path.is_file():
            raise InvalidParameterError(field, f"there is no file {path}")
        return path.stat().st_size, 0
    if isinstance(content, io.TextIOBase):
        raise InvalidParameterError(field, "must be opened in binary mode")
    if isinstance(content, FileSlice):
        return content.length, content.start
    if isinstance(content, AsyncIterable) or _is_iterator(content):
        return None, 0
    if hasattr(content, "read"):
        if getattr(content, "closed", False):
            raise InvalidParameterError(field, "is a file that was closed")
        if not content.seekable():
            return None, 0
        start: int = content.tell()
        length: int = content.seek(0, os.SEEK_END) - start
        content.seek(start)
        return length, start
    raise InvalidParameterError(
        field,
        "must be bytes, a path, a file opened in binary mode, (name, content[, media type]) or an iterator of bytes",
    )


def _name_of(content: object) -> str:
    if isinstance(content, bytes):
        return f"upload{suffix_of(content)}"
    name: Any = getattr(content, "name", None)  # a path's is its last part
    return os.path.basename(name) if isinstance(name, str) and name else "upload"


def _is_iterator(content: object) -> TypeGuard[Iterator[bytes]]:
    """Whether it gives pieces itself. (An open file gives lines, and is read.)"""
    return isinstance(content, Iterator) and not hasattr(content, "read")  # pyright: ignore[reportUnknownArgumentType]


def _is_once(content: _Content) -> bool:
    if isinstance(content, (bytes, os.PathLike, FileSlice)):
        return False
    if isinstance(content, AsyncIterable) or _is_iterator(content):
        return True
    return not cast("IO[bytes]", content).seekable()
