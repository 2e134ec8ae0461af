"""Bodies in gzip, whole and damaged, and in what was never asked for (`Accept-Encoding` says gzip)."""

from __future__ import annotations

import gzip
import zlib

from tests.conformance.answers import IN_BODY, IN_CODING, Answer, Bad, Good

ZIPPED = gzip.compress(b"hello", mtime=0)


def encoded(coding: bytes, body: bytes) -> bytes:
    """An answer with this Content-Encoding, and the length of its body stated."""
    return b"HTTP/1.1 200 OK\r\nContent-Encoding: %b\r\nContent-Length: %d\r\n\r\n%b" % (coding, len(body), body)


CODINGS: dict[str, Answer] = {
    "gzip": Good(encoded(b"gzip", ZIPPED), b"hello"),
    "GZIP": Good(encoded(b"GZIP", ZIPPED), b"hello"),
    "x-gzip": Good(encoded(b"x-gzip", ZIPPED), b"hello"),
    "gzip of nothing": Good(encoded(b"gzip", gzip.compress(b"", mtime=0))),
    "gzip of a megabyte": Good(encoded(b"gzip", gzip.compress(bytes(1_000_000), mtime=0)), bytes(1_000_000)),
    "gzip with a name inside": Good(
        encoded(b"gzip", ZIPPED[:3] + b"\x08" + ZIPPED[4:10] + b"name\0" + ZIPPED[10:]), b"hello"
    ),
    "gzip in chunks": Good(
        b"HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nTransfer-Encoding: chunked\r\n\r\n"
        b"a\r\n%b\r\n%x\r\n%b\r\n0\r\n\r\n" % (ZIPPED[:10], len(ZIPPED) - 10, ZIPPED[10:]),
        b"hello",
    ),
    "gzip to the end of the connection": Good(
        b"HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\n\r\n" + ZIPPED, b"hello", kept=False, ends=True
    ),
    "identity coding": Good(encoded(b"identity", b"hello"), b"hello"),
    "empty content coding": Good(encoded(b"", b"hello"), b"hello"),
    "gzip in two members": Bad(encoded(b"gzip", ZIPPED + ZIPPED), IN_CODING, b"hello"),
    "gzip and junk": Bad(encoded(b"gzip", ZIPPED + b"junk"), IN_CODING, b"hello"),
    "gzip and zeros": Bad(encoded(b"gzip", ZIPPED + bytes(8)), IN_CODING, b"hello"),
    "no gzip": Bad(encoded(b"gzip", b"hello"), IN_CODING),
    "gzip with a wrong checksum": Bad(encoded(b"gzip", ZIPPED[:-8] + bytes(4) + ZIPPED[-4:]), IN_CODING, b"hello"),
    "gzip with a wrong length": Bad(encoded(b"gzip", ZIPPED[:-4] + bytes(4)), IN_CODING, b"hello"),
    "gzip damaged inside": Bad(encoded(b"gzip", ZIPPED[:10] + b"\xff" + ZIPPED[11:]), IN_CODING),
    "gzip without its end": Bad(encoded(b"gzip", ZIPPED[:-1]), IN_BODY, b"hello"),
    "gzip without its checksum": Bad(encoded(b"gzip", ZIPPED[:-8]), IN_BODY, b"hello"),
    "gzip cut inside": Bad(encoded(b"gzip", ZIPPED[:12]), IN_BODY, b"hello"),
    "gzip cut by the end of the connection": Bad(
        b"HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\n\r\n" + ZIPPED[:-1], IN_BODY, b"hello", ends=True
    ),
    "gzip, and no body": Bad(encoded(b"gzip", b""), IN_BODY),
    "deflate": Bad(encoded(b"deflate", zlib.compress(b"hello")), IN_CODING),
    "br": Bad(encoded(b"br", b"\x0b\x02\x80hello\x03"), IN_CODING),
    "zstd": Bad(encoded(b"zstd", b"\x28\xb5\x2f\xfd\x20\x05\x29\x00\x00hello"), IN_CODING),
    "unknown content coding": Good(encoded(b"x-odd", b"hello"), b"hello"),
    "a charset": Good(encoded(b"utf-8", b"hello"), b"hello"),
    "gzip of gzip": Bad(encoded(b"gzip, gzip", gzip.compress(ZIPPED, mtime=0)), IN_CODING),
    "gzip in a list": Good(encoded(b"gzip, identity", ZIPPED), b"hello"),
    "two fields of codings": Bad(
        b"HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nContent-Encoding: gzip\r\nContent-Length: %d\r\n\r\n%b"
        % (len(ZIPPED), ZIPPED),
        IN_CODING,
    ),
}
