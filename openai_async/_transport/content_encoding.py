"""Content-Encoding, in bounded steps: a small answer must not become a large one before anybody can refuse it.

gzip is the one encoding that is asked for, and the one that is read. One step gives at most `STEP` bytes, so the reader
above can stop at its own bound; memory never holds more than a step and the compressed piece it came from.
"""

from __future__ import annotations

import zlib
from collections.abc import Sequence
from typing import Final

from openai_async.errors import APIConnectionError, InvalidResponseError

STEP = 256 * 1024


class Identity:
    """Bytes as they come."""

    __slots__ = ()
    pending = False

    def step(self, data: bytes) -> bytes:
        return data

    def end(self) -> None:
        return


class Gzip:
    """One gzip member, in steps. While `pending`, call `step(b"")` again before more input is read."""

    __slots__ = ("_inflate", "_rest")

    def __init__(self) -> None:
        self._inflate = zlib.decompressobj(wbits=31)
        self._rest = b""

    @property
    def pending(self) -> bool:
        return bool(self._rest)

    def step(self, data: bytes) -> bytes:
        if self._inflate.eof and data:
            raise InvalidResponseError("the body goes on after the end of its gzip data")
        try:
            out = self._inflate.decompress(self._rest + data, STEP)
        except zlib.error:
            raise InvalidResponseError("the body is said to be gzip and is not") from None
        self._rest = self._inflate.unconsumed_tail
        if self._inflate.unused_data:
            raise InvalidResponseError("the body goes on after the end of its gzip data")
        return out

    def end(self) -> None:
        if not self._inflate.eof:
            raise APIConnectionError("the compressed body broke off before its end", phase="body")


IDENTITY: Final = Identity()
#: https://www.iana.org/assignments/http-parameters (content codings), without `identity`.
_ENCODINGS: Final = frozenset(
    (*(b"gzip", b"x-gzip", b"deflate", b"br", b"zstd", b"compress", b"x-compress"), *(b"dcb", b"dcz", b"exi"))
)


def decoder(headers: Sequence[tuple[bytes, bytes]]) -> Identity | Gzip:
    """The decoder for a response's headers. What is no encoding (`identity`, or a charset such as `utf-8`) is not one.

    Raises:
        InvalidResponseError: an encoding that was not asked for, or several.
    """
    stated = b",".join(value for name, value in headers if name.lower() == b"content-encoding").lower()
    encodings = [encoding for part in stated.split(b",") if (encoding := part.strip()) in _ENCODINGS]
    if not encodings:
        return IDENTITY
    if len(encodings) > 1 or encodings[0] not in (b"gzip", b"x-gzip"):
        raise InvalidResponseError("the body has an encoding that was not asked for")
    return Gzip()
