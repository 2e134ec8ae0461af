"""The content of a form's file: what it may be, and how its bytes are read while they are sent.

A file on disk is read in slices in a worker thread, and never whole in memory; exactly as many bytes are sent of it as
it had when the call was made. What can be read only once (pieces that are made, a pipe, an object with `read` alone)
makes the call one that is sent once.
"""

from __future__ import annotations

import inspect
import io
import os
from collections.abc import AsyncIterable, AsyncIterator, Callable, Iterator
from pathlib import Path
from typing import Any, Final, cast

import anyio.to_thread
import attrs

from openai_async._wire.media import suffix_of, type_of
from openai_async.errors import InvalidParameterError

_SLICE: Final = 256 * 1024
#: First bytes of a file, which tell what it is.
_FIRST: Final = 16
_COMPRESSED: Final = ("bz2", "gzip", "lzma")
#: Finding the end of such a file takes unpacking all of it.
_PACKED: Final = (*_COMPRESSED, "tarfile", "zipfile")
_EXPECTED: Final = (
    "must be bytes, a path, a file opened in binary mode, (name, content[, media type]) or an iterator of bytes"
)


@attrs.frozen
class FileSlice:
    """A part of a file on disk: `length` bytes from `start`. A form sends it as a file of its own."""

    path: os.PathLike[str]
    start: int
    length: int


class Source:
    """The content of one part, chunk by chunk; b"" at its end."""

    async def next(self) -> bytes:
        """Read the next chunk. After cancelling, `close` ends the pending read."""
        raise NotImplementedError

    async def close(self) -> None:
        """Close what was opened here. It does not wait, so there is nothing to cancel."""
        return


class Bytes(Source):
    """Content in memory."""

    def __init__(self, content: bytes) -> None:
        self._content = content

    async def next(self) -> bytes:
        content, self._content = self._content, b""
        return content


@attrs.frozen
class Content:
    """The content of a file, before it is sent.

    Attributes:
        open: gives its bytes from the beginning.
        length: in bytes, if it is known.
        once: it cannot be read a second time.
        name: what it is called, if it says so itself.
        kind: media type, if it says so itself.
        first: bytes that it begins with; None if they are not known before it is read.
    """

    open: Callable[[], Source] = attrs.field(repr=False)
    length: int | None = None
    single_use: bool = False
    name: str | None = None
    kind: str | None = None
    first: bytes | None = attrs.field(default=None, repr=False)


def content_of(field: str, value: Any) -> Content:
    """Classify the content of a file.

    Raises:
        InvalidParameterError: it is none; names the field.
    """
    if isinstance(value, (bytes, bytearray, memoryview)):
        content = bytes(cast("bytes", value))
        return Content(lambda: Bytes(content), len(content), first=content[:_FIRST])
    if isinstance(value, FileSlice):
        path, start, length = value.path, value.start, value.length
        return Content(lambda: _File(path, start, length, own=True), length, name=_base(value.path))
    if isinstance(value, os.PathLike):
        return _of_path(field, Path(cast("os.PathLike[str]", value)))
    if isinstance(value, str) or inspect.isclass(value):
        raise InvalidParameterError(field, _EXPECTED)
    value, name, kind = _unwrapped(value)
    result = _of_reader(field, value) if hasattr(value, "read") else _of_pieces(field, value)
    return attrs.evolve(result, name=name, kind=kind)


def is_file(value: Any) -> bool:
    """Whether a value can only be a file, or several files, whatever its parameter is called."""
    if isinstance(value, tuple):
        parts: tuple[Any, ...] = value  # pyright: ignore[reportUnknownVariableType]
        return len(parts) in (2, 3) and (parts[0] is None or isinstance(parts[0], str)) and is_file(parts[1])
    if isinstance(value, list):
        items: list[Any] = value  # pyright: ignore[reportUnknownVariableType]
        return bool(items) and all(map(is_file, items))
    return isinstance(value, (bytes, bytearray, memoryview, os.PathLike, FileSlice)) or hasattr(value, "read")


def name_and_type(name: str | None, kind: str | None, content: Content, first: bytes) -> tuple[str, str]:
    """The file name and media type to send: as passed, as the content says, or by its first bytes.

    The API refuses pictures without their type, and sound whose name does not say what it is.
    """
    suffix = suffix_of(first)
    if not name:
        name = content.name or "upload"
        if not os.path.splitext(name)[1]:
            name += suffix
    return name, kind or content.kind or type_of(name) or type_of(f"upload{suffix}") or "application/octet-stream"


# ---- what was given


def _of_path(field: str, path: Path) -> Content:
    if not path.is_file():
        raise InvalidParameterError(field, f"there is no file {path}")
    try:
        with path.open("rb") as file:
            first = file.read(_FIRST)
    except PermissionError:
        raise InvalidParameterError(field, f"the file {path} may not be read") from None
    length = path.stat().st_size
    return Content(lambda: _File(path, 0, length, own=True), length, name=path.name, first=first)


def _unwrapped(value: Any) -> tuple[Any, str | None, str | None]:
    """The file inside a web framework's upload, its name and its media type.

    `name` of an upload may be the field of the form that it came in: `filename` goes before it.
    """
    packed = type(value).__module__ in _COMPRESSED
    name: Any = None if packed else getattr(value, "filename", None)
    kind: Any = getattr(value, "content_type", None)
    if not hasattr(value, "read") or _is_async(value.read):
        inners = (getattr(value, attribute, None) for attribute in ("file", "wrapped"))
        inner = next((inner for inner in inners if hasattr(inner, "read")), None)
        value = value if inner is None else inner
    if not isinstance(name, str) or not name:
        name = getattr(value, "name", None)  # of some files a number
    if isinstance(name, str) and packed:
        name = os.path.splitext(name)[0]  # what is read is no longer compressed
    return value, _base(name) if isinstance(name, str) else None, kind if isinstance(kind, str) and kind else None


def _base(name: str | os.PathLike[str]) -> str | None:
    return os.path.basename(os.fspath(name)) or None


def _of_pieces(field: str, value: Any) -> Content:
    if isinstance(value, AsyncIterable):
        return Content(lambda: _Generated(aiter(cast("AsyncIterable[bytes]", value))), single_use=True)
    if isinstance(value, Iterator):
        return Content(lambda: _Drawn(cast("Iterator[bytes]", value)), single_use=True)
    raise InvalidParameterError(field, _EXPECTED)


def _of_reader(field: str, value: Any) -> Content:
    if _is_async(value.read):
        return Content(lambda: _Awaited(value.read), single_use=True)
    if isinstance(value, io.TextIOBase):
        raise InvalidParameterError(field, "must be opened in binary mode")
    if getattr(value, "closed", False) is True:
        raise InvalidParameterError(field, "is a file that was closed")
    if hasattr(value, "readable") and not value.readable():
        raise InvalidParameterError(field, "is a file that was opened for writing only")
    start = _position(value)
    if start is None:
        return Content(lambda: _File(value, None, None), single_use=True)
    first = value.read(_FIRST)
    if isinstance(first, str):
        raise InvalidParameterError(field, "must be opened in binary mode")
    length = _length(value, start)
    if not first and start:
        raise InvalidParameterError(field, "is a file that stands at its end: call seek(0) first")
    if isinstance(value, io.BytesIO) and type(value).read is io.BytesIO.read:
        # Taken as it is now: it may be changed, or sent by another call, before this one has read it.
        return content_of(field, value.getvalue()[start:] if start else value.getvalue())
    return Content(lambda: _File(value, start, length), length, first=bytes(first))


def _position(file: Any) -> int | None:
    """The position of a file; None if it cannot be read from there again."""
    try:
        if hasattr(file, "seekable") and not file.seekable():
            return None
        position = file.tell()
        file.seek(position)
    except Exception:  # there is no such method, or it does not work: that of a wrapper may raise anything
        return None
    return position if isinstance(position, int) else None


def _length(file: Any, start: int) -> int | None:
    """The bytes left in a file; None if only reading tells. The position is restored."""
    end = None
    if type(file).__module__ not in _PACKED:
        try:
            file.seek(0, os.SEEK_END)
            end = file.tell()
        except Exception:
            end = None
    file.seek(start)
    return max(end - start, 0) if isinstance(end, int) else None


def _is_async(read: object) -> bool:
    return inspect.iscoroutinefunction(read) or inspect.iscoroutinefunction(getattr(type(read), "__call__", None))  # noqa: B004


# ---- reading


class _File(Source):
    """A file or an object with `read`, read in a thread. If it was opened here (`own`), it is closed here."""

    def __init__(self, file: Any, start: int | None, length: int | None, *, own: bool = False) -> None:
        self._source = file
        self._start = start
        self._left = length
        self._own = own
        self._file: Any = None
        self._reads_all = False

    async def next(self) -> bytes:
        (result,) = await anyio.to_thread.run_sync(lambda: [self._read()])  # trio refuses what is awaited by itself
        return _checked(await result if inspect.isawaitable(result) else result)

    def _read(self) -> Any:
        if self._file is None:
            self._file = open(self._source, "rb") if self._own else self._source  # noqa: SIM115
            self._reads_all = not _takes_size(self._file.read)
            if self._start is not None:
                self._file.seek(self._start)
        elif self._reads_all:
            return b""
        if self._left is None:
            return self._file.read() if self._reads_all else self._file.read(_SLICE)
        content = self._file.read(min(_SLICE, self._left))
        self._left -= len(content)
        if not content and self._left:  # the server waits for what was announced
            raise OSError("a file became shorter while it was sent")
        return content

    async def close(self) -> None:
        if self._own and self._file is not None:
            self._file.close()


def _takes_size(read: Callable[..., Any]) -> bool:
    try:
        inspect.signature(read).bind(_SLICE)
    except TypeError:
        return False
    except ValueError:  # a built-in that does not say
        return True
    return True


class _Awaited(Source):
    """An object with an awaitable `read`, such as the file of an asynchronous library."""

    def __init__(self, read: Callable[..., Any]) -> None:
        self._read = read
        self._reads_all = not _takes_size(read)
        self._ended = False

    async def next(self) -> bytes:
        if self._ended:
            return b""
        self._ended = self._reads_all
        return _checked(await (self._read() if self._reads_all else self._read(_SLICE)))


class _Drawn(Source):
    """The chunks of an iterator that may block, read in a thread."""

    def __init__(self, pieces: Iterator[bytes]) -> None:
        self._pieces = pieces

    async def next(self) -> bytes:
        while (piece := await anyio.to_thread.run_sync(next, self._pieces, None)) is not None:
            if result := _checked(piece):
                return result
        return b""


class _Generated(Source):
    def __init__(self, pieces: AsyncIterator[bytes]) -> None:
        self._pieces = pieces

    async def next(self) -> bytes:
        while (piece := await anext(self._pieces, None)) is not None:
            if result := _checked(piece):
                return result
        return b""

    async def close(self) -> None:
        close = getattr(self._pieces, "aclose", None)
        if close is not None:
            await close()


def _checked(piece: Any) -> bytes:
    if isinstance(piece, bytes):
        return piece
    if isinstance(piece, (bytearray, memoryview)):
        return bytes(cast("bytes", piece))
    raise InvalidParameterError("file", f"must be read in pieces of bytes, not of {type(piece).__name__}")
