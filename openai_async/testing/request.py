"""What a client sent, read from any source of bytes.

`read_head` and `read_body` know HTTP/1.1 requests and nothing of sockets: they ask a `Source` for "up to this
mark" or "exactly so many". They are strict where a client must be right (framing) and blind to the rest. They
never decode or normalize: header names and values are the bytes of the wire, in order.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any, Protocol


@dataclass(frozen=True, slots=True)
class Request:
    """One request as it arrived."""

    method: str
    target: str
    headers: tuple[tuple[bytes, bytes], ...]
    body: bytes
    connection: int
    """The connection it came on, counted from 1 in order of acceptance."""
    complete: bool = True
    """False if the script stopped reading before the end of the body."""

    def header(self, name: str) -> str | None:
        """The first header of this name in any case, or None."""
        return find_header(self.headers, name)

    def json(self) -> Any:
        """The body as JSON; raises `ValueError` if it is none."""
        return json.loads(self.body)


class Source(Protocol):
    """Where the bytes come from. Both calls wait for as long as it takes."""

    def until(self, mark: bytes) -> bytes:
        """The bytes before the mark; the mark itself is dropped."""
        ...

    def exactly(self, size: int) -> bytes:
        """The next `size` bytes."""
        ...


Headers = tuple[tuple[bytes, bytes], ...]


def find_header(headers: Headers, name: str) -> str | None:
    """The first header of this name in any case, or None."""
    wanted = name.lower().encode()
    return next((value.decode("latin-1") for key, value in headers if key.lower() == wanted), None)


def read_head(source: Source) -> tuple[str, str, Headers]:
    """Method, target and headers of the next request; raises `ValueError` if it is not HTTP/1.1."""
    first, *lines = source.until(b"\r\n\r\n").split(b"\r\n")
    words = first.split(b" ")
    if len(words) != 3 or words[2] != b"HTTP/1.1":
        raise ValueError(f"not an HTTP/1.1 request line: {first[:80]!r}")
    pairs = (line.partition(b":") for line in lines)
    headers = tuple((name, value.strip()) for name, _, value in pairs)
    return words[0].decode("ascii"), words[1].decode("ascii"), headers


def read_body(source: Source, headers: Headers, limit: int | None = None) -> tuple[bytes, bool]:
    """The body, and whether that was all of it; with a limit, no more than so many bytes are read."""
    if (find_header(headers, "transfer-encoding") or "").lower() == "chunked":
        return _read_chunks(source, limit)
    size = int(find_header(headers, "content-length") or 0)
    wanted = size if limit is None else min(size, limit)
    return source.exactly(wanted), wanted == size


def _read_chunks(source: Source, limit: int | None) -> tuple[bytes, bool]:
    body = bytearray()
    while limit is None or len(body) < limit:
        size = int(source.until(b"\r\n").partition(b";")[0], 16)
        if size == 0:
            while source.until(b"\r\n"):  # trailers, up to the blank line
                pass
            return bytes(body), True
        wanted = size if limit is None else min(size, limit - len(body))
        body += source.exactly(wanted)
        if wanted == size:
            source.exactly(2)
    return bytes(body), False
