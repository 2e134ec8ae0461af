"""Forms with files: bodies that are read while they are sent, and read anew by each attempt."""

from __future__ import annotations

import secrets
from collections.abc import AsyncIterator, Callable, Iterator, Mapping
from typing import Any, Self, cast

import attrs

from openai_async._wire import json
from openai_async._wire.multipart import Part, head_of
from openai_async.errors import InvalidParameterError
from openai_async.resources._file_contents import Bytes, Content, FileSlice, Source, content_of, name_and_type
from openai_async.types._base import EMPTY
from openai_async.types.params.options import OnUpload

__all__ = ["FileSlice", "FormBody"]


@attrs.frozen
class _Piece:
    """One part of the body: its head, and its content. A head that is None is made of the first bytes that are read."""

    head: bytes | None = attrs.field(repr=False)
    content: Content = attrs.field(repr=False)
    head_with: Callable[[bytes], bytes] = attrs.field(default=bytes, repr=False)


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
        return any(piece.content.once for piece in self._pieces)

    @property
    def length(self) -> int | None:
        """Bytes in all, as far as every part's length is known."""
        total = 0
        for number, piece in enumerate(self._pieces):
            if piece.head is None or piece.content.length is None:
                return None
            total += len(self._before(number)) + len(piece.head) + piece.content.length
        return total + len(self._end())

    def open(self) -> AsyncIterator[bytes]:
        """The bytes from the beginning."""
        self._opened += 1
        if self._opened > 1 and self.once:
            raise InvalidParameterError("file", "was read by an earlier attempt and cannot be read again")
        return _Reading(self._sources(), self.length, self._on_progress)

    def _sources(self) -> Iterator[Source]:
        for number, piece in enumerate(self._pieces):
            if piece.head is None:
                yield _Headed(self._before(number), piece)
            else:
                yield Bytes(self._before(number) + piece.head)
                yield piece.content.open()
        yield Bytes(self._end())

    def _before(self, number: int) -> bytes:
        return b"%s--%s\r\n" % (b"\r\n" if number else b"", self._boundary.encode())

    def _end(self) -> bytes:
        return b"%s--%s--\r\n" % (b"\r\n" if self._pieces else b"", self._boundary.encode())


class _Headed(Source):
    """A part whose name and media type its first bytes tell."""

    def __init__(self, before: bytes, piece: _Piece) -> None:
        self._before: bytes | None = before
        self._piece = piece
        self._source = piece.content.open()

    async def next(self) -> bytes:
        content = await self._source.next()
        if (before := self._before) is not None:
            self._before = None
            content = before + self._piece.head_with(content) + content
        return content

    async def close(self) -> None:
        await self._source.close()


class _Reading:
    """No generator: one that is left half-way would have to be closed by the event loop."""

    def __init__(self, sources: Iterator[Source], length: int | None, on_progress: OnUpload | None) -> None:
        self._sources = sources
        self._length = length
        self._on_progress = on_progress
        self._source: Source = Bytes(b"")
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
            head, content = head_of(Part(flat, b"", content_type=kind)), content_of(flat, text.encode())
            yield _Piece(head, content)


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
    filename, given, kind = _stated(field, value)
    content = content_of(field, given)

    def head_with(first: bytes) -> bytes:
        called, of_kind = name_and_type(filename, kind, content, first)
        return head_of(Part(name, b"", filename=called, content_type=of_kind))

    first = b"" if content.first is None else content.first
    head = head_with(first)  # refuses names that cannot be sent
    return _Piece(None if content.once and kind is None else head, content, head_with)


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
