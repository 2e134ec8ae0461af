"""multipart/form-data (RFC 7578): the fields and files of a form as one body. No I/O.

A caller's name, file name or media type cannot end a part's header early or begin another part: each is checked byte by
byte. The boundary is random. No media type is guessed here, and no file is read: that is the caller's part.

`Framing` and `part_header` give the bytes between the contents, for a body that is read while it is sent. `encode`
makes a whole body in memory, and copies each content once.
"""

from __future__ import annotations

import re
import secrets
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from io import BytesIO
from typing import Any

import attrs

from openai_async._wire import json
from openai_async._wire.paths import flatten
from openai_async.errors import InvalidParameterError
from openai_async.types._base import EMPTY

_CONTROL = re.compile("[\x00-\x1f\x7f]")
_TOKEN = r"[!#$%&'*+\-.^_`|~0-9A-Za-z]+"  # noqa: S105 (RFC 9110's word)
_MEDIA_TYPE = re.compile(rf'{_TOKEN}/{_TOKEN}(?: ?; ?{_TOKEN}=(?:{_TOKEN}|"[ !#-\[\]-~]*"))*\Z')
_LONGEST = 1024  # bytes of a name: no server takes headers without a bound
#: What would end a quoted text, as browsers write it. Parsers disagree on a backslash, so it is encoded, too.
_QUOTED = str.maketrans({'"': "%22", "\\": "%5C"})


@attrs.frozen
class Part:
    """One field of a form, or one file. The repr shows no content.

    Attributes:
        name: of the field.
        content: bytes, or chunks of them, which are read once.
        filename: makes it a file.
        content_type: media type of the content; none is sent without it.
    """

    name: str
    content: bytes | Iterable[bytes] = attrs.field(repr=False)
    filename: str | None = None
    content_type: str | None = None


class Framing:
    """The delimiters between the parts of one body (RFC 2046, section 5.1.1).

    Args:
        boundary: a token that stands nowhere in the contents; a random one by default.
    """

    __slots__ = ("boundary",)

    def __init__(self, boundary: str | None = None) -> None:
        self.boundary = (boundary or secrets.token_hex(16)).encode()

    @property
    def content_type(self) -> str:
        """The value of the `Content-Type` field."""
        return f"multipart/form-data; boundary={self.boundary.decode()}"

    def delimiter(self, number: int) -> bytes:
        """The line before the header of a part, counted from 0."""
        return b"%s--%s\r\n" % (b"\r\n" if number else b"", self.boundary)

    def close_delimiter(self, parts: int) -> bytes:
        """The line after the last of so many parts."""
        return b"%s--%s--\r\n" % (b"\r\n" if parts else b"", self.boundary)

    def length(self, sizes: Collection[int]) -> int:
        """The bytes of a body whose parts have these sizes, headers included."""
        delimiters = sum(len(self.delimiter(number)) for number in range(len(sizes)))
        return sum(sizes) + delimiters + len(self.close_delimiter(len(sizes)))


def field_parts(fields: Mapping[str, Any], media_types: Mapping[str, str] = EMPTY) -> Iterator[Part]:
    """The parts of parameters that are no files.

    Args:
        fields: parameters as the API names them. Objects and lists are flattened as `name[key]` and `name[]`.
        media_types: of parameters that are not plain text. A parameter that is JSON is not flattened.

    Raises:
        InvalidParameterError: a value has no such form; names the field.
    """
    for name, value in fields.items():
        media_type = media_types.get(name)
        if media_type == "application/json" and not isinstance(value, str):
            value = json.dumps(value, name).decode()
        for flat, text in flatten(name, json.plain(value, name)):
            yield Part(flat, text.encode(), content_type=media_type)


def encode(parts: Iterable[Part], *, boundary: Callable[[], str] = lambda: secrets.token_hex(16)) -> tuple[str, bytes]:
    """The value of the `Content-Type` field, and the body.

    Args:
        parts: in the order in which they are sent.
        boundary: draws a boundary, always of the same length and as a token; called again if the body contains it.

    Raises:
        InvalidParameterError: a name, file name or media type that cannot stand in a header; names the part.
    """
    body, framing = BytesIO(), Framing(boundary())
    offsets: list[int] = []  # of the boundary in the body

    def delimit(line: bytes) -> None:
        offsets.append(body.tell() + line.index(framing.boundary))
        body.write(line)

    for number, part in enumerate(parts):
        delimit(framing.delimiter(number))
        body.write(part_header(part))
        for chunk in (part.content,) if isinstance(part.content, bytes) else part.content:
            body.write(chunk)
    delimit(framing.close_delimiter(len(offsets)))
    # `getvalue` shares its memory with the buffer: looking costs no copy.
    while body.getvalue().count(framing.boundary) != len(offsets):
        framing = Framing(boundary())
        for offset in offsets:
            body.seek(offset)
            body.write(framing.boundary)
    return framing.content_type, body.getvalue()


def part_header(part: Part) -> bytes:
    """The header section of a part, with the blank line that ends it."""
    disposition = f'Content-Disposition: form-data; name="{_quoted("name", part.name)}"'
    if part.filename is not None:
        disposition += f'; filename="{_quoted("filename", part.filename)}"'
    lines = [disposition]
    if part.content_type is not None:
        if not _MEDIA_TYPE.match(part.content_type) or len(part.content_type) > _LONGEST:
            raise InvalidParameterError("content_type", "must be a media type such as application/jsonl")
        lines.append(f"Content-Type: {part.content_type}")
    return "\r\n".join([*lines, "", ""]).encode()


def _quoted(field: str, text: str) -> str:
    """A quoted text of a header: UTF-8, as browsers send it."""
    if not text or _CONTROL.search(text):
        raise InvalidParameterError(field, "must be text without control characters, and not empty")
    try:
        size = len(text.encode())
    except UnicodeEncodeError:
        raise InvalidParameterError(field, "holds half of a surrogate pair, which UTF-8 cannot carry") from None
    if size > _LONGEST:
        raise InvalidParameterError(field, f"is longer than {_LONGEST} bytes")
    return text.translate(_QUOTED)
