"""multipart/form-data (RFC 7578): fields and files as one body, without I/O.

Promises: nothing that a caller gives can end a header early or begin a part of its own. Names, file names and media
types are checked byte by byte; the boundary is random and stands nowhere else in the body. Content is copied once,
piece by piece, whatever its size. Never guesses a media type, and never reads a file.
"""

from __future__ import annotations

import re
import secrets
from collections.abc import Callable, Iterable
from io import BytesIO

import attrs

from openai_async.errors import InvalidParameterError

_CONTROL = re.compile("[\x00-\x1f\x7f]")
_TOKEN = r"[!#$%&'*+\-.^_`|~0-9A-Za-z]+"  # noqa: S105 (RFC 9110's word)
_MEDIA_TYPE = re.compile(rf'{_TOKEN}/{_TOKEN}(?: ?; ?{_TOKEN}=(?:{_TOKEN}|"[ !#-\[\]-~]*"))*\Z')
_LONGEST = 1024  # bytes of a name: no server takes headers without a bound
#: What would end a quoted text, as browsers write it; a backslash means different things to different parsers.
_QUOTED = str.maketrans({'"': "%22", "\\": "%5C"})


@attrs.frozen
class Part:
    """One field of a form, or one file. The repr shows no content.

    Attributes:
        name: of the field.
        content: bytes, or pieces of them, which are read once.
        filename: makes it a file.
        content_type: media type of the content; none is sent without it.
    """

    name: str
    content: bytes | Iterable[bytes] = attrs.field(repr=False)
    filename: str | None = None
    content_type: str | None = None


def encode(parts: Iterable[Part], *, boundary: Callable[[], str] = lambda: secrets.token_hex(16)) -> tuple[str, bytes]:
    """The value of the `Content-Type` header, and the body.

    Args:
        parts: in the order in which they are sent.
        boundary: draws a boundary, always of the same length and as a token; asked again if the body contains it.

    Raises:
        InvalidParameterError: a name, file name or media type that cannot stand in a header; names the part.
    """
    body, drawn = BytesIO(), boundary()
    places: list[int] = []  # of the boundary in the body

    def delimit(before: bytes) -> None:
        body.write(before + b"--")
        places.append(body.tell())
        body.write(drawn.encode())

    for part in parts:
        delimit(b"\r\n" if places else b"")
        body.write(b"\r\n" + head_of(part))
        for piece in (part.content,) if isinstance(part.content, bytes) else part.content:
            body.write(piece)
    delimit(b"\r\n" if places else b"")
    body.write(b"--\r\n")
    # `getvalue` shares its memory with the buffer: looking costs no copy.
    while body.getvalue().count(drawn.encode()) != len(places):
        drawn = boundary()
        for place in places:
            body.seek(place)
            body.write(drawn.encode())
    return f"multipart/form-data; boundary={drawn}", body.getvalue()


def head_of(part: Part) -> bytes:
    """The headers of a part, with the blank line behind them."""
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
    """A text that stands between quotes in a header: UTF-8, as browsers send it."""
    if not text or _CONTROL.search(text):
        raise InvalidParameterError(field, "must be text without control characters, and not empty")
    try:
        size = len(text.encode())
    except UnicodeEncodeError:
        raise InvalidParameterError(field, "holds half of a surrogate pair, which UTF-8 cannot carry") from None
    if size > _LONGEST:
        raise InvalidParameterError(field, f"is longer than {_LONGEST} bytes")
    return text.translate(_QUOTED)
