"""Content codings (RFC 9110, section 8.4), decoded in bounded steps against decompression bombs.

gzip is the only coding that is requested, and the only one that is decoded. One step yields at most `STEP` bytes, so
the reader can stop at its own limit. Memory holds one step and the compressed chunk that it came from.
"""

from __future__ import annotations

import zlib
from collections.abc import Sequence
from typing import Final

from openai_async.errors import APIConnectionError, InvalidResponseError

STEP = 256 * 1024


class Identity:
    """No content coding: bytes pass unchanged."""

    __slots__ = ()
    pending = False

    def step(self, data: bytes) -> bytes:
        return data

    def end(self) -> None:
        return


class Gzip:
    """Decode one gzip member, in steps. While `pending`, call `step(b"")` again before more input is read."""

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
    """The decoder for a response's fields. A value that is no coding (`identity`, or a charset) is ignored.

    Raises:
        InvalidResponseError: an encoding that was not asked for, or several.
    """
    value = b",".join(value for name, value in headers if name.lower() == b"content-encoding").lower()
    encodings = [encoding for part in value.split(b",") if (encoding := part.strip()) in _ENCODINGS]
    if not encodings:
        return IDENTITY
    if len(encodings) > 1 or encodings[0] not in (b"gzip", b"x-gzip"):
        raise InvalidResponseError("the body has an encoding that was not asked for")
    return Gzip()
