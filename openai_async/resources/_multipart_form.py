"""Forms with files: bodies that are read while they are sent, and read again by each attempt."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Iterator, Mapping
from typing import Any, Self

import attrs

from openai_async._wire.multipart import Framing, Part, field_parts, part_header
from openai_async.errors import InvalidParameterError
from openai_async.resources._file_contents import Bytes, Content, FileSlice, Source, content_of, name_and_type
from openai_async.types._base import EMPTY
from openai_async.types.params.options import OnUpload

__all__ = ["FileSlice", "FormBody"]


@attrs.frozen
class _FormPart:
    """One part of the body. If `header` is None, `header_with` makes it from the first bytes of the content."""

    header: bytes | None = attrs.field(repr=False)
    content: Content = attrs.field(repr=False)
    header_with: Callable[[bytes], bytes] = attrs.field(default=bytes, repr=False)

    @property
    def length(self) -> int | None:
        """Bytes of the header and the content; None if that is not known before they are read."""
        if self.header is None or self.content.length is None:
            return None
        return len(self.header) + self.content.length


class FormBody:
    """A multipart/form-data body that is read while it is sent. `Body` of the transport.

    Args:
        fields: parameters as the API names them; see `multipart.field_parts`.
        files: parameters that are files, or lists of them.
        on_progress: called as the body is sent; what it raises ends the call.
        kinds: media types of parameters that are not plain text.

    Raises:
        InvalidParameterError: a value that cannot stand in a form, or a file that does not exist; names the field.
    """

    def __init__(
        self,
        fields: Mapping[str, Any],
        files: Mapping[str, Any],
        on_progress: OnUpload | None = None,
        kinds: Mapping[str, str] = EMPTY,
    ) -> None:
        self._framing = Framing()
        self._on_progress = on_progress
        self._parts = [*_fields(fields, kinds), *_files(files)]
        self._opened = 0

    @property
    def content_type(self) -> str:
        """The value of the Content-Type header."""
        return self._framing.content_type

    @property
    def single_use(self) -> bool:
        """Whether the body cannot be sent a second time."""
        return any(part.content.single_use for part in self._parts)

    @property
    def length(self) -> int | None:
        """The length in bytes; None unless every part's length is known."""
        sizes = [size for part in self._parts if (size := part.length) is not None]
        return self._framing.length(sizes) if len(sizes) == len(self._parts) else None

    def open(self) -> AsyncIterator[bytes]:
        """Open the body at its beginning."""
        self._opened += 1
        if self._opened > 1 and self.single_use:
            raise InvalidParameterError("file", "was read by an earlier attempt and cannot be read again")
        return _Reading(self._sources(), self.length, self._on_progress)

    def _sources(self) -> Iterator[Source]:
        for number, part in enumerate(self._parts):
            delimiter = self._framing.delimiter(number)
            if part.header is None:
                yield _Headed(delimiter, part)
            else:
                yield Bytes(delimiter + part.header)
                yield part.content.open()
        yield Bytes(self._framing.close_delimiter(len(self._parts)))


class _Headed(Source):
    """A part whose name and media type follow from its first bytes."""

    def __init__(self, delimiter: bytes, part: _FormPart) -> None:
        self._delimiter: bytes | None = delimiter
        self._part = part
        self._source = part.content.open()

    async def next(self) -> bytes:
        content = await self._source.next()
        if (delimiter := self._delimiter) is not None:
            self._delimiter = None
            content = delimiter + self._part.header_with(content) + content
        return content

    async def close(self) -> None:
        await self._source.close()


class _Reading:
    """A reader of the body. Not a generator, because the event loop would have to close one that is left early."""

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


def _fields(fields: Mapping[str, Any], kinds: Mapping[str, str]) -> Iterator[_FormPart]:
    for part in field_parts(fields, kinds):
        yield _FormPart(part_header(part), content_of(part.name, part.content))


def _files(files: Mapping[str, Any]) -> Iterator[_FormPart]:
    for name, value in files.items():
        if isinstance(value, list):
            for index, item in enumerate(value):  # pyright: ignore[reportUnknownVariableType, reportUnknownArgumentType]
                yield _file(f"{name}[]", f"{name}[{index}]", item)  # pyright: ignore[reportUnknownArgumentType]
        elif value is not None:
            yield _file(name, name, value)


def _file(name: str, field: str, value: object) -> _FormPart:
    """Read one file parameter. `field` is its name in errors."""
    filename, source, kind = _name_and_content(field, value)
    content = content_of(field, source)

    def header_with(first: bytes) -> bytes:
        called, of_kind = name_and_type(filename, kind, content, first)
        return part_header(Part(name, b"", filename=called, content_type=of_kind))

    first = b"" if content.first is None else content.first
    header = header_with(first)  # refuses names that cannot be sent
    return _FormPart(None if content.single_use and kind is None else header, content, header_with)


def _name_and_content(field: str, value: object) -> tuple[str | None, object, str | None]:
    """The name, content and media type, as far as they are passed."""
    if not isinstance(value, tuple):
        return None, value, None
    parts: tuple[Any, ...] = value  # pyright: ignore[reportUnknownVariableType]
    if len(parts) not in (2, 3):
        raise InvalidParameterError(field, "in several parts is (name, content) or (name, content, media type)")
    name, content, kind = (*parts, None)[:3]
    if not all(text is None or isinstance(text, str) for text in (name, kind)):
        raise InvalidParameterError(field, "must have a name, and a media type if one is given, that are texts")
    return name, content, kind
