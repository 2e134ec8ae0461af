"""Answers grown from rules: each byte in each place where one can do harm, all sound combinations, all truncations."""

from __future__ import annotations

import itertools
import string
from collections.abc import Callable, Iterator

from tests.conformance.answers import IN_BODY, Answer, Bad, Good

_TCHARS = (string.ascii_letters + string.digits + "!#$%&'*+-.^_`|~").encode()
_TEXT = bytes([*b"\t", *range(0x20, 0x7F), *range(0x80, 0x100)])
_HEX = string.hexdigits.encode()
#: Every byte of ASCII; of the others the first, Latin-1's line end and space, and the last.
VALUES = (*range(0x81), 0x85, 0xA0, 0xFF)


# One byte ------------------------------------------------------------------------------------------------


def _before_the_answer(byte: bytes) -> Answer:
    # That byte begins an alert of TLS, and nothing else.
    error = "APIConnectionError in connect" if byte == b"\x15" else "APIConnectionError in response"
    return Bad(byte + b"HTTP/1.1 204 No\r\n\r\n", error)


def _in_the_protocol(byte: bytes) -> Answer:
    wire = b"HTT%b/1.1 204 No\r\n\r\n" % byte
    return Good(wire, status=204) if byte == b"P" else Bad(wire)


def _major_version(byte: bytes) -> Answer:
    wire = b"HTTP/%b.1 204 No\r\n\r\n" % byte
    return Good(wire, status=204) if byte == b"1" else Bad(wire)


def _minor_version(byte: bytes) -> Answer:
    wire = b"HTTP/1.%b 204 No\r\n\r\n" % byte
    return Good(wire, status=204, kept=byte == b"1") if byte in b"01" else Bad(wire)


def _behind_the_version(byte: bytes) -> Answer:
    wire = b"HTTP/1.1%b204 No\r\n\r\n" % byte
    return Good(wire, status=204) if byte == b" " else Bad(wire)


def _in_the_status(byte: bytes) -> Answer:
    wire = b"HTTP/1.1 2%b4 No\r\nContent-Length: 0\r\n\r\n" % byte
    return Good(wire, status=int(b"2%b4" % byte)) if byte.isdigit() else Bad(wire)


def _behind_the_status(byte: bytes) -> Answer:
    wire = b"HTTP/1.1 204%bNo\r\n\r\n" % byte
    return Good(wire, status=204) if byte == b" " else Bad(wire)


def _in_the_reason(byte: bytes) -> Answer:
    wire = b"HTTP/1.1 204 a%bb\r\n\r\n" % byte
    return Bad(wire) if byte in b"\r\n" else Good(wire, status=204)  # nobody ever looks at it


def _in_a_name(byte: bytes) -> Answer:
    wire = b"HTTP/1.1 204 No\r\nX%bY: 1\r\n\r\n" % byte
    if byte == b":":
        return Good(wire, status=204, headers=[(b"X", b"Y: 1")])
    return Good(wire, status=204, headers=[(b"X%bY" % byte, b"1")]) if byte in _TCHARS else Bad(wire)


def _first_of_a_name(byte: bytes) -> Answer:
    wire = b"HTTP/1.1 204 No\r\n%bY: 1\r\n\r\n" % byte
    return Good(wire, status=204, headers=[(byte + b"Y", b"1")]) if byte in _TCHARS else Bad(wire)


def _in_a_value(byte: bytes) -> Answer:
    wire = b"HTTP/1.1 204 No\r\nX: a%bb\r\n\r\n" % byte
    return Good(wire, status=204, headers=[(b"X", b"a%bb" % byte)]) if byte in _TEXT else Bad(wire)


def _behind_a_value(byte: bytes) -> Answer:
    wire = b"HTTP/1.1 204 No\r\nX: a%b\r\n\r\n" % byte
    return Good(wire, status=204, headers=[(b"X", (b"a" + byte).rstrip(b" \t"))]) if byte in _TEXT else Bad(wire)


def _behind_a_length(byte: bytes) -> Answer | None:
    wire = b"HTTP/1.1 200 OK\r\nContent-Length: 5%b\r\n\r\nhello" % byte
    if byte.isdigit():
        return None  # another length
    return Good(wire, b"hello") if byte in b" \t" else Bad(wire)


def _before_a_length(byte: bytes) -> Answer | None:
    wire = b"HTTP/1.1 200 OK\r\nContent-Length: %b5\r\n\r\nhello" % byte
    if byte in b"123456789":
        return None
    return Good(wire, b"hello") if byte in b" \t0" else Bad(wire)


def _behind_chunked(byte: bytes) -> Answer:
    wire = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked%b\r\n\r\n5\r\nhello\r\n0\r\n\r\n" % byte
    return Good(wire, b"hello") if byte == b" " else Bad(wire)


def _before_chunked(byte: bytes) -> Answer:
    wire = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: %bchunked\r\n\r\n5\r\nhello\r\n0\r\n\r\n" % byte
    return Good(wire, b"hello") if byte in b" \t" else Bad(wire)


def _before_a_chunk_size(byte: bytes) -> Answer | None:
    wire = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n%b5\r\nhello\r\n0\r\n\r\n" % byte
    if byte != b"0" and byte in _HEX:
        return None  # another size
    return Good(wire, b"hello") if byte == b"0" else Bad(wire, IN_BODY)


def _behind_a_chunk_size(byte: bytes) -> Answer | None:
    wire = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5%b\r\nhello\r\n0\r\n\r\n" % byte
    return None if byte in _HEX + b";" else Bad(wire, IN_BODY)


def _in_a_chunk_extension(byte: bytes) -> Answer | None:
    wire = b'HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5;a="b%b"\r\nhello\r\n0\r\n\r\n' % byte
    if byte in b'"\\':
        return None  # the quotes end elsewhere
    return Good(wire, b"hello") if byte in _TEXT else Bad(wire, IN_BODY)


def _behind_a_chunk(byte: bytes) -> Answer:
    wire = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello%b\n0\r\n\r\n" % byte
    return Good(wire, b"hello") if byte == b"\r" else Bad(wire, IN_BODY, b"hello")


def _behind_the_last_chunk(byte: bytes) -> Answer | None:
    wire = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0%b\n\r\n" % byte
    if byte in _HEX + b";":
        return None
    return Good(wire, b"hello") if byte == b"\r" else Bad(wire, IN_BODY, b"hello")


def _behind_the_trailers(byte: bytes) -> Answer | None:
    wire = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n%b\n" % byte
    if byte in _TCHARS:
        return Bad(wire, IN_BODY, b"hello", ends=True)
    return Good(wire, b"hello") if byte == b"\r" else Bad(wire, IN_BODY, b"hello", ends=True)


def _behind_an_answer(byte: bytes) -> Answer | None:
    if byte in _LINE_ENDS:
        return None
    return Good(b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello" + byte, b"hello", kept=False)


def _behind_a_chunked_answer(byte: bytes) -> Answer | None:
    if byte in _LINE_ENDS:
        return None
    return Good(
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n\r\n" + byte, b"hello", kept=False
    )


#: llhttp skips them behind an answer that came in the same read: they belong to nobody, and mix up nothing.
_LINE_ENDS = (b"\r", b"\n")

_PLACES: tuple[Callable[[bytes], Answer | None], ...] = (
    _before_the_answer,
    _in_the_protocol,
    _major_version,
    _minor_version,
    _behind_the_version,
    _in_the_status,
    _behind_the_status,
    _in_the_reason,
    _in_a_name,
    _first_of_a_name,
    _in_a_value,
    _behind_a_value,
    _before_a_length,
    _behind_a_length,
    _before_chunked,
    _behind_chunked,
    _before_a_chunk_size,
    _behind_a_chunk_size,
    _in_a_chunk_extension,
    _behind_a_chunk,
    _behind_the_last_chunk,
    _behind_the_trailers,
    _behind_an_answer,
    _behind_a_chunked_answer,
)


def _each_byte(place: Callable[[bytes], Answer | None]) -> Iterator[tuple[str, Answer]]:
    where = place.__name__.strip("_").replace("_", " ")
    for value in VALUES:
        if (answer := place(bytes([value]))) is not None:
            yield f"byte {where}: {value:#04x}", answer


#: By place: what each byte makes of an answer there.
BYTES: dict[str, dict[str, Answer]] = {
    place.__name__.strip("_").replace("_", " "): dict(_each_byte(place)) for place in _PLACES
}


# Sound combinations --------------------------------------------------------------------------------------

_INTERIM = {
    "": b"",
    "behind 100": b"HTTP/1.1 100 Continue\r\n\r\n",
    "behind 103": b"HTTP/1.1 103 H\r\nX: 1\r\n\r\n" * 2,
}
_CONNECTION = {"": b"", "keep-alive": b"Connection: keep-alive\r\n", "close": b"Connection: close\r\n"}
_BODIES = {"empty": b"", "short": b"hello", "of all bytes": bytes(range(256))}
_TRAILERS = {"": b"", "with trailers": b"X-Sum: 1\r\nX-More:\r\n"}


def _chunked(body: bytes, size: int) -> bytes:
    pieces = (body[start : start + size] for start in range(0, len(body), size))
    return b"".join(b"%x\r\n%b\r\n" % (len(piece), piece) for piece in pieces) + b"0\r\n"


def _combinations() -> Iterator[tuple[str, Answer]]:
    for (before, interim), (stated, connection), (kind, body) in itertools.product(
        _INTERIM.items(), _CONNECTION.items(), _BODIES.items()
    ):
        head = interim + b"HTTP/1.1 200 OK\r\nServer: a\r\n" + connection
        name = " ".join(filter(None, [kind, stated, before]))
        kept = stated != "close"
        yield f"length, {name}", Good(head + b"Content-Length: %d\r\n\r\n%b" % (len(body), body), body, kept=kept)
        yield f"to the end, {name}", Good(head + b"\r\n" + body, body, kept=False, ends=True)
        for size, (behind, trailers) in itertools.product((1, 3, 300), _TRAILERS.items()):
            wire = b"%bTransfer-Encoding: chunked\r\n\r\n%b%b\r\n" % (head, _chunked(body, size), trailers)
            yield f"chunks of {size}, {name} {behind}", Good(wire, body, kept=kept)


COMBINATIONS: dict[str, Answer] = dict(_combinations())


# Truncations ---------------------------------------------------------------------------------------------

_WHOLE = {
    "length": b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\nX: 1\r\n\r\nhello",
    "chunked": b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5;a=b\r\nhello\r\n0\r\nX-Sum: 1\r\n\r\n",
    "interim": b"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 200 OK\r\nContent-Length: 1\r\n\r\n!",
}


def _truncations() -> Iterator[tuple[str, Answer]]:
    for name, wire in _WHOLE.items():
        body_at = wire.index(b"\r\n\r\n", wire.index(b"200")) + 4
        for end in range(len(wire)):
            given = b"hello" if name == "chunked" else wire[body_at:]
            answer = Bad(wire[:end], ends=True) if end < body_at else Bad(wire[:end], IN_BODY, given, ends=True)
            yield f"{name} cut at {end}", answer


TRUNCATIONS: dict[str, Answer] = dict(_truncations())
